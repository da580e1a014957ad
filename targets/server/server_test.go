package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/cluster"
)

func TestOnlyLoopbackIsLoopback(t *testing.T) {
	for _, test := range []struct {
		name, address string
		wantPublic    bool
	}{
		{"loopback by number", "127.0.0.1:0", false},
		{"loopback by another number", "127.0.0.2:0", false},
		{"loopback by name", "localhost:0", false},
		{"loopback of IPv6", "[::1]:0", false},
		{"all interfaces, said by nothing", ":0", true},
		{"all interfaces, said by zeroes", "0.0.0.0:0", true},
		{"all interfaces of IPv6", "[::]:0", true},
		{"another network", "192.0.2.1:0", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Loopback(t.Context(), test.address)
			if got := errors.Is(err, ErrPublic); got != test.wantPublic {
				t.Errorf("got %v, refused as public: %v, want %v", err, got, test.wantPublic)
			}
			if err != nil && !test.wantPublic {
				t.Error(err)
			}
		})
	}
	if err := Loopback(t.Context(), "127.0.0.1"); err == nil || errors.Is(err, ErrPublic) {
		t.Errorf("an address without a port: %v", err)
	}
}

// serve starts a server that answers ok, and /slow once release is closed.
func serve(t *testing.T, settings Settings) (s *Server, address string, entered, release chan struct{}) {
	t.Helper()
	entered, release = make(chan struct{}, 1), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-release
		}
		io.WriteString(w, "ok")
	})
	s = New(handler, time.Second, settings, cluster.NewDrainer(nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := s.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Drain(ctx)
		<-ended
	})
	return s, l.Addr().String(), entered, release
}

// line is one connection of a client.
type line struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address string) *line {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return &line{Conn: c, in: bufio.NewReader(c)}
}

// ask makes a request and returns whether the connection stays open.
func (l *line) ask(t *testing.T) (stays bool) {
	t.Helper()
	if _, err := fmt.Fprint(l, "GET / HTTP/1.1\r\nHost: target\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "ok" {
		t.Fatalf("answer %q, %v", text, err)
	}
	return !answer.Close
}

func TestConnectionsAreKeptAsLongAsTheSettingsSay(t *testing.T) {
	s, address, _, _ := serve(t, Settings{Keepalive: true})
	c := dial(t, address)
	for range 2 {
		if !c.ask(t) {
			t.Fatal("a connection was not kept")
		}
	}
	s.Configure(Settings{Keepalive: true, MaxRequests: 2})
	if c.ask(t) {
		if c.ask(t) {
			t.Error("a connection was kept past its number of requests")
		}
	}
	s.Configure(Settings{Keepalive: false})
	if dial(t, address).ask(t) {
		t.Error("a connection was kept though none should be")
	}
	s.Configure(Settings{Keepalive: true})
	if !dial(t, address).ask(t) {
		t.Error("a connection was not kept though all should be")
	}
}

func TestIdleConnectionsAreClosedAfterTheirTime(t *testing.T) {
	s, address, _, _ := serve(t, Settings{Keepalive: true})
	c := dial(t, address)
	c.ask(t)
	s.Configure(Settings{Keepalive: true, IdleTimeout: 50 * time.Millisecond})
	begin := time.Now()
	if _, err := c.in.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end of the connection", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestABusyConnectionIsNotIdle(t *testing.T) {
	_, address, entered, release := serve(t, Settings{Keepalive: true, IdleTimeout: 10 * time.Millisecond})
	c := dial(t, address)
	if _, err := fmt.Fprint(c, "GET /slow HTTP/1.1\r\nHost: target\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	time.Sleep(3 * sweepEvery) // nothing tells that it was looked for
	close(release)
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatalf("the request was cut off: %v", err)
	}
	answer.Body.Close()
}

func TestADrainWaitsForWhatIsUnderWay(t *testing.T) {
	s, address, entered, release := serve(t, Settings{Keepalive: true})
	c := dial(t, address)
	if _, err := fmt.Fprint(c, "GET /slow HTTP/1.1\r\nHost: target\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	close(release)
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestADrainCutsOffWhatTakesTooLong(t *testing.T) {
	s, address, entered, release := serve(t, Settings{Keepalive: true})
	defer close(release)
	c := dial(t, address)
	if _, err := fmt.Fprint(c, "GET /slow HTTP/1.1\r\nHost: target\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); err == nil {
		t.Error("nobody was told that a request was cut off")
	}
	if text, err := io.ReadAll(c.in); err == nil && strings.Contains(string(text), "ok") {
		t.Errorf("it was answered: %s", text)
	}
}
