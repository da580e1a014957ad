package resp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/redcon"

	"plimsoll/targets/knob"
)

// defaults is what the tags of Config say.
func defaults() Config {
	return Config{MaxBytes: 64 * knob.Bytes(1<<20), Eviction: "allkeys-lru", MaxClients: 10000, CommandTimeout: 5 * time.Second}
}

// serve starts a server on a free port of loopback, until the test ends.
func serve(t testing.TB, cfg Config, ext Extensions) (s *Server, addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = New(cfg, ext)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, ln.Addr().String()
}

// wire is a bare connection: what is sent and answered, without a client's opinion.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, addr string) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return &wire{t, conn, bufio.NewReader(conn)}
}

// ask sends one command and returns the reply as text: +OK, 7, "bulk", nil, [a b], -ERR.
func (w *wire) ask(args ...string) string {
	w.t.Helper()
	b := redcon.AppendArray(nil, len(args))
	for _, a := range args {
		b = redcon.AppendBulkString(b, a)
	}
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
	reply, err := w.reply()
	if err != nil {
		w.t.Fatalf("%q: %v", args, err)
	}
	return reply
}

func (w *wire) reply() (string, error) {
	line, err := w.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch {
	case line[0] == ':':
		return line[1:], nil
	case line[0] != '$' && line[0] != '*':
		return line, nil
	case n < 0:
		return "nil", nil
	case line[0] == '$':
		text := make([]byte, n+2)
		if _, err := io.ReadFull(w.in, text); err != nil {
			return "", err
		}
		return strconv.Quote(string(text[:n])), nil
	}
	var list []string
	for range n {
		element, err := w.reply()
		if err != nil {
			return "", err
		}
		list = append(list, element)
	}
	return "[" + strings.Join(list, " ") + "]", nil
}

// say returns a reply of Do in the form of ask.
func say(v any, err error) string {
	if err != nil {
		return "-" + err.Error()
	}
	switch v := v.(type) {
	case nil:
		return "nil"
	case error:
		return "-" + v.Error()
	case Status:
		return "+" + string(v)
	case string:
		return strconv.Quote(v)
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = say(e, nil)
		}
		return "[" + strings.Join(list, " ") + "]"
	}
	return fmt.Sprint(v)
}

// pipes is a listener without a network, for tests of time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, errors.New("closed")
	}
}

func client0(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}
