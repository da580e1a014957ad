package wiretest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// handler serves what the cases ask for.
func handler(t *testing.T) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		_, _ = w.Write(bytes.Repeat([]byte("x"), n))
	})
	mux.HandleFunc("/status/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		w.WriteHeader(n)
	})
	mux.HandleFunc("/stall", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	return mux
}

func answers(t *testing.T, f *fixture) {
	t.Helper()
	req := f.get("/echo")
	req.Method, req.Body = "POST", []byte("hello")
	req.Want = flow.Want{Header: true, Body: true}
	f.do(t, req)
	if f.resp.Status != 200 || string(f.resp.Body) != "hello" {
		t.Errorf("status %d, body %q", f.resp.Status, f.resp.Body)
	}
	if got := header(&f.resp, "X-Method"); got != "POST" {
		t.Errorf("X-Method is %q", got)
	}
	req.Want = flow.Want{}
	f.do(t, req)
	if got := header(&f.resp, "Set-Cookie"); got != "a=1, b=2" {
		t.Errorf("cookies without being asked for headers: %q", got)
	}
	if got := header(&f.resp, "X-Method"); got != "" {
		t.Errorf("a header that nobody wanted: %q", got)
	}
}

func header(resp *flow.Response, name string) string {
	var values []string
	for _, f := range resp.Header {
		if strings.EqualFold(string(f.Name), name) {
			values = append(values, string(f.Value))
		}
	}
	return strings.Join(values, ", ")
}

func unwanted(t *testing.T, f *fixture) {
	t.Helper()
	const n = 3 << 20
	f.do(t, f.get("/bytes/"+strconv.Itoa(n)))
	if len(f.resp.Body) != 0 || f.resp.BytesIn < n {
		t.Errorf("kept %d bytes, counted %d", len(f.resp.Body), f.resp.BytesIn)
	}
}

func echoes(t *testing.T, f *fixture) {
	t.Helper()
	req := f.get("/echo")
	req.Method, req.Want.Body = "PUT", true
	for _, n := range []int{0, 1, 4095, 4096, 4097, 70_000, 1 << 20} {
		req.Body = bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		f.do(t, req)
		if !bytes.Equal(f.resp.Body, req.Body) {
			t.Errorf("%d bytes came back as %d others", n, len(f.resp.Body))
		}
		if f.resp.BytesOut < int64(n) || f.resp.BytesIn < int64(n) {
			t.Errorf("%d bytes counted as %d out and %d in", n, f.resp.BytesOut, f.resp.BytesIn)
		}
	}
}

func bodyless(t *testing.T, f *fixture) {
	t.Helper()
	head := f.get("/bytes/100")
	head.Method, head.Want.Body = "HEAD", true
	for _, req := range []*flow.Request{head, f.get("/status/204"), f.get("/status/304")} {
		f.do(t, req)
		if len(f.resp.Body) != 0 {
			t.Errorf("%s %s: body %q", req.Method, req.Target, f.resp.Body)
		}
	}
	f.do(t, f.get("/status/200"))
	if !f.resp.Reused {
		t.Error("the connection did not survive answers without a body")
	}
}

func reuses(t *testing.T, f *fixture) {
	t.Helper()
	for i := range 3 {
		f.do(t, f.get("/status/200"))
		if f.resp.Reused != (i > 0) {
			t.Errorf("call %d: reused is %v", i, f.resp.Reused)
		}
		if (f.resp.LocalAddr == "") != f.resp.Reused {
			t.Errorf("call %d: local address %q", i, f.resp.LocalAddr)
		}
	}
}

func reports(t *testing.T, f *fixture) {
	t.Helper()
	f.do(t, f.get("/bytes/1000000"))
	p := f.resp.Phases
	if p[flow.Connect] <= 0 || p[flow.FirstByte] <= 0 || p[flow.Body] <= 0 {
		t.Errorf("phases of a new connection: %v", p)
	}
	if (p[flow.TLS] > 0) != (f.server.Scheme == "https") {
		t.Errorf("%s: handshake took %v", f.server.Scheme, p[flow.TLS])
	}
	f.do(t, f.get("/status/200"))
	if p = f.resp.Phases; p[flow.Connect] != 0 || p[flow.TLS] != 0 || p[flow.FirstByte] <= 0 {
		t.Errorf("phases of a connection that was open: %v", p)
	}
}

