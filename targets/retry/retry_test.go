package retry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
)

func defaults() Config {
	var doc struct {
		Retry Config `yaml:"retry"`
	}
	knob.Defaults(&doc)
	return doc.Retry
}

func TestTheDefaultsAreThoseThatAreDocumented(t *testing.T) {
	want := Config{
		Mode: "full_jitter", Attempts: 3, Base: 25 * time.Millisecond, Cap: 250 * time.Millisecond,
		Budget: Budget{Ratio: .2, Min: 10, Span: 10 * time.Second},
	}
	if got := defaults(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestBackoffHasItsRange(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		mode        string
		n           int
		last        time.Duration
		least, most time.Duration
	}{
		{"none", 1, 0, 0, 0},
		{"immediate", 3, 0, 0, 0},
		{"fixed", 1, 0, 25 * ms, 25 * ms},
		{"fixed", 5, 25 * ms, 25 * ms, 25 * ms},
		{"exponential", 1, 0, 25 * ms, 25 * ms},
		{"exponential", 2, 25 * ms, 50 * ms, 50 * ms},
		{"exponential", 3, 50 * ms, 100 * ms, 100 * ms},
		{"exponential", 4, 100 * ms, 200 * ms, 200 * ms},
		{"exponential", 5, 200 * ms, 250 * ms, 250 * ms},
		{"exponential", 5000, 250 * ms, 250 * ms, 250 * ms},
		{"full_jitter", 1, 0, 0, 25 * ms}, // (2^1 - 1) · 25 ms
		{"full_jitter", 2, 0, 0, 75 * ms},
		{"full_jitter", 3, 0, 0, 175 * ms},
		{"full_jitter", 4, 0, 0, 250 * ms},
		{"full_jitter", 5000, 0, 0, 250 * ms},
		{"decorrelated", 1, 0, 25 * ms, 75 * ms}, // 25 … 3 · 25 ms
		{"decorrelated", 2, 40 * ms, 25 * ms, 120 * ms},
		{"decorrelated", 2, 200 * ms, 25 * ms, 250 * ms},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.mode, test.n), func(t *testing.T) {
			c := defaults()
			c.Mode = test.mode
			for at, want := range map[float64]time.Duration{0: test.least, 1: test.most} {
				if got := c.Backoff(test.n, test.last, func() float64 { return at }); got != want {
					t.Errorf("at %v of its range %v, want %v", at, got, want)
				}
			}
		})
	}
}

// told is an error that says something about repeats.
type told struct {
	after time.Duration
	never bool
}

func (told) Error() string               { return "refused" }
func (e told) RetryAfter() time.Duration { return e.after }
func (e told) NoRetry() bool             { return e.never }

