//go:build unix

package servertest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx of database/sql
)

// PostgreSQL is a server that is started when a test first asks for a database, and serves
// all tests of a package. The zero value is ready for use; Stop belongs at the end of
// TestMain.
type PostgreSQL struct {
	once      sync.Once
	problem   error
	missing   bool
	dir       string
	port      string
	process   *exec.Cmd
	databases atomic.Int64
}

// Database makes an empty database and returns its URL.
func (p *PostgreSQL) Database(tb testing.TB) (url string) {
	tb.Helper()
	p.once.Do(func() { p.problem = p.start() })
	switch {
	case p.missing:
		tb.Skip("PostgreSQL is not installed")
	case p.problem != nil:
		tb.Fatal(p.problem)
	}
	name := fmt.Sprintf("test%d", p.databases.Add(1))
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it was only asked
	if _, err := db.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	return p.url(name)
}

// Stop ends the server, if it was started.
func (p *PostgreSQL) Stop() {
	if p.process != nil && p.process.Process != nil {
		p.process.Process.Signal(os.Interrupt) //nolint:errcheck // one that has ended is as good
		p.process.Wait()                       //nolint:errcheck // however it ends
	}
	if p.dir != "" {
		os.RemoveAll(p.dir) //nolint:errcheck // what stays is in the system's place for such things
	}
}

func (p *PostgreSQL) url(database string) string {
	return "postgres://postgres@127.0.0.1:" + p.port + "/" + database
}

func (p *PostgreSQL) start() (err error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p.missing = len(found) == 0; p.missing {
		return nil
	}
	if p.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return err
	}
	as, err := p.account()
	if err != nil {
		return fmt.Errorf("find an account for PostgreSQL: %w", err)
	}
	ctx := context.Background()
	bin, data := filepath.Dir(found[len(found)-1]), filepath.Join(p.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, p.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if p.port, err = freePort(ctx); err != nil {
		return err
	}
	p.process = exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "-D", data, "-p", p.port, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=300")
	p.process.SysProcAttr, p.process.Dir = as, p.dir
	if err := p.process.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only asked
	return untilUp(db.PingContext)
}

// account returns how to run it: as the user postgres where we are root, which it refuses.
func (p *PostgreSQL) account() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(p.dir, int(uid), int(gid))
}
