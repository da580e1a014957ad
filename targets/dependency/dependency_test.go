package dependency

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/bulkhead"
	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
)

func defaults() Config {
	var doc struct {
		Pricing Config `yaml:"pricing"`
	}
	knob.Defaults(&doc)
	return doc.Pricing
}

// plain is a configuration without any protection, which a test adds its own to.
func plain(change func(*Config)) Config {
	c := defaults()
	c.Timeout, c.Breaker.Mode, c.Bulkhead.Max, c.Retry.Mode, c.Fallback = 0, "off", 0, "none", "off"
	c.Retry.Base = 0
	if change != nil {
		change(&c)
	}
	return c
}

var errDown = errors.New("connection refused")

func down(context.Context) (int, error) { return 0, errDown }

func fine(context.Context) (int, error) { return 7, nil }

// answered is an HTTP answer as an error.
type answered struct {
	status int
	after  time.Duration
	never  bool
}

func (a answered) Error() string             { return fmt.Sprint("answered ", a.status) }
func (a answered) HTTPStatus() int           { return a.status }
func (a answered) RetryAfter() time.Duration { return a.after }
func (a answered) NoRetry() bool             { return a.never }

func TestTheOrderHasEveryLayerOnce(t *testing.T) {
	tests := map[string]struct {
		order []string
		want  string
	}{
		"the usual one":        {defaults().Order, ""},
		"none is the usual":    {nil, ""},
		"another way round":    {[]string{"timeout", "bulkhead", "breaker", "retry", "budget", "fallback"}, ""},
		"one that is unknown":  {[]string{"fallback", "budget", "retry", "breaker", "hedge", "timeout"}, `order: there is no layer "hedge"`},
		"one that is missing":  {[]string{"fallback", "budget", "retry", "breaker", "timeout"}, `order: the layer "bulkhead" is missing`},
		"one that comes twice": {[]string{"fallback", "budget", "retry", "retry", "breaker", "bulkhead", "timeout"}, `order: the layer "retry" is there twice`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := Config{Order: test.order}.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestACallThatSucceedsReturnsItsValueAndItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, request := middleware.Fork(t.Context())
		d := New("pricing", defaults())
		value, outcome, err := Call(ctx, d, "price", true, func(context.Context) (int, error) {
			time.Sleep(30 * time.Millisecond)
			return 7, nil
		}, nil)
		if value != 7 || err != nil || outcome != (Outcome{Attempts: 1, Took: 30 * time.Millisecond}) {
			t.Errorf("%v, %+v, %v", value, outcome, err)
		}
		if got := request.Timing.Of("pricing"); got != 30*time.Millisecond {
			t.Errorf("Server-Timing has %v", got)
		}
		if s := d.Stats(); s.Calls != 1 || s.Took != .03 || s.Breaker.Calls != 1 || s.Bulkhead.Acquired != 1 || s.Retry.Requests != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheFallbackStandsInForWhatFails(t *testing.T) {
	stale := func(cause error) (int, error) {
		if _, ok := errors.AsType[*Error](cause); !ok {
			return 0, errors.New("not told why")
		}
		return 3, nil
	}
	tests := map[string]struct {
		change   func(*Config)
		do       func(context.Context) (int, error)
		fallback func(error) (int, error)
		value    int
		degraded string
	}{
		"stale":                    {nil, down, stale, 3, "stale"},
		"default":                  {func(c *Config) { c.Fallback = "default" }, down, stale, 3, "default"},
		"for a refusal too":        {func(c *Config) { c.Breaker.Mode = "open" }, fine, stale, 3, "stale"},
		"not when it is off":       {func(c *Config) { c.Fallback = "off" }, down, stale, 0, ""},
		"not when there is none":   {nil, down, nil, 0, ""},
		"not when it has nothing":  {nil, down, func(error) (int, error) { return 9, errors.New("nothing known") }, 0, ""},
		"not for an answer 404":    {nil, func(context.Context) (int, error) { return 0, answered{status: 404} }, stale, 0, ""},
		"not for one that is fine": {nil, fine, stale, 7, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := New("pricing", plain(func(c *Config) {
				c.Fallback = "stale"
				if test.change != nil {
					test.change(c)
				}
			}))
			value, outcome, err := Call(t.Context(), d, "price", true, test.do, test.fallback)
			if value != test.value || outcome.Degraded != test.degraded || (err == nil) != (test.value != 0) {
				t.Errorf("%d, %+v, %v", value, outcome, err)
			}
			if s := d.Stats(); (s.Degraded == 1) != (test.degraded != "") {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestACallerThatGaveUpGetsNoFallbackAndHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New("pricing", defaults())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		_, outcome, err := Call(ctx, d, "price", true, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, errDown // as a client does that does not say why
		}, func(error) (int, error) { return 3, nil })
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Reason != Canceled || outcome.Attempts != 1 || outcome.Degraded != "" {
			t.Errorf("%v, %+v", err, outcome)
		}
		if s := d.Stats(); s.Canceled != 1 || s.Failed != 0 || s.Breaker.Failed != 0 || s.Breaker.Ignored != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheTimeLimitIsAFailureEvenIfTheClientDoesNotSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New("pricing", plain(func(c *Config) { c.Timeout, c.Breaker.Mode = 200*time.Millisecond, "on" }))
		_, outcome, err := Call(t.Context(), d, "price", true, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, errDown
		}, nil)
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != Timeout || !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
		if s := d.Stats(); outcome.Took != 200*time.Millisecond || s.Timeouts != 1 || s.Breaker.Failed != 1 {
			t.Errorf("after %v: %+v", outcome.Took, s)
		}
	})
}

func TestTheOrderOfTheLayersMatters(t *testing.T) {
	usual := layers()
	swapped := func(a, b string) []string {
		order := slices.Clone(usual)
		i, j := slices.Index(order, a), slices.Index(order, b)
		order[i], order[j] = order[j], order[i]
		return order
	}
	tests := map[string]struct {
		order    []string
		attempts int
		judged   uint64 // calls that the breaker has judged
		took     time.Duration
	}{
		"each try has its own time and counts":      {usual, 3, 3, 3 * 200 * time.Millisecond},
		"repeats inside of the breaker count once":  {swapped("retry", "breaker"), 3, 1, 3 * 200 * time.Millisecond},
		"repeats inside of the time limit share it": {swapped("retry", "timeout"), 1, 1, 200 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New("pricing", plain(func(c *Config) {
					c.Timeout, c.Breaker.Mode, c.Retry.Mode, c.Order = 200*time.Millisecond, "on", "immediate", test.order
				}))
				_, outcome, err := Call(t.Context(), d, "price", true, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 0, ctx.Err()
				}, nil)
				if outcome.Attempts != test.attempts || outcome.Took != test.took || d.Stats().Breaker.Calls != test.judged {
					t.Errorf("%+v, the breaker judged %d: %v", outcome, d.Stats().Breaker.Calls, err)
				}
			})
		})
	}
}

