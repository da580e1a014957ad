package executor

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
	"plimsoll/targets/station"
)

const us = time.Microsecond

func seeded() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// TestTheBlockingPoolHasItsKneeAtSizeOverS is IO-1.3: operations of 20 ms.
func TestTheBlockingPoolHasItsKneeAtSizeOverS(t *testing.T) {
	for _, test := range []struct {
		size, rate, most int
	}{
		{4, 150, 150}, {4, 400, 200}, {16, 400, 400}, {16, 1000, 800},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(eventLoop)
			cfg.BlockingPool = Pool{Size: test.size, Queue: station.Unbounded}
			e := New(cfg)
			defer e.Close()
			c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) { Block(r.Context(), sleeping(20*ms)) })
			c.at(t.Context(), test.rate, time.Second, always("/"))
			got := int(e.Stats().Blocking.Completions)
			if got < test.most*95/100 || got > test.most {
				t.Errorf("size %d at %d/s: %d operations in a second, want %d", test.size, test.rate, got, test.most)
			}
			c.wg.Wait()
		})
	}
}

// TestProcessorWorkOffTheLoopSparesTheOthers is CPU-2.1: one in twenty needs 100 ms.
func TestProcessorWorkOffTheLoopSparesTheOthers(t *testing.T) {
	p99 := map[string]time.Duration{}
	for _, cpu := range []string{"inline", "pool"} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(eventLoop)
			cfg.CPU = cpu
			e := New(cfg)
			defer e.Close()
			c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
				time.Sleep(ms)
				if r.URL.Path == "/cpu" {
					Compute(r.Context(), work(100*ms))
				}
			})
			c.at(t.Context(), 50, 10*time.Second, func(n int) string {
				if n%20 == 0 {
					return "/cpu"
				}
				return "/cheap"
			})
			c.wg.Wait()
			p99[cpu] = c.quantile("/cheap", 0.99)
		})
	}
	if p99["inline"] < 80*ms || p99["pool"] > 3*ms {
		t.Errorf("p99 of the cheap route is %v inline and %v with the pool", p99["inline"], p99["pool"])
	}
}

// work is a task that takes so long.
func work(d time.Duration) Task {
	return Task{Run: func([]byte) ([]byte, error) {
		time.Sleep(d)
		return nil, nil
	}}
}

// TestABoundedQueueBoundsTheWait is CPU-2.6 at twice what two workers can do.
func TestABoundedQueueBoundsTheWait(t *testing.T) {
	const s, workers = 20 * ms, 2
	for _, test := range []struct {
		name    string
		queue   int
		refused bool
		most    time.Duration // (queue+c)·S/c
	}{
		{"bounded", 10, true, (10 + workers) * s / workers},
		{"unbounded", station.Unbounded, false, 6 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config("goroutine")
				cfg.CPUPool.Queue = test.queue
				e := New(cfg)
				defer e.Close()
				c := newCrowd(e, func(w http.ResponseWriter, r *http.Request) {
					_, err := Compute(r.Context(), work(s))
					if full, ok := errors.AsType[*SaturatedError](err); ok {
						full.Problem().Write(w, r)
					}
				})
				c.at(t.Context(), 200, 5*time.Second, always("/"))
				waiting := e.Stats().CPU.Waiting
				c.wg.Wait()
				if longest := c.quantile("/", 1); longest > test.most || !test.refused && longest < 4*time.Second {
					t.Errorf("the longest took %v, want at most %v", longest, test.most)
				}
				if refused := c.codes[503]; test.refused != (refused > 400) || refused > 500 {
					t.Errorf("%d were refused", refused)
				}
				if test.refused != (waiting <= test.queue) || !test.refused && waiting < 400 {
					t.Errorf("%d wait at the end", waiting)
				}
			})
		})
	}
}

func TestARefusalSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config("goroutine")
		cfg.BlockingPool = Pool{Size: 1, Queue: 3}
		e := New(cfg)
		defer e.Close()
		var refusals []*SaturatedError
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			err := Block(r.Context(), sleeping(2*time.Second))
			var full *SaturatedError
			if errors.As(err, &full) && errors.Is(err, ErrSaturated) {
				refusals = append(refusals, full)
			}
		})
		c.send(t.Context(), "/")
		c.wg.Wait() // now it is known how long one takes
		for range 5 {
			c.send(t.Context(), "/")
			synctest.Wait()
		}
		c.wg.Wait()
		if len(refusals) != 1 {
			t.Fatalf("%d refusals", len(refusals))
		}
		got := refusals[0]
		if p := got.Problem(); got.Pool != "blocking" || got.RetryAfter != 8*time.Second ||
			p.Status != 503 || p.RetryAfter != got.RetryAfter || p.Type != middleware.ReducedCapacity {
			t.Errorf("%+v", got)
		}
	})
}

// TestOverflowModes has five tasks of 10.1 to 10.5 ms meet one worker with one place to
// wait: the first runs, the second waits, and the third meets a full queue.
func TestOverflowModes(t *testing.T) {
	for _, test := range []struct {
		overflow string
		stats    TaskStats
		done     int
		lag      time.Duration // of a request that comes behind them all
		after    time.Duration // when the last of them is done
	}{
		{"reject", TaskStats{Pooled: 2}, 2, 0, 20_300 * us},
		// the third and the fifth run on the loop; between them the fourth finds a place
		{"caller", TaskStats{Pooled: 3, Caller: 2}, 5, 20_800 * us, 30_700 * us},
		// the third, fourth and fifth hold the loop until one before them is done
		{"block", TaskStats{Pooled: 5, Blocked: 3}, 5, 30_600 * us, 51_500 * us},
	} {
		t.Run(test.overflow, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := config(eventLoop)
				cfg.CPUPool = CPUPool{Size: 1, Queue: 1, Overflow: test.overflow, Spawn: "pooled", Transfer: "share"}
				e := New(cfg)
				defer e.Close()
				tasks, done := 0, 0
				begin := time.Now()
				var last time.Duration
				c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/cheap" {
						return
					}
					tasks++
					if _, err := Compute(r.Context(), work(10*ms+time.Duration(tasks)*100*us)); err == nil {
						done++
						last = time.Since(begin)
					}
				})
				for range 5 {
					c.send(t.Context(), "/task")
					synctest.Wait()
				}
				c.send(t.Context(), "/cheap")
				c.wg.Wait()
				if got := e.Stats().Tasks; got != test.stats || done != test.done {
					t.Errorf("%d done, %+v, want %d, %+v", done, got, test.done, test.stats)
				}
				if lag := c.quantile("/cheap", 1); lag != test.lag || last != test.after {
					t.Errorf("the next request took %v, want %v; the last task ended after %v, want %v",
						lag, test.lag, last, test.after)
				}
				if e.places.Stats().InService != 0 || e.cpu.Stats().InService != 0 || e.loop.Stats().InService != 0 {
					t.Error("something is held still")
				}
			})
		})
	}
}

func TestAQueueThatBlocksRefusesNobodyAfterOneThatDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config("goroutine")
		cfg.CPUPool = CPUPool{Size: 1, Queue: 1, Overflow: "reject", Spawn: "pooled", Transfer: "share"}
		e := New(cfg)
		defer e.Close()
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			if _, err := Compute(r.Context(), work(10*ms)); err != nil {
				t.Error(err)
			}
		})
		for n := range 4 {
			if n == 2 { // there are no places left, and nobody knows
				cfg.CPUPool.Overflow = "block"
				e.Configure(cfg)
			}
			c.send(t.Context(), "/")
			synctest.Wait()
		}
		c.wg.Wait()
	})
}

func TestATaskThatIsRefusedInTheMiddleOfAChangeHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config("goroutine")
		cfg.CPUPool = CPUPool{Size: 1, Queue: 0, Overflow: "reject", Spawn: "pooled", Transfer: "share"}
		e := New(cfg)
		defer e.Close()
		release, _, err := e.cpu.Acquire(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		asOfBefore := cfg.CPUPool
		asOfBefore.Overflow = "block"
		late := &turn{executor: e, request: &middleware.Request{}}
		if _, err := late.offload(t.Context(), asOfBefore, work(ms)); !errors.Is(err, ErrSaturated) {
			t.Errorf("the task ended with %v", err)
		}
		if held := e.places.Stats().InService; held != 0 {
			t.Errorf("%d places are held", held)
		}
	})
}

