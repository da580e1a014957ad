package shedder

import (
	"testing"
	"time"
)

func TestControlledDelayStepByStep(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg := CoDelConfig{Target: 5 * ms, Interval: 100 * ms}
	var c codel
	for _, step := range []struct {
		at, wait time.Duration
		drop     bool
		why      string
	}{
		{0, 50 * ms, false, "the first request of all, which begins an interval"},
		{1 * ms, 50 * ms, false, "an interval of 0 ends at once, and its shortest wait was 50 ms: overload; but it is the first of the next"},
		{2 * ms, 50 * ms, true, "overload, and longer than twice the target"},
		{3 * ms, 10 * ms, false, "overload, but no longer than twice the target"},
		{4 * ms, 10*ms + 1, true, "longer than that"},
		{100 * ms, 50 * ms, true, "the interval of 100 ms from 1 ms is not over"},
		{101 * ms, 50 * ms, true, "nor is it at its end"},
		{102 * ms, 50 * ms, false, "the first of the next interval; the shortest wait was 10 ms: still overload"},
		{103 * ms, 5 * ms, false, "a wait that is no overload"},
		{104 * ms, 50 * ms, true, "which ends overload only with its interval"},
		{203 * ms, 50 * ms, false, "the first of the next"},
		{204 * ms, 50 * ms, false, "overload is over: the shortest wait was the target"},
		{250 * ms, 300 * ms, false, "however long"},
		{400 * ms, 20 * ms, false, "the first of the next; the shortest wait was 50 ms: overload"},
		{401 * ms, 20 * ms, true, "overload"},
		{2 * time.Second, 20 * ms, false, "the first after a pause"},
		{2*time.Second + ms, 20 * ms, true, "a pause is no end of overload"},
	} {
		if got := c.drop(cfg, step.wait, begin.Add(step.at)); got != step.drop {
			t.Errorf("at %v a wait of %v: dropped %v, want %v: %s", step.at, step.wait, got, step.drop, step.why)
		}
	}
}
