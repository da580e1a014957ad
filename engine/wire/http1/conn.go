package http1

import (
	"errors"
	"math"
	"net"
	"os"
	"time"
)

// never is a due time that does not come.
const never = time.Duration(math.MaxInt64)

// glance is how long an exchange waits before it looks at the connection for itself. The
// poller tells a change once, and a server that ended its side between two requests, but
// goes on listening, may have done so before anybody waited.
const glance = time.Second

// conn is a connection with the part of an answer that was read from it. Times are
// offsets on the client's clock.
type conn struct {
	net.Conn
	session  *session
	origin   origin
	duplex   *duplex // nil within TLS
	buf      []byte  // buf[:w] is filled
	w        int
	buffers  buffers
	armed    time.Duration // the deadline that is set
	lastUsed time.Duration
	exact    bool // a deadline must never fire early: a TLS write does not survive that
	ended    bool // it carries nothing after this call
}

// origin is where a connection leads to, as the author wrote it.
type origin struct{ scheme, host string }

// buffers are the connection's own and, until the end of a call, one from the pool.
type buffers struct {
	own   []byte
	large *[]byte
}

// arm sees to it that reads and writes fail at due or earlier. One that fails early is
// told apart by extend; so a deadline need not be set anew for each request.
func (c *conn) arm(now, due time.Duration) {
	if c.duplex != nil {
		due = min(due, now+glance)
	}
	if c.armed == due || (!c.exact && now < c.armed && c.armed < due) {
		return
	}
	c.set(due)
}

func (c *conn) set(due time.Duration) {
	c.armed = due
	var at time.Time
	if due != never {
		at = c.session.client.base.Add(due)
	}
	_ = c.SetDeadline(at) // it fails only on a closed connection, and so will what follows
	if c.session.stopped.Load() {
		c.cut()
	}
}

// cut ends whatever waits on the connection, now and later.
func (c *conn) cut() { _ = c.SetDeadline(time.Unix(1, 0)) }

// extend reports whether err is a deadline that fired before due, and sets that one.
func (c *conn) extend(err error, due time.Duration) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.session.stopped.Load() || c.session.client.now() >= due {
		return false
	}
	c.set(due)
	return true
}

// write sends p and returns how much of it went out: all, unless there is an error.
func (c *conn) write(p []byte, due time.Duration) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := c.Write(p[sent:])
		sent += n
		if err != nil && !c.extend(err, due) {
			return sent, err
		}
	}
	return sent, nil
}

// fill reads once into the free part of the buffer.
func (c *conn) fill(due time.Duration) error {
	for {
		n, err := c.Read(c.buf[c.w:])
		if n > 0 {
			c.w += n
			return nil
		}
		if err != nil && !c.extend(err, due) {
			return err
		}
	}
}

// ask sends p and reads the first bytes of the answer to it.
func (c *conn) ask(p []byte, due time.Duration) error {
	c.w = 0
	for c.duplex != nil && len(p) > 0 {
		rest, n, err := c.duplex.exchange(p, c.buf)
		if n > 0 {
			c.w = n
			return nil
		}
		if err != nil && !c.extend(err, due) {
			return err
		}
		if err == nil {
			return c.finishAsk(rest, due)
		}
		p = rest
	}
	return c.finishAsk(p, due)
}

func (c *conn) finishAsk(p []byte, due time.Duration) error {
	if _, err := c.write(p, due); err != nil {
		return err
	}
	return c.fill(due)
}

// enlarge swaps the buffer for a large one, until the end of the call.
func (c *conn) enlarge() {
	if c.buffers.large != nil {
		return
	}
	c.buffers.large = c.session.client.large.Get().(*[]byte)
	copy(*c.buffers.large, c.buf[:c.w])
	c.buf = *c.buffers.large
}

// reduce goes back to the connection's own buffer, which from the first answer on that did
// not fit is a longer one.
func (c *conn) reduce() {
	if c.buffers.large == nil {
		return
	}
	if len(c.buffers.own) < smallBuffer {
		c.buffers.own = make([]byte, smallBuffer)
	}
	c.session.client.large.Put(c.buffers.large)
	c.buf, c.buffers.large = c.buffers.own, nil
}

// idleState is what happened on a connection while nobody used it.
type idleState uint8

const (
	idleQuiet idleState = iota
	idleClosed
	idleData
)
