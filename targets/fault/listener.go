package fault

import (
	"net"
	"sync"
)

// Listener returns a listener whose connections the faults on "listener" meet: they are
// reset as soon as they are accepted. It counts the open ones for conn_limit, so it has to
// be there before the fault.
func (r *Registry) Listener(l net.Listener) net.Listener { return &listener{l, r} }

type listener struct {
	net.Listener
	registry *Registry
}

// Accept waits for a connection that no fault meets.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.registry.admits() {
			return l.registry.count(conn), nil
		}
		kill(conn)
	}
}

func (r *Registry) admits() bool {
	faults := r.active.Load()
	if faults == nil {
		return true
	}
	for _, l := range faults.listener {
		if l.Kind == "conn_limit" && float64(r.open.Load()) < l.value.number {
			continue
		}
		if _, struck := l.strikes(); struck {
			return false
		}
	}
	return true
}

func (r *Registry) count(conn net.Conn) net.Conn {
	r.open.Add(1)
	closed := sync.OnceFunc(func() { r.open.Add(-1) })
	if t, ok := conn.(*net.TCPConn); ok {
		return &countedTCP{t, closed}
	}
	return &counted{conn, closed}
}

// countedTCP keeps what only a TCP connection can do.
type countedTCP struct {
	*net.TCPConn
	closed func()
}

func (c *countedTCP) Close() error {
	c.closed()
	return c.TCPConn.Close()
}

type counted struct {
	net.Conn
	closed func()
}

func (c *counted) Close() error {
	c.closed()
	return c.Conn.Close()
}