func TestTheBudgetHoldsTheRateAndTheNumberAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New("pricing", plain(func(c *Config) { c.Budget.RPS = 100 }))
		ok := 0
		for range 2000 { // 1000 a second for 2 s
			if _, _, err := Call(t.Context(), d, "price", true, fine, nil); err == nil {
				ok++
			}
			time.Sleep(time.Millisecond)
		}
		if ok != 209 && ok != 210 { // a burst of a tenth of a second, then 100 a second
			t.Errorf("%d of 2000 calls within 100/s for 2 s", ok)
		}
		if s := d.Stats(); s.BudgetUsed < .9 || s.BudgetUsed > 1.15 || s.Refused != uint64(2000-ok) {
			t.Errorf("%+v", s)
		}

		d.Configure(plain(func(c *Config) { c.Budget.Concurrency = 4 }))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				ctx, _ := middleware.Fork(t.Context())
				Call(ctx, d, "price", true, func(context.Context) (int, error) { time.Sleep(time.Second); return 1, nil }, nil)
			})
		}
		synctest.Wait()
		if s := d.Stats(); s.InFlight != 4 || s.BudgetUsed != 1 {
			t.Errorf("%+v", s)
		}
		wg.Wait()
		if s := d.Stats(); s.InFlight != 0 || s.BudgetUsed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAPanicLeavesNoPlaceTaken(t *testing.T) {
	d := New("pricing", defaults())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		Call(t.Context(), d, "price", true, func(context.Context) (int, error) { panic("a fault") }, nil)
	}()
	if s := d.Stats(); s.InFlight != 0 || s.Bulkhead.InUse != 0 || s.Breaker.Failed != 1 {
		t.Errorf("%+v", s)
	}
}

