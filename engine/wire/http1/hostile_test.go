package http1_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
	"plimsoll/engine/wire/wiretest"
)

// on serves one answer of the script per connection, then closes it.
func on(acts ...wiretest.Act) []wiretest.Act {
	return append([]wiretest.Act{wiretest.Request}, acts...)
}

// user returns a session against the server and a request for it.
func user(t *testing.T, server *wiretest.Scripted, cfg http1.Config) (engine.Session, *flow.Request) {
	t.Helper()
	s, err := newClient(t, cfg).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, &flow.Request{
		Method: "GET", Scheme: "http", Host: server.Host, Target: "/",
		Want:    flow.Want{Body: true},
		Timeout: flow.Timeouts{Total: 5 * time.Second},
	}
}

// answer is one that a call is expected to bring back.
type answer struct {
	name   string
	wire   string
	method string // GET if empty
	status int
	body   string
}

func goodAnswers() []answer {
	return []answer{
		{name: "a counted body", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello"},
		{name: "an empty body", wire: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200},
		{name: "a length given twice the same", wire: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", status: 200, body: "hi"},
		{name: "fields in any case", wire: "HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:2\r\n\r\nhi", status: 200, body: "hi"},
		{name: "blanks around a value", wire: "HTTP/1.1 200 OK\r\nContent-Length: \t 2 \t\r\n\r\nhi", status: 200, body: "hi"},
		{name: "no reason", wire: "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", status: 404},
		{name: "line feeds alone in the head", wire: "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", status: 200, body: "hi"},
		{name: "a status nobody knows", wire: "HTTP/1.1 799 Hm\r\nContent-Length: 0\r\n\r\n", status: 799},
		{name: "a body up to the close", wire: "HTTP/1.1 200 OK\r\n\r\nto the end", status: 200, body: "to the end"},
		{name: "HTTP/1.0 up to the close", wire: "HTTP/1.0 200 OK\r\n\r\nold", status: 200, body: "old"},
		{name: "HTTP/1.0 with a length", wire: "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", status: 200, body: "old"},
		{name: "chunks", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", status: 200, body: "abc0123456789"},
		{name: "chunks with extensions", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b;c=\"d\"\r\nabc\r\n0;z\r\n\r\n", status: 200, body: "abc"},
		{name: "chunks with a trailer", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\na\r\n0\r\nX: 1\r\nY: 2\r\n\r\n", status: 200, body: "a"},
		{name: "interim answers", wire: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", status: 200, body: "hi"},
		{name: "an answer to HEAD with a length", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method: "HEAD", status: 200},
		{name: "an answer to HEAD in chunks", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", method: "HEAD", status: 200},
		{name: "204", wire: "HTTP/1.1 204 No Content\r\n\r\n", status: 204},
		{name: "304 with a length", wire: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status: 304},
		{name: "gzip", wire: coded("gzip", squeeze(gzip.NewWriter, "squeezed")), status: 200, body: "squeezed"},
		{name: "deflate with its wrapping", wire: coded("deflate", squeeze(zlib.NewWriter, "squeezed")), status: 200, body: "squeezed"},
		{name: "deflate without", wire: coded("deflate", squeeze(bareFlate, "squeezed")), status: 200, body: "squeezed"},
		{name: "a coding that cannot be undone", wire: coded("br", "as it is"), status: 200, body: "as it is"},
	}
}

func coded(coding, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", coding, len(body), body)
}

func squeeze[W io.WriteCloser](open func(io.Writer) W, s string) string {
	var b bytes.Buffer
	w := open(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func bareFlate(w io.Writer) *flate.Writer {
	f, _ := flate.NewWriter(w, flate.BestSpeed)
	return f
}

func TestGoodAnswersAreUnderstood(t *testing.T) {
	for _, a := range goodAnswers() {
		t.Run(a.name, func(t *testing.T) {
			server := wiretest.Serve(t, on(wiretest.Write(a.wire)), on(wiretest.Trickle(a.wire)))
			for range 2 {
				s, req := user(t, server, http1.Config{})
				a.check(t, s, req)
			}
		})
	}
}

func TestGoodAnswersAreUnderstoodWhereverTheyAreCut(t *testing.T) {
	for _, a := range goodAnswers() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			var scripts [][]wiretest.Act
			for at := range len(a.wire) {
				scripts = append(scripts, on(wiretest.Split(a.wire, at)))
			}
			server := wiretest.Serve(t, scripts...)
			s, req := user(t, server, http1.Config{NewConnection: true})
			for range scripts {
				a.check(t, s, req)
			}
		})
	}
}

func (a answer) check(t *testing.T, s engine.Session, req *flow.Request) {
	t.Helper()
	if a.method != "" {
		req.Method = a.method
	}
	var resp flow.Response
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	if resp.Status != a.status || string(resp.Body) != a.body {
		t.Errorf("got %d %q, want %d %q", resp.Status, resp.Body, a.status, a.body)
	}
	if resp.BytesIn != int64(len(a.wire)) {
		t.Errorf("counted %d bytes of %d", resp.BytesIn, len(a.wire))
	}
}

func TestBadAnswersEndAsNamedErrors(t *testing.T) {
	const (
		head    = "HTTP/1.1 200 OK\r\n"
		chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
	)
	long := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		name string
		kind string
		acts []wiretest.Act
	}{
		{"closed at once", engine.ErrClosed, nil},
		{"reset at once", engine.ErrReset, []wiretest.Act{wiretest.Reset}},
		{"closed in the head", engine.ErrTruncated, []wiretest.Act{wiretest.Write(head)}},
		{"closed in a counted body", engine.ErrTruncated, []wiretest.Act{wiretest.Write(head + "Content-Length: 5\r\n\r\nhell")}},
		{"closed in a chunk", engine.ErrTruncated, []wiretest.Act{wiretest.Write(chunked + "5\r\nhell")}},
		{"closed before the last chunk", engine.ErrTruncated, []wiretest.Act{wiretest.Write(chunked + "5\r\nhello\r\n")}},
		{"closed in the trailer", engine.ErrTruncated, []wiretest.Act{wiretest.Write(chunked + "0\r\nX: 1\r\n")}},
		{"reset in the body", engine.ErrReset, []wiretest.Act{wiretest.Write(head + "Content-Length: 5\r\n\r\nhell"), wiretest.Pause(5 * time.Millisecond), wiretest.Reset}},
		{"silence", engine.ErrTimeout, []wiretest.Act{wiretest.Stall}},
		{"silence in the head", engine.ErrTimeout, []wiretest.Act{wiretest.Write("HTTP/1.1 2"), wiretest.Stall}},
		{"silence in the body", engine.ErrTimeout, []wiretest.Act{wiretest.Write(head + "Content-Length: 5\r\n\r\nhell"), wiretest.Stall}},
		{"another protocol", engine.ErrMalformed, []wiretest.Act{wiretest.Write("SSH-2.0-OpenSSH_9.2\r\n")}},
		{"another version", engine.ErrMalformed, []wiretest.Act{wiretest.Write("HTTP/2.0 200 OK\r\n\r\n")}},
		{"a status of two digits", engine.ErrMalformed, []wiretest.Act{wiretest.Write("HTTP/1.1 20 OK\r\n\r\n")}},
		{"a status of four digits", engine.ErrMalformed, []wiretest.Act{wiretest.Write("HTTP/1.1 2000 OK\r\n\r\n")}},
		{"a status with a sign", engine.ErrMalformed, []wiretest.Act{wiretest.Write("HTTP/1.1 +20 OK\r\n\r\n")}},
		{"a header line without a colon", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "hm\r\n\r\n")}},
		{"a header line without a name", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + ": hm\r\n\r\n")}},
		{"a blank before the colon", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length : 0\r\n\r\n")}},
		{"a folded line", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "X: a\r\n b\r\n\r\n")}},
		{"a carriage return in a value", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "X: a\rb\r\n\r\n")}},
		{"a NUL in a value", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "X: a\x00b\r\n\r\n")}},
		{"a NUL in a trailer", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "0\r\nX: a\x00b\r\n\r\n")}},
		{"a trailer line without a colon", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "0\r\nhm\r\n\r\n")}},
		{"two lengths", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc")}},
		{"a list of lengths", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length: 2, 2\r\n\r\nab")}},
		{"a negative length", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length: -1\r\n\r\n")}},
		{"an empty length", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length:\r\n\r\n")}},
		{"a length out of all bounds", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length: 99999999999999999999\r\n\r\n")}},
		{"a length beside chunks", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}},
		{"chunked twice", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}},
		{"another transfer coding", engine.ErrMalformed, []wiretest.Act{wiretest.Write(head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")}},
		{"chunks in HTTP/1.0", engine.ErrMalformed, []wiretest.Act{wiretest.Write("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}},
		{"a chunk size that is none", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "x\r\n")}},
		{"a chunk size with a sign", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "+1\r\na\r\n0\r\n\r\n")}},
		{"a chunk size out of all bounds", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "8000000000000000\r\n")}},
		{"a chunk longer than its size", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "1\r\nab\r\n0\r\n\r\n")}},
		{"line feeds alone between chunks", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "1\na\n0\n\n")}},
		{"an endless chunk extension", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "1;"), wiretest.Endless("x")}},
		{"an endless trailer", engine.ErrMalformed, []wiretest.Act{wiretest.Write(chunked + "0\r\n"), wiretest.Endless("X: 1\r\n")}},
		{"a switch of protocols", engine.ErrMalformed, []wiretest.Act{wiretest.Write("HTTP/1.1 101 Switching Protocols\r\n\r\n"), wiretest.Stall}},
		{"endless interim answers", engine.ErrMalformed, []wiretest.Act{wiretest.Endless("HTTP/1.1 100 Continue\r\n\r\n")}},
		{"a long line", engine.ErrHeaderLimit, []wiretest.Act{wiretest.Write(head + "X: " + long + "\r\n\r\n"), wiretest.Stall}},
		{"an endless head", engine.ErrHeaderLimit, []wiretest.Act{wiretest.Write(head), wiretest.Endless("X: 1\r\n")}},
		{"an endless status line", engine.ErrHeaderLimit, []wiretest.Act{wiretest.Write("HTTP/1.1 200 "), wiretest.Endless("x")}},
		{"a body over the limit", engine.ErrBodyLimit, []wiretest.Act{wiretest.Write(head + "Content-Length: 70000\r\n\r\n" + long)}},
		{"an endless body in chunks", engine.ErrBodyLimit, []wiretest.Act{wiretest.Write(chunked), wiretest.Endless("3\r\nabc\r\n")}},
		{"an endless body up to the close", engine.ErrBodyLimit, []wiretest.Act{wiretest.Write(head + "\r\n"), wiretest.Endless(long)}},
		{"a body that unpacks over the limit", engine.ErrBodyLimit, []wiretest.Act{wiretest.Write(coded("gzip", squeeze(gzip.NewWriter, long)))}},
		{"a packed body that is none", engine.ErrMalformed, []wiretest.Act{wiretest.Write(coded("gzip", "not gzip"))}},
		{"a packed body that ends early", engine.ErrMalformed, []wiretest.Act{wiretest.Write(coded("gzip", squeeze(gzip.NewWriter, long)[:20]))}},
		{"a second answer behind the first", engine.ErrLeftover, []wiretest.Act{wiretest.Write(head + "Content-Length: 0\r\n\r\n" + head)}},
		{"a byte behind the body", engine.ErrLeftover, []wiretest.Act{wiretest.Write(head + "Content-Length: 1\r\n\r\nab")}},
		{"a byte behind the chunks", engine.ErrLeftover, []wiretest.Act{wiretest.Write(chunked + "0\r\n\r\nx")}},
		{"a body behind 204", engine.ErrLeftover, []wiretest.Act{wiretest.Write("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\na")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := wiretest.Serve(t, on(c.acts...))
			s, req := user(t, server, http1.Config{Limits: http1.Limits{HeaderBytes: 10_000, BodyBytes: 60_000}})
			if c.kind == engine.ErrTimeout {
				req.Timeout.Total = 50 * time.Millisecond
			}
			var resp flow.Response
			wiretest.Fails(t, s.Do(req, &resp), c.kind)
			_ = s.Do(req, &resp)
			if server.Connections() != 2 {
				t.Errorf("the call after the failure made connection %d, want a new one", server.Connections())
			}
		})
	}
}

