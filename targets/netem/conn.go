package netem

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// linger is how long a closed connection may take to send what was written before.
const linger = 5 * time.Second

// conn is a connection over the network. Two goroutines keep its lines moving until it
// is closed, or the other end is gone.
type conn struct {
	net.Conn // the real one, which addresses are asked of
	network  *Net

	in, out         *line
	readBy, writeBy *deadline
	reading         sync.Mutex // held during a Read
	writing         sync.Mutex // held during a Write
	closing         sync.Once
	closed          chan struct{}
	failed          chan struct{} // closed with the real connection
}

// newConn returns a connection whose lines are busy with setting it up for a while.
func newConn(n *Net, raw net.Conn, in, out time.Duration) *conn {
	now := time.Now()
	c := &conn{
		Conn: raw, network: n,
		in: newLine(now.Add(in)), out: newLine(now.Add(out)),
		readBy: newDeadline(), writeBy: newDeadline(),
		closed: make(chan struct{}), failed: make(chan struct{}),
	}
	n.opened.Add(1)
	n.open.Add(1)
	go c.receive()
	go c.send()
	return c
}

// receive notes when what comes in would have been sent.
func (c *conn) receive() {
	for {
		for c.in.full() {
			select {
			case <-c.in.taken:
			case <-c.closed:
				return
			}
		}
		data := make([]byte, c.network.cfg.Load().segment())
		n, err := c.Conn.Read(data)
		if n > 0 {
			c.in.put(c.network.cfg.Load(), data[:n:n])
		}
		if err != nil {
			c.in.finish(c.network.cfg.Load(), err)
			return
		}
	}
}

// send writes what has arrived at the other end, and closes the real connection.
func (c *conn) send() {
	defer func() {
		c.Conn.Close()
		close(c.failed)
		c.network.open.Add(-1)
	}()
	for {
		wait, ok := c.out.head()
		switch {
		case !ok:
			<-c.out.filled
		case wait > 0:
			time.Sleep(wait)
		default:
			data, err := c.out.next()
			if err != nil { // io.EOF: the end of what is sent
				c.closeWrite()
				<-c.closed
				return
			}
			if _, err := c.Conn.Write(data); err != nil {
				return
			}
		}
	}
}

func (c *conn) closeWrite() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() //nolint:errcheck // it is as good as closed
	}
}

// Read waits until something has arrived.
func (c *conn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		over := c.readBy.done()
		switch {
		case isClosed(c.closed):
			return 0, net.ErrClosed
		case isClosed(over):
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		}
		wait, ok := c.in.head()
		if ok && wait <= 0 {
			return c.in.take(b)
		}
		c.waitFor(ok, wait, over)
	}
}

// waitFor waits for the oldest segment, or for one to be there.
func (c *conn) waitFor(ok bool, wait time.Duration, over <-chan struct{}) {
	var arrival <-chan time.Time
	if ok {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		arrival = timer.C
	}
	select {
	case <-arrival:
	case <-c.in.filled:
	case <-over:
	case <-c.closed:
	}
}

// Write sends b as soon as there is room on the line.
func (c *conn) Write(b []byte) (written int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for len(b) > 0 {
		over := c.writeBy.done()
		switch {
		case isClosed(c.closed), isClosed(c.failed):
			return written, net.ErrClosed
		case isClosed(over):
			return written, os.ErrDeadlineExceeded
		case c.out.full():
			select {
			case <-c.out.taken:
			case <-over:
			case <-c.closed:
			case <-c.failed:
			}
			continue
		}
		cfg := c.network.cfg.Load()
		n := min(len(b), cfg.segment())
		c.out.put(cfg, append([]byte(nil), b[:n]...))
		b = b[n:]
		written += n
	}
	return written, nil
}

// CloseWrite ends what is sent, after all that was written before.
func (c *conn) CloseWrite() error {
	c.out.finish(c.network.cfg.Load(), io.EOF)
	return nil
}

// Close ends reads and writes at once. What was written before is still sent.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closing.Do(func() {
		err = nil
		close(c.closed)
		arrives := c.out.finish(c.network.cfg.Load(), io.EOF)
		c.Conn.SetReadDeadline(time.Now())           //nolint:errcheck // it ends with the connection otherwise
		c.Conn.SetWriteDeadline(arrives.Add(linger)) //nolint:errcheck // likewise
	})
	return err
}

// NetConn returns the real connection, as tls.Conn does.
func (c *conn) NetConn() net.Conn { return c.Conn }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}

// SetReadDeadline sets when reads give up.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.readBy.set(t)
	return nil
}

// SetWriteDeadline sets when writes give up for want of room.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.set(t)
	return nil
}
