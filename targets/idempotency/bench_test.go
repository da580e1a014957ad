package idempotency

import (
	"fmt"
	"testing"

	"plimsoll/targets/servertest"
)

func BenchmarkLayer(b *testing.B) {
	for _, test := range []struct {
		name string
		make func(b *testing.B) *Guard
	}{
		{"memory", func(*testing.B) *Guard { return New(defaults(), nil) }},
		{"redis", func(b *testing.B) *Guard {
			b.Helper()
			cfg := defaults()
			cfg.Store = "redis"
			return New(cfg, client(b, servertest.Redis(b)))
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			h := test.make(b).Layer()(&orders{})
			b.Run("new", func(b *testing.B) {
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					i++
					request{key: fmt.Sprint("k", i), body: "a"}.send(b.Context(), h)
				}
			})
			b.Run("replay", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					request{key: "one", body: "a"}.send(b.Context(), h)
				}
			})
		})
	}
}
