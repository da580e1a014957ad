package executor

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

const ms = time.Millisecond

// config is the default configuration.
func config(model string) Config {
	return Config{
		Model: model, CPU: "pool", BlockingPool: Pool{Size: 4, Queue: 1024},
		CPUPool: CPUPool{Size: 2, Queue: 128, Overflow: "reject", Spawn: "pooled", Transfer: "share"},
	}
}

// crowd sends requests to one handler and keeps how long each took.
type crowd struct {
	handler http.Handler
	wg      sync.WaitGroup
	mu      sync.Mutex
	took    map[string][]time.Duration // by path
	codes   map[int]int
}

func newCrowd(e *Executor, handler http.HandlerFunc) *crowd {
	return &crowd{handler: e.Layer()(handler), took: map[string][]time.Duration{}, codes: map[int]int{}}
}

// send sends a request and does not wait for its answer.
func (c *crowd) send(ctx context.Context, path string) {
	c.wg.Go(func() {
		r := httptest.NewRequestWithContext(ctx, "GET", path, http.NoBody)
		w, begin := httptest.NewRecorder(), time.Now()
		c.handler.ServeHTTP(w, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.took[r.URL.Path] = append(c.took[r.URL.Path], time.Since(begin))
		c.codes[w.Code]++
	})
}

// at sends so many requests a second for a while, all to what path says of the n-th.
func (c *crowd) at(ctx context.Context, rate int, while time.Duration, path func(n int) string) {
	gap := time.Second / time.Duration(rate)
	for n := range int(while / gap) {
		c.send(ctx, path(n))
		time.Sleep(gap)
	}
}

// quantile returns the quantile of how long the answers on a path took.
func (c *crowd) quantile(path string, q float64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Sorted(slices.Values(c.took[path]))
	if len(all) == 0 {
		return -1
	}
	return all[int(math.Ceil(q*float64(len(all))))-1]
}

func always(path string) func(int) string { return func(int) string { return path } }

// sleeping waits for a dependency, which is no more than a time.
func sleeping(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return nil
	}
}

// TestABlockingLoopSaturatesAndAnAsyncOneDoesNot is IO-1.1: at 200 requests a second for a
// dependency of 20 ms, a loop that blocks answers 1/S = 50 a second.
func TestABlockingLoopSaturatesAndAnAsyncOneDoesNot(t *testing.T) {
	for _, test := range []struct {
		name, model string
		async       bool
		answers     int // within 2 s
		p99         time.Duration
	}{
		{"a loop that blocks", eventLoop, false, 100, 0},
		{"a loop that awaits", eventLoop, true, 396, 20 * ms},
		{"goroutines, which need not await", "goroutine", false, 396, 20 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New(config(test.model))
				defer e.Close()
				c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
					wait := sleeping(20 * ms)
					if test.async {
						Await(r.Context(), wait)
					} else {
						wait(r.Context())
					}
				})
				c.at(t.Context(), 200, 2*time.Second-ms, always("/"))
				c.mu.Lock()
				answers := len(c.took["/"])
				c.mu.Unlock()
				if answers < test.answers-2 || answers > test.answers+2 {
					t.Errorf("%d answers within 2s, want %d", answers, test.answers)
				}
				c.wg.Wait()
				if p99 := c.quantile("/", 0.99); test.p99 > 0 && p99 != test.p99 {
					t.Errorf("p99 %v, want %v", p99, test.p99)
				}
			})
		})
	}
}

// TestBlockersDelayEverybodyAsPollaczekAndKhinchineSay is IO-1.2: of 200 requests a second
// with a base of 1 ms, one in a hundred blocks the loop for 50 ms more.
// W = λE[S²]/2(1−ρ): 0.125 ms without them; with them E[S] = 1.5 ms, E[S²] = 27 mm², ρ = .3.
func TestBlockersDelayEverybodyAsPollaczekAndKhinchineSay(t *testing.T) {
	for _, test := range []struct {
		name   string
		blocks float64
		want   float64 // ms
	}{
		{"none", 0, 0.125},
		{"one in a hundred", 0.01, 200 * (0.99*1 + 0.01*51*51) / 1e3 / (2 * (1 - 0.2*1.5))},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New(config(eventLoop))
				defer e.Close()
				c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
					time.Sleep(ms)
					if r.URL.Path == "/block" {
						time.Sleep(50 * ms)
					}
				})
				r := seeded()
				const requests = 40_000
				for range requests {
					path := "/"
					if r.Float64() < test.blocks {
						path = "/block"
					}
					c.send(t.Context(), path)
					time.Sleep(time.Duration(r.ExpFloat64() * 5 * float64(ms)))
				}
				c.wg.Wait()
				all, err := e.Truth(false)
				if err != nil {
					t.Fatal(err)
				}
				loop := all[0]
				if loop.Arrivals != requests || loop.Completions != requests {
					t.Errorf("%+v", loop.Counts)
				}
				if math.Abs(loop.Wait.Mean/test.want-1) > 0.15 {
					t.Errorf("the mean wait is %.3f ms, want %.3f", loop.Wait.Mean, test.want)
				}
				stats := e.Stats().Loop
				if test.blocks > 0 && stats.Lag.P99 < 40 || test.blocks == 0 && stats.Lag.P99 > 3 {
					t.Errorf("the lag is %+v", stats.Lag)
				}
				if want := 0.2 * (1 + 50*test.blocks); math.Abs(stats.Utilisation-want) > 0.03 {
					t.Errorf("the loop is busy for %.3f of the time, want %.3f", stats.Utilisation, want)
				}
			})
		})
	}
}

func TestContinuationsQueueBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		var order []string // guarded by the loop
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			order = append(order, r.URL.Path+" begins")
			if r.URL.Path == "/a" {
				time.Sleep(5 * ms)
				Await(r.Context(), sleeping(ms))
			}
			time.Sleep(10 * ms)
			order = append(order, r.URL.Path+" ends")
		})
		for _, path := range []string{"/a", "/b", "/c"} {
			c.send(t.Context(), path)
			time.Sleep(ms)
		}
		c.wg.Wait()
		want := "/a begins, /b begins, /b ends, /c begins, /c ends, /a ends"
		if got := strings.Join(order, ", "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if took := c.quantile("/a", 1); took != 35*ms {
			t.Errorf("a took %v, want 5+20+10", took)
		}
	})
}

func TestNobodyButTheLoopsOwnerRunsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		running := 0 // guarded by the loop
		step := func(d time.Duration) {
			if running++; running > 1 {
				t.Error("two handlers run at a time")
			}
			time.Sleep(d)
			running--
		}
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			for range 3 {
				step(ms)
				Await(r.Context(), func(ctx context.Context) error {
					time.Sleep(3 * ms)
					return Await(ctx, func(ctx context.Context) error { // nested: away already
						return Block(ctx, sleeping(2*ms))
					})
				})
				step(ms)
				Compute(r.Context(), Task{Run: func([]byte) ([]byte, error) {
					time.Sleep(ms)
					return nil, nil
				}})
			}
		})
		c.at(t.Context(), 500, 200*ms, always("/"))
		c.wg.Wait()
		if s := e.Stats(); s.Loop.Queue != 0 || e.loop.Stats().InService != 0 || s.Blocking.Completions != 300 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAPanicLetsGoOfTheLoop(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context){
		"on the loop":     func(context.Context) { panic("planned") },
		"while it awaits": func(ctx context.Context) { Await(ctx, func(context.Context) error { panic("planned") }) },
		"while it blocks": func(ctx context.Context) { Block(ctx, func(context.Context) error { panic("planned") }) },
		"in a task": func(ctx context.Context) {
			Compute(ctx, Task{Run: func([]byte) ([]byte, error) { panic("planned") }})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New(config(eventLoop))
				defer e.Close()
				c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/fail" {
						defer func() {
							if got := recover(); got != "planned" {
								t.Errorf("recovered %v", got)
							}
							if e.loop.Stats().InService != 1 {
								t.Error("a handler that recovered is not on the loop")
							}
							panic(http.ErrAbortHandler)
						}()
						fail(r.Context())
					}
				})
				layer := c.handler
				c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() { recover() }()
					layer.ServeHTTP(w, r)
				})
				c.send(t.Context(), "/fail")
				c.send(t.Context(), "/fine")
				c.wg.Wait()
				s := e.Stats()
				if e.loop.Stats().InService != 0 || s.Blocking.InService != 0 || s.CPU.InService != 0 || len(c.took) != 2 {
					t.Errorf("%+v, answers %v", s, c.codes)
				}
			})
		})
	}
}

func TestAClientThatIsGoneLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		handled := 0
		c := newCrowd(e, func(http.ResponseWriter, *http.Request) {
			handled++
			time.Sleep(100 * ms)
		})
		c.send(t.Context(), "/stays")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 30*ms)
		defer cancel()
		c.send(ctx, "/leaves")
		c.wg.Wait()
		if took := c.quantile("/leaves", 1); took != 30*ms || handled != 1 || c.codes[503] != 1 {
			t.Errorf("it left after %v; %d were handled, answers %v", took, handled, c.codes)
		}
	})
}

func TestAContinuationComesWhateverBecomesOfTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*ms)
		defer cancel()
		var after error
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			after = Await(r.Context(), func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
			if e.loop.Stats().InService != 1 {
				t.Error("it is not on the loop")
			}
		})
		c.send(ctx, "/")
		c.wg.Wait()
		if !errors.Is(after, context.DeadlineExceeded) {
			t.Error(after)
		}
	})
}

func TestAHandlerThatLeavesSomethingBehindDoesNotKeepTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/careless" {
				go Await(r.Context(), sleeping(20*ms))
				time.Sleep(ms)
			}
		})
		c.send(t.Context(), "/careless")
		time.Sleep(30 * ms)
		c.send(t.Context(), "/")
		c.wg.Wait()
		if e.loop.Stats().InService != 0 {
			t.Error("the loop is held by nobody")
		}
	})
}

func TestTheModelChangesUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config("goroutine"))
		defer e.Close()
		c := newCrowd(e, func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * ms)
			Await(r.Context(), sleeping(5*ms))
		})
		for _, model := range []string{"goroutine", eventLoop, "goroutine", eventLoop} {
			e.Configure(config(model))
			c.at(t.Context(), 100, 200*ms, always("/"))
		}
		c.wg.Wait()
		if s := e.Stats(); s.Loop.Tasks != 80 || s.Model != eventLoop || e.loop.Stats().InService != 0 {
			t.Errorf("%+v", s)
		}
		if c.codes[200] != 80 {
			t.Errorf("answers %v", c.codes)
		}
	})
}

func TestTheWaitForTheLoopIsInTheRequestsTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(config(eventLoop))
		defer e.Close()
		c := newCrowd(e, func(http.ResponseWriter, *http.Request) { time.Sleep(10 * ms) })
		c.send(t.Context(), "/")
		synctest.Wait()
		var known middleware.Request
		c.send(middleware.With(t.Context(), &known), "/")
		c.wg.Wait()
		if q := known.Timing.Of("q"); q != 10*ms {
			t.Errorf("q is %v", q)
		}
	})
}
