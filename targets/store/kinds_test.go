package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"plimsoll/targets/resp"
)

func TestMain(m *testing.M) {
	m.Run()
	cluster.stop()
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
		"postgres":         func(t testing.TB, cfg Config) *Store { return opened(t, cfg, "postgres", cluster.database(t)) },
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
var cluster postgres

type postgres struct {
	once      sync.Once
	url       string
	problem   error
	missing   bool
	dir       string
	process   *exec.Cmd
	databases atomic.Int64
}

// database makes an empty database and returns its URL.
func (p *postgres) database(t testing.TB) string {
	t.Helper()
	p.once.Do(func() { p.problem = p.start() })
	switch {
	case p.missing:
		t.Skip("PostgreSQL is not installed")
	case p.problem != nil:
		t.Fatal(p.problem)
	}
	name := fmt.Sprintf("test%d", p.databases.Add(1))
	db, err := sql.Open("pgx", p.url+"postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return p.url + name
}

func (p *postgres) start() error {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		p.missing = true
		return nil
	}
	bin := filepath.Dir(found[len(found)-1])
	var err error
	if p.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return err
	}
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // which PostgreSQL does not run as
		account, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(p.dir, uid, gid); err != nil {
			return err
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(p.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, p.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	ln.Close()
	p.process = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200")
	p.process.SysProcAttr, p.process.Dir = as, p.dir
	if err := p.process.Start(); err != nil {
		return err
	}
	p.url = "postgres://postgres@127.0.0.1:" + port + "/"
	return p.ready()
}

func (p *postgres) ready() error {
	db, err := sql.Open("pgx", p.url+"postgres")
	if err != nil {
		return err
	}
	defer db.Close()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = db.PingContext(context.Background()); err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (p *postgres) stop() {
	if p.process != nil && p.process.Process != nil {
		p.process.Process.Signal(os.Interrupt)
		p.process.Wait()
	}
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
