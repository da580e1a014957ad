package wiretest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Scripted is a server on a loopback port that does on each connection what a script says.
type Scripted struct {
	Host        string // host:port
	listener    net.Listener
	connections atomic.Int64
	closing     chan struct{}
	serving     sync.WaitGroup
}

// Act is one thing that a scripted server does. An error ends the script.
type Act func(c *Conn) error

// Conn is a connection of a scripted server.
type Conn struct {
	net.Conn
	reader  *bufio.Reader
	closing <-chan struct{}
}

// Serve starts a server. Its first connection is served by the first script, the second by
// the second and so on; the last script serves all that follow. When a script is over the
// connection is closed. The server ends with the test.
func Serve(tb testing.TB, scripts ...[]Act) *Scripted {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Scripted{Host: l.Addr().String(), listener: l, closing: make(chan struct{})}
	s.serving.Go(func() { s.accept(scripts) })
	tb.Cleanup(s.close)
	return s
}

// Connections returns how many connections were accepted so far.
func (s *Scripted) Connections() int { return int(s.connections.Load()) }

func (s *Scripted) close() {
	close(s.closing)
	_ = s.listener.Close()
	s.serving.Wait()
}

func (s *Scripted) accept(scripts [][]Act) {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		n := int(s.connections.Add(1))
		script := scripts[min(n, len(scripts))-1]
		s.serving.Go(func() { s.play(nc, script) })
	}
}

func (s *Scripted) play(nc net.Conn, script []Act) {
	c := &Conn{Conn: nc, reader: bufio.NewReader(nc), closing: s.closing}
	over := make(chan struct{})
	s.serving.Go(func() {
		select {
		case <-s.closing: // a script that reads must not outlive the test
			_ = nc.SetDeadline(time.Unix(1, 0))
		case <-over:
		}
	})
	for _, act := range script {
		if act(c) != nil {
			break
		}
	}
	close(over)
	_ = nc.Close()
}

// Request reads one HTTP/1.1 request with its body.
func Request(c *Conn) error {
	req, err := http.ReadRequest(c.reader)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

// Write sends s in one piece.
func Write(s string) Act {
	return func(c *Conn) error {
		_, err := io.WriteString(c, s)
		return err
	}
}

// Split sends s in two pieces, cut at the given byte, with a short pause in between that
// lets the first arrive alone.
func Split(s string, at int) Act {
	return func(c *Conn) error {
		return errors.Join(Write(s[:at])(c), Pause(2*time.Millisecond)(c), Write(s[at:])(c))
	}
}

// Trickle sends s byte by byte, each in a packet of its own.
func Trickle(s string) Act {
	return func(c *Conn) error {
		for i := range len(s) {
			if err := Write(s[i : i+1])(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// Endless sends s again and again until the other side has had enough.
func Endless(s string) Act {
	return func(c *Conn) error {
		for {
			if err := Write(s)(c); err != nil {
				return err
			}
		}
	}
}

// Pause does nothing for a while.
func Pause(d time.Duration) Act {
	return func(c *Conn) error {
		select {
		case <-c.closing:
		case <-time.After(d):
		}
		return nil
	}
}

// Stall does nothing until the end of the test.
func Stall(c *Conn) error {
	<-c.closing
	return io.EOF
}

// CloseWrite ends what the server says but goes on listening.
func CloseWrite(c *Conn) error { return c.Conn.(*net.TCPConn).CloseWrite() }

// Reset cuts the connection with an RST instead of a FIN.
func Reset(c *Conn) error {
	if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	_ = c.Close()
	return io.EOF
}

// Repeat plays the acts again and again until one fails.
func Repeat(acts ...Act) Act {
	return func(c *Conn) error {
		for {
			for _, act := range acts {
				if err := act(c); err != nil {
					return err
				}
			}
		}
	}
}