func TestThoseWhoLeaveThePoolHoldNothing(t *testing.T) {
	for _, overflow := range []string{"reject", "block", "caller"} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(eventLoop)
			cfg.CPUPool = CPUPool{Size: 1, Queue: 1, Overflow: overflow, Spawn: "pooled", Transfer: "copy"}
			cfg.BlockingPool = Pool{Size: 1, Queue: 10}
			e := New(cfg)
			defer e.Close()
			c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
				Compute(r.Context(), work(50*ms))
				Block(r.Context(), sleeping(50*ms))
			})
			for range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), 70*ms)
				defer cancel()
				c.send(ctx, "/")
				time.Sleep(7 * ms)
			}
			c.wg.Wait()
			for _, s := range []*station.Station{e.loop, e.blocking, e.cpu, e.places} {
				if got := s.Stats(); got.InService != 0 || got.Waiting != 0 {
					t.Errorf("%s: %s holds %+v", overflow, s.Name(), got)
				}
			}
		})
	}
}

func TestPayloadsAreSharedOrCopied(t *testing.T) {
	for _, transfer := range []string{"share", "copy"} {
		t.Run(transfer, func(t *testing.T) {
			cfg := config("goroutine")
			cfg.CPUPool.Transfer = transfer
			e := New(cfg)
			defer e.Close()
			payload, inner := []byte("payload"), []byte("result")
			c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
				result, err := Compute(r.Context(), Task{Payload: payload, Run: func(p []byte) ([]byte, error) {
					if string(p) != "payload" || (&p[0] == &payload[0]) != (transfer == "share") {
						t.Errorf("the task got %q", p)
					}
					return inner, nil
				}})
				if err != nil || !bytes.Equal(result, inner) || (&result[0] == &inner[0]) != (transfer == "share") {
					t.Errorf("the result is %q: %v", result, err)
				}
			})
			c.send(t.Context(), "/")
			c.wg.Wait()
		})
	}
}

func TestOutsideOfALayerWorkJustRuns(t *testing.T) {
	ran := 0
	fn := func(context.Context) error {
		ran++
		return nil
	}
	ctx := t.Context()
	_, err := Compute(ctx, Task{Run: func([]byte) ([]byte, error) { return nil, fn(ctx) }})
	if err = errors.Join(err, Await(ctx, fn), Block(ctx, fn)); err != nil || ran != 3 {
		t.Errorf("%d ran: %v", ran, err)
	}
}

func TestPoolsOfNoSizeAreNamed(t *testing.T) {
	for want, cfg := range map[string]Config{
		"blocking_pool: size is 0": {},
		"cpu_pool: size is -1":     {BlockingPool: Pool{Size: 1}, CPUPool: CPUPool{Size: -1}},
	} {
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := config(eventLoop).Check(); err != nil {
		t.Error(err)
	}
}

func TestTheExecutorChangesUnderLoadWithoutARace(t *testing.T) {
	e := New(config("goroutine"))
	defer e.Close()
	c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
		Await(r.Context(), func(context.Context) error { return nil })
		Block(r.Context(), func(context.Context) error { return nil })
		Compute(r.Context(), Task{Payload: []byte("x"), Run: func(p []byte) ([]byte, error) { return p, nil }})
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range 60 {
			cfg := config([]string{"goroutine", eventLoop}[n%2])
			cfg.CPU = []string{"inline", "pool", "pool"}[n%3]
			cfg.CPUPool = CPUPool{
				Size: n % 4, Queue: n%5 - 1, Overflow: []string{"reject", "block", "caller"}[n%3],
				Spawn: []string{"pooled", "per_task"}[n%2], Transfer: []string{"share", "copy"}[n%2],
			}
			e.Configure(cfg)
			e.Stats()
			if _, err := e.Truth(true); err != nil {
				t.Error(err)
			}
			if n%10 == 0 {
				e.Epoch("again")
			}
		}
	})
	for range 500 {
		c.send(t.Context(), "/")
	}
	wg.Wait()
	c.wg.Wait()
	if c.codes[200] != 500 {
		t.Errorf("answers %v", c.codes)
	}
}
