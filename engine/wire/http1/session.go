package http1

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// maxOrigins is how many connections a session keeps. A flow talks to few hosts; a chain
// of redirects can lead to many.
const maxOrigins = 16

// staleAfter is how long a connection may lie idle before it is looked at, for the price
// of a system call, whether the server has closed it.
const staleAfter = 5 * time.Millisecond

// session is one user's connections, usually a single one.
type session struct {
	client  *Client
	ctx     context.Context //nolint:containedctx // from Open: the session lives as long as it does
	stop    func() bool     // takes interrupt off ctx
	stopped atomic.Bool
	mu      sync.Mutex // conns, against interrupt; the user itself is alone
	conns   []*conn

	lastReq *flow.Request // the request that lastMsg is the form of
	lastMsg *message
	own     message // of requests that are not Fixed
	answer  answer
}

var errStopped = errors.New("the run was stopped")

// Do implements engine.Session.
func (s *session) Do(req *flow.Request, resp *flow.Response) error {
	resp.Reset()
	if s.stopped.Load() {
		return &engine.Failure{Kind: engine.ErrInterrupted, Err: errStopped}
	}
	m, err := s.render(req)
	if err != nil {
		return &engine.Failure{Kind: engine.ErrTemplate, Err: err}
	}
	now := s.client.now()
	due := after(now, req.Timeout.Total)
	c, err := s.connection(req, resp, now, due)
	if err != nil {
		return s.failure(err)
	}
	if !resp.Reused {
		now = s.client.now()
	}
	err = s.exchange(c, m, req, resp, now, due)
	c.reduce()
	if c.ended || m.close || err != nil {
		s.drop(c)
	}
	if err != nil {
		return s.failure(err)
	}
	return nil
}

// Close implements engine.Session.
func (s *session) Close() error {
	s.stop()
	for len(s.conns) > 0 {
		s.drop(s.conns[0])
	}
	return nil
}

// after returns when a time limit that starts now is over; zero is no limit.
func after(now, limit time.Duration) time.Duration {
	if limit <= 0 {
		return never
	}
	return now + limit
}

func (s *session) render(req *flow.Request) (*message, error) {
	if req == s.lastReq {
		return s.lastMsg, nil
	}
	if req.Fixed {
		m, err := s.client.message(req)
		if err == nil {
			s.lastReq, s.lastMsg = req, m
		}
		return m, err
	}
	err := s.own.render(req, s.client.newConnection)
	s.own.join(req.Body, ownJoin)
	return &s.own, err
}

// connection returns the open connection to the request's origin, or a new one.
func (s *session) connection(req *flow.Request, resp *flow.Response, now, due time.Duration) (*conn, error) {
	for _, c := range s.conns {
		if c.origin.host != req.Host || c.origin.scheme != req.Scheme {
			continue
		}
		if now-c.lastUsed > staleAfter {
			switch c.idleState() {
			case idleClosed:
				s.drop(c)
				return s.connect(req, resp, min(due, after(now, req.Timeout.Connect)))
			case idleData:
				s.drop(c)
				return nil, failed(engine.ErrLeftover, errLateBytes)
			}
		}
		resp.Reused = true
		return c, nil
	}
	return s.connect(req, resp, min(due, after(now, req.Timeout.Connect)))
}

func (s *session) connect(req *flow.Request, resp *flow.Response, due time.Duration) (*conn, error) {
	if len(s.conns) >= maxOrigins {
		s.drop(s.conns[0])
	}
	nc, err := s.client.dialer.dial(s.ctx, req, resp, s.client.base, due)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, session: s, origin: origin{req.Scheme, req.Host}, duplex: newDuplex(nc), armed: never, exact: req.Scheme == "https"}
	c.buffers.own = make([]byte, firstBuffer)
	c.buf = c.buffers.own
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	c.set(never)
	return c, nil
}

func (s *session) drop(c *conn) {
	_ = c.Close() // nothing more is expected of it
	s.mu.Lock()
	if i := slices.Index(s.conns, c); i >= 0 {
		s.conns = slices.Delete(s.conns, i, i+1)
	}
	s.mu.Unlock()
}

// interrupt runs when the context of Open ended.
func (s *session) interrupt() {
	s.stopped.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.cut()
	}
}

// exchange sends the message and reads its answer.
func (s *session) exchange(c *conn, m *message, req *flow.Request, resp *flow.Response, now, due time.Duration) error {
	sent, err := s.ask(c, m, req, resp, now, due)
	if err != nil {
		return err
	}
	began := s.client.now()
	resp.Phases[flow.FirstByte] = began - sent
	a := &s.answer
	a.begin(c, req, resp, due)
	err = a.read(m.bare)
	c.lastUsed = began
	if a.reads > 0 {
		c.lastUsed = s.client.now()
		resp.Phases[flow.Body] = c.lastUsed - began
	}
	a.end()
	return err
}

// ask sends the message and reads the first bytes of the answer. It returns when the
// message was sent; of one that goes out in a single write that is when the write began.
func (s *session) ask(c *conn, m *message, req *flow.Request, resp *flow.Response, now, due time.Duration) (time.Duration, error) {
	if len(m.body) > 0 {
		return s.upload(c, m, req, resp, now, due)
	}
	first := min(due, after(now, req.Timeout.FirstByte))
	c.arm(now, first)
	resp.BytesOut = int64(len(m.head))
	if err := c.ask(m.head, first); err != nil {
		return 0, firstByteFailure(err, first < due)
	}
	return now, nil
}

// upload is ask for a message with a long body. A server may answer before it has read
// all of it and then refuse the rest; its answer counts.
func (s *session) upload(c *conn, m *message, req *flow.Request, resp *flow.Response, now, due time.Duration) (time.Duration, error) {
	c.w = 0
	c.arm(now, due)
	var refused error
	for _, p := range [][]byte{m.head, m.body} {
		n, err := c.write(p, due)
		resp.BytesOut += int64(n)
		if refused = err; err != nil {
			c.ended = true
			break
		}
	}
	if errors.Is(refused, os.ErrDeadlineExceeded) {
		return 0, failed(engine.ErrTimeout, refused)
	}
	now = s.client.now()
	first := min(due, after(now, req.Timeout.FirstByte))
	c.arm(now, first)
	err := c.fill(first)
	switch {
	case err == nil:
		return now, nil
	case refused != nil:
		return 0, failed(openKind(refused), refused)
	}
	return 0, firstByteFailure(err, first < due)
}
