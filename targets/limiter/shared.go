package limiter

import "context"

// Cells are numbered cells of memory that worker processes have in common. Update calls fn
// with the state of the key's cell, all zero if the key is new, while nobody else can see
// the cell; fn changes it in place, takes no time and calls nothing. An error says that
// the cell could not be had; fn has not been called then.
type Cells interface {
	Update(key uint64, fn func(state *[3]int64)) error
}

// sharedStore keeps quotas in cells that all workers share.
type sharedStore struct{ cells Cells }

// take asks one cell after the other. When one refuses, those before it are given back
// what was taken: for that moment they seem fuller than they are, never emptier.
func (s sharedStore) take(_ context.Context, asks []Ask, now int64, out []Decision) error {
	for i := range asks {
		a := &asks[i]
		if err := s.cells.Update(a.Key.Hash(), func(state *[3]int64) {
			var after State
			after, out[i] = a.Rule.Take(*state, now, a.Cost)
			*state = after
		}); err != nil {
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
	if err := s.undo(asks[:i], now, out, nil); err != nil {
		return err
	}
	for j := i + 1; j < len(asks); j++ {
		a := &asks[j]
		if err := s.cells.Update(a.Key.Hash(), func(state *[3]int64) {
			if _, out[j] = a.Rule.Take(*state, now, a.Cost); out[j].Allowed {
				_, out[j] = a.Rule.Take(*state, now, 0)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// undo gives back what the asks took and returns cause, or why it could not.
func (s sharedStore) undo(asks []Ask, now int64, out []Decision, cause error) error {
	for i := range asks {
		a := &asks[i]
		if err := s.cells.Update(a.Key.Hash(), func(state *[3]int64) {
			*state = a.Rule.Return(*state, now, a.Cost)
			_, out[i] = a.Rule.Take(*state, now, 0)
		}); err != nil && cause == nil {
			cause = err
		}
	}
	return cause
}
