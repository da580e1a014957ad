package shedder

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

func TestTheContextsDeadlineIsADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one))
		c := newCrowd(s)
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		c.normal(t, "a")
		c.come(ctx, "b", middleware.Normal, time.Time{})
		time.Sleep(11 * ms)
		c.drain(t)
		c.saw(t, "a, b expired")
	})
}

func TestDeadlines(t *testing.T) {
	for _, test := range []struct{ mode, want string }{
		// b has 50 ms, c 150 ms, d 1 s; a is served after 100 ms, c after 200; service takes 100 ms.
		{"off", "a, e, b, c, d"},
		{Expired, "a, e expired, b expired, c, d"},
		{Predictive, "a, e expired, b deadline, c deadline, d"},
	} {
		t.Run(test.mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(settings(t, one, deadline(test.mode)))
				for range 20 { // so that the time of service is known
					permit, err := s.Acquire(t.Context(), middleware.Normal, time.Time{})
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(100 * ms)
					permit.Release(Success)
				}
				c, now := newCrowd(s), time.Now()
				c.normal(t, "a")
				c.come(t.Context(), "e", middleware.Normal, now)
				c.come(t.Context(), "b", middleware.Normal, now.Add(50*ms))
				c.come(t.Context(), "c", middleware.Normal, now.Add(150*ms))
				c.come(t.Context(), "d", middleware.Normal, now.Add(time.Second))
				time.Sleep(60 * ms)
				if test.mode != "off" {
					// Nobody waits for an answer that is of no use.
					c.saw(t, strings.Split(test.want, ", c")[0]+map[string]string{Predictive: ", c deadline"}[test.mode])
				}
				time.Sleep(40 * ms)
				c.drain(t)
				c.saw(t, test.want)
			})
		})
	}
}

func TestAFreePlaceIsGivenHoweverCloseTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one, deadline(Predictive)))
		for range 20 {
			permit, err := s.Acquire(t.Context(), middleware.Normal, time.Now().Add(ms))
			if err != nil {
				t.Fatalf("refused although nobody is served: %v", err)
			}
			time.Sleep(time.Second)
			permit.Release(Success)
		}
		if got := s.Stats().ServiceP99; got < 0.96 || got > 1.04 {
			t.Errorf("service is estimated to take %v s", got)
		}
	})
}

func TestADeadlineThatIsDroppedAtItsTurn(t *testing.T) {
	for mode, want := range map[string]string{Expired: "a, b expired, c, d", Predictive: "a, b expired, c deadline, d"} {
		synctest.Test(t, func(t *testing.T) {
			// The mode is turned on while b and c wait, which therefore have no timer.
			s := New(settings(t, one))
			c := newCrowd(s)
			c.normal(t, "a")
			c.come(t.Context(), "b", middleware.Normal, time.Now().Add(10*ms))
			c.come(t.Context(), "c", middleware.Normal, time.Now().Add(110*ms))
			c.normal(t, "d")
			s.Configure(settings(t, one, deadline(mode)))
			time.Sleep(100 * ms)
			c.drain(t)
			slices.Sort(c.log) // several learn of it at the same moment
			c.saw(t, want)
		})
	}
}

func TestOnlySuccessSaysWhatServiceTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t))
		for _, o := range []Outcome{Ignored, Dropped, Success} {
			if got := s.Stats().ServiceP50; got != 0 {
				t.Errorf("before outcome %d: %v s", o, got)
			}
			p, err := s.Acquire(t.Context(), middleware.Normal, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * ms)
			p.Release(o)
		}
		if got := s.Stats().ServiceP50; got < 0.0096 || got > 0.0104 {
			t.Errorf("after a success: %v s", got)
		}
	})
}

func TestARequestThatNeedNotWaitEndsOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one, discipline(CoDel)))
		c := newCrowd(s)
		c.normal(t, "a", "b", "c")
		for range 2 {
			time.Sleep(200 * ms)
			c.drain1(t)
		}
		if !s.queue.lanes[0].codel.overloaded {
			t.Error("waits of 200 ms and more are no overload")
		}
		c.drain(t)
		time.Sleep(200 * ms)
		c.normal(t, "d")
		c.drain(t)
		c.normal(t, "e")
		c.drain(t)
		time.Sleep(200 * ms)
		c.normal(t, "f")
		c.drain(t)
		if s.queue.lanes[0].codel.overloaded {
			t.Error("requests that need not wait leave it overloaded")
		}
	})
}

func TestControlledDelayDropsAtTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one, discipline(CoDel)))
		c := newCrowd(s)
		for name := 'a'; name <= 'z'; name++ {
			c.normal(t, string(name))
		}
		for len(c.permits) > 0 {
			time.Sleep(20 * ms)
			c.drain1(t)
		}
		// Nobody but a waits less than 20 ms.
		if st := s.Stats(); st.Shed[DelayTooLong] == 0 || st.Admitted+st.Shed[DelayTooLong] != 26 {
			t.Errorf("log %v, stats %+v", c.log, st)
		}
	})
}
