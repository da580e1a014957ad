package limiter

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what a limiter has decided since it was made, and how it stands.
type Stats struct {
	Allowed  uint64            `json:"allowed_total"`
	Refused  uint64            `json:"refused_total"`
	Delayed  uint64            `json:"delayed_total"`  // of those allowed
	Violated map[string]uint64 `json:"violated_total"` // refusals by policy; several may refuse one request
	Store    StoreStats        `json:"store"`

	Rate   float64 `json:"rate"`   // of the default policy at present, per second
	Keys   int64   `json:"keys"`   // that this worker remembers
	Active int     `json:"active"` // clients between which fair: token shares the rate
	Queued int     `json:"queued"` // requests that wait in the queues of fair: drr
}

// StoreStats counts how the store and what stands in for it fared.
type StoreStats struct {
	Errors    uint64 `json:"errors_total"`         // calls that failed or took too long
	Skipped   uint64 `json:"skipped_total"`        // requests for which the store was not asked
	Open      uint64 `json:"admitted_open_total"`  // requests admitted because it was down
	Closed    uint64 `json:"refused_closed_total"` // requests refused because it was down
	Local     uint64 `json:"decided_local_total"`  // requests decided by a worker's own part
	Evictions uint64 `json:"evictions_total"`      // keys forgotten before their quota was whole
}

type counter = atomic.Uint64

// tally counts decisions.
type tally struct {
	allowed, refused, delayed counter
	open, closed, local       counter

	mu       sync.Mutex
	policies map[string]*counter
}

// violated returns the counter of a policy's refusals.
func (t *tally) violated(name string) *counter {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.policies[name]
	if c == nil {
		if t.policies == nil {
			t.policies = map[string]*counter{}
		}
		c = new(counter)
		t.policies[name] = c
	}
	return c
}

// Stats returns how the limiter fared and stands.
func (l *Limiter) Stats() Stats {
	l.step(time.Now())
	p := l.plan.Load()
	s := Stats{
		Allowed: l.tally.allowed.Load(), Refused: l.tally.refused.Load(), Delayed: l.tally.delayed.Load(),
		Violated: map[string]uint64{},
		Store: StoreStats{
			Open: l.tally.open.Load(), Closed: l.tally.closed.Load(), Local: l.tally.local.Load(),
			Evictions: l.local.evicted.Load(),
		},
		Rate: float64(p.Rate) * p.factor, Keys: l.local.keys.Load(), Queued: l.queue.length(),
	}
	if p.Fair == fairToken {
		s.Active = l.sharers.active()
	}
	for i := range p.policies {
		s.Violated[p.policies[i].name] = p.policies[i].violated.Load()
	}
	for _, g := range []*guard{l.shared, l.redis} {
		if g != nil {
			s.Store.Errors += g.errors.Load()
			s.Store.Skipped += g.skipped.Load()
		}
	}
	return s
}
