package retry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// server has ten places of 20 ms, so it serves 500 a second, and a queue of 200 in the
// order of arrival. It works off what is in the queue whether or not anybody waits for it
// any more, which is what makes an overload stay.
type server struct {
	queue  chan chan struct{}
	outage atomic.Int64 // ns since 1970 until which it does not work
	tries  atomic.Int64
}

func start(ctx context.Context, wg *sync.WaitGroup) *server {
	s := &server{queue: make(chan chan struct{}, 200)}
	for range 10 {
		wg.Go(func() {
			for ctx.Err() == nil {
				select {
				case <-ctx.Done():
					return
				case job := <-s.queue:
					time.Sleep(time.Until(time.Unix(0, s.outage.Load())))
					time.Sleep(20 * time.Millisecond)
					close(job)
				}
			}
		})
	}
	return s
}

func (s *server) call(ctx context.Context) error {
	s.tries.Add(1)
	job := make(chan struct{})
	select {
	case s.queue <- job:
	default:
		return errors.New("the queue is full")
	}
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	select {
	case <-job:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outage offers 300 calls a second, 60 % of what the server can do, through an outage of
// 5 s, and returns the share that succeeds and the tries per call from 3 s after it on.
func outage(t *testing.T, cfg Config) (success, amplification float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var wg sync.WaitGroup
		s, r := start(ctx, &wg), New(cfg)
		var calls, ok atomic.Int64
		begin := time.Now()
		s.outage.Store(begin.UnixNano())
		offer := func(until time.Duration) {
			for time.Since(begin) < until {
				time.Sleep(time.Second / 300)
				wg.Go(func() {
					calls.Add(1)
					if _, err := r.Do(ctx, Call{Safe: true, Try: s.call}); err == nil {
						ok.Add(1)
					}
				})
			}
		}
		offer(3 * time.Second)
		if calls.Load() != ok.Load() && calls.Load()-ok.Load() > 20 {
			t.Errorf("before the outage %d of %d succeed", ok.Load(), calls.Load())
		}
		s.outage.Store(begin.Add(8 * time.Second).UnixNano())
		offer(11 * time.Second)
		calls0, ok0, tries0 := calls.Load(), ok.Load(), s.tries.Load()
		offer(16 * time.Second)
		n := float64(calls.Load() - calls0)
		success, amplification = float64(ok.Load()-ok0)/n, float64(s.tries.Load()-tries0)/n
		stop()
		wg.Wait()
	})
	return success, amplification
}

func TestWithoutABudgetRepeatsKeepAnOverloadGoingWhateverTheBackoff(t *testing.T) {
	for _, mode := range []string{"immediate", "fixed", "exponential", "full_jitter", "decorrelated"} {
		t.Run(mode, func(t *testing.T) {
			cfg := defaults()
			cfg.Mode, cfg.Attempts = mode, 4
			cfg.Budget.Ratio = 0
			success, amplification := outage(t, cfg)
			t.Logf("3 s after the outage: success %.2f, %.2f tries per call", success, amplification)
			if success > .6 || amplification < 2.5 {
				t.Errorf("success %.2f with %.2f tries per call: it recovered", success, amplification)
			}
			cfg.Budget.Ratio = .2
			success, amplification = outage(t, cfg)
			t.Logf("with a budget of .2: success %.2f, %.2f tries per call", success, amplification)
			if success < .99 || amplification > 1.05 {
				t.Errorf("with a budget success %.2f with %.2f tries per call: it did not recover", success, amplification)
			}
		})
	}
}
