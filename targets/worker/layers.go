package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"plimsoll/targets/executor"
	"plimsoll/targets/middleware"
	"plimsoll/targets/topology"
)

// endpoint is one route with what its layers need to know of it.
type endpoint struct {
	pattern string
	service string // the context that owns it; "x": the primitives
	version string
	shared  bool // answers alike for all, which a cache may keep
	timeout time.Duration
	cache   cachePolicy
	load    workload
	run     *executor.Executor
	handler http.Handler
}

// writes tells whether the route changes something.
func (e *endpoint) writes() bool {
	return strings.HasPrefix(e.pattern, "POST ") || strings.HasPrefix(e.pattern, "PATCH ")
}

// layers returns the chain of a route as the topology orders it.
func (w *Worker) layers(cfg *topology.Config, e *endpoint) []middleware.Middleware {
	var all []middleware.Middleware
	for _, name := range cfg.Chain {
		if layer := w.layer(name, cfg, e); layer != nil {
			all = append(all, layer)
		}
	}
	return all
}

// layer returns the layer of that name around a route, nil if it has none to do there.
func (w *Worker) layer(name string, cfg *topology.Config, e *endpoint) middleware.Middleware {
	switch {
	case name == "identify":
		return middleware.Identify(e.pattern, e.service, cfg.Listen.TrustPriority)
	case name == "recover":
		return w.recovering
	case name == "deadline":
		return deadline(e.timeout)
	case name == "limit" && cfg.Limit.Enabled:
		return w.parts.limiter.Layer()
	case name == "shed" && cfg.Shed.Enabled:
		return w.parts.shedders[isolated(cfg, e.service)].Layer()
	case name == "idempotency" && cfg.Idempotency.Enabled && e.writes():
		return w.parts.idempotency.Layer()
	case name == "cache" && len(cfg.Cache.Tiers) > 0 && e.shared && e.cache.TTL > 0:
		return w.parts.cache.Layer(e.cache)
	case name == "loop":
		return e.run.Layer()
	case name == "lock" && cfg.State.GlobalLock:
		return w.locked
	}
	return nil
}

// recovering answers a handler's panic with 500. Without it a panic ends the process, as
// an uncaught exception ends Node.
func (w *Worker) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // meant for the server
			default:
				w.events.Publish("handler.panic", map[string]any{"panic": fmt.Sprint(p), "route": middleware.From(r.Context()).Route})
				middleware.Problem{Status: http.StatusInternalServerError, Detail: "the handler panicked"}.Write(a, r)
			}
		}()
		next.ServeHTTP(a, r)
	})
}

// uncaught ends the process for a panic that no layer recovered.
func (w *Worker) uncaught(next http.Handler) http.Handler {
	return http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				fmt.Fprintf(w.host.Stderr, "%s: panic: %v\n%s", w.instance(), p, debug.Stack())
				w.host.Crash()
			}
			panic(p)
		}()
		next.ServeHTTP(a, r)
	})
}

// deadline ends a request's context when its client stops waiting, or after the route's
// own time if that is sooner; 0: the route has none.
func deadline(timeout time.Duration) middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := middleware.From(r.Context())
			if timeout > 0 {
				own := q.Arrived.Add(timeout)
				if q.Deadline.IsZero() || own.Before(q.Deadline) {
					q.Deadline = own
				}
			}
			if q.Deadline.IsZero() {
				next.ServeHTTP(w, r)
				return
			}
			ctx, cancel := context.WithDeadline(r.Context(), q.Deadline)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// locked lets one request at a time through, of all workers.
func (w *Worker) locked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		err := executor.Await(r.Context(), w.parts.lock.Lock)
		middleware.From(r.Context()).Timing.Add("lock", time.Since(begin))
		if err != nil {
			middleware.Problem{Status: http.StatusServiceUnavailable, Detail: "the global lock was not to be had in time"}.Write(a, r)
			return
		}
		defer w.parts.lock.Unlock()
		next.ServeHTTP(a, r)
	})
}

// working does the context's work before the handler.
func working(load workload) middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := load.do(r.Context()); err != nil {
				refusal(err).Write(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
