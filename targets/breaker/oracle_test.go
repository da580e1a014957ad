package breaker

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"pgregory.net/rapid"
)

// In what both can do, breakers of gobreaker and these agree on every call: a window that
// nothing falls out of, one probe, and rates that are judged with the first call or reached
// only by failures.
func TestItAgreesWithGobreaker(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minCalls := rapid.SampledFrom([]int{1, 3, 8}).Draw(rt, "min_calls")
		rate := 1.0
		if minCalls == 1 {
			rate = rapid.SampledFrom([]float64{.2, .5, .75, 1}).Draw(rt, "rate")
		}
		type step struct{ kind, number int }
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.SampledFrom([]int{0, 0, 0, 1, 2, 2, 3}).Draw(t, "kind"), rapid.IntRange(0, 3).Draw(t, "number")}
		}), 1, 200).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			ours := New(Config{
				Window: Window{By: "count", Calls: 10000}, MinCalls: minCalls, FailureRate: rate,
				Open: time.Second, HalfOpen: 1, ProbeWait: time.Hour,
			})
			theirs := gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
				MaxRequests: 1, Timeout: time.Second,
				ReadyToTrip: func(c gobreaker.Counts) bool {
					return int(c.TotalSuccesses+c.TotalFailures) >= minCalls &&
						float64(c.TotalFailures) >= rate*float64(c.TotalSuccesses+c.TotalFailures)
				},
			})
			type pair struct {
				ours   Call
				theirs func(error)
			}
			var flying []pair
			for i, s := range steps {
				switch {
				case s.kind == 0:
					a, errA := ours.Allow()
					b, errB := theirs.Allow()
					if (errA == nil) != (errB == nil) {
						t.Fatalf("step %d: ours %v, gobreaker %v", i, errA, errB)
					}
					if errA == nil {
						flying = append(flying, pair{a, b})
					}
				case s.kind == 3:
					time.Sleep(time.Duration(1+s.number) * 300 * time.Millisecond)
				case len(flying) > 0:
					n := s.number % len(flying)
					p := flying[n]
					flying = slices.Delete(flying, n, n+1)
					if s.kind == 1 {
						p.ours.Done(Success)
						p.theirs(nil)
					} else {
						p.ours.Done(Failure)
						p.theirs(errors.New("failed"))
					}
				}
			}
		})
	})
}

func TestTheSumOfTheWindowIsWhatIsInIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		span := time.Second
		w := newWindow(Window{By: "time", Span: span})
		type entry struct{ at int64 }
		var all []entry
		now := int64(0)
		for range rapid.IntRange(1, 100).Draw(rt, "calls") {
			now += int64(rapid.IntRange(0, 1200).Draw(rt, "pause ms")) * int64(time.Millisecond)
			w.record(now, tally{calls: 1})
			all = append(all, entry{now})
			want := 0
			part := int64(span) / buckets
			for _, e := range all {
				if now/part-e.at/part < buckets {
					want++
				}
			}
			if w.sum.calls != want {
				rt.Fatalf("%d calls in the window at %v, want %d", w.sum.calls, time.Duration(now), want)
			}
		}
	})
}

func TestCallsFromManyGoroutinesAreAllCounted(t *testing.T) {
	cfg := counted()
	cfg.Window, cfg.FailureRate, cfg.SlowRate = Window{By: "time", Span: 10 * time.Minute}, 1, 0
	b := New(cfg)
	var changes atomic.Int64
	b.OnChange = func(State, State) { changes.Add(1); b.Stats() } // holds no lock
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			cfg.Open = time.Duration(i+1) * time.Second
			b.Configure(cfg)
		}
	}()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				if c, err := b.Allow(); err == nil {
					c.Done(Result((g + i) % 2))
				}
			}
		})
	}
	wg.Wait()
	<-done
	if s := b.Stats(); s.Calls != 8000 || s.Failed != 4000 || s.WindowCalls != 8000 || changes.Load() != 0 {
		t.Errorf("%+v, %d changes", s, changes.Load())
	}
}
