// Package retry repeats calls that failed: after no wait, a fixed, an exponential or a
// random one, within a budget that keeps repeats from becoming the load that prevents
// recovery, and never past the deadline. It heeds what the refusing side says: Retry-After
// and X-No-Retry. It does not know what a failure is, nor which calls are idempotent, and
// it sets no time limit for a try.
package retry

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"plimsoll/targets/middleware"
)

// Config says how a call is repeated.
type Config struct {
	Mode     string        `yaml:"mode" default:"full_jitter" oneof:"none immediate fixed exponential full_jitter decorrelated" about:"how long the wait before a repeat is"`
	Attempts int           `yaml:"attempts" default:"3" min:"1" max:"100" about:"tries of a call, the first included"`
	Base     time.Duration `yaml:"base" default:"25ms" min:"0s" max:"1m" about:"the wait that the mode starts from"`
	Cap      time.Duration `yaml:"cap" default:"250ms" min:"0s" max:"10m" about:"no wait of exponential, full_jitter and decorrelated is longer"`
	Budget   Budget        `yaml:"budget"`
}

// Backoff returns how long to wait before the n-th repeat, counted from 1, after a last
// wait. A random number from 0 to 1 is asked for where the mode is random:
//
//	immediate     0
//	fixed         base
//	exponential   min(cap, base · 2^(n-1))
//	full_jitter   0 … min(cap, base · (2^n - 1)), as Envoy's router does it
//	decorrelated  min(cap, base … 3 · last), where last is base at first, after M. Brooker,
//	              "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
func (c Config) Backoff(n int, last time.Duration, random func() float64) time.Duration {
	capped := func(factor float64) time.Duration {
		return time.Duration(min(float64(c.Cap), float64(c.Base)*factor))
	}
	switch c.Mode {
	case "fixed":
		return c.Base
	case "exponential":
		return capped(math.Exp2(float64(n - 1)))
	case "full_jitter":
		return time.Duration(random() * float64(capped(math.Exp2(float64(n))-1)))
	case "decorrelated":
		most := 3 * max(last, c.Base)
		return min(c.Cap, c.Base+time.Duration(random()*float64(most-c.Base)))
	}
	return 0
}

// Advice is what an error may say about repeating the call that it ended.
type Advice interface {
	RetryAfter() time.Duration // not before; 0: nothing is said
	NoRetry() bool             // not at all
}

type adviser interface {
	error
	Advice
}

// Call is a call that may be repeated.
type Call struct {
	Safe bool // it may be made twice: it is idempotent, or known not to have been carried out
	Heed bool // errors that are an Advice are heeded

	// Retryable tells whether a repeat can help; nil: always.
	Retryable func(error) bool

	// Try makes the call. The context knows which attempt it is, see middleware.AttemptOf.
	Try func(context.Context) error
}

// Retrier repeats the calls to one dependency. Create it with New.
type Retrier struct {
	cfg    atomic.Pointer[Config]
	ledger ledger
	counts counts
}

type counts struct {
	requests, repeats, recovered          atomic.Uint64
	exhausted, noBudget, advised, tooLate atomic.Uint64
}

// New returns a retrier with a full budget.
func New(cfg Config) *Retrier {
	r := &Retrier{ledger: ledger{epoch: time.Now()}}
	r.Configure(cfg)
	return r
}

// Configure changes the rules for the calls that come after. The budget keeps what it has
// counted unless its span is another.
func (r *Retrier) Configure(cfg Config) {
	r.ledger.configure(cfg.Budget)
	r.cfg.Store(&cfg)
}

// Do makes the call until it succeeds or is not to be repeated, and returns how often it
// was tried and its last error. It ends early with the context.
func (r *Retrier) Do(ctx context.Context, call Call) (attempts int, err error) {
	cfg := r.cfg.Load()
	r.counts.requests.Add(1)
	r.ledger.deposit()
	var last time.Duration
	for try := ctx; ; try = middleware.WithAttempt(ctx, attempts) {
		err = call.Try(try)
		attempts++
		if err == nil && attempts > 1 {
			r.counts.recovered.Add(1)
		}
		if err == nil || !r.again(ctx, cfg, &call, attempts, err) {
			return attempts, err
		}
		last = cfg.Backoff(attempts, last, rand.Float64)
		if !r.wait(ctx, last+after(&call, err)) {
			return attempts, err
		}
		r.counts.repeats.Add(1)
	}
}

// again tells whether there is to be another try after so many.
func (r *Retrier) again(ctx context.Context, cfg *Config, call *Call, attempts int, err error) bool {
	if cfg.Mode == "none" || !call.Safe || ctx.Err() != nil || call.Retryable != nil && !call.Retryable(err) {
		return false
	}
	if attempts >= cfg.Attempts {
		if attempts > 1 {
			r.counts.exhausted.Add(1)
		}
		return false
	}
	if advice, ok := errors.AsType[adviser](err); ok && call.Heed && advice.NoRetry() {
		r.counts.advised.Add(1)
		return false
	}
	return true
}

// after returns how long the error asks to wait.
func after(call *Call, err error) time.Duration {
	if advice, ok := errors.AsType[adviser](err); ok && call.Heed {
		return max(0, advice.RetryAfter())
	}
	return 0
}

// wait waits before a repeat that the budget and the deadline leave room for.
func (r *Retrier) wait(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		r.counts.tooLate.Add(1)
		return false
	}
	if !r.ledger.withdraw() {
		r.counts.noBudget.Add(1)
		return false
	}
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Stats is what a retrier has done.
type Stats struct {
	Requests   uint64  `json:"requests_total"`
	Repeats    uint64  `json:"repeats_total"`
	Recovered  uint64  `json:"recovered_total"` // calls that succeeded after a repeat
	Exhausted  uint64  `json:"exhausted_total"` // calls that used all their attempts
	NoBudget   uint64  `json:"no_budget_total"` // repeats that the budget did not allow
	Advised    uint64  `json:"advised_total"`   // repeats that the refusing side forbade
	TooLate    uint64  `json:"too_late_total"`  // repeats that the deadline left no time for
	BudgetUsed float64 `json:"budget_used"`     // 0 … 1
}

// Stats returns the counters and the use of the budget.
func (r *Retrier) Stats() Stats {
	c := &r.counts
	return Stats{
		Requests: c.requests.Load(), Repeats: c.repeats.Load(), Recovered: c.recovered.Load(),
		Exhausted: c.exhausted.Load(), NoBudget: c.noBudget.Load(), Advised: c.advised.Load(),
		TooLate: c.tooLate.Load(), BudgetUsed: r.ledger.used(),
	}
}
