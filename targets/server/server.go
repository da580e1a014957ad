// Package server is the data port of the reference target: an HTTP server whose use of
// connections can be changed while it runs, and which ends without a client noticing. It
// also says which addresses may be listened on: loopback, unless the user allows more,
// because a target stalls and fails on request. It prints nothing and knows no path.
package server

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/cluster"
)

// Settings are how connections are used. All of them may change under load.
type Settings struct {
	Keepalive   bool          // whether connections stay open between requests
	IdleTimeout time.Duration // how long one may stay open without a request; 0: for ever
	MaxRequests int           // after how many requests one is closed; 0: never
}

// Server answers on one listener.
type Server struct {
	http     *http.Server
	drainer  *cluster.Drainer
	listener net.Listener // once it serves
	settings atomic.Pointer[Settings]

	mu   sync.Mutex
	open map[net.Conn]*connection
}

// connection is what is known of a connection that is open.
type connection struct {
	requests  atomic.Int64
	idleSince atomic.Int64 // in nanoseconds since 1970; 0: not idle
}

// New returns a server of the handler. HeaderTimeout is how long a request's header may
// take to arrive. The drainer counts requests and connections, and ends them.
func New(h http.Handler, headerTimeout time.Duration, settings Settings, drainer *cluster.Drainer) *Server {
	s := &Server{drainer: drainer, open: map[net.Conn]*connection{}}
	s.http = &http.Server{
		Handler:           drainer.Middleware(s.limited(h)),
		ReadHeaderTimeout: headerTimeout,
		ConnState:         s.state,
		ConnContext:       s.context,
		ErrorLog:          log.New(io.Discard, "", 0), // hang-ups of clients, which a load test is full of
	}
	s.Configure(settings)
	return s
}

// Configure changes how connections are used from now on.
func (s *Server) Configure(settings Settings) {
	before := s.settings.Swap(&settings)
	if before == nil || before.Keepalive != settings.Keepalive {
		s.http.SetKeepAlivesEnabled(settings.Keepalive)
	}
}

// Serve answers what the listener accepts until Drain, and looks for idle connections
// meanwhile. If it ends before, the channel says why. It is called once.
func (s *Server) Serve(l net.Listener) (ended <-chan error) {
	s.listener = l
	served, why, done := s.drainer.Serve(s.http, l), make(chan error, 1), make(chan struct{})
	go s.sweep(done)
	go func() {
		err := <-served
		close(done)
		why <- err
	}()
	return why
}

// Drain takes no more connections and lets requests under way finish until ctx ends. It
// returns an error if some had to be cut off.
func (s *Server) Drain(ctx context.Context) error {
	s.listener.Close()
	return s.drainer.Drain(ctx, s.http)
}

type connectionKey struct{}

func (s *Server) context(ctx context.Context, c net.Conn) context.Context {
	known := &connection{}
	s.mu.Lock()
	s.open[c] = known
	s.mu.Unlock()
	return context.WithValue(s.drainer.ConnContext(ctx, c), connectionKey{}, known)
}

func (s *Server) state(c net.Conn, state http.ConnState) {
	s.drainer.ConnState(c, state)
	s.mu.Lock()
	known := s.open[c]
	if state == http.StateClosed || state == http.StateHijacked {
		delete(s.open, c)
	}
	s.mu.Unlock()
	switch {
	case known == nil:
	case state == http.StateIdle:
		known.idleSince.Store(time.Now().UnixNano())
	default:
		known.idleSince.Store(0)
	}
}

// limited closes a connection after so many requests.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if most := s.settings.Load().MaxRequests; most > 0 {
			c, ok := r.Context().Value(connectionKey{}).(*connection)
			if ok && c.requests.Add(1) >= int64(most) {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// sweepEvery is how often idle connections are looked for.
const sweepEvery = 100 * time.Millisecond

// sweep closes connections that have been idle for too long. A timer for each would cost
// every request, and http.Server's own cannot be changed while it runs.
func (s *Server) sweep(done <-chan struct{}) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			if most := s.settings.Load().IdleTimeout; most > 0 {
				s.closeIdle(now.Add(-most).UnixNano())
			}
		}
	}
}

// closeIdle closes what has been idle since before the time.
func (s *Server) closeIdle(before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, known := range s.open {
		if since := known.idleSince.Load(); since != 0 && since < before {
			c.Close() // its goroutine takes it out
		}
	}
}
