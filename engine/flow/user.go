package flow

import "math/rand/v2"

// User is one user's variables, data rows, cookies and random source. It is not safe for
// concurrent use.
type User struct{ rng *rand.Rand }

// Begin starts a new pass: it takes a row from each data source and forgets what was
// extracted in the pass before.
func (u *User) Begin() error { return nil }

// Rand returns the user's own random source.
func (u *User) Rand() *rand.Rand { return u.rng }

// Template is text with variables in it.
type Template struct{}

// Check is a condition on an answer.
type Check struct{}

// Extractor finds a value in an answer.
type Extractor struct{}
