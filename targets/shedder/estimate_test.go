package shedder

import (
	"testing"
	"time"
)

func TestTheEstimateForgets(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	const window = 10 * time.Second
	var e estimate
	near := func(at, want time.Duration) {
		t.Helper()
		if got := e.percentile(99, window, begin.Add(at)); got < want*96/100 || got > want*104/100 {
			t.Errorf("at %v the estimate is %v, want %v", at, got, want)
		}
	}
	near(0, 0)
	for i := range 1000 {
		e.record(time.Duration(i+1)*ms, window, begin)
	}
	near(0, 990*ms)
	if got := e.percentile(50, window, begin); got < 480*ms || got > 520*ms {
		t.Errorf("the median is %v", got)
	}
	near(9*time.Second, 990*ms)
	near(11*time.Second, 990*ms) // in the window before
	for range 1000 {
		e.record(10*ms, window, begin.Add(12*time.Second))
	}
	near(12*time.Second, 980*ms) // a hundredth of 2000 is 20
	near(21*time.Second+time.Millisecond, 10*ms)
	near(60*time.Second, 0)
	for range 10 {
		e.record(10*ms, window, begin.Add(60*time.Second))
	}
	near(60*time.Second, 10*ms)
	for range 100 {
		e.record(time.Second, window, begin.Add(61*time.Second))
	}
	near(61*time.Second, time.Second)
	near(90*time.Second, 0)
}
