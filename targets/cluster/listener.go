package cluster

import (
	"errors"
	"net"
	"os"
	"sync"
)

// received is a listener whose connections are handed over by the master, one byte with one
// descriptor each.
type received struct {
	conn        *net.UnixConn
	address     net.Addr
	acknowledge bool // say that a connection was taken; until then the master keeps it too
	closed      sync.Once
}

// Accept takes the next connection. The master is told before the connection is used: if
// we end in between, it is still whole and goes to another worker.
func (r *received) Accept() (net.Conn, error) {
	for {
		file, err := receive(r.conn)
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: r.address.Network(), Addr: r.address, Err: errors.Join(net.ErrClosed, err)}
		}
		if r.acknowledge {
			if _, err := r.conn.Write([]byte{0}); err != nil {
				return nil, errors.Join(net.ErrClosed, file.Close())
			}
		}
		conn, err := net.FileConn(file)
		file.Close()
		if err == nil {
			return conn, nil
		}
		// The client has gone already, or this process is out of descriptors: the next may do better.
	}
}

// Close ends the taking. For control connections it does not close the socket, on which the
// worker is also known to be alive.
func (r *received) Close() (err error) {
	r.closed.Do(func() {
		if r.acknowledge {
			err = r.conn.Close()
		} else {
			err = r.conn.CloseRead()
		}
	})
	return err
}

// Addr returns the address that clients know.
func (r *received) Addr() net.Addr { return r.address }

// gated is a listener on an inherited socket that does not accept before it may.
type gated struct {
	address net.Addr
	open    <-chan struct{} // closed when it may
	closed  chan struct{}

	mu       sync.Mutex
	file     *os.File // until there is a listener
	listener net.Listener
	isClosed bool
}

func newGated(file *os.File, address net.Addr, open <-chan struct{}) *gated {
	return &gated{file: file, address: address, open: open, closed: make(chan struct{})}
}

// Accept waits for the gate, then for a connection.
func (g *gated) Accept() (net.Conn, error) {
	select {
	case <-g.open:
	case <-g.closed:
		return nil, net.ErrClosed
	}
	l, err := g.inner()
	if err != nil {
		return nil, err
	}
	return l.Accept()
}

// inner returns the listener, which is made once the socket listens.
func (g *gated) inner() (net.Listener, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isClosed {
		return nil, net.ErrClosed
	}
	if g.listener == nil {
		l, err := net.FileListener(g.file)
		if err != nil {
			return nil, err
		}
		g.listener = l
		g.file.Close()
	}
	return g.listener, nil
}

// Close ends the accepting of this process. What waits in the queue of the socket stays
// there for the others who have it.
func (g *gated) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isClosed {
		return nil
	}
	g.isClosed = true
	close(g.closed)
	if g.listener != nil {
		return g.listener.Close()
	}
	return g.file.Close()
}

// Addr returns the address that clients know.
func (g *gated) Addr() net.Addr { return g.address }
