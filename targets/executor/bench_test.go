package executor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"plimsoll/targets/middleware"
)

// quiet is an answer that nobody reads.
type quiet struct{ header http.Header }

func (q quiet) Header() http.Header         { return q.header }
func (q quiet) Write(p []byte) (int, error) { return len(p), nil }
func (q quiet) WriteHeader(int)             {}

// known is a request that the target knows, as it does all that reach a layer.
func known(b *testing.B) *http.Request {
	b.Helper()
	ctx := middleware.With(b.Context(), &middleware.Request{})
	return httptest.NewRequestWithContext(ctx, "GET", "/", http.NoBody)
}

func BenchmarkLayer(b *testing.B) {
	for _, model := range []string{"goroutine", eventLoop} {
		for name, handler := range map[string]http.HandlerFunc{
			"returns": func(http.ResponseWriter, *http.Request) {},
			"awaits": func(_ http.ResponseWriter, r *http.Request) {
				Await(r.Context(), func(context.Context) error { return nil })
			},
			"computes": func(_ http.ResponseWriter, r *http.Request) {
				Compute(r.Context(), Task{Run: func(p []byte) ([]byte, error) { return p, nil }})
			},
		} {
			b.Run(model+" "+name, func(b *testing.B) {
				e := New(config(model))
				defer e.Close()
				layered := e.Layer()(handler)
				r, w := known(b), quiet{http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					layered.ServeHTTP(w, r)
				}
			})
		}
	}
}

func BenchmarkSpawn(b *testing.B) {
	for _, spawn := range []string{"pooled", "per_task"} {
		b.Run(spawn, func(b *testing.B) {
			cfg := config("goroutine")
			cfg.CPUPool.Spawn = spawn
			e := New(cfg)
			defer e.Close()
			layered := e.Layer()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				Compute(r.Context(), Task{Run: func(p []byte) ([]byte, error) { return p, nil }})
			}))
			r, w := known(b), quiet{http.Header{}}
			for b.Loop() {
				layered.ServeHTTP(w, r)
			}
		})
	}
}
