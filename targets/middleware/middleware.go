// Package middleware is what every layer of the reference target shares: the shape of a
// layer, what is known of a request while it is under way, and how a refusal looks on the
// wire. A layer keeps no memory of a request once it is answered. The package holds no
// layer with a policy of its own, no settings, and it opens no connection.
package middleware

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Middleware is one layer around a handler.
type Middleware func(http.Handler) http.Handler

// Chain puts the layers around h, the first outermost.
func Chain(h http.Handler, layers ...Middleware) http.Handler {
	for _, layer := range slices.Backward(layers) {
		h = layer(h)
	}
	return h
}

// Priority tells requests apart when not all can be served. Lower values go first.
type Priority int

// The lanes of requests.
const (
	Critical Priority = iota
	Normal
	Batch
	Priorities // how many there are
)

// String returns "critical", "normal" or "batch".
func (p Priority) String() string {
	return [...]string{"critical", "normal", "batch"}[min(max(p, Critical), Batch)]
}

// Request is what the target knows of one request while it is under way. It is made when
// the request arrives, travels in the context, and belongs to the request's goroutine.
type Request struct {
	ID       string    // X-Request-Id, the client's or a new one
	Route    string    // the pattern that matched, "GET /v1/products/{id}"; never the filled-in path
	Service  string    // the bounded context that owns the route
	Client   string    // who asks: the API key, else the remote IP address
	Priority Priority  // lane, from trusted headers only
	Arrived  time.Time // when its first byte had been read
	Deadline time.Time // when its client stops waiting; zero: never
	Attempt  int       // which try of the client this is, from X-Retry-Attempt; 0: the first

	Trace  Trace  // W3C trace context, forwarded to every hop
	Timing Timing // where the time went, for Server-Timing
}

// Trace is the W3C trace context of a request, as it is forwarded.
type Trace struct {
	Parent  string // traceparent of this hop
	State   string // tracestate
	Baggage string // baggage
}

type requestKey struct{}

// With returns a context that carries the request.
func With(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// From returns the request that the context carries. Outside of a request it returns an
// empty one that nobody else sees, so that no caller has to ask.
func From(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{Priority: Normal}
}
