package cache

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// poisson calls for a key at a rate, for so long, and returns how long each call took.
func poisson(t *testing.T, c *Cache, p Policy, o *origin, rate float64, span time.Duration) []time.Duration {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for end := time.Now().Add(span); time.Now().Before(end); {
		time.Sleep(time.Duration(rng.ExpFloat64() / rate * 1e9))
		all.Go(func() {
			begin := time.Now()
			if _, _, err := c.Get(t.Context(), "hot", p, o.load); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(begin))
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// A key that is asked for at rate λ and kept for T is hit with h = λT/(1+λT): each cycle is
// one miss, then T of hits.
func TestTheHitRatioOfATTL(t *testing.T) {
	for _, test := range []struct {
		rate float64
		ttl  time.Duration
		want float64
	}{
		{10, time.Second, .909},
		{1, time.Second, .5},
		{2, 2 * time.Second, .8},
		{50, time.Second, .980},
	} {
		t.Run(fmt.Sprintf("%g a second for %v", test.rate, test.ttl), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := New(local(), nil, Hooks{})
				defer c.Close()
				poisson(t, c, Policy{TTL: test.ttl}, &origin{}, test.rate, time.Duration(20_000/test.rate)*time.Second)
				x := test.rate * test.ttl.Seconds()
				if math.Abs(x/(1+x)-test.want) > .0005 {
					t.Fatalf("the formula gives %.4f", x/(1+x))
				}
				if got := c.Stats().L1.HitRatio; math.Abs(got-test.want) > .012 {
					t.Errorf("%.4f, want %.3f", got, test.want)
				}
			})
		})
	}
}

// A hot key, 1,000 calls a second, that takes 200 ms to make and lives for 1 s. Each cycle
// begins with the 200 calls that arrive while the first load runs. Without coalescing all of
// them load, and as the last of these loads ends 200 ms after the first, the entry lives for
// as much longer: 200 loads each 1.4 s, 143 a second. With it there is one each 1.2 s.
func TestAStampedeAndWhatHelps(t *testing.T) {
	const span = 40 * time.Second
	ms := time.Millisecond
	for _, test := range []struct {
		name      string
		policy    Policy
		low, high float64 // loads a second
		p95, p99  time.Duration
	}{
		{"nothing", Policy{TTL: time.Second, Coalesce: "none"}, 120, 175, 200 * ms, 200 * ms},
		{"coalescing", Policy{TTL: time.Second}, .81, .86, 145 * ms, 190 * ms},
		{"stale-while-revalidate", Policy{TTL: time.Second, SWR: 5 * time.Second}, .81, .86, 0, 0},
		{"early refresh", Policy{TTL: time.Second, XFetch: 1}, .8, 4, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, o := New(local(), nil, Hooks{}), &origin{takes: 200 * ms}
				defer c.Close()
				draws := rand.New(rand.NewPCG(3, 4))
				var mu sync.Mutex
				c.draw = func() float64 { mu.Lock(); defer mu.Unlock(); return draws.Float64() }
				took := poisson(t, c, test.policy, o, 1000, span)
				rate := float64(o.calls.Load()) / span.Seconds()
				p95, p99 := took[len(took)*95/100], took[len(took)*99/100]
				t.Logf("%.2f loads a second, p95 %v, p99 %v", rate, p95, p99)
				if rate < test.low || rate > test.high {
					t.Errorf("%.2f loads a second, want %g to %g", rate, test.low, test.high)
				}
				if (p95-test.p95).Abs() > 15*ms || (p99-test.p99).Abs() > 15*ms {
					t.Errorf("p95 %v and p99 %v, want about %v and %v", p95, p99, test.p95, test.p99)
				}
			})
		})
	}
}

// Keys that were stored together expire together. Jitter spreads that over its share of
// the ttl.
func TestJitterSpreadsWhatExpiresTogether(t *testing.T) {
	worst := func(jitter float64) (most int) {
		synctest.Test(t, func(t *testing.T) {
			c, o := New(local(), nil, Hooks{}), &origin{}
			defer c.Close()
			draws := rand.New(rand.NewPCG(1, 2))
			c.draw = draws.Float64
			p := Policy{TTL: 10 * time.Second, Jitter: jitter, Coalesce: "none"}
			for step := range 600 { // every 20 ms each of the keys is asked for
				before := o.calls.Load()
				for k := range 100 {
					c.Get(t.Context(), fmt.Sprint(k), p, o.load)
				}
				if n := int(o.calls.Load() - before); step > 0 {
					most = max(most, n)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
		return most
	}
	if n := worst(0); n != 100 {
		t.Errorf("without jitter %d loads at once, want all 100", n)
	}
	// With a tenth, 100 keys over a second are 2 each 20 ms on average.
	if n := worst(.1); n > 12 {
		t.Errorf("with jitter %d loads at once, want a few", n)
	}
}

func TestTTLFollowsTheLoadUpToItsCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load := 0.
		c := New(local(), nil, Hooks{Load: func() float64 { return load }})
		defer c.Close()
		p := Policy{TTL: time.Second, Adaptive: 4}
		for _, test := range []struct {
			load float64
			want time.Duration
		}{{0, time.Second}, {.5, 2500 * time.Millisecond}, {1, 4 * time.Second}, {5, 4 * time.Second}} {
			load = test.load
			e, _, err := c.Get(t.Context(), fmt.Sprint(load), p, func(context.Context) ([]byte, error) { return nil, nil })
			if err != nil || e.TTL != test.want {
				t.Errorf("under load %g: %v, %v, want %v", load, e.TTL, err, test.want)
			}
		}
	})
}