func TestACallIsRepeatedOnlyWhenItMayBe(t *testing.T) {
	failure := errors.New("failed")
	tests := map[string]struct {
		change   func(*Config, *Call)
		err      error
		deadline time.Duration // 0: none
		attempts int
		took     time.Duration
	}{
		"until its attempts are used":        {nil, failure, 0, 3, 20 * time.Millisecond},
		"not without a mode":                 {func(c *Config, _ *Call) { c.Mode = "none" }, failure, 0, 1, 0},
		"not when it is not safe":            {func(_ *Config, c *Call) { c.Safe = false }, failure, 0, 1, 0},
		"not when a repeat cannot help":      {func(_ *Config, c *Call) { c.Retryable = func(error) bool { return false } }, failure, 0, 1, 0},
		"not when the refusing side forbids": {nil, fmt.Errorf("call: %w", told{never: true}), 0, 1, 0},
		"but if nobody listens":              {func(_ *Config, c *Call) { c.Heed = false }, told{never: true}, 0, 3, 20 * time.Millisecond},
		"not before it is told to":           {nil, fmt.Errorf("call: %w", told{after: time.Second}), 0, 3, 2020 * time.Millisecond},
		"not past its deadline":              {nil, failure, 15 * time.Millisecond, 2, 10 * time.Millisecond},
		"not when told to come too late":     {nil, told{after: time.Second}, 500 * time.Millisecond, 1, 0},
		"not past its budget":                {func(c *Config, _ *Call) { c.Budget.Min, c.Budget.Ratio = 0, 1 }, failure, 0, 2, 10 * time.Millisecond},
		"as often as it likes without one":   {func(c *Config, _ *Call) { c.Budget.Min, c.Budget.Ratio = 0, 0 }, failure, 0, 3, 20 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := defaults()
				cfg.Mode, cfg.Base = "fixed", 10*time.Millisecond
				var seen []int
				call := Call{Safe: true, Heed: true, Try: func(ctx context.Context) error {
					seen = append(seen, middleware.AttemptOf(ctx))
					return test.err
				}}
				if test.change != nil {
					test.change(&cfg, &call)
				}
				ctx := t.Context()
				if test.deadline > 0 {
					limited, cancel := context.WithTimeout(ctx, test.deadline)
					defer cancel()
					ctx = limited
				}
				began := time.Now()
				attempts, err := New(cfg).Do(ctx, call)
				if took := time.Since(began); attempts != test.attempts || !errors.Is(err, test.err) || took != test.took {
					t.Errorf("%d attempts in %v: %v; want %d in %v", attempts, took, err, test.attempts, test.took)
				}
				for i, n := range seen {
					if n != i {
						t.Errorf("the contexts say attempts %v", seen)
					}
				}
			})
		})
	}
}

func TestACallThatSucceedsIsNotRepeated(t *testing.T) {
	r := New(Config{Mode: "immediate", Attempts: 5})
	n := 0
	attempts, err := r.Do(t.Context(), Call{Safe: true, Try: func(context.Context) error {
		if n++; n < 3 {
			return errors.New("not yet")
		}
		return nil
	}})
	s := r.Stats()
	if attempts != 3 || err != nil || s.Recovered != 1 || s.Repeats != 2 || s.Exhausted != 0 {
		t.Errorf("%d attempts: %v, %+v", attempts, err, s)
	}
}

func TestAWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		failure := errors.New("failed")
		attempts, err := New(Config{Mode: "fixed", Base: time.Minute, Attempts: 3}).Do(ctx, Call{
			Safe: true, Try: func(context.Context) error { return failure },
		})
		if attempts != 1 || !errors.Is(err, failure) {
			t.Errorf("%d attempts: %v", attempts, err)
		}
	})
}

func TestWithinASpanThereAreNeverMoreRepeatsThanTheBudgetAllows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Budget{
			Ratio: rapid.SampledFrom([]float64{.1, .2, 1}).Draw(rt, "ratio"),
			Min:   knob.Rate(rapid.SampledFrom([]int{0, 1, 5}).Draw(rt, "min")), Span: time.Second,
		}
		steps := rapid.SliceOfN(rapid.IntRange(0, 400), 100, 300).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			l := ledger{epoch: time.Now()}
			l.configure(cfg)
			type event struct {
				part   int64
				repeat bool
			}
			var all []event
			for _, step := range steps {
				switch {
				case step < 100:
					time.Sleep(time.Duration(step) * time.Millisecond)
				default:
					part := int64(time.Since(l.epoch)) / (int64(time.Second) / slices)
					requests, repeats := 0.0, 0.0
					for _, e := range all {
						switch {
						case part-e.part >= slices:
						case e.repeat:
							repeats++
						default:
							requests++
						}
					}
					repeat := step < 250
					if !repeat {
						l.deposit()
					} else if want := repeats+1 <= cfg.Ratio*requests+float64(cfg.Min); l.withdraw() != want {
						t.Fatalf("%v repeats of %v requests in the span; another: %v", repeats, requests, !want)
					} else if !want {
						continue
					}
					all = append(all, event{part, repeat})
				}
			}
		})
	})
}

func BenchmarkDo(b *testing.B) {
	r := New(defaults())
	try := func(context.Context) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Do(b.Context(), Call{Safe: true, Try: try}); err != nil {
			b.Fatal(err)
		}
	}
}
