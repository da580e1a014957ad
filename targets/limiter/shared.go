package limiter

import (
	"context"
	"errors"
)

// CellWords is how many numbers a cell has; the limiter uses the first three.
const CellWords = 12

// ErrFull says that there is no room for another key. It is no sign that the store is down:
// the next key is asked for.
var ErrFull = errors.New("no room for another key")

// Cells are records of memory that worker processes have in common. Do calls fn with the
// numbers of the key, all zero if the key is not known, while nobody else can see them,
// and keeps them until the time that fn returns, in nanoseconds since 1970 like now; after
// it the record may go to another key. Fn takes no time and calls nothing. An error says
// that the record could not be had, and fn has not been called; ErrFull says so of this key
// only.
type Cells interface {
	Do(key uint64, now int64, fn func(words *[CellWords]int64) (expires int64)) error
}

// sharedStore keeps quotas in cells that all workers share.
type sharedStore struct{ cells Cells }

// take asks one cell after the other. When one refuses, those before it are given back
// what was taken: for that moment they seem fuller than they are, never emptier.
func (s sharedStore) take(_ context.Context, asks []Ask, now int64, out []Decision) error {
	for i := range asks {
		a := &asks[i]
		err := s.change(a, now, func(state State) State {
			state, out[i] = a.Rule.Take(state, now, a.Cost)
			return state
		})
		if err != nil {
			return s.undo(asks[:i], now, out, err)
		}
		if !out[i].Allowed {
			return s.refuse(asks, i, now, out)
		}
	}
	return nil
}

// refuse gives back what the asks before the i-th took, and looks at those after it.
func (s sharedStore) refuse(asks []Ask, i int, now int64, out []Decision) error {
	err := s.undo(asks[:i], now, out, nil)
	for j := i + 1; j < len(asks) && err == nil; j++ {
		a := &asks[j]
		err = s.change(a, now, func(state State) State {
			if _, out[j] = a.Rule.Take(state, now, a.Cost); out[j].Allowed {
				_, out[j] = a.Rule.Take(state, now, 0)
			}
			return state
		})
	}
	return err
}

// undo gives back what the asks took and returns cause, or why it could not.
func (s sharedStore) undo(asks []Ask, now int64, out []Decision, cause error) error {
	for i := range asks {
		a := &asks[i]
		err := s.change(a, now, func(state State) State {
			state = a.Rule.Return(state, now, a.Cost)
			_, out[i] = a.Rule.Take(state, now, 0)
			return state
		})
		if err != nil && cause == nil {
			cause = err
		}
	}
	return cause
}

// change changes the state of the ask's key.
func (s sharedStore) change(a *Ask, now int64, fn func(State) State) error {
	return s.cells.Do(a.Key.Hash(), now*1000, func(words *[CellWords]int64) int64 {
		state := fn(State(words[:3]))
		copy(words[:], state[:])
		return a.Rule.Whole(state) * 1000
	})
}
