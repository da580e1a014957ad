package dependency

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plimsoll/targets/breaker"
	"plimsoll/targets/middleware"
	"plimsoll/targets/retry"
)

// call is one call on its way through the layers.
type call struct {
	d      *Dependency
	rules  *Config
	op     string
	safe   bool // idempotent
	do     func(context.Context) error
	rescue func(error) error // the fallback, if there is one

	attempts int
	degraded string
	cause    error
	after    time.Duration // until the budget allows a call
}

// step goes through the layers from the i-th on.
func (c *call) step(ctx context.Context, i int) error {
	if i == len(c.rules.Order) {
		return c.try(ctx)
	}
	switch c.rules.Order[i] {
	case "fallback":
		return c.fallback(ctx, i+1)
	case "budget":
		return c.budget(ctx, i+1)
	case "retry":
		return c.retry(ctx, i+1)
	case "breaker":
		return c.breaker(ctx, i+1)
	case "bulkhead":
		return c.bulkhead(ctx, i+1)
	default:
		return c.timeout(ctx, i+1)
	}
}

func (c *call) try(ctx context.Context) error {
	c.attempts++
	if c.d.Before != nil {
		if err := c.d.Before(ctx, c.op); err != nil {
			return err
		}
	}
	return c.do(ctx)
}

func (c *call) fallback(ctx context.Context, i int) error {
	err := c.step(ctx, i)
	if err == nil || c.rescue == nil || c.rules.Fallback == "off" ||
		c.judge(ctx, err) == breaker.Success || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	cause := c.wrap(ctx, err)
	if c.rescue(cause) != nil {
		return err
	}
	c.count(cause.Reason)
	c.d.counts.degraded.Add(1)
	c.degraded, c.cause = c.rules.Fallback, cause
	return nil
}

func (c *call) budget(ctx context.Context, i int) error {
	wait, err := c.d.quota.take()
	if err != nil {
		c.after = wait
		return err
	}
	defer c.d.quota.give()
	return c.step(ctx, i)
}

func (c *call) retry(ctx context.Context, i int) error {
	_, err := c.d.retrier.Do(ctx, retry.Call{
		Safe: c.safe, Heed: c.rules.Propagate,
		Retryable: func(err error) bool { return c.judge(ctx, err) == breaker.Failure },
		Try:       func(ctx context.Context) error { return c.step(ctx, i) },
	})
	return err
}

func (c *call) breaker(ctx context.Context, i int) error {
	admitted, err := c.d.breaker.Allow()
	if err != nil {
		return err
	}
	result := breaker.Failure // of a call that panics
	defer func() { admitted.Done(result) }()
	err = c.step(ctx, i)
	result = c.judge(ctx, err)
	return err
}

func (c *call) bulkhead(ctx context.Context, i int) error {
	places := c.d.bulkhead()
	waited, err := places.Acquire(ctx)
	if waited > 0 {
		middleware.From(ctx).Timing.Add(c.d.wait, waited)
	}
	if err != nil {
		return err
	}
	defer places.Release()
	return c.step(ctx, i)
}

func (c *call) timeout(ctx context.Context, i int) error {
	if c.rules.Timeout <= 0 {
		return c.step(ctx, i)
	}
	limited, cancel := context.WithTimeout(ctx, c.rules.Timeout)
	defer cancel()
	err := c.step(limited, i)
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && reason(err) == Failed {
		// Not every client says so when it gives up because the time is over.
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// judge tells what an error says about the dependency: of a refusal, and of a call whose
// caller gave up, it says nothing.
func (c *call) judge(ctx context.Context, err error) breaker.Result {
	if err == nil {
		return breaker.Success
	}
	switch reason(err) {
	case Open, Full, Spent, Canceled:
		return breaker.Ignored
	case Timeout:
		return breaker.Failure
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return breaker.Ignored
	case c.d.Judge != nil:
		return c.d.Judge(err)
	}
	return Judge(err)
}

// count counts a call that came to nothing.
func (c *call) count(why Reason) {
	counts := &c.d.counts
	switch why {
	case Open, Full, Spent:
		counts.refused.Add(1)
	case Timeout:
		counts.timeouts.Add(1)
	case Canceled:
		counts.canceled.Add(1)
	case Failed:
		counts.failed.Add(1)
	}
}
