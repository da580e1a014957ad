package shm

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	patient  = 64                    // tries before a waiter asks whether the holder lives
	nap      = 50 * time.Microsecond // between tries from then on
	patience = time.Second           // after it a holder that lives is given up on
)

// spin is a lock for moments: 0, or the ticket of the process that holds it. There is no
// instant at which it is held and its holder unknown.
type spin struct{ owner atomic.Uint64 }

func (s *spin) unlock() { s.owner.Store(0) }

// lock takes the lock, from a holder that has died too, and tells whether it did.
// ErrBusy says that a holder that lives kept it for longer than patience.
func (m *Memory) lock(s *spin) (broken bool, err error) {
	var since time.Time
	for n := 0; ; n++ {
		owner := s.owner.Load()
		if owner == 0 {
			if s.owner.CompareAndSwap(0, m.ticket) {
				return false, nil
			}
			continue
		}
		if n < patient {
			runtime.Gosched()
			continue
		}
		if !m.alive(owner) {
			if s.owner.CompareAndSwap(owner, m.ticket) {
				m.head.counts.broken.Add(1)
				return true, nil
			}
			continue
		}
		if since.IsZero() {
			since = time.Now()
		} else if time.Since(since) > patience {
			return false, ErrBusy
		}
		time.Sleep(nap)
	}
}

// tryLock takes the lock if it is free or its holder has died.
func (m *Memory) tryLock(s *spin) bool {
	if s.owner.CompareAndSwap(0, m.ticket) {
		return true
	}
	owner := s.owner.Load()
	if owner == 0 || m.alive(owner) || !s.owner.CompareAndSwap(owner, m.ticket) {
		return false
	}
	m.head.counts.broken.Add(1)
	return true
}
