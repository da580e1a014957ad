// Package servertest starts real servers for tests, Redis and PostgreSQL, each on a free
// port of loopback and only as long as the test needs it. A test that wants one which is
// not installed is skipped and says so. The package checks nothing itself, and nothing but
// tests may import it.
package servertest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"
)

// Redis starts redis-server, empty and without files, until the test ends, and returns its
// address, host:port.
func Redis(tb testing.TB) (addr string) {
	tb.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Skip("redis-server is not installed")
	}
	port, err := freePort(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(tb.Context())) // clean-ups still use it
	server := exec.CommandContext(ctx, program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tb.TempDir())
	if err := server.Start(); err != nil {
		end()
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		end()
		server.Wait() //nolint:errcheck // it was killed
	})
	addr = net.JoinHostPort("127.0.0.1", port)
	err = untilUp(func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
	if err != nil {
		tb.Fatalf("redis-server does not answer: %v", err)
	}
	return addr
}

// freePort returns a port that nobody listens on.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// untilUp asks until there is no error, for half a minute, and returns the last one.
func untilUp(ping func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := ping(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
