package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// drained is a server in this process that can be drained.
type drained struct {
	*Drainer
	server   *http.Server
	listener net.Listener
	release  chan struct{} // lets /slow answer
}

func serveDrained(t *testing.T) *drained {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &drained{Drainer: NewDrainer(nil), listener: l, release: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) { <-s.release; io.WriteString(w, "ok") })
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{Handler: s.Middleware(mux), ConnState: s.ConnState, ConnContext: s.ConnContext, Protocols: protocols}
	s.Serve(s.server, l)
	t.Cleanup(func() { s.server.Close() })
	return s
}

// drain begins to drain and returns where the result will come.
func (s *drained) drain(limit time.Duration) chan error {
	s.listener.Close()
	result := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		result <- s.Drain(ctx, s.server)
	}()
	for !s.Draining() {
		time.Sleep(time.Millisecond)
	}
	return result
}

// ask sends a request on a connection and returns whether the answer says that it ends it.
func ask(conn net.Conn, in *bufio.Reader, path string) (ends bool, err error) {
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "ok" {
		return false, fmt.Errorf("body %q, %w", text, err)
	}
	return answer.Close, nil
}

func connect(t *testing.T, s *drained) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn, bufio.NewReader(conn)
}

func TestAConnectionIsEndedByAnAnswerThatSaysSo(t *testing.T) {
	s := serveDrained(t)
	conn, in := connect(t, s)
	if ends, err := ask(conn, in, "/"); err != nil || ends {
		t.Fatalf("before the drain: ends %v, %v", ends, err)
	}
	result := s.drain(20 * time.Second)
	if ends, err := ask(conn, in, "/"); err != nil || !ends {
		t.Errorf("an idle connection in the drain: ends %v, %v, want an answer that ends it", ends, err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after it: %v, want the end", err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestAConnectionOnWhichNothingComesIsClosedAfterAWhile(t *testing.T) {
	t.Parallel()
	s := serveDrained(t)
	idle, in := connect(t, s)
	if _, err := ask(idle, in, "/"); err != nil {
		t.Fatal(err)
	}
	_, unused := connect(t, s)
	begin := time.Now()
	result := s.drain(20 * time.Second)
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the idle one: %v, want the end", err)
	}
	if took := time.Since(begin); took < Quiet*9/10 {
		t.Errorf("it was closed after %v, before it had been quiet for %v", took, Quiet)
	}
	if _, err := unused.ReadByte(); err != io.EOF {
		t.Errorf("the one that was never used: %v, want the end", err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestARequestUnderWayIsFinishedOrCutOffInTheEnd(t *testing.T) {
	t.Parallel()
	for _, inTime := range []bool{true, false} {
		s := serveDrained(t)
		conn, in := connect(t, s)
		limit := 20 * time.Second
		if !inTime {
			limit = 200 * time.Millisecond
		}
		answered := make(chan error, 1)
		go func() { _, err := ask(conn, in, "/slow"); answered <- err }()
		for active := false; !active; time.Sleep(time.Millisecond) {
			s.conns.Range(func(_, known any) bool { active = known.(*drainConn).idleSince.Load() == 0; return true })
		}
		result := s.drain(limit)
		if inTime {
			time.Sleep(30 * time.Millisecond) // lets a drain that does not wait be seen
			close(s.release)
		}
		if err := <-answered; (err == nil) != inTime {
			t.Errorf("in time %v: the request ended with %v", inTime, err)
		}
		switch err := <-result; {
		case inTime && err != nil:
			t.Error(err)
		case !inTime && (err == nil || !strings.Contains(err.Error(), "cut off 1 connection")):
			t.Errorf("got %v, want that one was cut off", err)
		}
		if !inTime {
			close(s.release)
		}
	}
}

func TestClientsThatNeverTryAgainSeeNoDrain(t *testing.T) {
	const clients = 16
	first, second := serveDrained(t), serveDrained(t)
	var address struct {
		sync.Mutex
		to net.Addr
	}
	address.to = first.listener.Addr()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			var conn net.Conn
			var in *bufio.Reader
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if conn == nil {
					address.Lock()
					c, err := net.Dial("tcp", address.to.String())
					address.Unlock()
					if err != nil {
						t.Error(err)
						return
					}
					conn, in = c, bufio.NewReader(c)
				}
				ends, err := ask(conn, in, "/")
				if err != nil {
					t.Errorf("client %d, request %d: %v", i, n, err)
					return
				}
				if ends {
					conn.Close()
					conn = nil
				}
				time.Sleep(time.Duration(i) * 100 * time.Microsecond) // connections that are idle for a while
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	address.Lock()
	address.to = second.listener.Addr()
	address.Unlock()
	if err := <-first.drain(20 * time.Second); err != nil {
		t.Error(err)
	}
	time.Sleep(20 * time.Millisecond)
	close(stop)
	all.Wait()
}

func TestHTTP2IsToldToGoAway(t *testing.T) {
	t.Parallel()
	s := serveDrained(t)
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	get := func() error {
		answer, err := client.Get("http://" + s.listener.Addr().String() + "/")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.ProtoMajor != 2 {
			return fmt.Errorf("answered by %s", answer.Proto)
		}
		_, err = io.ReadAll(answer.Body)
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	s.conns.Range(func(_, known any) bool { known.(*drainConn).idleSince.Store(1); return true })
	if left := s.closeQuiet(0); left || s.open.Load() != 1 {
		t.Errorf("a quiet connection: left for later %v, %d open, want it left for the server to end", left, s.open.Load())
	}
	if err := get(); err != nil || s.open.Load() != 1 {
		t.Errorf("the connection afterwards: %v, %d open", err, s.open.Load())
	}
	if err := <-s.drain(20 * time.Second); err != nil {
		t.Error(err)
	}
}

func BenchmarkDrainerPerRequest(b *testing.B) {
	d := NewDrainer(nil)
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	d.ConnState(here, http.StateNew)
	h := d.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := &http.Request{ProtoMajor: 1}
	b.ReportAllocs()
	for b.Loop() {
		d.ConnState(here, http.StateActive)
		h.ServeHTTP(nil, r)
		d.ConnState(here, http.StateIdle)
	}
}

// connected returns both ends of a connection.
func connected(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

// late is a listener that hands over a connection just as it is closed.
type late struct {
	net.Listener
	last chan net.Conn
}

func (l *late) Accept() (net.Conn, error) {
	if c, ok := <-l.last; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (*late) Close() error { return nil }

// TestADrainKnowsWhatWasAcceptedLast lets the last connection come to the server only after
// the drain has begun, when nothing else is open.
func TestADrainKnowsWhatWasAcceptedLast(t *testing.T) {
	s := serveDrained(t)
	s.listener.Close()
	l := &late{Listener: s.listener, last: make(chan net.Conn)}
	s.listener = l
	s.Serve(s.server, l)
	drained := s.drain(10 * time.Second)
	select {
	case err := <-drained:
		t.Fatalf("the drain was over, %v, while a connection could still come", err)
	case <-time.After(50 * time.Millisecond):
	}
	ours, theirs := connected(t)
	l.last <- theirs
	close(l.last)
	if ends, err := ask(ours, bufio.NewReader(ours), "/"); err != nil || !ends {
		t.Errorf("the last connection: %v, ends %v", err, ends)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
