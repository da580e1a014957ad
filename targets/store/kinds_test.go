package store

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"plimsoll/targets/resp"
	"plimsoll/targets/servertest"
)

func TestMain(m *testing.M) {
	m.Run()
	cluster.Stop()
}

// defaults is what the tags of Config say, with little stock.
func defaults(kind string) Config {
	return Config{Kind: kind, Index: true, Stock: 1000, Keep: 100000, Pool: Pool{Max: 20, AcquireTimeout: time.Minute, IdleTimeout: 30 * time.Minute}}
}

// kinds are the ways to get an empty store, by name.
func kinds() map[string]func(testing.TB, Config) *Store {
	return map[string]func(testing.TB, Config) *Store{
		"station": func(t testing.TB, cfg Config) *Store { return opened(t, cfg, "station", "") },
		"sqlite in a file": func(t testing.TB, cfg Config) *Store {
			return opened(t, cfg, "sqlite", filepath.Join(t.TempDir(), "a b?c.db"))
		},
		"sqlite in memory": func(t testing.TB, cfg Config) *Store { return opened(t, cfg, "sqlite", "") },
		"postgres":         func(t testing.TB, cfg Config) *Store { return opened(t, cfg, "postgres", cluster.Database(t)) },
		"remote": func(t testing.TB, cfg Config) *Store {
			return reached(t, cfg, opened(t, cfg, "station", ""))
		},
	}
}

func eachKind(t *testing.T, test func(t *testing.T, open func(testing.TB, Config) *Store)) {
	t.Helper()
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func opened(t testing.TB, cfg Config, kind, url string) *Store {
	t.Helper()
	cfg.Kind, cfg.URL = kind, url
	s, err := Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reached returns a store that reaches the host over the Redis protocol.
func reached(t testing.TB, cfg Config, host *Store) *Store {
	t.Helper()
	s := Remote(cfg, exposed(t, host, 5*time.Second))
	t.Cleanup(func() { s.Close() })
	return s
}

func exposed(t testing.TB, host *Store, timeout time.Duration) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := resp.New(resp.Config{MaxClients: 1000, CommandTimeout: timeout}, resp.Extensions{Commands: []resp.Command{{Name: Call, Run: host.Answer}}})
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

// cluster is a PostgreSQL that is started when a test first needs one.
var cluster servertest.PostgreSQL

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
