package shedder

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

// crowd is a number of named requests, each in a goroutine of its own, that come in a
// known order within a synctest bubble.
type crowd struct {
	shedder *Shedder
	mu      sync.Mutex         // for those who hear at the same moment
	permits map[string]*Permit // of those that are served
	log     []string           // who got a place, or why not, in order
}

func newCrowd(s *Shedder) *crowd { return &crowd{shedder: s, permits: map[string]*Permit{}} }

// come has a request come, and returns once it is served, waits or was refused.
func (c *crowd) come(ctx context.Context, name string, p middleware.Priority, deadline time.Time) {
	go func() {
		permit, err := c.shedder.Acquire(ctx, p, deadline)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.log = append(c.log, name+" "+strings.TrimPrefix(err.Error(), "shed: "))
			return
		}
		c.permits[name] = permit
		c.log = append(c.log, name)
	}()
	synctest.Wait()
}

// normal has requests come that are like any other.
func (c *crowd) normal(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		c.come(t.Context(), name, middleware.Normal, time.Time{})
	}
}

// finish ends requests that are served, one after the other.
func (c *crowd) finish(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		permit := c.permits[name]
		if permit == nil {
			t.Fatalf("%s is not served; log: %v", name, c.log)
		}
		delete(c.permits, name)
		permit.Release(Success)
		synctest.Wait()
	}
}

// drain ends whatever is served until nobody is left.
func (c *crowd) drain(t *testing.T) {
	t.Helper()
	synctest.Wait()
	for len(c.permits) > 0 {
		c.finish(t, slices.Sorted(maps.Keys(c.permits))[0])
	}
}

// saw holds the log against what was expected.
func (c *crowd) saw(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if got := strings.Join(c.log, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func one(c *Config) { c.Limit = 1 }

func room(n int) func(*Config) { return func(c *Config) { c.Queue = n } }

func lanes(mode string) func(*Config) {
	return func(c *Config) { c.Lanes.Enabled, c.Lanes.Mode = true, mode }
}

// drain1 ends the only request that is served.
func (c *crowd) drain1(t *testing.T) {
	t.Helper()
	for name := range maps.Clone(c.permits) {
		c.finish(t, name)
	}
}
