package shedder

import (
	"context"
	"errors"
	"fmt"
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

func TestLanes(t *testing.T) {
	const crit, norm, batch = middleware.Critical, middleware.Normal, middleware.Batch
	type come struct {
		name string
		p    middleware.Priority
	}
	many := func(name string, p middleware.Priority, n int) (all []come) {
		for i := range n {
			all = append(all, come{fmt.Sprint(name, i), p})
		}
		return all
	}
	for _, test := range []struct {
		name    string
		changes []func(*Config)
		come    []come
		want    string
	}{
		{
			"strict lanes go one after the other", []func(*Config){one, lanes(Strict)},
			[]come{{"a", norm}, {"b1", batch}, {"n1", norm}, {"c1", crit}, {"n2", norm}, {"c2", crit}},
			"a, c1, c2, n1, n2, b1",
		},
		{
			"weighted lanes share 4 to 2 to 1", []func(*Config){one, lanes("weighted")},
			slices.Concat([]come{{"a", norm}}, many("b", batch, 2), many("n", norm, 4), many("c", crit, 8)),
			"a, c0, n0, c1, b0, c2, n1, c3, c4, n2, c5, b1, c6, n3, c7",
		},
		{
			"an empty lane saves nothing up", []func(*Config){one, lanes("weighted")},
			slices.Concat([]come{{"a", norm}}, many("n", norm, 2), many("b", batch, 2)),
			"a, n0, b0, n1, b1",
		},
		{
			"a better lane pushes out the newest of the worst", []func(*Config){one, room(2), lanes(Strict)},
			[]come{{"a", norm}, {"b1", batch}, {"b2", batch}, {"n1", norm}, {"c1", crit}, {"c2", crit}, {"n2", norm}},
			"a, b2 lane, b1 lane, n1 lane, n2 full, c1, c2",
		},
		{
			"a worse lane pushes nobody out", []func(*Config){one, room(2), lanes(Strict)},
			[]come{{"a", norm}, {"n1", norm}, {"c1", crit}, {"b1", batch}, {"n2", norm}},
			"a, b1 full, n2 full, c1, n1",
		},
		{
			"with weights the longest for its weight gives way", []func(*Config){one, room(3), lanes("weighted")},
			[]come{{"a", norm}, {"c1", crit}, {"c2", crit}, {"c3", crit}, {"b1", batch}, {"c4", crit}, {"b2", batch}},
			"a, b1 full, c4 full, b2 full, c1, c2, c3",
		},
		{
			"with weights a crowd of batch makes room", []func(*Config){one, room(3), lanes("weighted")},
			[]come{{"a", norm}, {"b1", batch}, {"b2", batch}, {"b3", batch}, {"n1", norm}, {"c1", crit}, {"c2", crit}},
			"a, b3 lane, b2 lane, b1 lane, c1, n1, c2",
		},
		{
			"without lanes priorities mean nothing", []func(*Config){one, room(2)},
			[]come{{"a", norm}, {"b1", batch}, {"n1", norm}, {"c1", crit}},
			"a, c1 full, b1, n1",
		},
		{
			"a priority that does not exist goes to the nearest lane", []func(*Config){one, lanes(Strict)},
			[]come{{"a", norm}, {"x", 99}, {"b", batch}, {"n", norm}, {"y", -1}},
			"a, y, n, x, b",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(New(settings(t, test.changes...)))
				for _, r := range test.come {
					c.come(t.Context(), r.name, r.p, time.Time{})
				}
				c.drain(t)
				c.saw(t, test.want)
			})
		})
	}
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
	synctest.Test(t, func(t *testing.T) {
		// The mode is turned on while b waits, which therefore has no timer.
		s := New(settings(t, one))
		c := newCrowd(s)
		c.normal(t, "a")
		c.come(t.Context(), "b", middleware.Normal, time.Now().Add(10*ms))
		c.normal(t, "c")
		s.Configure(settings(t, one, deadline(Expired)))
		time.Sleep(20 * ms)
		c.drain(t)
		slices.Sort(c.log) // b and c learn of it at the same moment
		c.saw(t, "a, b expired, c")
	})
}

func TestControlledDelayDropsAtTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one, discipline(CoDel)))
		c := newCrowd(s)
		names := "abcdefghijklmnopqrstuvwxyz"
		for _, name := range strings.Split(names, "") {
			c.normal(t, name)
		}
		for len(c.permits) > 0 {
			time.Sleep(20 * ms)
			c.drain1(t)
		}
		// a is the first of an interval that never ends while only it is known, b begins the
		// next; what leaves after 100 ms shows that its shortest wait was 20 ms.
		if st := s.Stats(); st.Shed[DelayTooLong] == 0 || st.Admitted+st.Shed[DelayTooLong] != 26 {
			t.Errorf("log %v, stats %+v", c.log, st)
		}
	})
}

