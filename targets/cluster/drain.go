package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Drainer lets an HTTP server end without a client noticing, even one that never tries
// again. To close an idle connection is a race in HTTP/1.1: the next request may be on its
// way. So every connection is first closed by an answer that says so (Connection: close,
// which the HTTP/2 server turns into GOAWAY), and only those on which no request comes for a
// while are closed in silence.
//
// Its Middleware and its hooks ConnState and ConnContext have to be those of the server,
// and the server is served through it. It counts requests and connections as well.
type Drainer struct {
	counters *Counters
	serving  sync.WaitGroup // listeners that may still hand over a connection
	draining atomic.Bool
	conns    sync.Map // net.Conn to *drainConn
	open     atomic.Int64
}

// Quiet is how long a connection has to be without a request before a drain closes it.
const Quiet = time.Second

// drainConn is what is known of one connection.
type drainConn struct {
	idleSince atomic.Int64 // nanoseconds since 1970; 0 while a request is under way
	many      atomic.Bool  // it is HTTP/2, which can be ended in good order at any time
}

// NewDrainer returns a drainer that counts into the counters, or into none if they are nil.
func NewDrainer(counters *Counters) *Drainer { return &Drainer{counters: counters} }

// Draining tells whether Drain has begun, for a readiness probe.
func (d *Drainer) Draining() bool { return d.draining.Load() }

// Middleware counts requests, and during a drain lets every answer end its connection.
func (d *Drainer) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.counters != nil {
			d.counters.Requests.Add(1)
		}
		if r.ProtoMajor > 1 {
			if c, ok := r.Context().Value(drainKey{}).(*drainConn); ok && !c.many.Load() {
				c.many.Store(true)
			}
		}
		if d.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

type drainKey struct{}

// ConnContext is for http.Server.ConnContext. Without it HTTP/2 connections that are idle
// during a drain are closed like those of HTTP/1.1.
func (d *Drainer) ConnContext(ctx context.Context, c net.Conn) context.Context {
	known, _ := d.conns.LoadOrStore(c, &drainConn{}) // the server tells us here first, and that it is new after
	return context.WithValue(ctx, drainKey{}, known)
}

// ConnState is for http.Server.ConnState.
func (d *Drainer) ConnState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		known, _ := d.conns.LoadOrStore(c, &drainConn{})
		known.(*drainConn).idleSince.Store(time.Now().UnixNano()) //nolint:forcetypeassert // nothing else is stored
		d.count(1)
	case http.StateActive, http.StateIdle:
		if known, ok := d.conns.Load(c); ok {
			at := int64(0)
			if state == http.StateIdle {
				at = time.Now().UnixNano()
			}
			known.(*drainConn).idleSince.Store(at) //nolint:forcetypeassert // nothing else is stored
		}
	case http.StateClosed, http.StateHijacked:
		if _, ok := d.conns.LoadAndDelete(c); ok {
			d.count(-1)
		}
	}
}

func (d *Drainer) count(n int64) {
	d.open.Add(n)
	if d.counters != nil {
		d.counters.Connections.Add(n)
	}
}

// Serve has the server answer what the listener accepts, until that is closed, and then
// says why it ended. Call it before Drain.
func (d *Drainer) Serve(s *http.Server, l net.Listener) (ended <-chan error) {
	why := make(chan error, 1)
	d.serving.Go(func() { why <- s.Serve(l) })
	return why
}

// accepted waits until no listener can hand over a connection any more, or until ctx ends.
// One that was accepted while its listener was closed is not known before.
func (d *Drainer) accepted(ctx context.Context) {
	all := make(chan struct{})
	go func() {
		d.serving.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-ctx.Done():
	}
}

// Drain ends the server, whose listener has been closed: it lets requests finish until ctx
// ends, and returns nil if all of them could. Those that could not are cut off.
func (d *Drainer) Drain(ctx context.Context, s *http.Server) error {
	d.draining.Store(true)
	d.accepted(ctx)
	begin := time.Now().UnixNano()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for d.closeQuiet(begin) && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if err := s.Shutdown(ctx); err == nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	cut := d.open.Load()
	return errors.Join(fmt.Errorf("cut off %d connections that had not finished in time", cut), s.Close())
}

// closeQuiet closes connections on which no request has come for long enough since the
// drain began, and tells whether there are others left that speak HTTP/1.1.
func (d *Drainer) closeQuiet(begin int64) (left bool) {
	now := time.Now().UnixNano()
	d.conns.Range(func(key, value any) bool {
		c, known := key.(net.Conn), value.(*drainConn) //nolint:forcetypeassert // nothing else is stored
		if known.many.Load() {
			return true
		}
		since := known.idleSince.Load()
		if since == 0 || now-max(since, begin) < int64(Quiet) || holding(c) {
			left = true
			return true
		}
		c.Close()
		return true
	})
	return left
}

// holding tells whether a request has come in that the server has not noticed yet.
func holding(c net.Conn) bool {
	if tls, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = tls.NetConn()
	}
	raw, ok := c.(syscall.Conn)
	return ok && holds(raw)
}
