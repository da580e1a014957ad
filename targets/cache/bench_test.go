package cache

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"plimsoll/targets/servertest"
)

func BenchmarkGetHit(b *testing.B) {
	for _, policy := range []string{"tinylfu", "lru"} {
		b.Run(policy, func(b *testing.B) {
			cfg := local()
			cfg.L1.Policy = policy
			c := New(cfg, nil, Hooks{})
			defer c.Close()
			p := Policy{TTL: time.Hour, SWR: time.Hour, XFetch: 1}
			load := func(context.Context) ([]byte, error) { return []byte("body"), nil }
			keys := make([]string, 256)
			for i := range keys {
				keys[i] = fmt.Sprint("product:", i)
			}
			ctx := b.Context()
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				if _, _, err := c.Get(ctx, keys[i%len(keys)], p, load); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGetMiss(b *testing.B) {
	for _, coalesce := range []string{"none", "singleflight"} {
		b.Run(coalesce, func(b *testing.B) {
			c := New(local(), nil, Hooks{})
			defer c.Close()
			p := Policy{TTL: 1, Coalesce: coalesce}
			load := func(context.Context) ([]byte, error) { return []byte("body"), nil }
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Get(ctx, "k", p, load); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discard is a ResponseWriter for nobody.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func BenchmarkLayerHit(b *testing.B) {
	for _, test := range []struct {
		name   string
		header string
	}{{"200", ""}, {"304", "*"}} {
		b.Run(test.name, func(b *testing.B) {
			c := New(local(), nil, Hooks{})
			defer c.Close()
			h := c.Layer(Policy{TTL: time.Hour})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Cache-Control", "max-age=1")
				w.Write(make([]byte, 1000))
			}))
			r := httptest.NewRequest("GET", "/v1/products/17?page=2", http.NoBody)
			if test.header != "" {
				r.Header.Set("If-None-Match", test.header)
			}
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkL2(b *testing.B) {
	addr := servertest.Redis(b)
	cfg := local()
	cfg.Tiers = []string{"l2"}
	cfg.L2 = Remote{Prefix: "b:", Timeout: time.Second, Errors: 5, Cooldown: time.Second, Lock: time.Second}
	c := New(cfg, client(b, addr), Hooks{})
	defer c.Close()
	p := Policy{TTL: time.Hour}
	body := make([]byte, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Get(b.Context(), "k", p, func(context.Context) ([]byte, error) { return body, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
