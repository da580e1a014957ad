package tally

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/shm"
)

func open(t testing.TB, route string) *Route {
	t.Helper()
	memory, err := shm.New(shm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	r, err := Open(memory, route)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestsCountByHowTheyWereAnswered(t *testing.T) {
	r := open(t, "GET /")
	handler := r.Layer()(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/silent":
		case "/text":
			io.WriteString(w, "text")
			w.WriteHeader(http.StatusTeapot) // too late
		case "/gone":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		case "/rare":
			w.WriteHeader(http.StatusTeapot)
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/reset":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		}
	}))
	var counted sync.WaitGroup // a client sees the end of a hijacked connection before it is counted
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		counted.Add(1)
		defer counted.Done()
		handler.ServeHTTP(w, q)
	}))
	defer s.Close()
	for _, path := range []string{"/silent", "/text", "/gone", "/gone", "/rare", "/abort", "/reset"} {
		if answer, err := s.Client().Get(s.URL + path); err == nil {
			answer.Body.Close()
		}
	}
	counted.Wait()
	got := r.Count()
	// A client repeats a GET whose kept connection broke before an answer.
	want := Count{Begun: got.Begun, Aborted: got.Begun - 5, Answered: map[string]uint64{"200": 2, "404": 2, "other": 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got.Aborted < 2 || got.Total() != 5 {
		t.Errorf("aborted %d, want 2 or more; answered %d, want 5", got.Aborted, got.Total())
	}
	later := got.Less(Count{Begun: 1, Answered: map[string]uint64{"200": 2, "404": 1}})
	if diff := cmp.Diff(map[string]uint64{"404": 1, "other": 1}, later.Answered); diff != "" {
		t.Errorf("less an earlier count: -want +got\n%s", diff)
	}
}

func TestProcessesShareTheCountsOfARoute(t *testing.T) {
	memory, err := shm.New(shm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	before := memory.Stats()
	one, err := Open(memory, "GET /a")
	if err != nil {
		t.Fatal(err)
	}
	two, err := Open(memory, "GET /a")
	if err != nil {
		t.Fatal(err)
	}
	if took := memory.Stats().Counters - before.Counters; took != PerRoute {
		t.Errorf("a route takes %d counters, want %d", took, PerRoute)
	}
	handler := one.Layer()(http.NotFoundHandler())
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a", nil))
	if n := two.Count().Answered["404"]; n != 1 {
		t.Errorf("the other counts %d, want 1", n)
	}
}

func BenchmarkLayer(b *testing.B) {
	handler := open(b, "GET /").Layer()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, q := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(w, q)
	}
}
