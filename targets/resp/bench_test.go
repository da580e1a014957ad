package resp

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"plimsoll/targets/servertest"

	"github.com/alicebob/miniredis/v2"
)

func BenchmarkGetAndSetThroughGoRedis(b *testing.B) {
	_, embedded := serve(b, defaults(), Extensions{})
	for _, server := range []struct{ name, addr string }{{"embedded", embedded}, {"miniredis", miniredis.RunT(b).Addr()}, {"redis-server", servertest.Redis(b)}} {
		c := client0(b, server.addr)
		value := strings.Repeat("x", 100)
		b.Run(server.name+"/set", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := c.Set(b.Context(), "k", value, time.Minute).Err(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		b.Run(server.name+"/get", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := c.Get(b.Context(), "k").Err(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkCommand(b *testing.B) {
	s := New(defaults(), Extensions{Scripts: []Script{take}})
	defer s.Close()
	for _, line := range []string{
		"SET k value PX 60000", "GET k", "INCR n", "HSET h tokens 12.5 at 1753000000", "HGETALL h",
		"EVALSHA " + take.SHA() + " 1 stock 9 60000",
	} {
		args := bytes.Fields([]byte(line))
		b.Run(string(args[0]), func(b *testing.B) {
			c, ctx := &client{}, b.Context()
			b.ReportAllocs()
			for b.Loop() {
				c.out = s.answer(ctx, c, c.out[:0], args)
			}
		})
	}
}
