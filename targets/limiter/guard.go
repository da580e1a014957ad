package limiter

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// store keeps quotas. take decides all asks together, charging all or none, and writes one
// decision for each.
type store interface {
	take(ctx context.Context, asks []Ask, now int64, out []Decision) error
}

// guard bounds what a store costs that does not work: a timeout for each call and, after
// an error, a time in which it is not asked at all. Then one call tries it.
type guard struct {
	store   store
	outage  atomic.Pointer[Outage]
	changed func(down bool, err error) // the store has failed, or works again

	errors, skipped atomic.Uint64

	mu    sync.Mutex
	down  bool
	retry time.Time // when it is tried next
}

// take asks the store, or says that it is not asked with errDown.
func (g *guard) take(ctx context.Context, asks []Ask, now time.Time, out []Decision) error {
	o := g.outage.Load()
	if !g.may(now, o) {
		g.skipped.Add(1)
		return errDown
	}
	bounded, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	err := g.store.take(bounded, asks, instant(now), out)
	if err != nil && ctx.Err() != nil {
		return err // the client went away; that says nothing about the store
	}
	g.tell(err, o)
	return err
}

// may tells whether the store is asked.
func (g *guard) may(now time.Time, o *Outage) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.down {
		return true
	}
	if now.Before(g.retry) {
		return false
	}
	g.retry = now.Add(o.CoolDown + o.Timeout) // for the others: this one tries
	return true
}

// tell takes in how a call went.
func (g *guard) tell(err error, o *Outage) {
	if err != nil {
		g.errors.Add(1)
	}
	down := err != nil && !errors.Is(err, ErrFull)
	g.mu.Lock()
	turned := down != g.down
	g.down = down
	if down {
		g.retry = time.Now().Add(o.CoolDown)
	}
	g.mu.Unlock()
	if turned && g.changed != nil {
		g.changed(down, err)
	}
}

// wait returns how long the store will not be asked.
func (g *guard) wait(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.retry.Sub(now), 0)
}
