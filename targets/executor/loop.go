package executor

import (
	"context"
	"net/http"
	"sync/atomic"

	"plimsoll/targets/middleware"
)

// turn is what a request's context knows of the executor: whose turn it is on the loop.
type turn struct {
	executor *Executor
	request  *middleware.Request
	loop     bool // whether it runs on the loop at all
	state    atomic.Int32
	release  func() // of the loop, while on it
}

// The states of a turn.
const (
	on   int32 = iota // its handler runs
	away              // it awaits something
	over              // its handler has returned
)

type turnKey struct{}

func turnOf(ctx context.Context) *turn {
	t, _ := ctx.Value(turnKey{}).(*turn)
	return t
}

// Layer puts handlers on the executor, where Await, Block and Compute find it through
// their context. On the event loop, handlers run one at a time in the order in which their
// requests came; the wait for the loop is the span q of the request's timing. A request
// whose client left while it waited is not handled, and answered with 503.
func (e *Executor) Layer() middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t := &turn{executor: e, request: middleware.From(r.Context())}
			t.loop = e.cfg.Load().Model == eventLoop
			ctx := context.WithValue(r.Context(), turnKey{}, t)
			if !t.loop {
				next.ServeHTTP(w, r.WithContext(ctx))
				return
			}
			if err := t.enter(ctx); err != nil {
				middleware.Problem{
					Status: http.StatusServiceUnavailable,
					Detail: "the request left the queue of the event loop: " + err.Error(),
				}.Write(w, r)
				return
			}
			defer t.exit()
			r = r.WithContext(ctx)
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = &body{ReadCloser: r.Body, ctx: ctx}
			}
			next.ServeHTTP(&writer{ResponseWriter: w, ctx: ctx}, r)
		})
	}
}

// Await runs fn beside the loop, which serves others in the meantime, and then waits its
// turn at the end of the loop's queue: what async functions do at await. The turn comes
// whatever becomes of ctx, as continuations run whatever becomes of the client. With a
// goroutine per request, within another Await, and outside of a Layer it only runs fn.
//
// Await belongs to the request's goroutine. Several calls at a time go inside of one
// Await, where each may be awaited in turn.
func Await(ctx context.Context, fn func(context.Context) error) error {
	t := turnOf(ctx)
	if t.leave() {
		defer t.comeBack(ctx)
	}
	return fn(ctx)
}

// enter waits for the loop for the first time.
func (t *turn) enter(ctx context.Context) error {
	release, wait, err := t.executor.loop.Acquire(ctx, 0)
	t.request.Timing.Add("q", wait)
	t.release = release
	return err
}

// leave lets go of the loop. It returns false if the turn was away already, or is none.
func (t *turn) leave() bool {
	if t == nil || !t.state.CompareAndSwap(on, away) {
		return false
	}
	if t.loop {
		t.release()
	}
	return true
}

// comeBack waits for the loop again. It has to come about also in a panic, for handlers
// that recover.
func (t *turn) comeBack(ctx context.Context) {
	if !t.loop {
		t.state.CompareAndSwap(away, on)
		return
	}
	release, wait, err := t.executor.loop.Acquire(context.WithoutCancel(ctx), 0)
	if err != nil { // it has no bound and no end
		return
	}
	t.request.Timing.Add("q", wait)
	t.release = release
	if !t.state.CompareAndSwap(away, on) { // the handler returned and left this behind
		release()
	}
}

// exit ends the turn for good.
func (t *turn) exit() {
	if t.state.Swap(over) == on {
		t.release()
	}
}