func TestFaultsArePutInInsideOfAllLayers(t *testing.T) {
	d := New("pricing", plain(func(c *Config) { c.Retry.Mode, c.Breaker.Mode = "immediate", "on" }))
	n := 0
	d.Before = func(_ context.Context, op string) error {
		if n++; n < 3 {
			return errors.New("a fault in " + op)
		}
		return nil
	}
	value, outcome, err := Call(t.Context(), d, "price", true, fine, nil)
	if value != 7 || err != nil || outcome.Attempts != 3 || d.Stats().Breaker.Failed != 2 {
		t.Errorf("%d, %+v, %v", value, outcome, err)
	}
}

func TestDependenciesCanShareABulkhead(t *testing.T) {
	pool := bulkhead.New(bulkhead.Config{Max: 1})
	a, b := New("a", defaults()), New("b", defaults())
	a.Share(pool)
	b.Share(pool)
	both := func() error {
		_, _, err := Call(t.Context(), a, "x", true, func(ctx context.Context) (int, error) {
			_, _, err := Call(ctx, b, "y", true, fine, nil)
			return 0, err
		}, nil)
		return err
	}
	if err := both(); !errors.Is(err, bulkhead.ErrFull) {
		t.Errorf("two calls in one place: %v", err)
	}
	b.Share(nil)
	if err := both(); err != nil {
		t.Errorf("with a place each: %v", err)
	}
	if s := pool.Stats(); s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

// A dependency that times out after 1 s at 200 calls a second holds 200 callers (Little).
// With a breaker they get their answer at once.
func TestABreakerFreesTheCallersOfADependencyThatHangs(t *testing.T) {
	for mode, want := range map[string]struct {
		least, most int
	}{"off": {195, 205}, "on": {0, 5}} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New("pricing", plain(func(c *Config) { c.Timeout, c.Breaker.Mode, c.Breaker.ProbeWait = time.Second, mode, time.Minute }))
				var wg sync.WaitGroup
				var waiting atomic.Int64
				for range 800 {
					time.Sleep(5 * time.Millisecond)
					wg.Go(func() {
						waiting.Add(1)
						ctx, _ := middleware.Fork(t.Context())
						Call(ctx, d, "price", true, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, nil)
						waiting.Add(-1)
					})
				}
				if n := int(waiting.Load()); n < want.least || n > want.most {
					t.Errorf("%d callers wait, want %d to %d", n, want.least, want.most)
				}
				wg.Wait()
			})
		})
	}
}

func TestRulesChangeWhileCallsAreUnderWay(t *testing.T) {
	d := New("pricing", defaults())
	pool := bulkhead.New(bulkhead.Config{Max: 100})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				ctx, _ := middleware.Fork(t.Context())
				Call(ctx, d, "price", true, fine, nil)
			}
		})
	}
	for i := range 300 {
		cfg := defaults()
		slices.Reverse(cfg.Order)
		cfg.Bulkhead.Max, cfg.Budget.Concurrency = 1+i%10, i%3
		d.Configure(cfg)
		d.Share(pool)
		d.Stats()
		d.Share(nil)
	}
	close(done)
	wg.Wait()
	if s := d.Stats(); s.InFlight != 0 || s.Bulkhead.InUse != 0 || pool.Stats().InUse != 0 {
		t.Errorf("left over: %+v", s)
	}
}

func BenchmarkCall(b *testing.B) {
	d := New("pricing", defaults())
	ctx, _ := middleware.Fork(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Call(ctx, d, "price", true, fine, nil); err != nil {
			b.Fatal(err)
		}
	}
}
