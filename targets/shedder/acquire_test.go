package shedder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

func TestTheOrderOfService(t *testing.T) {
	above := func(n int) func(*Config) { return func(c *Config) { c.LIFOAbove = n } }
	for _, test := range []struct {
		name    string
		changes []func(*Config)
		want    string
	}{
		{"the oldest first", []func(*Config){one}, "a, b, c, d, e, f"},
		{"the newest first", []func(*Config){one, discipline(LIFO)}, "a, f, e, d, c, b"},
		{"the newest first while more than two wait", []func(*Config){one, discipline(AdaptiveLIFO), above(2)}, "a, f, e, d, b, c"},
		{"controlled delay is the oldest first", []func(*Config){one, discipline(CoDel)}, "a, b, c, d, e, f"},
		{"who finds the queue full is refused", []func(*Config){one, room(3)}, "a, e full, f full, b, c, d"},
		{"the oldest gives way where the newest goes first", []func(*Config){one, room(3), discipline(LIFO)}, "a, b full, c full, f, e, d"},
		{"nobody waits without a queue", []func(*Config){one, room(0)}, "a, b full, c full, d full, e full, f full"},
		{"two at a time", []func(*Config){func(c *Config) { c.Limit = 2 }}, "a, b, c, d, e, f"},
		{"any number at a time", nil, "a, b, c, d, e, f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(New(settings(t, test.changes...)))
				c.normal(t, "a", "b", "c", "d", "e", "f")
				c.drain(t)
				c.saw(t, test.want)
			})
		})
	}
}

func TestALaneThatWasEmptyBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(New(settings(t, one, lanes("weighted"))))
		for _, round := range []string{"1", "2", "3"} {
			c.normal(t, "a"+round, "n"+round)
			c.come(t.Context(), "b"+round, middleware.Batch, time.Time{})
			c.drain(t)
		}
		c.saw(t, "a1, n1, b1, a2, n2, b2, a3, n3, b3")
	})
}

func TestWhoLeavesFreesTheirPlaceInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one, room(2)))
		c := newCrowd(s)
		ctx, leave := context.WithCancel(t.Context())
		c.normal(t, "a")
		c.come(ctx, "b", middleware.Normal, time.Time{})
		c.normal(t, "c", "d")
		leave()
		synctest.Wait()
		c.normal(t, "e")
		c.drain(t)
		c.saw(t, "a, d full, b context canceled, c, e")
		if st := s.Stats(); st.Left != 1 || st.Admitted != 3 || st.Queued != 3 || st.Shed[QueueFull] != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestReleaseCountsOnce(t *testing.T) {
	s := New(settings(t, one))
	p, err := s.Acquire(t.Context(), middleware.Normal, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	p.Release(Success)
	p.Release(Success)
	if st := s.Stats(); st.InFlight != 0 {
		t.Errorf("%d in flight after a place was given back twice", st.InFlight)
	}
}

func TestTheWaitIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one))
		c := newCrowd(s)
		c.normal(t, "a", "b")
		time.Sleep(30 * ms)
		a := c.permits["a"]
		c.finish(t, "a")
		if a.Wait() != 0 || c.permits["b"].Wait() != 30*ms {
			t.Errorf("waits %v and %v, want 0 and 30ms", a.Wait(), c.permits["b"].Wait())
		}
		c.drain(t)
	})
}

func TestShedIsAnErrorThatSaysWhy(t *testing.T) {
	s := New(settings(t, one, room(0)))
	if _, err := s.Acquire(t.Context(), middleware.Normal, time.Time{}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Acquire(t.Context(), middleware.Normal, time.Time{})
	var reason Reason
	if !errors.Is(err, QueueFull) || !errors.As(err, &reason) || err.Error() != "shed: full" {
		t.Errorf("got %v", err)
	}
}
