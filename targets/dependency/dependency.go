// Package dependency is one dependency as services call it: a time limit, a bulkhead, a
// circuit breaker, repeats, a budget and a fallback around each call, in an order that is
// data, so that a wrong order can be tried. It tells what a failed call means to the
// request that needed it. It opens no connections, and what is called has to end when its
// context does.
package dependency

import (
	"context"
	"sync/atomic"
	"time"

	"plimsoll/targets/breaker"
	"plimsoll/targets/bulkhead"
	"plimsoll/targets/middleware"
	"plimsoll/targets/retry"
)

// Dependency is one dependency. Create it with New; the fields are set before the first
// call.
type Dependency struct {
	// Before is run before each try, inside of all layers; its error stands for the try's.
	// It is where faults are put in.
	Before func(ctx context.Context, op string) error

	// Judge tells what an error means for the breaker and for repeats; nil: the function
	// Judge. It is not asked about refusals and calls that were given up.
	Judge func(error) breaker.Result

	// OnChange is told when the breaker changes.
	OnChange func(from, to breaker.State)

	name    string
	wait    string // the name of the time spent waiting for a place, in Server-Timing
	rules   atomic.Pointer[Config]
	breaker *breaker.Breaker
	own     *bulkhead.Bulkhead
	shared  atomic.Pointer[bulkhead.Bulkhead]
	retrier *retry.Retrier
	quota   quota
	counts  counts
}

type counts struct {
	calls, failed, refused, timeouts, canceled, degraded atomic.Uint64
	took                                                 atomic.Int64 // ns
}

// New returns a dependency. Its name is an HTTP token and stands in Server-Timing.
func New(name string, cfg Config) *Dependency {
	d := &Dependency{
		name: name, wait: name + "-wait",
		breaker: breaker.New(cfg.Breaker), own: bulkhead.New(cfg.Bulkhead), retrier: retry.New(cfg.Retry),
		quota: quota{epoch: time.Now()},
	}
	d.breaker.OnChange = func(from, to breaker.State) {
		if d.OnChange != nil {
			d.OnChange(from, to)
		}
	}
	d.Configure(cfg)
	return d
}

// Configure changes the rules for the calls that come after. What the breaker, the
// bulkhead and the budgets have counted is kept.
func (d *Dependency) Configure(cfg Config) {
	if len(cfg.Order) == 0 {
		cfg.Order = layers()
	}
	d.breaker.Configure(cfg.Breaker)
	d.own.Configure(cfg.Bulkhead)
	d.retrier.Configure(cfg.Retry)
	d.quota.configure(cfg.Budget)
	d.rules.Store(&cfg)
}

// Share makes the calls that come after use a bulkhead that other dependencies use too,
// or, with nil, the dependency's own again.
func (d *Dependency) Share(b *bulkhead.Bulkhead) { d.shared.Store(b) }

// Name returns the dependency's name.
func (d *Dependency) Name() string { return d.name }

// Fallback returns what a fallback is to answer with: "stale" or "default"; "off": it is
// not asked.
func (d *Dependency) Fallback() string { return d.rules.Load().Fallback }

func (d *Dependency) bulkhead() *bulkhead.Bulkhead {
	if b := d.shared.Load(); b != nil {
		return b
	}
	return d.own
}

// Outcome is how a call went.
type Outcome struct {
	Attempts int           // tries that were made; 0: it was refused
	Degraded string        // "stale" or "default" when the fallback stood in, otherwise ""
	Cause    error         // why it did, an *Error
	Took     time.Duration // from beginning to end, waits included
}

// Call makes a call through the dependency's layers. Only one that is idempotent is
// repeated. The fallback, which may be nil, is asked for a value when the call fails; if
// it has none either, the call's error is returned. A failure and a refusal are an
// *Error; what does not count as a failure is returned as do returned it.
//
// The time is added to the Server-Timing of the context's request. A goroutine that is
// not the request's own needs a context from middleware.Fork.
func Call[T any](ctx context.Context, d *Dependency, op string, idempotent bool,
	do func(context.Context) (T, error), fallback func(error) (T, error),
) (T, Outcome, error) {
	var value T
	c := call{d: d, rules: d.rules.Load(), op: op, safe: idempotent}
	c.do = func(ctx context.Context) error {
		v, err := do(ctx)
		if err == nil {
			value = v
		}
		return err
	}
	if fallback != nil {
		c.rescue = func(cause error) error {
			v, err := fallback(cause)
			if err == nil {
				value = v
			}
			return err
		}
	}
	began := time.Now()
	err := c.step(ctx, 0)
	outcome := Outcome{Attempts: c.attempts, Degraded: c.degraded, Cause: c.cause, Took: time.Since(began)}
	middleware.From(ctx).Timing.Add(d.name, outcome.Took)
	if err != nil && c.judge(ctx, err) != breaker.Success {
		failure := c.wrap(ctx, err)
		c.count(failure.Reason)
		err = failure
	}
	d.counts.calls.Add(1)
	d.counts.took.Add(int64(outcome.Took))
	return value, outcome, err
}

// Stats is what the calls to a dependency have come to.
type Stats struct {
	Calls      uint64         `json:"calls_total"`
	Failed     uint64         `json:"failed_total"`   // answered with an error, or not at all
	Refused    uint64         `json:"refused_total"`  // by breaker, bulkhead or budget
	Timeouts   uint64         `json:"timeouts_total"` // not answered in time
	Canceled   uint64         `json:"canceled_total"` // given up by the caller
	Degraded   uint64         `json:"degraded_total"` // the fallback stood in
	Took       float64        `json:"seconds_total"`  // from beginning to end, waits included
	InFlight   int            `json:"in_flight"`
	BudgetUsed float64        `json:"budget_used"` // the larger share of rps and concurrency, 0 … 1
	Breaker    breaker.Stats  `json:"breaker"`
	Bulkhead   bulkhead.Stats `json:"bulkhead"`
	Retry      retry.Stats    `json:"retry"`
}

// Stats returns the counters of the dependency and of its parts.
func (d *Dependency) Stats() Stats {
	used, inFlight := d.quota.used()
	c := &d.counts
	return Stats{
		Calls: c.calls.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(), Timeouts: c.timeouts.Load(),
		Canceled: c.canceled.Load(), Degraded: c.degraded.Load(), Took: time.Duration(c.took.Load()).Seconds(),
		InFlight: inFlight, BudgetUsed: used,
		Breaker: d.breaker.Stats(), Bulkhead: d.bulkhead().Stats(), Retry: d.retrier.Stats(),
	}
}
