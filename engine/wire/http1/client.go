// Package http1 carries requests over HTTP/1.1, plain or within TLS, on its own codec
// straight on the connection: one write and one read per request in the common case, no
// goroutine, no channel and no allocation. It is strict where leniency would change what
// an answer means: a length given twice differently, a length beside a transfer coding,
// folded lines, bare carriage returns and chunks without CRLF are malformed, while a bare
// line feed in a head is taken for a line end (RFC 9112, 2.2). An answer that is followed
// by more bytes fails its call, and a connection that turns out to be closed fails its
// call: nothing is sent a second time in silence. The package does not pipeline, follow
// redirects, keep cookies, use proxies, upgrade connections or undo content codings other
// than gzip and deflate.
package http1

import (
	"cmp"
	"context"
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// Config says how connections are made and what an answer may cost.
type Config struct {
	NewConnection bool // a connection per request
	TLS           TLS
	Dial          Dial
	Limits        Limits
}

// Limits bound what is kept of an answer; zero is the default.
type Limits struct {
	HeaderBytes int   // the head, and the trailer of a chunked body; default 64 KiB
	BodyBytes   int64 // a body that somebody wants, after decoding; default 64 MiB
}

const (
	firstBuffer        = 1 << 10 // a thousand of them stay in the processor's cache
	smallBuffer        = 4 << 10 // once an answer did not fit
	defaultHeaderBytes = 64 << 10
	defaultBodyBytes   = 64 << 20
)

// Client opens sessions that share rendered requests, resolved names and TLS sessions. It
// is an engine.Protocol, safe for concurrent use.
type Client struct {
	newConnection bool
	limits        Limits
	base          time.Time // the clock counts from here
	dialer        *dialer
	rendered      sync.Map  // *flow.Request → message, of requests that are Fixed
	large         sync.Pool // *[]byte of at least Limits.HeaderBytes
}

// New returns a client. It fails if the certificates in cfg cannot be read.
func New(cfg Config) (*Client, error) {
	secure, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	c := &Client{newConnection: cfg.NewConnection, limits: cfg.Limits, base: time.Now()}
	c.limits.HeaderBytes = cmp.Or(c.limits.HeaderBytes, defaultHeaderBytes)
	c.limits.BodyBytes = cmp.Or(c.limits.BodyBytes, defaultBodyBytes)
	c.dialer = newDialer(cfg.Dial, secure, c.now)
	size := max(c.limits.HeaderBytes, smallBuffer)
	c.large.New = func() any { return new(make([]byte, size)) }
	return c, nil
}

// Open returns a session; it connects with its first call. When ctx ends, a call under way
// fails with engine.ErrInterrupted, and so does every later one.
func (c *Client) Open(ctx context.Context) (engine.Session, error) {
	s := &session{client: c, ctx: ctx}
	s.stop = context.AfterFunc(ctx, s.interrupt)
	return s, nil
}

func (c *Client) now() time.Duration { return time.Since(c.base) }

// message returns the rendered form of a request that is the same for everybody.
func (c *Client) message(req *flow.Request) (*message, error) {
	if m, ok := c.rendered.Load(req); ok {
		return m.(*message), nil
	}
	m := &message{}
	if err := m.render(req, c.newConnection); err != nil {
		return nil, err
	}
	m.join(req.Body, sharedJoin)
	first, _ := c.rendered.LoadOrStore(req, m)
	return first.(*message), nil
}
