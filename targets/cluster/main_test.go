//go:build unix

package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/targets/shm"
)

// role names what a copy of the test binary does instead of testing.
const role = "PLIMSOLL_TEST_CLUSTER_ROLE"

func TestMain(m *testing.M) {
	act := map[string]func() error{"worker": work, "master": masterAlone}[os.Getenv(role)]
	if act == nil {
		os.Exit(m.Run())
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// work is a worker that answers who it is, as slowly as asked. Its boot payload tells it to
// behave badly.
func work() error {
	w, err := Join(os.Stdin)
	if err != nil {
		return err
	}
	switch string(w.Boot) {
	case "fail":
		return errors.New("this worker does not want to")
	case "silent":
		select {}
	case "unwell":
		go http.Serve(w.Control, http.NotFoundHandler())
		w.Ready()
		select {}
	case "brief": // dies as soon as it serves
		time.AfterFunc(20*time.Millisecond, func() { os.Exit(7) })
	}
	mux := http.NewServeMux()
	var asked atomic.Int64
	mux.HandleFunc("/healthz", func(out http.ResponseWriter, _ *http.Request) {
		if n := asked.Add(1); string(w.Boot) == "forgetful" && n%2 == 0 {
			time.Sleep(2 * time.Second)
		}
		io.WriteString(out, "ok")
	})
	mux.HandleFunc("/boot", func(out http.ResponseWriter, _ *http.Request) { out.Write(w.Boot) })
	go http.Serve(w.Control, mux)

	drainer := NewDrainer(w.Counters())
	server := &http.Server{
		Handler: drainer.Middleware(data(w)), ConnState: drainer.ConnState, ConnContext: drainer.ConnContext,
	}
	drainer.Serve(server, w.Listener)
	if err := w.Ready(); err != nil {
		return err
	}
	orphaned := w.Orphaned()
	if string(w.Boot) == "deaf" {
		orphaned = nil
	}
	select {
	case <-orphaned:
		return nil
	case <-w.Retire():
	}
	w.Listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), w.Patience())
	defer cancel()
	return drainer.Drain(ctx, server)
}

// data answers on the port.
func data(w *Worker) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if ms, _ := strconv.Atoi(r.URL.Query().Get("ms")); ms > 0 {
			time.Sleep(time.Duration(ms) * time.Millisecond)
		}
		if w.Shared != nil {
			if c, err := w.Shared.Counter("hits"); err == nil {
				c.Add(1)
			}
		}
		text := fmt.Sprintf("%d %d %d", w.ID, w.Generation, os.Getpid())
		out.Header().Set("Content-Length", strconv.Itoa(len(text)))
		io.WriteString(out, text)
	})
}

// masterAlone is a master that tells what there is, and then waits to be killed.
func masterAlone() error {
	m, err := New(settings(3, RoundRobin), Options{
		Listen: "127.0.0.1:0", Command: workerCommand, Boot: func(int) ([]byte, error) { return []byte(os.Getenv(role + "_BOOT")), nil }, Stderr: os.Stderr,
	})
	if err != nil {
		return err
	}
	if err := m.Start(context.Background()); err != nil {
		return err
	}
	if os.Getenv(role+"_PAUSE") != "" {
		if err := m.Pause(1, time.Minute); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(m.Status()); err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	return m.Close(context.Background())
}

func workerCommand() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=worker", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// settings are those of production but for the times, which are shorter.
func settings(workers int, share string) Config {
	return Config{
		Workers: workers, Share: share, Drain: 20 * time.Second,
		Respawn: Respawn{Backoff: 10 * time.Millisecond, Max: 300 * time.Millisecond, Burst: 5},
		Health:  Health{Every: time.Second, Timeout: 5 * time.Second, Misses: 5},
	}
}

// rig is a cluster under test.
type rig struct {
	*Master
	t    testing.TB
	boot atomic.Value // string, what the next workers begin with

	mu     sync.Mutex
	events []string
	shared *shm.Memory
	stderr lockedBuffer
}

func prepare(t testing.TB, config Config) *rig {
	t.Helper()
	r := &rig{t: t}
	r.boot.Store("")
	shared, err := shm.New(shm.Options{Counters: 16, Moments: 16, Records: 16})
	if err != nil {
		t.Fatal(err)
	}
	r.shared = shared
	r.Master, err = New(config, Options{
		Listen: "127.0.0.1:0", Command: workerCommand, Shared: shared, Stderr: &r.stderr,
		Boot: func(int) ([]byte, error) { return []byte(r.boot.Load().(string)), nil },
		Event: func(kind string, data map[string]any) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, fmt.Sprint(kind, " ", data))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if left := r.living(); len(left) > 0 {
			t.Errorf("%d processes outlive the cluster", len(left))
		}
		shared.Close()
		if t.Failed() {
			t.Logf("events:\n%s\nstderr:\n%.4000s", strings.Join(r.events, "\n"), r.stderr.String())
		}
	})
	return r
}

func begin(t testing.TB, config Config) *rig {
	t.Helper()
	r := prepare(t, config)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) told(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if strings.HasPrefix(e, kind) {
			n++
		}
	}
	return n
}

// worker returns the status of the worker that serves in the slot.
func (r *rig) worker(id int) WorkerStatus {
	for _, w := range r.Status().Workers {
		if w.ID == id && w.State != Draining {
			return w
		}
	}
	return WorkerStatus{}
}

// await waits until something is so.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// client is one connection at a time to the port, and never tries anything twice.
type client struct {
	address string
	keep    bool // use a connection for as long as the server lets us
	conn    net.Conn
	in      *bufio.Reader
}

// get asks for a path and returns the worker that answered.
func (c *client) get(path string) (worker string, err error) {
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.address, 30*time.Second); err != nil {
			return "", err
		}
		c.in = bufio.NewReader(c.conn)
	}
	done := false
	defer func() {
		if err != nil || done {
			c.close()
		}
	}()
	c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	more := ""
	if !c.keep {
		more = "Connection: close\r\n"
	}
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, more); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("read body: %w", err)
	}
	done = answer.Close || !c.keep
	return string(body), nil
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// load is traffic that goes on until it is stopped.
type load struct {
	stopping atomic.Bool
	done     sync.WaitGroup
	ok       atomic.Int64

	mu     sync.Mutex
	failed []string
}

// push begins to send with n clients at the same time.
func push(address string, n int, keep bool, path string) *load {
	l := &load{}
	for range n {
		l.done.Go(func() {
			c := &client{address: address, keep: keep}
			defer c.close()
			for !l.stopping.Load() {
				if _, err := c.get(path); err != nil {
					l.mu.Lock()
					l.failed = append(l.failed, err.Error())
					l.mu.Unlock()
					time.Sleep(time.Millisecond)
					continue
				}
				l.ok.Add(1)
			}
		})
	}
	return l
}

// stop ends the traffic and returns what failed.
func (l *load) stop() []string {
	l.stopping.Store(true)
	l.done.Wait()
	return l.failed
}

// more waits for n more answers.
func (l *load) more(t testing.TB, n int64) {
	t.Helper()
	want := l.ok.Load() + n
	await(t, fmt.Sprint(n, " more answers"), func() bool { return l.ok.Load() >= want })
}

// jain is Jain's index of fairness: 1 when all are equal, 1/n when one has everything.
func jain(shares []float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(shares)) * squares)
}
