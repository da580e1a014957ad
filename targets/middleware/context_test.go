package middleware

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// incoming makes a request with header lines like "X-Priority: batch".
func incoming(lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/v1/products/7", http.NoBody)
	r.RemoteAddr = "192.0.2.7:4711"
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestARequestIsWhatItsFieldsSay(t *testing.T) {
	r := Begin(incoming("X-Request-Id: abc-1", "X-Timeout-Ms: 250", "X-Retry-Attempt: 2", "X-Api-Key: k1",
		"Traceparent: 00-"+traceID+"-"+traceSpan+"-01", "Tracestate: foo=1", "Baggage: tenant=a", "Baggage: plan=b"),
		"GET /v1/products/{id}", "catalog", false)
	if r.ID != "abc-1" || r.Route != "GET /v1/products/{id}" || r.Service != "catalog" || r.Client != "k1" || r.Attempt != 2 {
		t.Errorf("%+v", r)
	}
	if got := r.Deadline.Sub(r.Arrived); got != 250*time.Millisecond || time.Since(r.Arrived) > time.Minute {
		t.Errorf("arrived %v, deadline %v later", r.Arrived, got)
	}
	if r.Trace.ID() != traceID || r.Trace.State != "foo=1" || r.Trace.Baggage != "tenant=a,plan=b" {
		t.Errorf("%+v", r.Trace)
	}
}

func TestFieldsThatAreInvalidCountAsMissing(t *testing.T) {
	for _, lines := range [][]string{
		{},
		{"X-Request-Id: ", "X-Timeout-Ms: soon", "X-Retry-Attempt: -1", "X-Api-Key: "},
		{"X-Request-Id: with blank", "X-Timeout-Ms: -5", "X-Retry-Attempt: 1.5", "X-Api-Key: \x01"},
		{"X-Request-Id: " + strings.Repeat("x", 129), "X-Timeout-Ms: 0", "X-Api-Key: " + strings.Repeat("k", 129)},
		{`X-Request-Id: "quoted"`, "X-Timeout-Ms: 99999999999999999999"},
	} {
		r := Begin(incoming(lines...), "", "", true)
		if len(r.ID) != 32 || !r.Deadline.IsZero() || r.Attempt != 0 || r.Client != "192.0.2.7" || r.Priority != Normal {
			t.Errorf("%q: %+v", lines, r)
		}
	}
	if a, b := Begin(incoming(), "", "", false), Begin(incoming(), "", "", false); a.ID == b.ID || a.Trace.ID() == b.Trace.ID() {
		t.Error("two requests have one id")
	}
	if r := Begin(incoming("X-Timeout-Ms: 9223372036854775807"), "", "", false); r.Deadline.Sub(r.Arrived) != 24*time.Hour {
		t.Errorf("deadline %v", r.Deadline)
	}
}

func TestTheClientIsItsKeyOrItsAddress(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.7:4711": "192.0.2.7", "[2001:db8::1]:80": "2001:db8::1", "@": "@", "": ""} {
		r := incoming()
		r.RemoteAddr = address
		if got := Begin(r, "", "", false).Client; got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
}

func TestThePriorityIsThatOfATrustedEdge(t *testing.T) {
	tests := []struct {
		lines []string
		want  Priority
	}{
		{nil, Normal},
		{[]string{"X-Priority: critical"}, Critical},
		{[]string{"X-Priority: normal"}, Normal},
		{[]string{"X-Priority: batch"}, Batch},
		{[]string{"X-Priority: batch", "Priority: u=0"}, Batch},
		{[]string{"X-Priority: urgent", "Priority: u=0"}, Critical},
		{[]string{"Priority: u=0"}, Critical},
		{[]string{"Priority: u=2, i"}, Critical},
		{[]string{"Priority: i"}, Normal},
		{[]string{"Priority: u=3"}, Normal},
		{[]string{"Priority: u=4"}, Normal},
		{[]string{"Priority: i, u=5;x=1"}, Batch},
		{[]string{"Priority: u=7"}, Batch},
		{[]string{"Priority: u=8"}, Normal},
		{[]string{"Priority: u=-1"}, Normal},
		{[]string{`Priority: u="0"`}, Normal},
		{[]string{"Priority: u=(0)"}, Normal},
		{[]string{"Priority: u=0.5"}, Normal},
		{[]string{"Priority: u=0, u=6"}, Batch}, // the last of a dictionary counts
		{[]string{`Priority: a="x, u=0", u=6`}, Batch},
		{[]string{"Priority: u=0,"}, Normal},
		{[]string{"Priority: i", "Priority: u=6"}, Batch},
	}
	for _, test := range tests {
		if got := Begin(incoming(test.lines...), "", "", true).Priority; got != test.want {
			t.Errorf("%q is %v, want %v", test.lines, got, test.want)
		}
		if got := Begin(incoming(test.lines...), "", "", false).Priority; got != Normal {
			t.Errorf("%q is %v, though not trusted", test.lines, got)
		}
	}
}

func TestAForkIsItsGoroutinesOwn(t *testing.T) {
	ctx := With(t.Context(), &Request{ID: "a", Attempt: 2})
	From(ctx).Timing.Add("db", time.Second)
	forked, request := Fork(ctx)
	request.Timing.Add("pricing", time.Second)
	if From(forked) != request || request.ID != "a" || request.Timing.Of("db") != 0 || From(ctx).Timing.Of("pricing") != 0 {
		t.Errorf("%+v from %+v", request, From(ctx))
	}
	if n := AttemptOf(WithAttempt(forked, 3)); n != 5 {
		t.Errorf("attempt %d, want the client's 2 and 3 here", n)
	}
	if n := AttemptOf(context.Background()); n != 0 {
		t.Errorf("attempt %d outside of a request", n)
	}
}

func serve(t *testing.T, handler http.HandlerFunc, lines ...string) (*http.Response, string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /v1/products/{id}", Chain(handler, Identify("", "catalog", false)))
	s := httptest.NewServer(mux)
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/products/7", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = incoming(lines...).Header
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAnswersCarryTheIDAndTheTimesUpToTheirHeader(t *testing.T) {
	spend := func(r *http.Request) { From(r.Context()).Timing.Add("db", 5*time.Millisecond) }
	tests := map[string]struct {
		handler http.HandlerFunc
		status  int
		body    string
	}{
		"that say nothing": {func(_ http.ResponseWriter, r *http.Request) { spend(r) }, 200, ""},
		"with a status":    {func(w http.ResponseWriter, r *http.Request) { spend(r); w.WriteHeader(404) }, 404, ""},
		"with a body": {func(w http.ResponseWriter, r *http.Request) {
			spend(r)
			io.WriteString(w, "ok")
			From(r.Context()).Timing.Add("late", time.Second)
		}, 200, "ok"},
		"that are copied": {func(w http.ResponseWriter, r *http.Request) {
			spend(r)
			io.Copy(w, strings.NewReader("copied"))
		}, 200, "copied"},
		"that are flushed": {func(w http.ResponseWriter, r *http.Request) {
			spend(r)
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			w.(http.Flusher).Flush()
			io.WriteString(w, "streamed")
		}, 200, "streamed"},
		"after an informational one": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			spend(r)
			io.WriteString(w, "ok")
		}, 200, "ok"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := From(r.Context()); got.Route != "GET /v1/products/{id}" || got.Service != "catalog" {
					t.Errorf("%+v", got)
				}
				test.handler(w, r)
			}, "X-Request-Id: abc-1")
			if resp.StatusCode != test.status || body != test.body {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			if id, timing := resp.Header.Get("X-Request-Id"), resp.Header["Server-Timing"]; id != "abc-1" || len(timing) != 1 || timing[0] != "db;dur=5" {
				t.Errorf("id %q, Server-Timing %q", id, timing)
			}
		})
	}
}

