package fault

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

const page = "0123456789abcdefghij"

// handler answers with the page, in two writes.
func handler(handled *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if handled != nil {
			handled.Add(1)
		}
		io.WriteString(w, page[:10])
		io.WriteString(w, page[10:])
	})
}

// serve starts a real server with the layer; a TLS one speaks HTTP/2.
func serve(t *testing.T, r *Registry, h http.Handler, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(r.Layer("search", "GET /v1/search")(h))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	start(s)
	t.Cleanup(s.Close)
	return s
}

// fetch makes one request over a new connection.
func fetch(s *httptest.Server) (status int, body string, err error) {
	defer s.Client().CloseIdleConnections()
	resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("x")) // never sent twice
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// endOnceSeen ends the faults of a registry when they have met something.
func endOnceSeen(r *Registry) {
	for list := r.List(); len(list) > 0 && list[0].Seen == 0; list = r.List() {
		time.Sleep(time.Millisecond)
	}
	r.Clear()
}

func TestFaultsOnRealConnections(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   Fault
		status  int
		body    string
		fails   error // over HTTP/1
		handled int64
	}{
		{"none", Fault{Target: "svc:other", Kind: "abort"}, 200, page, nil, 1},
		{"late", Fault{Kind: "latency", Value: "1ms"}, 200, page, nil, 1},
		{"a status", Fault{Kind: "error", Value: "503"}, 503, "", nil, 0},
		{"aborted", Fault{Kind: "abort"}, 0, "", io.EOF, 0},
		{"reset", Fault{Kind: "reset"}, 0, "", syscall.ECONNRESET, 0},
		{"a panic", Fault{Kind: "panic"}, 0, "", io.EOF, 0},
		{"no answer until the fault ends", Fault{Kind: "blackhole"}, 0, "", io.EOF, 0},
		{"cut after five", Fault{Kind: "truncate", Value: "5B"}, 200, "01234", io.ErrUnexpectedEOF, 1},
		{"cut between two writes", Fault{Kind: "truncate", Value: "10B"}, 200, "0123456789", io.ErrUnexpectedEOF, 1},
		{"cut before the body", Fault{Kind: "truncate", Value: "0B"}, 200, "", io.ErrUnexpectedEOF, 1},
		{"cut at the end", Fault{Kind: "truncate", Value: "20B"}, 200, page, nil, 1},
		{"slow", Fault{Kind: "slow_body", Value: "1kB/s"}, 200, page, nil, 1},
		{"on the route", Fault{Target: "route:GET /v1/search", Kind: "abort"}, 0, "", io.EOF, 0},
		{"on everything", Fault{Target: "*", Kind: "abort"}, 0, "", io.EOF, 0},
		{"on this worker", Fault{Target: "worker:2", Kind: "abort"}, 0, "", io.EOF, 0},
		{"on another worker", Fault{Target: "worker:3", Kind: "abort"}, 200, page, nil, 1},
		{"on another route", Fault{Target: "route:GET /v1/other", Kind: "abort"}, 200, page, nil, 1},
	} {
		for proto, start := range map[string]func(*httptest.Server){"h1": (*httptest.Server).Start, "h2": (*httptest.Server).StartTLS} {
			t.Run(test.name+" "+proto, func(t *testing.T) {
				r := open(t, Options{Self: "worker:2"})
				var handled atomic.Int64
				s := serve(t, r, handler(&handled), start)
				f := test.fault
				if f.Target == "" {
					f.Target = "svc:search"
				}
				add(t, r, f)
				if f.Kind == "blackhole" {
					go endOnceSeen(r)
				}
				status, body, err := fetch(s)
				if (err != nil) != (test.fails != nil) || proto == "h1" && test.fails != nil && !errors.Is(err, test.fails) {
					t.Errorf("failed as %v, want %v", err, test.fails)
				}
				if status != test.status || test.body != "" && body != test.body || handled.Load() != test.handled {
					t.Errorf("status %d, %q, handled %d", status, body, handled.Load())
				}
			})
		}
	}
}

