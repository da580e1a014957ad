package limiter

import (
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/knob"
)

func TestTheDynamicLimitFallsUnderSaturationAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saturation := .5
		var moves []knob.Rate
		l := New(settings(func(c *Config) { c.Dynamic.Enabled = true }), Parts{
			Saturation: func() float64 { return saturation },
			OnRate:     func(_, to knob.Rate) { moves = append(moves, to) },
		})
		h := l.Layer()(ok)
		steps := func(n int) float64 {
			for range n {
				time.Sleep(time.Second)
				send(t, h, "a", "")
				send(t, h, "a", "")
			}
			return l.Stats().Rate
		}
		near := func(got, want float64) bool { return got > want-1e-9 && got < want+1e-9 }
		if got := steps(3); got != 100 || len(moves) != 0 {
			t.Errorf("without saturation %v, %v", got, moves)
		}
		saturation = 1
		if got := steps(2); !near(got, 81) || len(moves) != 2 {
			t.Errorf("after two steps down %v, %v", got, moves)
		}
		if got := steps(100); !near(got, 10) {
			t.Errorf("the floor is at %v, want 10", got)
		}
		saturation = .8
		if got := steps(3); !near(got, 25) {
			t.Errorf("after three steps up %v, want 25", got)
		}
		if got := steps(30); !near(got, 100) {
			t.Errorf("recovered to %v", got)
		}
		saturation = 1
		steps(4)
		time.Sleep(10 * time.Second) // nothing comes, nothing is saturated
		if got := steps(1); !near(got, 90) {
			t.Errorf("after a pause %v, want one step down from 100", got)
		}
	})
}

func TestTheDynamicLimitHoldsWhatItAdmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saturated := 0.
		l := New(settings(func(c *Config) { c.Dynamic.Enabled, c.Dynamic.Decrease, c.Burst = true, .5, 5 }), Parts{Saturation: func() float64 { return saturated }})
		h := l.Layer()(ok)
		second := func() (admitted int) {
			for range 1000 {
				time.Sleep(time.Millisecond)
				if send(t, h, "a", "").Code == 200 {
					admitted++
				}
			}
			return admitted
		}
		second()
		if n := second(); n < 99 || n > 101 {
			t.Errorf("admitted %d a second, want 100", n)
		}
		saturated = 1
		second()
		if n := second(); n < 24 || n > 52 {
			t.Errorf("admitted %d in the second after the limit fell to 50", n)
		}
		for range 5 {
			second()
		}
		if n := second(); n != 10 {
			t.Errorf("admitted %d a second at the floor of 10", n)
		}
	})
}
