package concurrency

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestEnvoyMovesAsItsOriginal(t *testing.T) {
	cfg := defaults[EnvoyConfig](t)
	for _, test := range []struct {
		name           string
		limit          int
		minRTT, sample time.Duration
		want           int
	}{
		{"twice minRTT: 62.5 and a headroom of 7.9", 100, 10 * ms, 20 * ms, 70},
		{"the buffered minRTT grows by the headroom", 100, 10 * ms, 12500 * time.Microsecond, 110},
		{"a longer time at most halves: 50 and 7.07", 100, 10 * ms, time.Second, 57},
		{"a shorter time at most doubles: 200 and 14.1", 100, 10 * ms, ms, 214},
		{"never below the lower bound", 3, 10 * ms, time.Second, 3},
		{"never above the upper bound", 990, 10 * ms, 10 * ms, 1000},
	} {
		if got := cfg.step(test.limit, test.minRTT, test.sample); got != test.want {
			t.Errorf("%s: %d became %d, want %d", test.name, test.limit, got, test.want)
		}
	}
	cfg.Min = 1
	if got := cfg.step(3, 10*ms, time.Second); got != 2 { // 1.5 + 1.22
		t.Errorf("with a lower bound of its own 3 became %d, want 2", got)
	}
}

// feed tells of n requests that all took rtt and end now.
func feed(e *Envoy, n int, rtt time.Duration) {
	for range n {
		e.OnSample(Sample{Start: time.Now().Add(-rtt), RTT: rtt})
	}
}

// close to rtt, as the histogram sees it.
func about(got, want time.Duration) bool {
	return got > want*96/100 && got < want*104/100
}

func TestEnvoyMeasuresMinRTTFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEnvoy(defaults[EnvoyConfig](t))
		feed(e, 10, time.Second) // began before the measurement
		if e.samples.Count() != 0 {
			t.Fatal("requests that began before the measurement count")
		}
		time.Sleep(10 * ms)
		feed(e, 49, 10*ms)
		time.Sleep(time.Second)
		if got := e.Limit(); got != 3 || e.MinRTT() != 0 {
			t.Fatalf("after 49 of 50 requests: limit %d, minRTT %v", got, e.MinRTT())
		}
		feed(e, 1, 10*ms)
		if !about(e.MinRTT(), 10*ms) || e.Limit() != 3 {
			t.Fatalf("after the measurement: limit %d, minRTT %v", e.Limit(), e.MinRTT())
		}
		feed(e, 5, 10*ms)
		time.Sleep(100 * ms)
		// gradient 1.25: 3.75 and a headroom of 1.94
		if got := e.Limit(); got != 5 {
			t.Errorf("after a window without queueing: limit %d, want 5", got)
		}
	})
}

// measured returns a controller with a minRTT of 10 ms and a limit of 100 that has just
// been measured, and whose next measurement is 66 s away.
func measured(t *testing.T, cfg EnvoyConfig) *Envoy {
	t.Helper()
	e := NewEnvoy(cfg)
	e.random = func() float64 { return 2.0 / 3 }
	time.Sleep(10 * ms)
	e.deferred = 100
	feed(e, 50, 10*ms)
	if e.Limit() != 100 {
		t.Fatalf("limit %d", e.Limit())
	}
	return e
}

func TestEnvoyClosesItsWindowsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := measured(t, defaults[EnvoyConfig](t))
		time.Sleep(99 * ms)
		feed(e, 20, 20*ms)
		if got := e.Limit(); got != 100 {
			t.Errorf("before the window ends: limit %d", got)
		}
		time.Sleep(ms)
		if got := e.Limit(); got != 70 {
			t.Errorf("when the window ends: limit %d, want 70", got)
		}
		time.Sleep(550 * ms) // windows without samples change nothing
		feed(e, 20, 20*ms)
		time.Sleep(49 * ms)
		if got := e.Limit(); got != 70 {
			t.Errorf("after windows without samples: limit %d, want 70", got)
		}
		time.Sleep(ms)
		if got := e.Limit(); got != 50 { // 43.75 and 6.6
			t.Errorf("windows lost their beat: limit %d, want 50", got)
		}
	})
}

func TestEnvoyMeasuresMinRTTAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := measured(t, defaults[EnvoyConfig](t))
		time.Sleep(66*time.Second - time.Nanosecond)
		if got := e.Limit(); got != 100 {
			t.Errorf("before the measurement: limit %d", got)
		}
		time.Sleep(time.Nanosecond)
		if got := e.Limit(); got != 3 {
			t.Errorf("during the measurement: limit %d, want 3", got)
		}
		time.Sleep(12 * ms)
		feed(e, 60, 20*ms) // began before it
		feed(e, 50, 12*ms)
		if got := e.Limit(); got != 100 || !about(e.MinRTT(), 12*ms) {
			t.Errorf("after the measurement: limit %d, minRTT %v", got, e.MinRTT())
		}
	})
}

func TestEnvoyMeasuresMinRTTAnewAfterFiveWindowsAtTheLowerBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := measured(t, defaults[EnvoyConfig](t))
		time.Sleep(100 * ms)
		windows := 0
		for ; !e.measuring && windows < 100; windows++ {
			feed(e, 1, 100*ms)
			time.Sleep(100 * ms)
			e.Limit()
		}
		// 100 57 33 20 13 9 6 4 3: the ninth window is the first from 3 to 3.
		if windows != 13 {
			t.Errorf("measured after %d windows, want 13", windows)
		}
		time.Sleep(50 * ms)
		feed(e, 50, 50*ms)
		if !about(e.MinRTT(), 50*ms) || e.Limit() != 3 {
			t.Errorf("minRTT %v, limit %d", e.MinRTT(), e.Limit())
		}
	})
}

func TestEnvoyWithALowerBoundOfItsOwnDoesNotRaiseTheLimitToMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults[EnvoyConfig](t)
		cfg.MinRTT.MinConcurrency, cfg.Min = 50, 2
		e := measured(t, cfg)
		for range 12 {
			feed(e, 1, 100*ms)
			time.Sleep(100 * ms)
		}
		low := e.Limit()
		time.Sleep(66 * time.Second)
		if got := e.Limit(); !e.measuring || got != low || low >= 50 {
			t.Errorf("measuring %v with a limit of %d after one of %d", e.measuring, got, low)
		}
	})
}

func TestEnvoyDoesNotMeasureAMinRTTThatIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults[EnvoyConfig](t)
		cfg.MinRTT.FixedValue = 10 * ms
		e := NewEnvoy(cfg)
		for range 2000 {
			feed(e, 1, 12500*time.Microsecond)
			time.Sleep(100 * ms)
			if e.Limit(); e.measuring {
				t.Fatal("it measures")
			}
		}
		if got := e.Limit(); got != 1000 {
			t.Errorf("without queueing the limit is %d, want 1000", got)
		}
	})
}