func TestResetReachesThroughTLS(t *testing.T) {
	r := open(t, Options{})
	s := httptest.NewUnstartedServer(r.Layer("search", "GET /")(handler(nil)))
	s.StartTLS()
	defer s.Close()
	add(t, r, Fault{Target: "*", Kind: "reset"})
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
}

func TestAnInjectedStatusSaysSo(t *testing.T) {
	r := open(t, Options{})
	add(t, r, Fault{ID: "mine", Target: "*", Kind: "error", Value: "503"})
	w := httptest.NewRecorder()
	r.Layer("search", "GET /")(handler(nil)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 503 || got["fault"] != "mine" || got["detail"] != "injected by fault mine" || got["title"] != "Service Unavailable" {
		t.Errorf("status %d, %v, %v", w.Code, got, err)
	}
}

func TestCorruptionInvertsBytesAtEqualDistances(t *testing.T) {
	for _, writes := range [][]int{{100}, {1, 99}, {33, 33, 34}, {10, 0, 90}, {6, 1, 1, 92}} {
		r := open(t, Options{})
		add(t, r, Fault{Target: "*", Kind: "corrupt", Value: "7B", Seed: 3})
		sent := bytes.Repeat([]byte("x"), 100)
		w := httptest.NewRecorder()
		r.Layer("search", "GET /")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			rest := sent
			for _, n := range writes {
				if got, err := w.Write(rest[:n]); got != n || err != nil {
					t.Errorf("wrote %d of %d, %v", got, n, err)
				}
				rest = rest[n:]
			}
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		var wrong []int
		for i, b := range w.Body.Bytes() {
			if b == ^byte('x') {
				wrong = append(wrong, i)
			} else if b != 'x' {
				t.Errorf("byte %d is %q", i, b)
			}
		}
		if w.Body.Len() != 100 || len(wrong) < 14 || wrong[0] > 6 {
			t.Fatalf("%v: wrong are %v of %d", writes, wrong, w.Body.Len())
		}
		for i := range wrong[1:] {
			if wrong[i+1]-wrong[i] != 7 {
				t.Errorf("%v: wrong are %v", writes, wrong)
			}
		}
		if string(sent) != strings.Repeat("x", 100) {
			t.Error("the handler's own bytes changed")
		}
	}
}

func TestABodyTricklesAtItsRate(t *testing.T) {
	for _, test := range []struct {
		name       string
		rate       string
		size       int
		For, took  time.Duration
		leaveAfter time.Duration
	}{
		{"many bytes a second", "1kB/s", 3000, time.Minute, 3 * time.Second, 0},
		{"a byte at a time", "2B/s", 6, time.Minute, 3 * time.Second, 0},
		{"the rest is there at once when the fault ends", "1kB/s", 1000_000, 2 * time.Second, 2 * time.Second, 0},
		{"until the client leaves", "1kB/s", 3000, time.Minute, 1500 * time.Millisecond, 1500 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := open(t, Options{})
				add(t, r, Fault{Target: "*", Kind: "slow_body", Value: test.rate, For: test.For})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.leaveAfter > 0 {
					time.AfterFunc(test.leaveAfter, cancel)
				}
				begin := time.Now()
				w := httptest.NewRecorder()
				r.Layer("search", "GET /")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					n, err := w.Write(make([]byte, test.size))
					if (n == test.size) != (test.leaveAfter == 0) || (err == nil) != (test.leaveAfter == 0) {
						t.Errorf("wrote %d, %v", n, err)
					}
				})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
				if took := time.Since(begin); took != test.took || test.leaveAfter == 0 && w.Body.Len() != test.size {
					t.Errorf("%d bytes in %v, want %v", w.Body.Len(), took, test.took)
				}
			})
		})
	}
}

func TestAStallFreezesEverythingUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Options{})
		h := r.Layer("search", "GET /")(handler(nil))
		f := add(t, r, Fault{Target: "svc:search", Kind: "stall", For: 10 * time.Second})
		var answered atomic.Int64
		for range 5 {
			go func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if w.Body.String() == page {
					answered.Add(1)
				}
			}()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if answered.Load() != 0 {
			t.Errorf("%d are answered", answered.Load())
		}
		time.Sleep(time.Until(f.Ends()))
		synctest.Wait()
		if answered.Load() != 5 {
			t.Errorf("%d are answered", answered.Load())
		}
	})
}

