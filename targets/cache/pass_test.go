package cache

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatALayerNeverKeeps(t *testing.T) {
	plain := func(string, string) func(http.ResponseWriter, *http.Request, int64) { return numbered }
	with := func(name, value string) func(http.ResponseWriter, *http.Request, int64) {
		return func(w http.ResponseWriter, r *http.Request, n int64) { w.Header().Add(name, value); numbered(w, r, n) }
	}
	status := func(code, _ string) func(http.ResponseWriter, *http.Request, int64) {
		return func(w http.ResponseWriter, r *http.Request, n int64) {
			var s int
			fmt.Sscan(code, &s)
			w.WriteHeader(s)
			numbered(w, r, n)
		}
	}
	type answers = func(string, string) func(http.ResponseWriter, *http.Request, int64)
	for _, test := range []struct {
		name, method string
		header       []string
		answers      answers
		a, b         string
		want         string // Cache-Status of the first answer
	}{
		{"a request with credentials", "GET", []string{"Authorization", "Bearer x"}, plain, "", "", "l1; fwd=bypass"},
		{"a part", "GET", []string{"Range", "bytes=0-1"}, plain, "", "", "l1; fwd=bypass"},
		{"a request that says no-store", "GET", []string{"Cache-Control", "no-store"}, plain, "", "", "l1; fwd=request"},
		{"a reload", "GET", []string{"Cache-Control", "No-Cache"}, plain, "", "", "l1; fwd=request"},
		{"a write", "POST", nil, plain, "", "", "l1; fwd=method"},
		{"private", "GET", nil, with, "Cache-Control", "max-age=60, private", "l1; fwd=uri-miss"},
		{"private fields", "GET", nil, with, "Cache-Control", `private="x-a"`, "l1; fwd=uri-miss"},
		{"no-store", "GET", nil, with, "Cache-Control", "No-Store", "l1; fwd=uri-miss"},
		{"no-cache", "GET", nil, with, "Cache-Control", "no-cache", "l1; fwd=uri-miss"},
		{"a cookie", "GET", nil, with, "Set-Cookie", "a=b", "l1; fwd=uri-miss"},
		{"what varies by anything", "GET", nil, with, "Vary", "*", "l1; fwd=uri-miss"},
		{"what varies by what the key lacks", "GET", nil, with, "Vary", "Accept-Encoding", "l1; fwd=uri-miss"},
		{"what is cut short", "GET", nil, with, "Content-Length", "100", "l1; fwd=uri-miss"},
		{"not found", "GET", nil, status, "404", "", "l1; fwd=uri-miss"},
		{"moved", "GET", nil, status, "301", "", "l1; fwd=uri-miss"},
		{"created", "GET", nil, status, "201", "", "l1; fwd=uri-miss"},
		{"not implemented", "GET", nil, status, "501", "", "l1; fwd=uri-miss"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := New(local(), nil, Hooks{})
			defer c.Close()
			rt := routeOf(c, Policy{TTL: time.Hour, SWR: time.Hour, SIE: time.Hour}, test.answers(test.a, test.b))
			for n := 1; n <= 3; n++ {
				w := rt.ask(t, test.method, "/", test.header...)
				if w.Body.String() != fmt.Sprint(n) {
					t.Errorf("call %d got %q", n, w.Body)
				}
				if got := w.Header().Get("Cache-Status"); n == 1 && got != test.want {
					t.Errorf("status %q, want %q", got, test.want)
				}
			}
			if n := c.Stats().L1.Entries; n != 0 {
				t.Errorf("%d entries are kept", n)
			}
		})
	}
}

func TestWhatCannotBeKeptIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(local(), nil, Hooks{})
		defer c.Close()
		rt := routeOf(c, Policy{TTL: 10 * time.Second}, func(w http.ResponseWriter, r *http.Request, n int64) {
			time.Sleep(time.Second)
			w.Header().Set("Set-Cookie", fmt.Sprint("user=", r.Header.Get("X-User")))
			fmt.Fprint(w, r.Header.Get("X-User"))
		})
		together := func(want time.Duration) (waited int) {
			var all sync.WaitGroup
			var mu sync.Mutex
			for i := range 20 {
				all.Go(func() {
					begin := time.Now()
					user := fmt.Sprint(i)
					w := rt.ask(t, "GET", "/", "X-User", user)
					if w.Body.String() != user || w.Header().Get("Set-Cookie") != "user="+user {
						t.Errorf("user %s got the answer of %q", user, w.Body)
					}
					mu.Lock()
					defer mu.Unlock()
					if strings.Contains(w.Header().Get("Cache-Status"), "collapsed=?0") {
						waited++
					}
					if took := time.Since(begin); took > want {
						t.Errorf("took %v, want %v at the most", took, want)
					}
				})
			}
			all.Wait()
			return waited
		}
		if n := together(2 * time.Second); n != 19 {
			t.Errorf("%d waited in vain, want 19", n)
		}
		if n := together(time.Second); n != 0 {
			t.Errorf("%d waited in vain after it was known", n)
		}
		time.Sleep(10 * time.Second)
		if n := together(2 * time.Second); n != 19 {
			t.Errorf("%d waited in vain after a ttl, want 19: it is tried again", n)
		}
	})
}

func TestADeleteEndsTheMemoryOfWhatCannotBeKept(t *testing.T) {
	c := New(local(), nil, Hooks{})
	defer c.Close()
	rt := routeOf(c, Policy{TTL: time.Hour}, func(w http.ResponseWriter, r *http.Request, n int64) {
		if n == 1 {
			w.WriteHeader(404)
		}
		numbered(w, r, n)
	})
	for _, want := range []string{"1", "2"} {
		if w := rt.ask(t, "GET", "/"); w.Body.String() != want {
			t.Errorf("got %q, want %q", w.Body, want)
		}
	}
	c.Delete(t.Context(), "GET /")
	for range 2 {
		if w := rt.ask(t, "GET", "/"); w.Body.String() != "3" {
			t.Errorf("got %q, want 3", w.Body)
		}
	}
}

func TestAGetWithABodyIsNotTheSameWithoutIt(t *testing.T) {
	c := New(local(), nil, Hooks{})
	defer c.Close()
	rt := routeOf(c, Policy{TTL: time.Hour}, numbered)
	rt.ask(t, "GET", "/")
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, httptest.NewRequest("GET", "/", strings.NewReader("body")))
	if got := w.Header().Get("Cache-Status"); w.Body.String() != "2" || got != "l1; fwd=bypass" {
		t.Errorf("got %q with %q", w.Body, got)
	}
}

func TestALongAnswerGoesThroughUnkept(t *testing.T) {
	c := New(local(), nil, Hooks{})
	defer c.Close()
	rt := routeOf(c, Policy{TTL: time.Hour, MaxBody: 10}, func(w http.ResponseWriter, _ *http.Request, _ int64) {
		for range 5 {
			fmt.Fprint(w, "1234")
		}
	})
	for range 3 {
		if w := rt.ask(t, "GET", "/"); w.Body.Len() != 20 {
			t.Errorf("got %q", w.Body)
		}
	}
	if n := rt.calls.Load(); n != 4 {
		t.Errorf("%d calls, want 4: one more to find out", n)
	}
}
