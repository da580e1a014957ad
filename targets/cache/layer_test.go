package cache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// route is a handler behind a layer that counts its calls.
type route struct {
	calls atomic.Int64
	serve func(w http.ResponseWriter, r *http.Request, n int64)
	http.Handler
}

func routeOf(c *Cache, p Policy, serve func(w http.ResponseWriter, r *http.Request, n int64)) *route {
	rt := &route{serve: serve}
	rt.Handler = c.Layer(p)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt.serve(w, r, rt.calls.Add(1))
	}))
	return rt
}

// numbered answers with which call it is.
func numbered(w http.ResponseWriter, _ *http.Request, n int64) { fmt.Fprint(w, n) }

func (rt *route) ask(t *testing.T, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, http.NoBody).WithContext(t.Context())
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, r)
	return w
}

func TestALayerAnswersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(local(), nil, Hooks{})
		defer c.Close()
		rt := routeOf(c, Policy{TTL: 10 * time.Second}, func(w http.ResponseWriter, _ *http.Request, n int64) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "max-age=10")
			w.Header().Set("Server-Timing", "db;dur=5")
			fmt.Fprintf(w, `{"n":%d}`, n)
		})
		first := rt.ask(t, "GET", "/a?b=1&a=2")
		time.Sleep(3500 * time.Millisecond)
		again := rt.ask(t, "GET", "/a?a=2&b=1")
		if rt.calls.Load() != 1 || again.Code != 200 || again.Body.String() != `{"n":1}` || first.Body.String() != `{"n":1}` {
			t.Errorf("got %d %q after %q", again.Code, again.Body, first.Body)
		}
		want := http.Header{
			"Content-Type": {"application/json"}, "Cache-Control": {"max-age=10"}, "Content-Length": {"7"},
			"Etag": first.Header()["Etag"], "Age": {"3"}, "Cache-Status": {"l1; hit; ttl=6"},
		}
		if diff := cmp.Diff(want, again.Header()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if got := first.Header().Get("Cache-Status"); got != "l1; fwd=uri-miss; stored" {
			t.Errorf("first: %q", got)
		}
		if etag := first.Header().Get("Etag"); len(etag) < 10 || etag[0] != '"' {
			t.Errorf("etag %q is no strong one", etag)
		}
		if _, age := first.Header()["Age"]; age {
			t.Error("an answer of the origin has an age")
		}
	})
}

func TestConditionalRequests(t *testing.T) {
	c := New(local(), nil, Hooks{})
	defer c.Close()
	rt := routeOf(c, Policy{TTL: time.Hour}, func(w http.ResponseWriter, r *http.Request, _ int64) {
		for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match"} {
			if r.Header.Get(name) != "" {
				t.Errorf("the handler sees %s", name)
			}
		}
		for name, value := range map[string]string{
			"Etag": `W/"1"`, "Cache-Control": "max-age=9", "Expires": "later", "Content-Location": "/1", "Content-Type": "text/x", "X-Other": "1",
		} {
			w.Header().Set(name, value)
		}
		fmt.Fprint(w, "body")
	})
	for _, when := range []string{"on a miss", "on a hit"} {
		w := rt.ask(t, "GET", "/", "If-None-Match", `"1"`)
		w.Header().Del("Cache-Status")
		w.Header().Del("Age")
		want := http.Header{"Etag": {`W/"1"`}, "Cache-Control": {"max-age=9"}, "Expires": {"later"}, "Content-Location": {"/1"}}
		if diff := cmp.Diff(want, w.Header()); diff != "" || w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%s: %d %q -want +got\n%s", when, w.Code, w.Body, diff)
		}
	}
	if w := rt.ask(t, "GET", "/", "If-Match", `W/"1"`); w.Code != 412 {
		t.Errorf("a weak tag matched strongly: %d", w.Code)
	}
	if w := rt.ask(t, "GET", "/", "If-None-Match", `"2"`); w.Code != 200 || w.Body.String() != "body" {
		t.Errorf("another tag: %d %q", w.Code, w.Body)
	}
	if s := c.Stats(); s.NotModified != 2 || rt.calls.Load() != 1 {
		t.Errorf("%+v after %d calls", s, rt.calls.Load())
	}
}

func TestAFailingRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(local(), nil, Hooks{})
		defer c.Close()
		status := http.StatusOK
		rt := routeOf(c, Policy{TTL: 600 * time.Second, SIE: 1200 * time.Second}, func(w http.ResponseWriter, r *http.Request, n int64) {
			time.Sleep(time.Second)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			numbered(w, r, n)
		})
		rt.ask(t, "GET", "/")
		time.Sleep(899 * time.Second)
		for _, status = range []int{500, 502, 503, 504} {
			w := rt.ask(t, "GET", "/")
			want := fmt.Sprintf("l1; fwd=stale; fwd-status=%d; ttl=-%d", status, 300+status%500)
			if got := w.Header().Get("Cache-Status"); w.Code != 200 || w.Body.String() != "1" || w.Header().Get("Age") < "900" {
				t.Errorf("%d: got %d %q %s, want %s", status, w.Code, w.Body, got, want)
			}
		}
		time.Sleep(900 * time.Second)
		if w := rt.ask(t, "GET", "/"); w.Code != 504 || w.Body.String() != "6" {
			t.Errorf("past the window: %d %q", w.Code, w.Body)
		}
		var all sync.WaitGroup
		var led, waited atomic.Int64
		for range 10 {
			all.Go(func() {
				w := rt.ask(t, "GET", "/")
				switch {
				case w.Code != 504 || w.Header().Get("Retry-After") != "7":
					t.Errorf("got %d %v", w.Code, w.Header())
				case w.Body.String() == "7":
					led.Add(1)
				case w.Header().Get("Content-Type") == "application/problem+json":
					waited.Add(1)
				}
			})
		}
		all.Wait()
		if led.Load() != 1 || waited.Load() != 9 || rt.calls.Load() != 7 {
			t.Errorf("%d led and %d waited for %d calls", led.Load(), waited.Load(), rt.calls.Load())
		}
	})
}

func TestAPanicOfARouteIsTheLeadersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(local(), nil, Hooks{})
		defer c.Close()
		rt := routeOf(c, Policy{TTL: time.Hour}, func(http.ResponseWriter, *http.Request, int64) {
			time.Sleep(time.Second)
			panic(http.ErrAbortHandler)
		})
		var all sync.WaitGroup
		var panicked, failed atomic.Int64
		for range 10 {
			all.Go(func() {
				defer func() {
					if err, _ := recover().(error); errors.Is(err, http.ErrAbortHandler) {
						panicked.Add(1)
					}
				}()
				if w := rt.ask(t, "GET", "/"); w.Code == 500 {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if panicked.Load() != 1 || failed.Load() != 9 {
			t.Errorf("%d panicked, %d got 500", panicked.Load(), failed.Load())
		}
	})
}

func TestNotFoundIsRememberedOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(local(), nil, Hooks{})
		defer c.Close()
		rt := routeOf(c, Policy{TTL: time.Hour, Negative: 5 * time.Second}, func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				w.WriteHeader(404)
			}
			numbered(w, r, n)
		})
		for range 3 {
			if w := rt.ask(t, "GET", "/"); w.Code != 404 || w.Body.String() != "1" {
				t.Errorf("got %d %q", w.Code, w.Body)
			}
		}
		time.Sleep(5 * time.Second)
		if w := rt.ask(t, "GET", "/"); w.Code != 200 || w.Body.String() != "2" {
			t.Errorf("got %d %q", w.Code, w.Body)
		}
	})
}

func TestAWriteThatSucceedsRemovesWhatIsKept(t *testing.T) { // RFC 9111 §4.4
	c := New(local(), nil, Hooks{})
	defer c.Close()
	status := 201
	rt := routeOf(c, Policy{TTL: time.Hour}, func(w http.ResponseWriter, r *http.Request, n int64) {
		if r.Method == "POST" {
			w.WriteHeader(status)
		}
		numbered(w, r, n)
	})
	for _, step := range []struct {
		method, want string
		status       int
	}{{"GET", "1", 0}, {"POST", "2", 500}, {"GET", "1", 0}, {"POST", "3", 303}, {"GET", "4", 0}, {"OPTIONS", "5", 0}, {"GET", "4", 0}} {
		status = step.status
		if w := rt.ask(t, step.method, "/"); w.Body.String() != step.want {
			t.Errorf("%s %d: got %q, want %q", step.method, step.status, w.Body, step.want)
		}
	}
}

func TestHeadOverARealConnection(t *testing.T) {
	c := New(local(), nil, Hooks{})
	defer c.Close()
	rt := routeOf(c, Policy{TTL: time.Hour}, func(w http.ResponseWriter, r *http.Request, _ int64) {
		w.Header().Set("Content-Length", "5")
		if r.Method == "GET" {
			fmt.Fprint(w, "hello")
		}
	})
	s := httptest.NewServer(rt)
	defer s.Close()
	for range 2 {
		resp, err := s.Client().Head(s.URL)
		if err != nil || resp.ContentLength != 5 || resp.Header.Get("Etag") != "" { // a tag of nothing would not be GET's
			t.Errorf("%v, %+v", err, resp)
		}
		resp, err = s.Client().Get(s.URL)
		if err != nil || resp.ContentLength != 5 {
			t.Errorf("%v, %+v", err, resp)
		}
		resp.Body.Close()
	}
	if n := rt.calls.Load(); n != 2 {
		t.Errorf("%d calls, want one for each method", n)
	}
}

func TestAClientThatLeavesGetsNothingAndHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(local(), nil, Hooks{})
		defer c.Close()
		rt := routeOf(c, Policy{TTL: time.Hour}, func(w http.ResponseWriter, r *http.Request, n int64) {
			time.Sleep(time.Second)
			if r.Context().Err() != nil {
				t.Error("the handler's context ended with the client's")
			}
			numbered(w, r, n)
		})
		ctx, leave := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second / 2)
			leave(errors.New("gone"))
		}()
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, httptest.NewRequest("GET", "/", http.NoBody).WithContext(ctx))
		if w.Body.Len() != 0 {
			t.Errorf("got %q", w.Body)
		}
		if w := rt.ask(t, "GET", "/"); w.Body.String() != "1" {
			t.Errorf("who stayed got %q", w.Body)
		}
	})
}

func TestALayerThatIsOffAddsNothing(t *testing.T) {
	c := New(Config{}, nil, Hooks{})
	defer c.Close()
	rt := routeOf(c, Policy{TTL: time.Hour}, numbered)
	if w := rt.ask(t, "GET", "/"); len(w.Header()) != 1 { // the recorder's own Content-Type
		t.Errorf("header %v", w.Header())
	}
}

// TestADeadlineThatPassesIsNoEmptyAnswer: who waits for a load past its deadline is told so.
func TestADeadlineThatPassesIsNoEmptyAnswer(t *testing.T) {
	c := New(Config{Tiers: []string{"l1"}, L1: Memory{Policy: "lru", Entries: 10}, LoadTimeout: time.Minute, Refreshes: 1}, nil, Hooks{})
	defer c.Close()
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	handler := c.Layer(Policy{TTL: time.Minute, Coalesce: "singleflight", MaxBody: 1000})(slow)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("status %d with the body %q, want 504", w.Code, w.Body)
	}
}