func TestAConnectionEndsWhenTheAnswerSaysSo(t *testing.T) {
	for _, c := range []struct {
		name, head string
		keeps      bool
	}{
		{"HTTP/1.1 stays open", "HTTP/1.1 200 OK\r\n", true},
		{"HTTP/1.1 with close ends", "HTTP/1.1 200 OK\r\nConnection: close\r\n", false},
		{"close in a list ends", "HTTP/1.1 200 OK\r\nconnection: x , CLOSE\r\n", false},
		{"HTTP/1.0 ends", "HTTP/1.0 200 OK\r\n", false},
		{"HTTP/1.0 with keep-alive stays open", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", true},
		{"close outweighs keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := wiretest.Serve(t, []wiretest.Act{wiretest.Repeat(wiretest.Request, wiretest.Write(c.head+"Content-Length: 0\r\n\r\n"))})
			s, req := user(t, server, http1.Config{})
			var resp flow.Response
			for range 2 {
				if err := s.Do(req, &resp); err != nil {
					t.Fatal(err)
				}
			}
			if resp.Reused != c.keeps || (server.Connections() == 1) != c.keeps {
				t.Errorf("second call: reused %v over %d connections", resp.Reused, server.Connections())
			}
		})
	}
}

const empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func TestAConnectionThatWasClosedWhileIdleIsReplacedBeforeAnythingIsSent(t *testing.T) {
	for name, last := range map[string][]wiretest.Act{
		"closed":                 nil,
		"reset":                  {wiretest.Reset},
		"half closed":            {wiretest.CloseWrite, wiretest.Stall},
		"closed with a farewell": {wiretest.Pause(10 * time.Millisecond), wiretest.Write("HTTP/1.1 408 Request Timeout\r\n\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			once := append([]wiretest.Act{wiretest.Request, wiretest.Write(empty)}, last...)
			server := wiretest.Serve(t, once, on(wiretest.Write(empty)))
			s, req := user(t, server, http1.Config{})
			var resp flow.Response
			for range 2 {
				if err := s.Do(req, &resp); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Millisecond)
			}
			if resp.Reused || server.Connections() != 2 {
				t.Errorf("reused %v over %d connections", resp.Reused, server.Connections())
			}
		})
	}
}

