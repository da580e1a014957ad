package middleware

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// Caps on what is taken over from a request's header fields.
const (
	maxID      = 128            // characters of a request id and of an API key
	maxTimeout = 24 * time.Hour // of X-Timeout-Ms
	maxAttempt = 1000           // of X-Retry-Attempt
)

// Begin makes the Request of an incoming request from its header fields: X-Request-Id,
// traceparent, tracestate, baggage, X-Timeout-Ms, X-Retry-Attempt, X-Api-Key or else the
// remote address, and, where the edge is trusted to have set them, X-Priority or else
// Priority (RFC 9218). A field that is invalid counts as missing.
func Begin(r *http.Request, route, service string, trustPriority bool) *Request {
	q := &Request{}
	q.begin(r, route, service, trustPriority)
	return q
}

func (q *Request) begin(r *http.Request, route, service string, trustPriority bool) {
	*q = Request{
		ID: first(r.Header, "X-Request-Id"), Route: route, Service: service, Client: client(r),
		Priority: Normal, Arrived: time.Now(), Attempt: attempt(first(r.Header, "X-Retry-Attempt")),
		Trace: ParseTrace(r.Header["Traceparent"], r.Header["Tracestate"]),
	}
	if !isID128(q.ID) {
		q.ID = newID()
	}
	if lines := r.Header["Baggage"]; len(lines) > 0 {
		q.Trace.Baggage = strings.Join(lines, ",")
	}
	if timeout := first(r.Header, "X-Timeout-Ms"); timeout != "" { // an error costs more than to ask
		if ms, err := strconv.ParseInt(timeout, 10, 64); err == nil && ms > 0 {
			q.Deadline = q.Arrived.Add(min(time.Duration(min(ms, maxTimeout.Milliseconds()))*time.Millisecond, maxTimeout))
		}
	}
	if trustPriority {
		q.Priority = priority(r.Header)
	}
}

// first returns a header field whose name is in canonical form.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// client returns who asks.
func client(r *http.Request) string {
	if key := first(r.Header, "X-Api-Key"); isID128(key) {
		return key
	}
	colon := strings.LastIndexByte(r.RemoteAddr, ':')
	if colon < 0 {
		return r.RemoteAddr
	}
	return strings.Trim(r.RemoteAddr[:colon], "[]")
}

// isID128 tells whether it is 1 to 128 printable ASCII characters without blanks, quotes
// and backslashes, so that it can stand in any log, header and URN.
func isID128(s string) bool {
	return s != "" && len(s) <= maxID && baggageOctets(s)
}

// attempt reads a small whole number. What is none is 0.
func attempt(s string) int {
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, maxAttempt)
}

// priority reads the lane from X-Priority, or else from the urgency of RFC 9218: 0 to 2 is
// critical, 3, which is the default, and 4 normal, 5 to 7 batch.
func priority(h http.Header) Priority {
	switch first(h, "X-Priority") {
	case "critical":
		return Critical
	case "normal":
		return Normal
	case "batch":
		return Batch
	}
	lines := h["Priority"]
	if len(lines) == 0 {
		return Normal
	}
	members, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil {
		return Normal
	}
	member, _ := members.Get("u")
	item, _ := member.(httpsfv.Item)
	urgency, ok := item.Value.(int64)
	switch {
	case !ok || urgency < 0 || urgency > 7:
		return Normal
	case urgency <= 2:
		return Critical
	case urgency <= 4:
		return Normal
	}
	return Batch
}

// Fork returns a context with a copy of the request, for another goroutine: a request
// belongs to one. What the copy's Timing collects is the caller's to add up.
func Fork(ctx context.Context) (context.Context, *Request) {
	fork := *From(ctx)
	fork.Timing = Timing{}
	return With(ctx, &fork), &fork
}

type attemptKey struct{}

// WithAttempt says which try of a call the context belongs to: 0 is the first.
func WithAttempt(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, attemptKey{}, n)
}

// AttemptOf returns which try of how many layers of callers this is: the client's own
// repeats and those made here.
func AttemptOf(ctx context.Context) int {
	n, _ := ctx.Value(attemptKey{}).(int)
	return n + From(ctx).Attempt
}
