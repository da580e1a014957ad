package cache

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
	c := redis.NewClient(&redis.Options{
		Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, Protocol: 2, DialTimeout: time.Second, DialerRetries: 1,
	})
	tb.Cleanup(func() { c.Close() })
	return c
}

// everyServer runs a test with each kind of server.
func everyServer(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("redis-server", func(t *testing.T) { test(t, servertest.Redis(t)) })
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.RunT(t)
		m.ClockTTL(true)
		test(t, m.Addr())
	})
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
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
