package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// recorded is a connection that plays back an answer, at most step bytes at a time.
type recorded struct {
	net.Conn
	data []byte
	step int
}

func (r *recorded) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.step)], r.data)
	r.data = r.data[n:]
	return n, nil
}

func (*recorded) Write(p []byte) (int, error)   { return len(p), nil }
func (*recorded) Close() error                  { return nil }
func (*recorded) SetDeadline(_ time.Time) error { return nil }

// playBack does a call over a recorded connection.
func playBack(t *testing.T, c *Client, method string, data []byte, step int) (*flow.Response, error) {
	t.Helper()
	opened, err := c.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	defer s.Close()
	k := &conn{Conn: &recorded{data: data, step: step}, session: s, origin: origin{"http", "h"}, armed: never, lastUsed: never}
	k.buffers.own = make([]byte, smallBuffer)
	k.buf = k.buffers.own
	s.conns = append(s.conns, k)
	resp := new(flow.Response)
	err = s.Do(&flow.Request{Method: method, Scheme: "http", Host: "h", Target: "/", Want: flow.Want{Header: true, Body: true}}, resp)
	return resp, err
}

// reference is what net/http makes of an answer; interim ones are read over as we do.
func reference(method string, data []byte) (status int, body []byte, err error) {
	r := bufio.NewReader(bytes.NewReader(data))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return 0, nil, err
		}
		if resp.StatusCode >= 200 {
			body, err = io.ReadAll(resp.Body)
			return resp.StatusCode, body, err
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.0 404\nA: b\n\nbody",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x, close\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: 1\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nSet-Cookie: a=b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(s), uint16(3), false)
		f.Add([]byte(s), uint16(1000), true)
	}
	client, err := New(Config{Limits: Limits{HeaderBytes: 8 << 10, BodyBytes: 1 << 20}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint16, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		resp, err := playBack(t, client, method, data, int(step)+1)
		if len(resp.Body) > 1<<20 || resp.BytesIn > int64(len(data)) {
			t.Fatalf("kept %d bytes and counted %d of %d", len(resp.Body), resp.BytesIn, len(data))
		}
		if err != nil {
			if failure, ok := errors.AsType[*engine.Failure](err); !ok || failure.Kind == engine.ErrOther {
				t.Fatalf("%v is not a named failure", err)
			}
			return
		}
		status, body, err := reference(method, data)
		if err != nil {
			if tolerated(data) {
				return
			}
			t.Fatalf("took status %d, body %q; net/http says %v", resp.Status, resp.Body, err)
		}
		if resp.Status != status || !encoded(resp) && !bytes.Equal(resp.Body, body) {
			t.Fatalf("took status %d, body %q; net/http %d, %q", resp.Status, resp.Body, status, body)
		}
	})
}

// tolerated reports whether an answer holds what net/http refuses and we do not: control
// characters, which RFC 9110, 5.5, lets a recipient keep.
func tolerated(data []byte) bool {
	return bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' || r == 0x7f })
}

func encoded(resp *flow.Response) bool {
	for _, f := range resp.Header {
		if strings.EqualFold(string(f.Name), "Content-Encoding") {
			return true
		}
	}
	return false
}

func FuzzChunks(f *testing.F) {
	for _, s := range []string{
		"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: 1\r\n\r\nrest", "5 \r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n",
	} {
		f.Add([]byte(s), uint16(2))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		const limit = 1000
		var d chunks
		var got []byte
		for rest := data; len(rest) > 0 && !d.done(); {
			piece := rest[:min(len(rest), int(step)+1)]
			rest = rest[len(piece):]
			for len(piece) > 0 && !d.done() {
				run, left, err := d.next(piece, limit)
				if err != nil {
					return
				}
				if len(run) == 0 && len(left) == len(piece) {
					t.Fatal("no progress")
				}
				got, piece = append(got, run...), left
			}
		}
		if !d.done() {
			return
		}
		want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(data)))
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("got %q, net/http %q", got, want)
		}
	})
}

func FuzzParseConnectTo(f *testing.F) {
	for _, s := range []string{"a:80:b:81", ":::", "a::b:", "[::1]:80:[::2]:81", "a:80:b", "a:x:b:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseConnectTo(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "connect-to rule ") {
				t.Fatalf("%v does not say what it is about", err)
			}
			return
		}
		if again, err := ParseConnectTo(bracketed(r.Host) + ":" + r.Port + ":" + bracketed(r.ToHost) + ":" + r.ToPort); err != nil || again != r {
			t.Fatalf("%q is read as %+v, and that as %+v, %v", s, r, again, err)
		}
	})
}

func bracketed(host string) string {
	if strings.Contains(host, ":") || strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}

func FuzzParseResolve(f *testing.F) {
	for _, s := range []string{"a:80:127.0.0.1", "a:443:127.0.0.1,[::1]", "*:80:::1", "[::1]:80:::2", "a:80:", "a:0:1.2.3.4", "+a:1:1.1.1.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, addrs, err := ParseResolve(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "resolve rule ") {
				t.Fatalf("%v does not say what it is about", err)
			}
			return
		}
		if len(addrs) == 0 {
			t.Fatalf("%q has no addresses", s)
		}
		if _, _, err := net.SplitHostPort(key); err != nil && !strings.ContainsAny(s, "[]") {
			t.Fatalf("%q has the key %q: %v", s, key, err)
		}
	})
}
