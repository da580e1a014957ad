package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"plimsoll/targets/middleware"
)

// PanicError is what all who wait for a load get when it panics.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // where
}

// Error says what the load panicked with.
func (p *PanicError) Error() string { return fmt.Sprintf("the load panicked: %v", p.Value) }

// errand is what has to be done for a key that no fresh entry answers.
type errand struct {
	key     string
	policy  Policy
	old     *Entry // an entry past its time that may still be of use; nil: none
	load    func(ctx context.Context) (loaded, error)
	renewal bool // in the background: only what is newer than old will do
	apart   bool // in a goroutine of its own: panics become errors
}

// loaded is what the origin answered.
type loaded struct {
	body     []byte
	negative bool  // there is no value
	cause    error // the error that said so
	alone    bool  // not to be stored, and for nobody but who began the load
}

// answer is how an errand ended.
type answer struct {
	entry  Entry
	status Status
	err    error
	cause  error // of an entry that is negative
	alone  bool  // as in loaded
	led    bool  // by the call that gets it
	renew  bool  // it should be refreshed

	request *middleware.Request // as the load left it
}

// serve answers a call that l1 has no usable entry for.
func (c *Cache) serve(ctx context.Context, s *setup, v verdict, er errand) answer {
	now := time.Now()
	if v == early || v == stale {
		if v == early {
			c.counters.early.Add(1)
		}
		hit := answer{entry: *er.old, status: Status{l1: hitOf(er.old, now)}}
		c.refresh(ctx, s, er)
		return hit
	}
	var a answer
	if er.policy.Coalesce == "none" {
		a = c.fill(ctx, er)
		a.led = true
	} else {
		a = c.join(ctx, er)
	}
	if a.renew && a.led {
		entry := a.entry
		er.old = &entry
		c.refresh(ctx, s, er)
	}
	return a
}

// join shares the load of the key that is under way, or begins it.
func (c *Cache) join(ctx context.Context, er errand) answer {
	er.apart = true
	led := false
	own := *middleware.From(ctx) // the caller may change it while the load runs
	ch := c.flights.DoChan(er.key, func() (any, error) {
		led = true
		return c.fly(ctx, &own, er), nil
	})
	select {
	case <-ctx.Done():
		return answer{err: fmt.Errorf("wait for the load: %w", context.Cause(ctx))}
	case r := <-ch:
		a, _ := r.Val.(answer)
		a.led = led
		if led {
			if a.request != nil {
				middleware.From(ctx).Timing = a.request.Timing
			}
			return a
		}
		c.counters.coalesced.Add(1)
		a.status.collapse(!a.alone)
		return a
	}
}

// collapse notes that the answer came from another call's load, or was to.
func (s *Status) collapse(well bool) {
	h := &s.l1
	if !h.on {
		h = &s.l2
	}
	h.collapsed = 1
	if !well {
		h.collapsed = -1
	}
}

// fly does an errand for all who wait. It outlives the call that began it, up to the time
// that a load may take.
func (c *Cache) fly(ctx context.Context, request *middleware.Request, er errand) answer {
	ctx, cancel := context.WithCancel(middleware.With(context.WithoutCancel(ctx), request))
	defer cancel()
	if limit := c.setup.Load().cfg.LoadTimeout; limit > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, limit)
		defer stop()
	}
	request.Deadline, _ = ctx.Deadline()
	leave, ok := c.crew.enter(cancel)
	if !ok {
		return answer{err: ErrClosed}
	}
	defer leave()
	// A load that does not heed its end holds up who waits, but no later calls.
	stop := context.AfterFunc(ctx, func() { c.flights.Forget(er.key) })
	defer stop()
	a := c.fill(ctx, er)
	a.request = request
	return a
}

// refresh does an errand in the background, unless one for the key is under way.
func (c *Cache) refresh(ctx context.Context, s *setup, er errand) {
	if !c.crew.begin(er.key, s.cfg.Refreshes) {
		return
	}
	c.counters.refreshes.Add(1)
	er.renewal, er.apart = true, true
	own := *middleware.From(ctx)
	ch := c.flights.DoChan(er.key, func() (any, error) { return c.fly(ctx, &own, er), nil })
	go func() {
		<-ch
		c.crew.end(er.key)
	}()
}

// call runs the load. Apart, a panic becomes an error.
func (er *errand) call(ctx context.Context) (got loaded, err error) {
	if er.apart {
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
	}
	return er.load(ctx)
}

// crew are the loads under way that nobody else ends. The zero value is ready for use.
type crew struct {
	mu       sync.Mutex
	closed   bool
	last     uint64
	cancels  map[uint64]context.CancelFunc
	renewing map[string]bool
	all      sync.WaitGroup
}

// enter adds a load, unless the crew is closed. leave takes it out.
func (c *crew) enter(cancel context.CancelFunc) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false
	}
	if c.cancels == nil {
		c.cancels = map[uint64]context.CancelFunc{}
	}
	c.last++
	id := c.last
	c.cancels[id] = cancel
	c.all.Add(1)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.cancels, id)
		c.all.Done()
	}, true
}

// begin notes that a key is refreshed, unless it is already, or too many are.
func (c *crew) begin(key string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.renewing[key] || len(c.renewing) >= max(most, 1) {
		return false
	}
	if c.renewing == nil {
		c.renewing = map[string]bool{}
	}
	c.renewing[key] = true
	c.all.Add(1)
	return true
}

func (c *crew) end(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.renewing, key)
	c.all.Done()
}

func (c *crew) close() {
	c.mu.Lock()
	c.closed = true
	for _, cancel := range c.cancels {
		cancel()
	}
	c.mu.Unlock()
	c.all.Wait()
}