func timesOut(t *testing.T, f *fixture) {
	t.Helper()
	for _, target := range []string{"/stall", "/half"} {
		req := f.get(target)
		req.Timeout.Total = 50 * time.Millisecond
		took := elapsed(func() { f.fails(t, req, engine.ErrTimeout) })
		if took < req.Timeout.Total || took > req.Timeout.Total+time.Second {
			t.Errorf("%s: failed after %v", target, took)
		}
	}
	f.do(t, f.get("/status/200"))
}

func firstByteTimesOut(t *testing.T, f *fixture) {
	t.Helper()
	req := f.get("/stall")
	req.Timeout = flow.Timeouts{FirstByte: 50 * time.Millisecond, Total: time.Minute}
	if took := elapsed(func() { f.fails(t, req, engine.ErrFirstByteTimeout) }); took < req.Timeout.FirstByte {
		t.Errorf("failed after %v", took)
	}
	req = f.get("/half")
	req.Timeout = flow.Timeouts{FirstByte: time.Second, Total: 50 * time.Millisecond}
	f.fails(t, req, engine.ErrTimeout)
}

func interrupted(t *testing.T, f *fixture) {
	t.Helper()
	for _, target := range []string{"/stall", "/half"} {
		ctx, cancel := context.WithCancel(t.Context())
		f.session = open(t, ctx, f.protocol)
		f.do(t, f.get("/status/200"))
		time.AfterFunc(20*time.Millisecond, cancel)
		took := elapsed(func() { f.fails(t, f.get(target), engine.ErrInterrupted) })
		if took > time.Second {
			t.Errorf("%s: ended after %v", target, took)
		}
	}
}

func refusesAfterEnd(t *testing.T, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := open(t, ctx, f.protocol)
	cancel()
	Fails(t, s.Do(f.get("/status/200"), &f.resp), engine.ErrInterrupted)
}

func refused(t *testing.T, f *fixture) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	req := f.get("/")
	req.Host, req.Timeout.Total = l.Addr().String(), 5*time.Second
	f.fails(t, req, engine.ErrRefused)
}

func unknownAuthority(t *testing.T, f *fixture) {
	t.Helper()
	if f.server.Scheme != "https" {
		t.Skip("no certificates without TLS")
	}
	f.session = open(t, t.Context(), f.subject.New(t, nil))
	f.fails(t, f.get("/status/200"), engine.ErrCertificate)
}

func independent(t *testing.T, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stalled := open(t, ctx, f.protocol)
	var wg sync.WaitGroup
	wg.Go(func() { _ = stalled.Do(f.get("/stall"), &flow.Response{}) })
	req := f.get("/status/200")
	req.Timeout.Total = 5 * time.Second
	f.do(t, req)
	cancel()
	wg.Wait()
	f.do(t, req)
}

func crowd(t *testing.T, f *fixture) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 16 {
		s := open(t, t.Context(), f.protocol)
		wg.Go(func() {
			var resp flow.Response
			for j := range 20 {
				req := f.get("/echo")
				req.Method, req.Want.Body, req.Body = "POST", true, fmt.Append(nil, i, "/", j)
				if err := s.Do(req, &resp); err != nil || !bytes.Equal(resp.Body, req.Body) {
					t.Errorf("sent %q, got %q, %v", req.Body, resp.Body, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func injection(t *testing.T, f *fixture) {
	t.Helper()
	for _, spoil := range []func(*flow.Request){
		func(r *flow.Request) { r.Target = "/echo\r\nX-Evil: 1" },
		func(r *flow.Request) { r.Header = []flow.Field{{Name: "X", Value: "1\nX-Evil: 1"}} },
		func(r *flow.Request) { r.Header = []flow.Field{{Name: "X\r\nX-Evil", Value: "1"}} },
		func(r *flow.Request) { r.Method = "GET /echo HTTP/1.1\r\nX-Evil:" },
	} {
		req := f.get("/echo")
		spoil(req)
		f.fails(t, req, engine.ErrTemplate)
		if f.resp.BytesOut != 0 {
			t.Errorf("%q: sent %d bytes", req.Target, f.resp.BytesOut)
		}
	}
}

func elapsed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
