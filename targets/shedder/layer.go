package shedder

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"plimsoll/targets/middleware"
)

// StatusClientClosedRequest stands in logs for an answer that nobody waited for, as nginx
// has it.
const StatusClientClosedRequest = 499

// Layer returns the layer that lets requests in. A request that is shed is answered with a
// problem (RFC 9457) and a Retry-After (RFC 9110, section 10.2.3). The time in the queue
// goes to Server-Timing as q.
func (s *Shedder) Layer() middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cfg := s.shared.Load()
			if !cfg.Enabled || s.Exempt != nil && s.Exempt(r) {
				next.ServeHTTP(w, r)
				return
			}
			request := middleware.From(r.Context())
			c := &call{ResponseWriter: w, propagate: cfg.Propagate}
			err := s.enter(r.Context(), &c.permit, request.Priority, cfg.deadline(request))
			request.Timing.Add("q", c.permit.wait)
			if err != nil {
				cfg.refuse(w, r, err)
				return
			}
			outcome := Ignored // if the handler panics
			defer func() { c.permit.Release(outcome) }()
			next.ServeHTTP(c, r)
			outcome = c.outcome(r.Context())
		})
	}
}

// deadline returns when the client stops waiting; zero: never.
func (c *Config) deadline(r *middleware.Request) time.Time {
	if !r.Deadline.IsZero() || c.Deadline.Timeout == 0 {
		return r.Deadline
	}
	if r.Arrived.IsZero() {
		return time.Now().Add(c.Deadline.Timeout)
	}
	return r.Arrived.Add(c.Deadline.Timeout)
}

// refuse answers a request that got no place.
func (c *Config) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var reason Reason
	if !errors.As(err, &reason) {
		w.WriteHeader(StatusClientClosedRequest)
		return
	}
	p := middleware.Problem{
		Type: middleware.ReducedCapacity, Status: c.Status, Title: "Temporary Reduced Capacity",
		Detail: reason.detail(), NoRetry: c.Propagate, More: map[string]any{"reason": reason},
	}
	if c.Status == http.StatusTooManyRequests {
		p.Type, p.Title = middleware.QuotaExceeded, "Quota Exceeded"
	}
	if c.RetryAfter.Base > 0 {
		p.RetryAfter = c.RetryAfter.Base + rand.N(c.RetryAfter.Jitter+1)
	}
	p.Write(w, r)
}

// detail says to a client what happened.
func (r Reason) detail() string {
	switch r {
	case QueueFull:
		return "all places are taken and the queue is full"
	case PushedOut:
		return "the place in the queue went to a request of higher priority"
	case DelayTooLong:
		return "the wait in the queue was too long"
	case DeadlinePast:
		return "the deadline passed before the request could be served"
	default:
		return "too little time is left until the deadline"
	}
}

// call is a request that is served: its place, and its writer, which sees the status.
type call struct {
	http.ResponseWriter
	permit    Permit
	propagate bool
	status    int // 0: none yet
}

// WriteHeader notes the status, and marks a refusal from below if told to.
func (c *call) WriteHeader(status int) {
	if c.status == 0 && status >= http.StatusOK {
		c.status = status
		if c.propagate && refused(status) {
			c.Header().Set("X-No-Retry", "1")
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

// refused tells whether a status says that the request was not worked on for now.
func refused(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// Flush keeps streams flowing whose handler looks for an http.Flusher.
func (c *call) Flush() {
	http.NewResponseController(c.ResponseWriter).Flush() //nolint:errcheck // a writer that cannot flush has nothing to say
}

// ReadFrom leaves copying to the writer, which may leave it to the kernel.
func (c *call) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.ResponseWriter, r) }

// Unwrap is for http.ResponseController.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// outcome returns what the limit is to learn from the answer. A refusal from below is
// overload if it is to be propagated; else it says nothing, being quicker than service.
func (c *call) outcome(ctx context.Context) Outcome {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), c.status == http.StatusGatewayTimeout:
		return Dropped
	case ctx.Err() != nil:
		return Ignored
	case refused(c.status) && c.propagate:
		return Dropped
	case refused(c.status):
		return Ignored
	}
	return Success
}
