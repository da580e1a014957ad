package worker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
	"plimsoll/targets/shm"
	"plimsoll/targets/tally"
	"plimsoll/targets/topology"
)

// sink is an answer that nobody reads. It is used again for the next request.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// worked returns a worker of a preset. No part of it that is on the way of /x/ok asks a
// backend, so there are none.
func worked(b testing.TB, preset string, settings ...string) *Worker {
	b.Helper()
	cfg, err := topology.Load(preset, settings...)
	if err != nil {
		b.Fatal(err)
	}
	text, err := knob.Encode(cfg)
	if err != nil {
		b.Fatal(err)
	}
	memory, err := shm.New(shm.Options{Counters: 4096})
	if err != nil {
		b.Fatal(err)
	}
	nobody := "127.0.0.1:1"
	w, err := New(
		Boot{ID: 1, Assignment: Assignment{Edition: 1, Version: 1, Topology: string(text)}, Backends: Backends{
			Redis: "redis://" + nobody, Database: "redis://" + nobody, Pricing: "http://" + nobody,
		}},
		Host{Memory: memory, Crash: func() { b.Error("crashed") }},
	)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		w.Close()
		memory.Close()
	})
	return w
}

// repeat has the handler answer the request again and again.
func repeat(b *testing.B, h http.Handler, r *http.Request, again func(*http.Request)) {
	b.Helper()
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		w.status = http.StatusOK
		if again != nil {
			again(r)
		}
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("answered %d", w.status)
		}
	}
}

// BenchmarkLayers lists what every layer costs a request: each is measured with the route
// that it is around, which is measured alone as route; chain is a preset's own.
func BenchmarkLayers(b *testing.B) {
	open := []string{"limit.rate=1M/s", "limit.burst=1000000", "idempotency.store=memory", "cache.tiers=l1"}
	w := worked(b, "golden", open...)
	cfg := w.Config()
	count, err := tally.Open(w.host.Memory, "layers")
	if err != nil {
		b.Fatal(err)
	}
	ok := http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		a.Header()["Content-Type"] = []string{"text/plain; charset=utf-8"}
		io.WriteString(a, "ok\n")
	})
	cached := cfg.Services.Catalog.Cache
	cached.TTL = time.Hour
	layer := func(name string) []middleware.Middleware {
		e := endpoint{pattern: "/x/ok", service: primitives, shared: true, cache: cached, run: w.parts.executor(cfg, primitives)}
		if name == "idempotency" {
			e.pattern = "POST /x/ok"
		}
		return []middleware.Middleware{w.layer(name, cfg, &e)}
	}
	serial := 0
	key := func(r *http.Request) {
		serial++
		r.Header["Idempotency-Key"] = []string{strconv.Itoa(serial)}
	}
	for _, test := range []struct {
		name   string
		method string
		layers []middleware.Middleware
		again  func(*http.Request)
	}{
		{name: "route"},
		{name: "uncaught", layers: []middleware.Middleware{w.uncaught}},
		{name: "tally", layers: []middleware.Middleware{count.Layer()}},
		{name: "identify", layers: layer("identify")},
		{name: "recover", layers: layer("recover")},
		{name: "deadline, none", layers: layer("deadline")},
		{name: "deadline of 1s", layers: []middleware.Middleware{deadline(time.Second)}},
		{name: "limit", layers: layer("limit")},
		{name: "shed", layers: layer("shed")},
		{name: "idempotency, without a key", method: http.MethodPost, layers: layer("idempotency")},
		{name: "idempotency, a new key", method: http.MethodPost, layers: layer("idempotency"), again: key},
		{name: "idempotency, a key again", method: http.MethodPost, layers: layer("idempotency"), again: func(r *http.Request) {
			r.Header["Idempotency-Key"] = []string{"again"}
		}},
		{name: "cache, a hit", layers: layer("cache")},
		{name: "loop, a goroutine each", layers: layer("loop")},
		{name: "lock", layers: []middleware.Middleware{w.locked}},
		{name: "faults, none", layers: []middleware.Middleware{w.parts.faults.Layer(primitives, "/x/ok")}},
		{name: "signed", layers: []middleware.Middleware{w.signed(endpoint{service: primitives, version: "1.0.0"})}},
	} {
		b.Run(test.name, func(b *testing.B) {
			mux := http.NewServeMux()
			mux.Handle("/x/ok", middleware.Chain(ok, test.layers...))
			r := request(test.method)
			// begun anew for each, so that its timing does not fill up
			r = r.WithContext(middleware.With(r.Context(), middleware.Begin(r, "/x/ok", primitives, false)))
			repeat(b, mux, r, test.again)
		})
	}
	for _, preset := range []string{"minimal", "golden"} {
		b.Run(fmt.Sprintf("chain of %s", preset), func(b *testing.B) {
			settings := open
			if preset == "minimal" {
				settings = nil
			}
			repeat(b, worked(b, preset, settings...), request(http.MethodGet), nil)
		})
	}
}

// request is as http.Server makes it.
func request(method string) *http.Request {
	var body io.Reader = http.NoBody
	if method == http.MethodPost {
		body = strings.NewReader("")
	}
	r := httptest.NewRequest(method, "/x/ok", body)
	r.RemoteAddr = "127.0.0.1:40000"
	return r
}