// aborted tells how the layer ended a request whose client leaves after a second.
func aborted(t *testing.T, f Fault) (took time.Duration, ended error) {
	t.Helper()
	r := open(t, Options{})
	add(t, r, f)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begin := time.Now()
	defer func() {
		took = time.Since(begin)
		ended, _ = recover().(error)
	}()
	r.Layer("search", "GET /")(handler(nil)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	return 0, nil
}

func TestNobodyWaitsForAClientThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []string{"stall", "blackhole"} {
			if took, ended := aborted(t, Fault{Target: "*", Kind: kind}); took != time.Second || !errors.Is(ended, http.ErrAbortHandler) {
				t.Errorf("%s: %v after %v", kind, ended, took)
			}
		}
		if took, ended := aborted(t, Fault{Target: "*", Kind: "latency", Value: "1m"}); took != time.Second || ended != nil {
			t.Errorf("latency: %v after %v", ended, took)
		}
	})
}

func TestAFaultMeetsWhatMatches(t *testing.T) {
	for _, test := range []struct {
		name  string
		match Match
		met   int // of 100
	}{
		{"all", Match{}, 100},
		{"a method", Match{Method: "GET"}, 100},
		{"another method", Match{Method: "POST"}, 0},
		{"a header", Match{Header: map[string]string{"x-a": "1"}}, 100},
		{"a header of another value", Match{Header: map[string]string{"X-A": "2"}}, 0},
		{"two headers, one of them missing", Match{Header: map[string]string{"X-A": "1", "X-B": "1"}}, 0},
		{"a client", Match{Client: "me"}, 100},
		{"another client", Match{Client: "you"}, 0},
		{"a share of a method", Match{Method: "GET", Percent: 20}, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t, Options{})
			add(t, r, Fault{Target: "*", Kind: "error", Value: "500", Match: test.match})
			h := r.Layer("search", "GET /")(handler(nil))
			met := 0
			for range 100 {
				w := httptest.NewRecorder()
				req := httptest.NewRequest("GET", "/", nil)
				req.Header.Set("X-A", "1")
				h.ServeHTTP(w, req.WithContext(middleware.With(req.Context(), &middleware.Request{Client: "me"})))
				if w.Code == 500 {
					met++
				}
			}
			list := r.List()[0]
			if off := met - test.met; off < -2 || off > 2 || int(list.Hits) != met || list.Seen != 100 && test.met > 0 {
				t.Errorf("met %d, counted %+v", met, list)
			}
		})
	}
}

func TestAHandlerCanFlushThroughFaultsOnTheBody(t *testing.T) {
	for _, kind := range [][2]string{{"slow_body", "1MB/s"}, {"truncate", "1kB"}, {"corrupt", "1kB"}} {
		r := open(t, Options{})
		add(t, r, Fault{Target: "*", Kind: kind[0], Value: kind[1]})
		w := httptest.NewRecorder()
		r.Layer("search", "GET /")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, ok := w.(http.Flusher); !ok || http.NewResponseController(w).Flush() != nil {
				t.Errorf("%s: cannot flush", kind[0])
			}
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if !w.Flushed {
			t.Errorf("%s: not flushed", kind[0])
		}
	}
}

func BenchmarkLayer(b *testing.B) {
	b.Run("no layer", func(b *testing.B) {
		inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r) })
		for b.Loop() {
			h.ServeHTTP(nil, nil)
		}
	})
	for name, f := range map[string]*Fault{
		"no faults":            nil,
		"a fault elsewhere":    {Target: "svc:other", Kind: "abort", For: time.Minute},
		"a fault on 0 percent": {Target: "*", Kind: "abort", For: time.Minute, Match: Match{Percent: 1e-12}},
	} {
		b.Run(name, func(b *testing.B) {
			r := New(Options{})
			defer r.Close()
			if f != nil {
				if _, err := r.Add(*f); err != nil {
					b.Fatal(err)
				}
			}
			h := r.Layer("search", "GET /")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			req := httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nil, req)
			}
		})
	}
}
