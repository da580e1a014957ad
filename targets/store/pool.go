package store

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// pool is a number of slots that calls hold, given to those who wait in their order.
type pool struct {
	mu      sync.Mutex
	max     int // 0: no bound
	timeout time.Duration
	used    int
	waiting list.List // of chan struct{}, closed when its call has a slot

	acquired, waited, timeouts, canceled uint64
	wait                                 time.Duration
}

// PoolStats are the counts of a pool, and what goes on now.
type PoolStats struct {
	Max      int     `json:"max"` // 0: no bound
	InUse    int     `json:"in_use"`
	Waiting  int     `json:"waiting"`
	Acquired uint64  `json:"acquired_total"`
	Waited   uint64  `json:"waited_total"`       // calls that met no free slot, whether they got one or not
	Wait     float64 `json:"wait_seconds_total"` // what they waited, together
	Timeouts uint64  `json:"timeouts_total"`
	Canceled uint64  `json:"canceled_total"` // their callers gave up first
}

func (p *pool) stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PoolStats{
		Max: p.max, InUse: p.used, Waiting: p.waiting.Len(), Acquired: p.acquired, Waited: p.waited,
		Wait: p.wait.Seconds(), Timeouts: p.timeouts, Canceled: p.canceled,
	}
}

// configure changes the bounds. Calls past a smaller one end; no new ones begin until then.
func (p *pool) configure(cfg Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.max, p.timeout = cfg.Max, cfg.AcquireTimeout
	p.grant()
}

// acquire takes a slot, and returns how long that took, or ErrPoolTimeout, or the error of
// the context.
func (p *pool) acquire(ctx context.Context) (waited time.Duration, err error) {
	p.mu.Lock()
	if p.free() { // then nobody waits
		p.used++
		p.acquired++
		p.mu.Unlock()
		return 0, nil
	}
	ready, timeout := make(chan struct{}), p.timeout
	place := p.waiting.PushBack(ready)
	p.waited++
	p.mu.Unlock()

	var over <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	began := time.Now()
	select {
	case <-ready:
	case <-over:
		err = ErrPoolTimeout
	case <-ctx.Done():
		err = ctx.Err()
	}
	waited = time.Since(began)
	return waited, p.waitedFor(waited, place, ready, err)
}

// waitedFor counts the end of a wait. One that ends just as it gets a slot has it.
func (p *pool) waitedFor(waited time.Duration, place *list.Element, ready chan struct{}, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait += waited
	select {
	case <-ready:
		p.acquired++
		return nil
	default:
	}
	p.waiting.Remove(place)
	if err == ErrPoolTimeout { //nolint:errorlint // it is ours, and bare
		p.timeouts++
	} else {
		p.canceled++
	}
	return err
}

func (p *pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	p.grant()
}

func (p *pool) free() bool { return p.max == 0 || p.used < p.max }

// grant gives free slots to those who wait longest.
func (p *pool) grant() {
	for p.waiting.Len() > 0 && p.free() {
		p.used++
		close(p.waiting.Remove(p.waiting.Front()).(chan struct{}))
	}
}

func (p *pool) occupy(slots int) (release func()) {
	p.mu.Lock()
	p.used += slots
	p.mu.Unlock()
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.used -= slots
		p.grant()
	})
}
