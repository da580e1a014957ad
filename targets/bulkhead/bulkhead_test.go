package bulkhead

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func acquire(t *testing.T, b *Bulkhead) {
	t.Helper()
	if _, err := b.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutAWaitAFullBulkheadRefusesAtOnce(t *testing.T) {
	b := New(Config{Max: 2})
	acquire(t, b)
	acquire(t, b)
	if _, err := b.Acquire(t.Context()); !errors.Is(err, ErrFull) {
		t.Errorf("the third of two places: %v", err)
	}
	b.Release()
	acquire(t, b)
	want := Stats{Max: 2, InUse: 2, Acquired: 3, Rejected: 1, Full: 1}
	if got := b.Stats(); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestWithoutALimitEveryCallHasAPlace(t *testing.T) {
	b := New(Config{})
	for range 1000 {
		acquire(t, b)
	}
}

func TestACallWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Max: 1, Wait: 100 * time.Millisecond})
		acquire(t, b)
		waited, err := b.Acquire(t.Context())
		if !errors.Is(err, ErrTimeout) || waited != 100*time.Millisecond {
			t.Errorf("waited %v: %v", waited, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		waited, err = b.Acquire(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || waited != 30*time.Millisecond {
			t.Errorf("waited %v: %v", waited, err)
		}
		s := b.Stats()
		if s.Timeouts != 1 || s.Waited != 2 || s.Waiting != 0 || s.Wait != .13 {
			t.Errorf("stats %+v", s)
		}
		b.Release()
		acquire(t, b)
	})
}

func TestPlacesGoToThoseWhoHaveWaitedLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Max: 1, Wait: time.Minute})
		acquire(t, b)
		var order []int
		for i := range 10 {
			ctx := t.Context()
			if i == 3 || i == 0 { // they give up and must not be handed a place
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				ctx = short
			}
			go func() {
				if _, err := b.Acquire(ctx); err == nil {
					order = append(order, i)
					b.Release()
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		b.Release()
		synctest.Wait()
		want := []int{1, 2, 4, 5, 6, 7, 8, 9}
		if len(order) != len(want) {
			t.Fatalf("places went to %v, want %v", order, want)
		}
		for i := range want {
			if order[i] != want[i] {
				t.Fatalf("places went to %v, want %v", order, want)
			}
		}
		if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
			t.Errorf("left over: %+v", s)
		}
	})
}

func TestPlacesAreAddedAndTakenAwayUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Max: 1, Wait: time.Minute})
		for range 5 {
			go b.Acquire(t.Context())
		}
		synctest.Wait()
		if s := b.Stats(); s.InUse != 1 || s.Waiting != 4 {
			t.Fatalf("before: %+v", s)
		}
		b.Configure(Config{Max: 3, Wait: time.Minute})
		synctest.Wait()
		if s := b.Stats(); s.InUse != 3 || s.Waiting != 2 {
			t.Errorf("two places more: %+v", s)
		}
		b.Configure(Config{Max: 1, Wait: time.Minute})
		b.Release()
		b.Release()
		synctest.Wait()
		if s := b.Stats(); s.InUse != 1 || s.Waiting != 2 {
			t.Errorf("two places less: %+v", s)
		}
		b.Configure(Config{})
		synctest.Wait()
		if s := b.Stats(); s.InUse != 3 || s.Waiting != 0 {
			t.Errorf("no limit: %+v", s)
		}
	})
}

func TestNeverMoreThanTheLimitAndNobodyForgotten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(rt, "max")
		wait := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second}).Draw(rt, "wait")
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			b := New(Config{Max: most, Wait: wait})
			var now, peak atomic.Int64
			var wg sync.WaitGroup
			for i := range 40 {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				wg.Go(func() {
					time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+r.IntN(50))*time.Millisecond)
					defer cancel()
					if _, err := b.Acquire(ctx); err != nil {
						return
					}
					n := now.Add(1)
					for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
					}
					time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
					now.Add(-1)
					b.Release()
				})
			}
			wg.Wait()
			if peak.Load() > int64(most) {
				t.Errorf("%d at once in %d places", peak.Load(), most)
			}
			if s := b.Stats(); s.InUse != 0 || s.Waiting != 0 {
				t.Errorf("left over: %+v", s)
			}
		})
	})
}

// Dependency A stalls for 2 s and B answers in 10 ms; each is called 80 times a second by
// clients that wait a second. Sharing 50 places in the order of arrival, both get in as
// seldom as A lets them: 50 places / (80/s · 2 s) = .31. With 25 each B does not notice.
func TestAStallingDependencyTakesTheOtherDownOnlyWhenTheyShare(t *testing.T) {
	shared := New(Config{Max: 50, Wait: time.Second})
	got := successOfB(t, shared, shared)
	t.Logf("sharing, %.3f of the calls to B succeed", got)
	if got < .22 || got > .42 {
		t.Errorf("sharing, %.3f of the calls to B succeed, want about .31", got)
	}
	a, b := New(Config{Max: 25, Wait: time.Second}), New(Config{Max: 25, Wait: time.Second})
	if got = successOfB(t, a, b); got != 1 {
		t.Errorf("apart, %.3f of the calls to B succeed, want 1", got)
	}
}

func successOfB(t *testing.T, poolA, poolB *Bulkhead) (share float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var okB, allB atomic.Int64
		var wg sync.WaitGroup
		call := func(pool *Bulkhead, service time.Duration) bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if _, err := pool.Acquire(ctx); err != nil {
				return false
			}
			time.Sleep(service) // a stalled call holds its place, whatever its caller does
			pool.Release()
			return ctx.Err() == nil
		}
		r := rand.New(rand.NewPCG(1, 2))
		for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
			time.Sleep(time.Duration(r.ExpFloat64() * float64(time.Second/160)))
			if r.IntN(2) == 0 {
				wg.Go(func() { call(poolA, 2*time.Second) })
				continue
			}
			wg.Go(func() {
				allB.Add(1)
				if call(poolB, 10*time.Millisecond) {
					okB.Add(1)
				}
			})
		}
		wg.Wait()
		share = float64(okB.Load()) / float64(allB.Load())
	})
	return share
}

func BenchmarkAcquireRelease(b *testing.B) {
	h := New(Config{Max: 25})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Acquire(b.Context()); err != nil {
			b.Fatal(err)
		}
		h.Release()
	}
}
