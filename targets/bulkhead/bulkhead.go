// Package bulkhead limits how many calls to one dependency are under way at once, so that
// a dependency that stalls holds no more than its own share of what calls it. Calls wait
// for a place in the order in which they came. It does not limit rates, and it cuts no
// call short that has a place.
package bulkhead

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Config is the size of a bulkhead.
type Config struct {
	Max  int           `yaml:"max" default:"25" min:"0" max:"100000" about:"calls at once; 0: no limit"`
	Wait time.Duration `yaml:"wait" default:"0s" min:"0s" max:"10m" about:"how long a call waits for a place; 0: not at all"`
}

// Errors of Acquire.
var (
	ErrFull    = errors.New("bulkhead is full")
	ErrTimeout = errors.New("no place in the bulkhead in time")
)

// Bulkhead hands out places. Create it with New. Several dependencies that are given the
// same one share its places.
type Bulkhead struct {
	mu     sync.Mutex
	cfg    Config
	inUse  int
	queue  list.List // of *waiter, in the order of arrival
	counts counts
}

// waiter is a call that waits.
type waiter struct {
	turn    chan struct{} // closed when it is granted a place
	granted bool          // under the bulkhead's lock
}

type counts struct {
	acquired, waited, full, timeouts uint64
	wait                             time.Duration
}

// New returns an empty bulkhead.
func New(cfg Config) *Bulkhead { return &Bulkhead{cfg: cfg} }

// Configure changes the size. Calls that wait get the places that are added at once;
// calls that have one keep it when the bulkhead becomes smaller. A new wait holds for the
// calls that come after.
func (b *Bulkhead) Configure(cfg Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg = cfg
	b.grant()
}

// Acquire takes a place and returns how long it waited for it. Without one it returns
// ErrFull when no call may wait, ErrTimeout after the wait, or the context's error. A
// place that was taken is given back with Release.
func (b *Bulkhead) Acquire(ctx context.Context) (waited time.Duration, err error) {
	b.mu.Lock()
	if b.room() { // then nobody waits
		b.inUse++
		b.counts.acquired++
		b.mu.Unlock()
		return 0, nil
	}
	if b.cfg.Wait <= 0 {
		b.counts.full++
		b.mu.Unlock()
		return 0, ErrFull
	}
	w, wait := &waiter{turn: make(chan struct{})}, b.cfg.Wait
	at := b.queue.PushBack(w)
	b.mu.Unlock()

	began := time.Now()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.turn:
	case <-timer.C:
		err = ErrTimeout
	case <-ctx.Done():
		err = ctx.Err()
	}
	return b.settle(at, time.Since(began), err)
}

// settle ends the waiting of a call. A place that came in the same moment as the end of
// the wait is taken.
func (b *Bulkhead) settle(at *list.Element, waited time.Duration, err error) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.waited++
	b.counts.wait += waited
	if w, _ := at.Value.(*waiter); w.granted {
		b.counts.acquired++
		return waited, nil
	}
	b.queue.Remove(at)
	if errors.Is(err, ErrTimeout) {
		b.counts.timeouts++
	}
	return waited, err
}

// Release gives a place back.
func (b *Bulkhead) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inUse--
	b.grant()
}

func (b *Bulkhead) room() bool { return b.cfg.Max <= 0 || b.inUse < b.cfg.Max }

// grant gives free places to those who have waited longest.
func (b *Bulkhead) grant() {
	for first := b.queue.Front(); first != nil && b.room(); first = b.queue.Front() {
		w, _ := b.queue.Remove(first).(*waiter)
		b.inUse++
		w.granted = true
		close(w.turn)
	}
}

// Stats is what a bulkhead has seen and how full it is.
type Stats struct {
	Max      int     `json:"max"`
	InUse    int     `json:"in_use"`
	Waiting  int     `json:"waiting"`
	Acquired uint64  `json:"acquired_total"`
	Waited   uint64  `json:"waited_total"`
	Rejected uint64  `json:"rejected_total"` // full and timeouts
	Full     uint64  `json:"full_total"`
	Timeouts uint64  `json:"timeouts_total"`
	Wait     float64 `json:"wait_seconds_total"`
}

// Stats returns the counters and how full the bulkhead is.
func (b *Bulkhead) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts
	return Stats{
		Max: b.cfg.Max, InUse: b.inUse, Waiting: b.queue.Len(), Acquired: c.acquired, Waited: c.waited,
		Rejected: c.full + c.timeouts, Full: c.full, Timeouts: c.timeouts, Wait: c.wait.Seconds(),
	}
}
