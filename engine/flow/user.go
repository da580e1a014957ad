package flow

import (
	"fmt"
	"math/rand/v2"
	"net/http/cookiejar"
	"slices"
)

// World is what the users of a load share.
type World struct {
	Vars  map[string]string
	Feeds []*Feed // each pass takes a row from every one of them
	Seed  uint64  // of all random sources; the same seed and user, the same numbers
}

// User is one user's variables, data rows, cookies and random source. It is not safe for
// concurrent use.
type User struct {
	world     *World
	id        int
	pass      int // -1 before the first
	src       rand.PCG
	rng       rand.Rand // draws from src
	extracted []binding
	rows      [][]string     // by index in world.Feeds
	jar       *cookiejar.Jar // nil until the first cookie arrives
	scratch   []byte
}

// binding is a variable with its value.
type binding struct{ name, value string }

// usersOwn keeps a user's numbers apart from those that other parts of a run draw with the
// same seed and number.
const usersOwn = 0x9e3779b97f4a7c15

// NewUser returns the user of that number, counted from 0 within its load. It has no data
// rows before its first pass begins.
func NewUser(w *World, id int) (*User, error) {
	u := &User{world: w, id: id, pass: -1}
	u.src.Seed(w.Seed^usersOwn, uint64(id))
	u.rng = *rand.New(&u.src) // in place: a run has many users
	if len(w.Feeds) > 0 {
		u.rows = make([][]string, len(w.Feeds))
	}
	return u, nil
}

// Begin starts a new pass: it takes a row from each data source and forgets what was
// extracted in the pass before. It returns an error that wraps ErrExhausted when a source
// has no row left for the user. Cookies stay.
func (u *User) Begin() error {
	u.pass++
	clear(u.extracted)
	u.extracted = u.extracted[:0]
	for i, f := range u.world.Feeds {
		if f.pick == Unique && u.rows[i] != nil {
			continue
		}
		row, err := f.take(&u.rng)
		if err != nil {
			return fmt.Errorf("data %s: %w", f.name, err)
		}
		u.rows[i] = row
	}
	return nil
}

// Rand returns the user's own random source.
func (u *User) Rand() *rand.Rand { return &u.rng }

// set keeps an extracted value for the rest of the pass.
func (u *User) set(name, value string) {
	for i := range u.extracted {
		if u.extracted[i].name == name {
			u.extracted[i].value = value
			return
		}
	}
	u.extracted = append(u.extracted, binding{name, value})
}

// value looks up what a part of a template names. An extracted value hides a variable of
// the same name.
func (u *User) value(p *part) (string, bool) {
	if p.kind == column {
		return u.cell(p.text, p.column)
	}
	for i := range u.extracted {
		if u.extracted[i].name == p.text {
			return u.extracted[i].value, true
		}
	}
	v, ok := u.world.Vars[p.text]
	return v, ok
}

func (u *User) cell(feed, col string) (string, bool) {
	for i, f := range u.world.Feeds {
		if f.name != feed || u.rows[i] == nil {
			continue
		}
		if c := slices.Index(f.columns, col); c >= 0 {
			return u.rows[i][c], true
		}
	}
	return "", false
}
