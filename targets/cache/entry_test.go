package cache

import (
	"math"
	"testing"
	"time"
)

func never() float64 { return 0 } // a draw that refreshes nothing early and shortens nothing

func TestWhatAnEntryIsGoodFor(t *testing.T) {
	// RFC 5861 §3 and §4: max-age=600 with stale-while-revalidate=30, and with stale-if-error=1200.
	swr := Policy{TTL: 600 * time.Second, SWR: 30 * time.Second}
	sie := Policy{TTL: 600 * time.Second, SIE: 1200 * time.Second}
	both := Policy{TTL: 600 * time.Second, SWR: 30 * time.Second, SIE: 1200 * time.Second}
	for _, test := range []struct {
		name   string
		policy Policy
		age    int // seconds
		want   verdict
	}{
		{"new", swr, 0, usable},
		{"a second before its end", swr, 599, usable},
		{"as old as its ttl", Policy{TTL: 600 * time.Second}, 600, dead},
		{"just stale", swr, 601, stale},
		{"the last second of revalidation", swr, 630, stale},
		{"past revalidation", swr, 631, dead},
		{"stale with stale-if-error only", sie, 900, kept},
		{"the last second of stale-if-error", sie, 1800, kept},
		{"past stale-if-error", sie, 1801, dead},
		{"within both", both, 620, stale},
		{"past revalidation, within stale-if-error", both, 640, kept},
		{"from a clock ahead of ours", swr, -5, usable},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now()
			e := Entry{Stored: now.Add(-time.Duration(test.age) * time.Second), TTL: 600 * time.Second}
			if got := test.policy.judge(&e, now, never); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestWhatIsNotThereIsNeverStale(t *testing.T) {
	p, now := Policy{TTL: time.Second, SWR: time.Hour, SIE: time.Hour}, time.Now()
	e := Entry{Stored: now.Add(-2 * time.Second), TTL: time.Second, Negative: true}
	if got := p.judge(&e, now, never); got != dead {
		t.Errorf("got %v, want dead", got)
	}
}

// An entry with time left is refreshed with probability exp(-left/(delta·beta)).
func TestXFetchRefreshesEarlyAsOftenAsItsFormulaSays(t *testing.T) {
	const draws = 100_000
	for _, test := range []struct {
		left, delta time.Duration
		beta        float64
	}{
		{200 * time.Millisecond, 200 * time.Millisecond, 1},
		{100 * time.Millisecond, 200 * time.Millisecond, 1},
		{400 * time.Millisecond, 200 * time.Millisecond, 2},
		{time.Second, 200 * time.Millisecond, 1},
		{time.Second, 10 * time.Millisecond, 1},
	} {
		early := 0
		for i := range draws { // an even grid in place of chance
			if xfetch(test.left, test.delta, test.beta, func() float64 { return (float64(i) + .5) / draws }) {
				early++
			}
		}
		want := math.Exp(-float64(test.left) / (float64(test.delta) * test.beta))
		if got := float64(early) / draws; math.Abs(got-want) > 2./draws {
			t.Errorf("left %v, delta %v, beta %g: %.5f, want %.5f", test.left, test.delta, test.beta, got, want)
		}
	}
}

func TestLifetimeFollowsLoadAndJitter(t *testing.T) {
	for _, test := range []struct {
		name       string
		policy     Policy
		load, draw float64
		want       time.Duration
	}{
		{"as it is", Policy{TTL: time.Second, Adaptive: 1}, 1, .5, time.Second},
		{"without load", Policy{TTL: time.Second, Adaptive: 4}, 0, .5, time.Second},
		{"under half the load", Policy{TTL: time.Second, Adaptive: 4}, .5, .5, 2500 * time.Millisecond},
		{"at its cap", Policy{TTL: time.Second, Adaptive: 4}, 1, .5, 4 * time.Second},
		{"never past its cap", Policy{TTL: time.Second, Adaptive: 4}, 17, .5, 4 * time.Second},
		{"never below itself", Policy{TTL: time.Second, Adaptive: 4}, -1, .5, time.Second},
		{"of a policy made by hand", Policy{TTL: time.Second}, 1, .5, time.Second},
		{"shorter by jitter", Policy{TTL: time.Second, Jitter: .1}, 0, .5, 950 * time.Millisecond},
		{"at the longest with jitter", Policy{TTL: time.Second, Jitter: .1}, 0, 0, time.Second},
		{"with both", Policy{TTL: time.Second, Jitter: .5, Adaptive: 3}, 1, .5, 2250 * time.Millisecond},
		{"of ages", Policy{TTL: math.MaxInt64, Adaptive: 10}, 1, 0, math.MaxInt64 / 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.policy.lifetime(test.load, func() float64 { return test.draw })
			if (got - test.want).Abs() > time.Microsecond {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
