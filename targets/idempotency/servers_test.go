package idempotency

import (
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"plimsoll/targets/resp"
	"plimsoll/targets/servertest"
)

// client returns a client as Client asks for it.
func client(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, Protocol: 2, DialerRetries: 1})
	tb.Cleanup(func() { c.Close() })
	return c
}

// everyStore runs a test with memory and with each kind of server. new returns guards that
// share what they know.
func everyStore(t *testing.T, cfg Config, test func(t *testing.T, guard func() *Guard)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		g := New(cfg, nil)
		test(t, func() *Guard { return g })
	})
	cfg.Store = "redis"
	for name, start := range map[string]func(testing.TB) string{"redis-server": servertest.Redis, "miniredis": mini, "embedded": embedded} {
		t.Run(name, func(t *testing.T) {
			addr := start(t)
			test(t, func() *Guard { return New(cfg, client(t, addr)) })
		})
	}
}

func mini(tb testing.TB) string {
	tb.Helper()
	m := miniredis.RunT(tb)
	m.ClockTTL(true)
	return m.Addr()
}

func embedded(tb testing.TB) string {
	tb.Helper()
	server := resp.New(resp.Config{MaxBytes: 64 << 20, MaxClients: 1000, CommandTimeout: time.Second}, resp.Extensions{})
	ln, done := listen(tb), make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	tb.Cleanup(func() { server.Close(); <-done })
	return ln.Addr().String()
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}
