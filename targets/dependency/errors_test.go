package dependency

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/breaker"
	"plimsoll/targets/middleware"
)

func TestWhatCountsAsAFailure(t *testing.T) {
	tests := map[string]struct {
		err  error
		want breaker.Stats // failed and ignored calls
		typd bool          // the caller gets an *Error
	}{
		"an error":                        {errDown, breaker.Stats{Failed: 1}, true},
		"a deadline":                      {context.DeadlineExceeded, breaker.Stats{Failed: 1}, true},
		"an answer 500":                   {answered{status: 500}, breaker.Stats{Failed: 1}, true},
		"an answer 429":                   {answered{status: 429}, breaker.Stats{Failed: 1}, true},
		"not an answer 404":               {answered{status: 404}, breaker.Stats{}, false},
		"nothing when the caller gave up": {context.Canceled, breaker.Stats{Ignored: 1}, true},
		"a refusal further on":            {&Error{Reason: Open, err: breaker.ErrOpen}, breaker.Stats{Failed: 1}, true},
		"nothing when it gave up there":   {&Error{Reason: Canceled, err: context.Canceled}, breaker.Stats{Ignored: 1}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := New("pricing", plain(func(c *Config) { c.Breaker.Mode = "on" }))
			_, _, err := Call(t.Context(), d, "price", true, func(context.Context) (int, error) { return 0, test.err }, nil)
			if s := d.Stats().Breaker; s.Failed != test.want.Failed || s.Ignored != test.want.Ignored {
				t.Errorf("failed %d, ignored %d", s.Failed, s.Ignored)
			}
			own, typd := errors.AsType[*Error](err)
			if typd = typd && own.Dependency == "pricing"; typd != test.typd || !errors.Is(err, test.err) {
				t.Errorf("the caller gets %#v", err)
			}
		})
	}
	t.Run("its own judgement is not asked when the caller gave up", func(t *testing.T) {
		d := New("pricing", plain(func(c *Config) { c.Breaker.Mode = "on" }))
		d.Judge = func(error) breaker.Result { return breaker.Failure }
		Call(t.Context(), d, "price", true, func(context.Context) (int, error) { return 0, context.Canceled }, nil)
		if s := d.Stats(); s.Breaker.Ignored != 1 || s.Canceled != 1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("what its own judgement says", func(t *testing.T) {
		d := New("pricing", plain(func(c *Config) { c.Breaker.Mode = "on" }))
		d.Judge = func(error) breaker.Result { return breaker.Success }
		if _, _, err := Call(t.Context(), d, "price", true, down, nil); err != errDown { //nolint:errorlint // the same error
			t.Errorf("the caller gets %#v", err)
		}
		if s := d.Stats(); s.Breaker.Failed != 0 || s.Failed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestProblemsAreWhatTheReasonAsksFor(t *testing.T) {
	tests := map[string]struct {
		change  func(*Config)
		err     error
		reason  Reason
		want    int
		after   time.Duration
		noRetry bool
	}{
		"not in time":                  {nil, context.DeadlineExceeded, Timeout, 504, 0, false},
		"failed":                       {nil, errDown, Failed, 502, 0, false},
		"answered 500":                 {nil, answered{status: 500}, Failed, 502, 0, false},
		"answered 503 and when":        {nil, answered{status: 503, after: time.Second}, Failed, 503, time.Second, false},
		"answered 429 and never again": {nil, answered{status: 429, never: true}, Failed, 503, 0, true},
		"answered 503 and nobody told": {func(c *Config) { c.Propagate = false }, answered{status: 503, after: time.Second, never: true}, Failed, 503, 0, false},
		"repeated here":                {func(c *Config) { c.Retry.Mode = "immediate" }, errDown, Failed, 502, 0, true},
		"the breaker is open":          {func(c *Config) { c.Breaker.Mode = "open" }, nil, Open, 503, 0, true},
		"the budget is spent":          {func(c *Config) { c.Budget.RPS = .1 }, nil, Spent, 503, 10 * time.Second, false},
		"full":                         {func(c *Config) { c.Bulkhead.Max = 1 }, nil, Full, 503, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New("pricing", plain(test.change))
				switch test.reason {
				case Spent:
					Call(t.Context(), d, "price", true, fine, nil)
				case Full:
					d.own.Acquire(t.Context())
				}
				_, _, err := Call(t.Context(), d, "price", true, func(context.Context) (int, error) { return 0, test.err }, nil)
				e, ok := errors.AsType[*Error](err)
				if !ok || e.Reason != test.reason {
					t.Fatalf("%#v, want an Error because of %v", err, test.reason)
				}
				p := e.Problem()
				if p.Status != test.want || p.RetryAfter != test.after || p.NoRetry != test.noRetry ||
					(p.Type == middleware.ReducedCapacity) != (p.Status == http.StatusServiceUnavailable) {
					t.Errorf("%+v", p)
				}
			})
		})
	}
}

// Three tiers that each try four times multiply to 4^3 calls at the bottom, unless a tier
// that has repeated a call says so, or the bottom asks for no more.
func TestTiersDoNotMultiplyTheirRepeats(t *testing.T) {
	tests := map[string]struct {
		propagate bool
		never     bool
		want      int64
	}{
		"nobody listens":               {false, true, 64},
		"only the last tier repeats":   {true, false, 4},
		"the bottom asks for no more":  {true, true, 1},
		"it says nothing, nor do they": {false, false, 64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := plain(func(c *Config) {
				c.Retry.Mode, c.Retry.Attempts, c.Retry.Budget.Ratio, c.Propagate = "immediate", 4, 0, test.propagate
			})
			var calls atomic.Int64
			tier := func(context.Context) (int, error) {
				calls.Add(1)
				return 0, answered{status: 503, never: test.never}
			}
			for _, name := range []string{"pricing", "catalog", "orders"} {
				d, below := New(name, cfg), tier
				tier = func(ctx context.Context) (int, error) {
					v, _, err := Call(ctx, d, "x", true, below, nil)
					return v, err
				}
			}
			if _, err := tier(t.Context()); err == nil || calls.Load() != test.want {
				t.Errorf("%d calls at the bottom, want %d: %v", calls.Load(), test.want, err)
			}
		})
	}
}