// drain1 ends the only request that is served.
func (c *crowd) drain1(t *testing.T) {
	t.Helper()
	for name := range maps.Clone(c.permits) {
		c.finish(t, name)
	}
}

func TestConfigureKeepsWhoWaits(t *testing.T) {
	for _, test := range []struct {
		name string
		to   []func(*Config)
		want string
	}{
		{"another discipline", []func(*Config){one, discipline(LIFO)}, "a, f, e, d, c, b"},
		{"lanes", []func(*Config){one, lanes(Strict)}, "a, c, f, b, e, d"},
		{"a higher limit", []func(*Config){func(c *Config) { c.Limit = 3 }}, "a, b, c, d, e, f"},
		{"no limit", nil, "a, b, c, d, e, f"},
		{"off", []func(*Config){one, func(c *Config) { c.Enabled = false }}, "a, b, c, d, e, f"},
		{"a shorter queue", []func(*Config){one, room(3)}, "a, f full, e full, b, c, d"},
		{"a shorter queue of lanes", []func(*Config){one, room(3), lanes(Strict)}, "a, d full, e full, c, f, b"},
		{"an adaptive limit", []func(*Config){one, adaptive("aimd"), room(100)}, "a, b, c, d, e, f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(settings(t, one))
				c := newCrowd(s)
				c.normal(t, "a", "b")
				c.come(t.Context(), "c", middleware.Critical, time.Time{})
				c.come(t.Context(), "d", middleware.Batch, time.Time{})
				c.come(t.Context(), "e", middleware.Normal, time.Time{})
				c.come(t.Context(), "f", middleware.Critical, time.Time{})
				s.Configure(settings(t, test.to...))
				synctest.Wait()
				slices.Sort(c.log[1:]) // several at once come in no order
				if strings.Contains(test.want, "full") {
					slices.Reverse(c.log[1:])
				}
				if test.name == "a shorter queue of lanes" {
					slices.Reverse(c.log[1:])
				}
				c.drain(t)
				c.saw(t, test.want)
			})
		})
	}
}

func TestTheOrderIsKeptWhenLanesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one))
		c := newCrowd(s)
		c.normal(t, "a", "b")
		c.come(t.Context(), "c", middleware.Critical, time.Time{})
		c.normal(t, "d")
		s.Configure(settings(t, one, lanes("weighted")))
		c.come(t.Context(), "e", middleware.Batch, time.Time{})
		s.Configure(settings(t, one))
		c.drain(t)
		c.saw(t, "a, b, c, d, e")
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

func TestTheAdaptiveLimitLearnsFromOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moves []string
		s := New(settings(t, adaptive("aimd"), everySample))
		s.OnLimit = func(from, to int) { moves = append(moves, fmt.Sprint(from, "-", to)) }
		end := func(o Outcome) {
			var all []*Permit
			for range 15 {
				p, err := s.Acquire(t.Context(), middleware.Normal, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, p)
			}
			time.Sleep(10 * ms)
			all[14].Release(o)
			for _, p := range all[:14] {
				p.Release(Ignored)
			}
		}
		end(Success) // 15 of 20 in flight
		end(Ignored)
		end(Dropped) // 21 × .9 = 18.9, but 20 at least
		if want := []string{"20-21", "21-20"}; !slices.Equal(moves, want) {
			t.Errorf("the limit moved %v, want %v", moves, want)
		}
		s.Configure(settings(t, one))
		if st := s.Stats(); st.Limit != 1 || moves[len(moves)-1] != "20-1" {
			t.Errorf("limit %d, moves %v", st.Limit, moves)
		}
		s.Configure(settings(t))
		if st := s.Stats(); st.Limit != 0 || moves[len(moves)-1] != "1-0" {
			t.Errorf("limit %d, moves %v", st.Limit, moves)
		}
	})
}

func TestTheAdaptiveLimitIsKeptUnlessItsSettingsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, adaptive("aimd"), everySample))
		for range 5 {
			var all []*Permit
			for range 15 {
				p, err := s.Acquire(t.Context(), middleware.Normal, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, p)
			}
			for _, p := range all {
				p.Release(Success)
			}
		}
		before := s.Stats().Limit
		s.Configure(settings(t, adaptive("aimd"), everySample, room(7)))
		if got := s.Stats().Limit; got != before || before == 20 {
			t.Errorf("the limit was %d and is %d", before, got)
		}
		s.Configure(settings(t, adaptive("aimd"), everySample, impatient))
		if got := s.Stats().Limit; got != 20 {
			t.Errorf("with other settings the limit begins at %d", got)
		}
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
