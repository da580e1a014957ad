package admin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// client is one connection at a time to the data port, kept for as long as the server lets
// it. It never tries anything twice.
type client struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

// do makes one request.
func (c *client) do(method, path, body string, headers ...string) (answer, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, 20*time.Second)
		if err != nil {
			return answer{}, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n", method, path, len(body))
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", headers[i], headers[i+1])
	}
	text.WriteString("\r\n" + body)
	a, stays, err := c.exchange(text.String())
	if err != nil || !stays {
		c.close()
	}
	return a, err
}

func (c *client) exchange(request string) (a answer, stays bool, err error) {
	if _, err := io.WriteString(c.conn, request); err != nil {
		return a, false, fmt.Errorf("write: %w", err)
	}
	got, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return a, false, fmt.Errorf("read: %w", err)
	}
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header, string(text)}, !got.Close, err
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
	sent     atomic.Int64

	mu       sync.Mutex
	failed   []string       // what got no answer
	statuses map[string]int // answers by path and status
	versions map[string]int // answers by X-Service-Version
}

// push begins to send with n clients, each of which asks for the paths in turn.
func push(r *rig, n int, paths ...string) *load {
	l := &load{statuses: map[string]int{}, versions: map[string]int{}}
	for i := range n {
		l.done.Go(func() {
			c := &client{address: r.Addr().String()}
			defer c.close()
			for k := i; !l.stopping.Load(); k++ {
				path := paths[k%len(paths)]
				l.sent.Add(1)
				a, err := c.do("GET", path, "")
				l.note(path, a, err)
				time.Sleep(time.Millisecond) // others want the processors too
			}
		})
	}
	return l
}

func (l *load) note(path string, a answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = append(l.failed, path+": "+err.Error())
		return
	}
	l.statuses[fmt.Sprint(path, " ", a.status)]++
	if v := a.header.Get("X-Service-Version"); v != "" {
		l.versions[v]++
	}
}

// stop ends the traffic.
func (l *load) stop() {
	l.stopping.Store(true)
	l.done.Wait()
}

// more waits for n more requests.
func (l *load) more(t testing.TB, n int64) {
	t.Helper()
	want := l.sent.Load() + n
	await(t, fmt.Sprint(n, " more requests"), func() bool { return l.sent.Load() >= want })
}

// whole checks that every request was answered with 200.
func (l *load) whole(t testing.TB) {
	t.Helper()
	l.stop()
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", len(l.failed), l.sent.Load(), l.failed[0])
	}
	for what, n := range l.statuses {
		if !strings.HasSuffix(what, " 200") {
			t.Errorf("%d times %s", n, what)
		}
	}
}

// patient returns settings under which nothing fails because the machine is slow.
func patient(more ...string) []string {
	return append(more,
		"cache.tiers=", "deps.db.timeout=20s", "deps.db.bulkhead.wait=20s", "deps.pricing.timeout=20s", "deps.pricing.bulkhead.wait=20s",
		"deps.redis.timeout=20s", "idempotency.timeout=9s", "services.catalog.timeout=20s", "services.cart.timeout=20s",
		"services.orders.timeout=20s", "services.pricing.timeout=20s", "services.search.timeout=20s", "shed.deadline.mode=off")
}