func TestAConnectionThatIsClosedInsteadOfAnAnswerFailsItsCallOnce(t *testing.T) {
	server := wiretest.Serve(t, []wiretest.Act{wiretest.Request, wiretest.Write(empty), wiretest.Request}, on(wiretest.Write(empty)))
	s, req := user(t, server, http1.Config{})
	var resp flow.Response
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	wiretest.Fails(t, s.Do(req, &resp), engine.ErrClosed)
	if server.Connections() != 1 {
		t.Errorf("%d connections: the call was sent again", server.Connections())
	}
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatEndsItsSideRightAfterAnAnswerIsNoticedWithoutATimeLimit(t *testing.T) {
	server := wiretest.Serve(t, []wiretest.Act{wiretest.Request, wiretest.Write(empty), wiretest.CloseWrite, wiretest.Request, wiretest.Stall})
	s, req := user(t, server, http1.Config{})
	req.Timeout = flow.Timeouts{}
	var resp flow.Response
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	wiretest.Fails(t, s.Do(req, &resp), engine.ErrClosed)
}

func TestBytesThatComeWhileIdleFailTheNextCall(t *testing.T) {
	server := wiretest.Serve(t, []wiretest.Act{wiretest.Request, wiretest.Write(empty), wiretest.Pause(10 * time.Millisecond), wiretest.Write(empty), wiretest.Stall})
	s, req := user(t, server, http1.Config{})
	var resp flow.Response
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	wiretest.Fails(t, s.Do(req, &resp), engine.ErrLeftover)
	if resp.BytesOut != 0 {
		t.Error("something was sent all the same")
	}
}

func TestAnAnswerBeforeTheBodyWasReadCounts(t *testing.T) {
	readHead := func(c *wiretest.Conn) error {
		_, err := io.ReadFull(c, make([]byte, 1000))
		return err
	}
	server := wiretest.Serve(t, []wiretest.Act{readHead, wiretest.Write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), wiretest.CloseWrite, wiretest.Pause(20 * time.Millisecond)})
	s, req := user(t, server, http1.Config{})
	req.Method, req.Body = "POST", make([]byte, 32<<20)
	var resp flow.Response
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	if resp.Status != 413 {
		t.Errorf("status %d", resp.Status)
	}
}

func TestTimeLimitsAreExactThoughDeadlinesAreSetRarely(t *testing.T) {
	server := wiretest.Serve(t, []wiretest.Act{
		wiretest.Request, wiretest.Write(empty),
		wiretest.Request, wiretest.Pause(150 * time.Millisecond), wiretest.Write(empty),
		wiretest.Request, wiretest.Stall,
	})
	s, req := user(t, server, http1.Config{})
	var resp flow.Response
	req.Timeout.Total = 100 * time.Millisecond
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	req.Timeout.Total = 300 * time.Millisecond // its answer comes after the deadline that is still set
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	wiretest.Fails(t, s.Do(req, &resp), engine.ErrTimeout)
	if took := time.Since(start); took < 300*time.Millisecond || took > 600*time.Millisecond {
		t.Errorf("failed after %v", took)
	}
}
