package dependency

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plimsoll/targets/breaker"
	"plimsoll/targets/bulkhead"
	"plimsoll/targets/middleware"
	"plimsoll/targets/retry"
)

// Reason is why a call came to nothing.
type Reason string

// The reasons of an Error. The first three are refusals: the dependency was not called.
const (
	Open     Reason = "open"     // the breaker refused it
	Full     Reason = "full"     // there was no place in the bulkhead
	Spent    Reason = "spent"    // the budget is used up
	Timeout  Reason = "timeout"  // the dependency did not answer in time
	Canceled Reason = "canceled" // the caller gave up
	Failed   Reason = "failed"   // the dependency answered with an error, or not at all
)

// Error is a call that came to nothing and that no fallback stood in for. It is a
// retry.Advice to the layers above.
type Error struct {
	Dependency string
	Op         string
	Reason     Reason

	err    error
	after  time.Duration
	forbid bool
}

// Error names the dependency and the operation.
func (e *Error) Error() string {
	return e.Dependency + " " + e.Op + ": " + e.err.Error()
}

// Unwrap returns what the call ended with.
func (e *Error) Unwrap() error { return e.err }

// RetryAfter is when a call may succeed again; 0: not known.
func (e *Error) RetryAfter() time.Duration { return e.after }

// NoRetry tells that callers should not repeat their call: it has been repeated here, or
// the dependency has asked for no more.
func (e *Error) NoRetry() bool { return e.forbid }

// Problem is the answer to the request that needed the call: 504 when the dependency did
// not answer in time, 502 when it failed, otherwise 503.
func (e *Error) Problem() middleware.Problem {
	p := middleware.Problem{
		Status: http.StatusServiceUnavailable, RetryAfter: e.after, NoRetry: e.forbid,
		Detail: e.Dependency + " " + e.Op + ": " + string(e.Reason),
		More:   map[string]any{"dependency": e.Dependency, "reason": string(e.Reason)},
	}
	switch e.Reason {
	case Timeout:
		p.Status = http.StatusGatewayTimeout
	case Failed:
		if !busy(e.err) {
			p.Status = http.StatusBadGateway
		}
	}
	if p.Status == http.StatusServiceUnavailable {
		p.Type = middleware.ReducedCapacity
	}
	return p
}

// status is an error that is an HTTP answer.
type status interface {
	error
	HTTPStatus() int
}

// busy tells whether the dependency answered that it has too much to do.
func busy(err error) bool {
	if further, ok := errors.AsType[*Error](err); ok {
		return further.Problem().Status == http.StatusServiceUnavailable
	}
	s, ok := errors.AsType[status](err)
	return ok && (s.HTTPStatus() == http.StatusTooManyRequests || s.HTTPStatus() == http.StatusServiceUnavailable)
}

// reason classifies what a call ended with. A refusal by a dependency further on is a
// failure of this one.
func reason(err error) Reason {
	if further, ok := errors.AsType[*Error](err); ok {
		if further.Reason == Timeout || further.Reason == Canceled {
			return further.Reason
		}
		return Failed
	}
	switch {
	case errors.Is(err, breaker.ErrOpen):
		return Open
	case errors.Is(err, bulkhead.ErrFull), errors.Is(err, bulkhead.ErrTimeout):
		return Full
	case errors.Is(err, ErrBudget):
		return Spent
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	}
	return Failed
}

// Judge is what counts as a failure unless a dependency has its own judgement: every
// error but an HTTP answer below 500 that is not 429. A caller that gave up says nothing.
func Judge(err error) breaker.Result {
	switch {
	case err == nil:
		return breaker.Success
	case errors.Is(err, context.Canceled):
		return breaker.Ignored
	}
	if s, ok := errors.AsType[status](err); ok && s.HTTPStatus() < 500 && s.HTTPStatus() != http.StatusTooManyRequests {
		return breaker.Success
	}
	return breaker.Failure
}

type adviser interface {
	error
	retry.Advice
}

// wrap makes the Error of a call.
func (c *call) wrap(ctx context.Context, err error) *Error {
	e := &Error{Dependency: c.d.name, Op: c.op, Reason: reason(err), err: err, after: c.after}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Reason = Canceled
	}
	if refusal, ok := errors.AsType[breaker.OpenError](err); ok {
		e.after = refusal.Wait
	}
	if !c.rules.Propagate {
		return e
	}
	e.forbid = c.attempts > 1 || e.Reason == Open
	if advice, ok := errors.AsType[adviser](err); ok {
		e.after = max(e.after, advice.RetryAfter())
		e.forbid = e.forbid || advice.NoRetry()
	}
	return e
}