func TestTimesOfAHopBehindAreKept(t *testing.T) {
	resp, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server-Timing", "svc;dur=1")
		From(r.Context()).Timing.Add("pricing", 2*time.Millisecond)
	})
	if got := strings.Join(resp.Header["Server-Timing"], " | "); got != "svc;dur=1 | pricing;dur=2" {
		t.Errorf("Server-Timing %q", got)
	}
	resp, _ = serve(t, func(http.ResponseWriter, *http.Request) {})
	if got, ok := resp.Header["Server-Timing"]; ok {
		t.Errorf("Server-Timing %q though there are no times", got)
	}
}

func BenchmarkBegin(b *testing.B) {
	for name, r := range map[string]*http.Request{
		"bare": incoming(),
		"full": incoming("X-Request-Id: abc-1", "X-Timeout-Ms: 250", "X-Api-Key: k1",
			"Traceparent: 00-"+traceID+"-"+traceSpan+"-01", "Tracestate: foo=1", "Baggage: tenant=a", "X-Priority: batch"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Begin(r, "GET /v1/products/{id}", "catalog", true)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func BenchmarkIdentify(b *testing.B) {
	h := Identify("GET /", "catalog", false)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		From(r.Context()).Timing.Add("db", 5*time.Millisecond)
		w.WriteHeader(200)
	}))
	r, w := incoming(), &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}
