package flow

import "math/rand/v2"

// World is what the users of a load share.
type World struct {
	Vars  map[string]string
	Feeds []*Feed // each pass takes a row from every one of them
	Seed  uint64
}

// User is one user's variables, data rows, cookies and random source. It is not safe for
// concurrent use.
type User struct{ rng *rand.Rand }

// NewUser returns the user of that number, counted from 0 within its load.
func NewUser(w *World, id int) (*User, error) { panic("unwritten") }

// Begin starts a new pass: it takes a row from each data source and forgets what was
// extracted in the pass before.
func (u *User) Begin() error { return nil }

// Rand returns the user's own random source.
func (u *User) Rand() *rand.Rand { return u.rng }
