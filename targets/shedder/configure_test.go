package shedder

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

func TestALimitThatGrowsWithTimeServesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, adaptive("envoy"), room(100), func(c *Config) { c.Adaptive.Envoy.MinRTT.FixedValue = 10 * ms }))
		c := newCrowd(s)
		c.normal(t, "a", "b", "c", "d", "e")
		time.Sleep(10 * ms)
		c.finish(t, "a")
		c.saw(t, "a, b, c, d")
		time.Sleep(100 * ms) // a window without queueing: 3 become 5
		c.normal(t, "f")
		slices.Sort(c.log) // e and f get their places at the same moment
		c.saw(t, "a, b, c, d, e, f")
		c.drain(t)
	})
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
		s.Stats()
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
