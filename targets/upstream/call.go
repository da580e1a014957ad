package upstream

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/middleware"
)

// RoundTrip makes one call. What the time went on is added to the Server-Timing of the
// context's request: waiting for a connection as pool, making one as connect. The call has
// to come from the request's own goroutine, or with a context from middleware.Fork.
func (u *Upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	s := u.setup.Load()
	u.counts.calls.Add(1)
	ctx, cancel := r.Context(), context.CancelFunc(func() {})
	if s.cfg.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.cfg.Timeout)
	}
	if s.cfg.Propagate && late(ctx) { // the next hop would refuse it, if it looked
		cancel()
		u.counts.errors.Add(1)
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, context.DeadlineExceeded
	}
	w := &watch{began: time.Now()}
	out := r.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	out.Header = onward(ctx, r.Header, &s.cfg)
	u.counts.inFlight.Add(1)
	done := func() {
		u.counts.inFlight.Add(-1)
		cancel()
	}
	answer, err := s.transport.RoundTrip(out)
	u.note(middleware.From(ctx), w)
	if err != nil {
		u.counts.errors.Add(1)
		done()
		return nil, err
	}
	answer.Request = r
	answer.Body = until(answer.Body, done)
	return answer, nil
}

// until returns the body, with done called once it has been read or closed.
func until(inner io.ReadCloser, done func()) io.ReadCloser {
	if inner == http.NoBody {
		done()
		return inner
	}
	b := &body{ReadCloser: inner, done: done}
	if w, ok := inner.(io.Writer); ok { // after 101 Switching Protocols
		return struct {
			*body
			io.Writer
		}{b, w}
	}
	return b
}

type body struct {
	io.ReadCloser
	once sync.Once
	done func()
}

// Read reads, and ends the call with the body.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.once.Do(b.done)
	}
	return n, err
}

// Close ends the call.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.done)
	return err
}

// watch notes when a call got its connection. Its times are ns since the call began; the
// transport's goroutines set them, also after the call has ended.
type watch struct {
	began  time.Time
	dialed atomic.Int64 // when a connection for it was begun
	got    atomic.Int64 // when it had one
	reused atomic.Bool
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			w.reused.Store(info.Reused)
			w.got.CompareAndSwap(0, max(1, int64(time.Since(w.began))))
		},
		ConnectStart: func(string, string) { w.dialed.CompareAndSwap(0, max(1, int64(time.Since(w.began)))) },
	}
}

// note counts what became of the wait for a connection.
func (u *Upstream) note(request *middleware.Request, w *watch) {
	got, dialed := w.got.Load(), w.dialed.Load()
	reused := got > 0 && w.reused.Load()
	if reused {
		u.counts.reused.Add(1)
	}
	if got == 0 { // it gave up before
		got = int64(time.Since(w.began))
	}
	pool := got
	if !reused && dialed > 0 && dialed < got {
		pool = dialed
		request.Timing.Add("connect", time.Duration(got-dialed))
	}
	u.counts.pool.Add(pool)
	request.Timing.Add("pool", time.Duration(pool))
}
