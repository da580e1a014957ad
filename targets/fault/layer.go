package fault

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"plimsoll/targets/middleware"
)

// Layer returns the layer that injects faults into the requests of one route: those on the
// service, the route, this worker and everything. It belongs around the handler, inside of
// what limits, sheds and times it.
func (r *Registry) Layer(service, route string) middleware.Middleware {
	service, route = "svc:"+service, "route:"+route
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			faults := r.active.Load()
			if faults == nil {
				next.ServeHTTP(w, req)
				return
			}
			i := injection{w: w, req: req, await: r.options.Await}
			for _, l := range faults.traffic {
				if !r.meets(l, service, route) || !l.matches(req) {
					continue
				}
				if n, struck := l.strikes(); struck && i.inject(req.Context(), l, n) {
					return
				}
			}
			next.ServeHTTP(i.w, req)
			i.finish()
		})
	}
}

// meets tells whether a fault is one on requests of the route.
func (r *Registry) meets(l *live, service, route string) bool {
	switch l.Target {
	case service, route, "*":
		return true
	}
	return groupOf(l.Target) == "worker" && r.mine(l.Target)
}

func (l *live) matches(req *http.Request) bool {
	m := &l.Match
	if m.Method != "" && m.Method != req.Method {
		return false
	}
	for name, value := range m.Header {
		if req.Header.Get(name) != value {
			return false
		}
	}
	return m.Client == "" || m.Client == middleware.From(req.Context()).Client
}

// strikes counts one more that matches, and tells whether the fault meets it and as the
// how many-th.
func (l *live) strikes() (n uint64, struck bool) {
	n = l.seen.Add(1) - 1
	share := 1.0
	if l.Match.Percent > 0 {
		share = l.Match.Percent / 100
	}
	if !l.kind.grows && l.Ramp > 0 {
		share *= l.Level(time.Now())
	}
	if !chosen(share, l.Seed, n) {
		return n, false
	}
	l.hits.Add(1)
	return n, true
}

// late returns how long the n-th is made to wait.
func (l *live) late(n uint64) time.Duration {
	d := l.value.draw(l.Seed, n)
	if l.Ramp > 0 {
		d = time.Duration(float64(d) * l.Level(time.Now()))
	}
	return d
}

// wait waits for a time, at most until the fault or ctx ends. Its error is that of ctx.
func (l *live) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// outlast waits until the fault or ctx ends. Its error is that of ctx.
func (l *live) outlast(ctx context.Context) error {
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// injection is what faults do to one request.
type injection struct {
	w   http.ResponseWriter
	req *http.Request
	cut *truncated // nil: the body arrives whole

	await func(context.Context, func(context.Context) error) error
}

// beside waits without holding up others that share what the handler runs on. A stall does
// not wait like that: it is the handler that stands still.
func (i *injection) beside(ctx context.Context, wait func(context.Context) error) error {
	if i.await == nil {
		return wait(ctx)
	}
	return i.await(ctx, wait)
}

// inject lets a fault act on the request before it is handled, and reports whether the
// request is done with.
func (i *injection) inject(ctx context.Context, l *live, n uint64) (done bool) {
	switch l.Kind {
	case "latency":
		i.beside(ctx, func(ctx context.Context) error { return l.wait(ctx, l.late(n)) }) //nolint:errcheck // the handler sees that ctx has ended
	case "stall":
		if l.outlast(ctx) != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
	case "blackhole":
		i.beside(ctx, l.outlast) //nolint:errcheck // either way there is no answer
		panic(http.ErrAbortHandler)
	case "abort":
		panic(http.ErrAbortHandler)
	case "panic":
		panic("injected by fault " + l.ID)
	case "reset":
		reset(i.w)
		return true
	case "error":
		middleware.Problem{
			Status: int(l.value.number), Detail: "injected by fault " + l.ID,
			More: map[string]any{"fault": l.ID},
		}.Write(i.w, i.req)
		return true
	case "slow_body":
		i.unkept()
		i.w = &slowed{writer: writer{i.w}, fault: l, ctx: ctx}
	case "corrupt":
		i.unkept()
		i.w = &corrupted{writer: writer{i.w}, every: int64(l.value.number), at: int64(mix(l.Seed+n) % uint64(l.value.number))}
	case "truncate":
		i.unkept()
		i.cut = &truncated{writer: writer{i.w}, left: int64(l.value.number)}
		i.w = i.cut
	default:
		panic(fmt.Sprintf("fault: nothing injects %s into a request", l.Kind))
	}
	return false
}

// unkept keeps caches from keeping what a fault has touched: it would outlive the fault.
func (i *injection) unkept() { i.w.Header().Set("Cache-Control", "no-store") }

// finish closes the connection of an answer that has been cut.
func (i *injection) finish() {
	if i.cut != nil && i.cut.over {
		http.NewResponseController(i.cut.writer.ResponseWriter).Flush() //nolint:errcheck // what cannot be flushed does not arrive
		panic(http.ErrAbortHandler)
	}
}

// reset closes the connection with a RST, or the stream where requests share one.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	kill(conn)
}

// kill closes a connection such that what is not sent yet is dropped and a RST is sent.
func kill(conn net.Conn) {
	under := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		under = t.NetConn()
	}
	if t, ok := under.(interface{ SetLinger(sec int) error }); ok {
		t.SetLinger(0) //nolint:errcheck // closed by the other side: so much the better
		under.Close()
	}
	conn.Close()
}
