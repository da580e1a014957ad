package admin

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
)

// database is a PostgreSQL that is started when a test first needs one.
var database postgres

type postgres struct {
	once    sync.Once
	url     string
	problem error
	missing bool
	dir     string
	process *exec.Cmd
}

func (p *postgres) get(t testing.TB) string {
	t.Helper()
	p.once.Do(func() { p.problem = p.start() })
	if p.missing {
		t.Skip("PostgreSQL is not installed")
	}
	if p.problem != nil {
		t.Fatal(p.problem)
	}
	return p.url
}

func (p *postgres) start() (err error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p.missing = len(found) == 0; p.missing {
		return nil
	}
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
	bin, data := filepath.Dir(found[len(found)-1]), filepath.Join(p.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, p.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	p.process = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=300")
	p.process.SysProcAttr, p.process.Dir = as, p.dir
	if err := p.process.Start(); err != nil {
		return err
	}
	p.url = "postgres://postgres@127.0.0.1:" + port + "/postgres"
	db, err := sql.Open("pgx", p.url)
	if err != nil {
		return err
	}
	defer db.Close()
	return untilUp(func(ctx context.Context) error { return db.PingContext(ctx) })
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

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func untilUp(ping func(context.Context) error) (err error) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err = ping(context.Background()); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// realRedis starts a Redis and returns its URL.
func realRedis(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	defer c.Close()
	if err := untilUp(func(ctx context.Context) error { return c.Ping(ctx).Err() }); err != nil {
		t.Fatal(err)
	}
	return "redis://127.0.0.1:" + port + "/0"
}

// TestTheShopIsTheSameOverEveryStore places orders through two workers, and finds them
// through both.
func TestTheShopIsTheSameOverEveryStore(t *testing.T) {
	for name, settings := range map[string]func() []string{
		"station":    func() []string { return nil },
		"SQLite":     func() []string { return []string{"deps.db.kind=sqlite"} },
		"PostgreSQL": func() []string { return []string{"deps.db.kind=postgres", "deps.db.url=" + database.get(t)} },
		"Redis": func() []string {
			return []string{"deps.redis.url=" + realRedis(t), "limit.store=redis"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "golden", append(settings(), "cluster.workers=2", "deps.db.products=200", "deps.db.timeout=5s", "services.orders.timeout=10s", "services.catalog.timeout=10s")...)
			places := map[string]bool{}
			var locations []string
			for i := range 6 {
				a := send(t, "POST", r.data+"/v1/orders", `{"customer": "c", "items": [{"product": 7, "quantity": 1}]}`,
					"Idempotency-Key", fmt.Sprintf(`"%s-%d"`, name, i/2))
				if a.status != http.StatusCreated {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				places[a.header.Get("X-Instance")] = true
				if locations = append(locations, a.header.Get("Location")); i%2 == 1 && locations[i] != locations[i-1] {
					t.Errorf("a repetition was carried out: %v", locations)
				}
			}
			for range 2 {
				var o struct{ Customer string }
				a := r.get(locations[0])
				if json.Unmarshal([]byte(a.body), &o); a.status != http.StatusOK || o.Customer != "c" {
					t.Errorf("status %d: %s", a.status, a.body)
				}
			}
			for _, path := range []string{"/v1/products/7", "/v1/products?limit=3", "/v1/search?q=a", "/v1/prices/7", "/x/dep/db", "/x/dep/redis", "/x/dep/pricing"} {
				if a := r.get(path); a.status != http.StatusOK {
					t.Errorf("%s: status %d: %s", path, a.status, a.body)
				}
			}
			a := send(t, "PUT", r.data+"/v1/carts/mine/items/7?qty=2", "")
			if b := r.get("/v1/carts/mine"); a.status != http.StatusOK || b.body != a.body {
				t.Errorf("the cart is %s, then %s", a.body, b.body)
			}
			if a := r.get("/v1/products/201"); a.status != http.StatusNotFound {
				t.Errorf("past the last product: status %d", a.status)
			}
			r.ask("POST", "/store/seed?products=300&seed=2", "", nil)
			if a := r.get("/v1/products/300"); a.status != http.StatusOK {
				t.Errorf("after a new seed: status %d: %s", a.status, a.body)
			}
			r.ask("POST", "/store/reset", "", nil)
			if a := r.get("/v1/products/7"); a.status != http.StatusNotFound {
				t.Errorf("after a reset: status %d: %s", a.status, a.body)
			}
			if b := r.get("/v1/carts/mine"); b.body == a.body && name != "Redis" { // one of somebody else's is left alone
				t.Errorf("after a reset the cart is %s", b.body)
			}
		})
	}
}
