package fault

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

func TestConnectionsAreResetAsTheyComeIn(t *testing.T) {
	r := open(t, Options{})
	s := httptest.NewUnstartedServer(handler(nil))
	s.Listener = r.Listener(s.Listener)
	s.Start()
	defer s.Close()
	dial := func() (net.Conn, error) {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return nil, err // that the connection was reset is told once
		}
		_, err = bufio.NewReader(conn).ReadString('\n')
		return conn, err
	}
	kept, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	f := add(t, r, Fault{Target: "listener", Kind: "conn_refuse"})
	if _, err := dial(); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("refused as %v", err)
	}
	r.Remove(f.ID)
	add(t, r, Fault{Target: "listener", Kind: "conn_limit", Value: "2"})
	second, err := dial()
	if err != nil {
		t.Fatalf("within the limit: %v", err)
	}
	if _, err := dial(); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("past the limit: %v", err)
	}
	second.Close()
	for r.open.Load() > 1 {
		time.Sleep(time.Millisecond)
	}
	third, err := dial()
	if err != nil {
		t.Fatalf("when one is closed: %v", err)
	}
	third.Close()
	if hits := r.List()[0].Hits; hits != 1 {
		t.Errorf("met %d", hits)
	}
}

func TestAListenerOfAnotherKindIsCountedToo(t *testing.T) {
	r := New(Options{})
	defer r.Close()
	client, server := net.Pipe()
	defer client.Close()
	conn := r.count(server)
	if r.open.Load() != 1 {
		t.Error("not counted")
	}
	conn.Close()
	conn.Close()
	if r.open.Load() != 0 {
		t.Errorf("%d are open", r.open.Load())
	}
}
