// Package wiretest is the suite that every protocol under engine/wire has to pass, and a
// scripted server for what no well-behaved server does. Run holds a protocol against
// real servers: answers of all sizes and kinds, phases and bytes, time limits, the end of
// a run, certificates, sessions that do not know of each other, and nothing left behind.
// It does not know how a protocol looks on the wire: malformed answers are each
// protocol's own test, with scripts from here where they travel over TCP.
package wiretest

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// Subject is a protocol under test with servers that speak it.
type Subject struct {
	// Serve starts a server; it ends with the test.
	Serve func(tb testing.TB, h http.Handler) Server
	// New returns the protocol, trusting the authorities in ca (PEM) as well as none.
	New func(tb testing.TB, ca []byte) engine.Protocol
}

// Server is where a Subject serves.
type Server struct {
	Scheme, Host string
	CA           []byte // PEM, of a https server
}

// Plain serves HTTP/1.1 without TLS.
func Plain(tb testing.TB, h http.Handler) Server {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return Server{Scheme: "http", Host: strings.TrimPrefix(s.URL, "http://")}
}

// Secure serves HTTP/1.1 within TLS, with a certificate for 127.0.0.1 and example.com.
func Secure(tb testing.TB, h http.Handler) Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	s.StartTLS()
	tb.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return Server{Scheme: "https", Host: strings.TrimPrefix(s.URL, "https://"), CA: ca}
}

// Run holds a protocol against the suite.
func Run(t *testing.T, subject Subject) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, f *fixture)
	}{
		{"a call brings back status, header and body", answers},
		{"a body that nobody wants is counted and not kept", unwanted},
		{"a body travels both ways unchanged", echoes},
		{"answers without a body end at once", bodyless},
		{"a second call goes over the same connection", reuses},
		{"phases and bytes of a call are reported", reports},
		{"an answer that is late fails with a timeout", timesOut},
		{"an answer that begins late fails with a first byte timeout", firstByteTimesOut},
		{"a call that stalls ends soon after the context", interrupted},
		{"a session whose context ended refuses calls", refusesAfterEnd},
		{"nobody listening is a refused connection", refused},
		{"a certificate of an unknown authority fails the call", unknownAuthority},
		{"sessions do not wait for each other", independent},
		{"many sessions at once get their own answers", crowd},
		{"a request with a line break in it is not sent", injection},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(leftovers(t)) // the first to be registered runs last
			c.test(t, newFixture(t, subject))
		})
	}
}

// fixture is a server with a session to it.
type fixture struct {
	subject  Subject
	server   Server
	protocol engine.Protocol
	session  engine.Session
	resp     flow.Response
}

func newFixture(t *testing.T, subject Subject) *fixture {
	t.Helper()
	f := &fixture{subject: subject, server: subject.Serve(t, handler(t))}
	f.protocol = subject.New(t, f.server.CA)
	f.session = open(t, t.Context(), f.protocol)
	return f
}

func open(t *testing.T, ctx context.Context, p engine.Protocol) engine.Session { //nolint:revive // t leads in helpers
	t.Helper()
	s, err := p.Open(ctx)
	if err != nil {
		t.Fatal("open:", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// get is a request to the fixture's server.
func (f *fixture) get(target string) *flow.Request {
	return &flow.Request{Method: "GET", Scheme: f.server.Scheme, Host: f.server.Host, Target: target}
}

// do sends req and ends the test if that fails.
func (f *fixture) do(t *testing.T, req *flow.Request) {
	t.Helper()
	if err := f.session.Do(req, &f.resp); err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.Target, err)
	}
}

// fails sends req and ends the test unless it fails as kind.
func (f *fixture) fails(t *testing.T, req *flow.Request, kind string) {
	t.Helper()
	Fails(t, f.session.Do(req, &f.resp), kind)
}

// Fails ends the test unless err is a failure of the given kind.
func Fails(tb testing.TB, err error, kind string) {
	tb.Helper()
	failure, ok := errors.AsType[*engine.Failure](err)
	if !ok || failure.Kind != kind {
		tb.Fatalf("got %v, want a failure of kind %q", err, kind)
	}
}

// leftovers returns a check that no goroutine and no open file is left of what happened
// since.
func leftovers(t *testing.T) func() {
	t.Helper()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	return func() {
		t.Helper()
		for range 200 {
			if runtime.NumGoroutine() <= goroutines && openFiles() <= files {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Errorf("%d goroutines and %d files before, %d and %d after\n%s", goroutines, files,
			runtime.NumGoroutine(), openFiles(), bytes.TrimSpace(stacks))
	}
}

// openFiles counts this process's open files where the system tells; 0 elsewhere.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
