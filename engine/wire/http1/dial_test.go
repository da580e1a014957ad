package http1_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
	"plimsoll/engine/wire/wiretest"
)

// resolver knows some names, and how often it was asked.
type resolver struct {
	addrs map[string][]netip.Addr
	asked int
	wait  bool // until the context ends
}

func (r *resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	r.asked++
	if r.wait {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	if addrs, ok := r.addrs[host]; ok {
		return addrs, 0, nil
	}
	return nil, 0, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

var loopback = netip.MustParseAddr("127.0.0.1")

// host serves the request's Host and where it came from.
func host(t *testing.T) (port string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+" from "+strings.Split(r.RemoteAddr, ":")[0])
	}))
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	return port
}

// call sends a GET over a new session and returns the body, or the failure.
func call(t *testing.T, cfg http1.Config, scheme, host string) (string, *flow.Response, error) {
	t.Helper()
	s, err := newClient(t, cfg).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var resp flow.Response
	err = s.Do(&flow.Request{
		Method: "GET", Scheme: scheme, Host: host, Target: "/",
		Want: flow.Want{Body: true}, Timeout: flow.Timeouts{Connect: 5 * time.Second, Total: 10 * time.Second},
	}, &resp)
	return string(resp.Body), &resp, err
}

func TestConnectionsGoWhereTheRulesSay(t *testing.T) {
	port := host(t)
	shop := "shop.test:" + port
	resolved := map[string][]netip.Addr{shop: {loopback}}
	for _, c := range []struct {
		name string
		cfg  http1.Dial
		host string
		want string
	}{
		{"to the address itself", http1.Dial{}, "127.0.0.1:" + port, "127.0.0.1:" + port + " from 127.0.0.1"},
		{"to what the resolver knows", http1.Dial{Resolver: &resolver{addrs: map[string][]netip.Addr{"shop.test": {loopback}}}}, shop, shop + " from 127.0.0.1"},
		{"to the given address", http1.Dial{Resolve: resolved}, shop, shop + " from 127.0.0.1"},
		{"to the given address, whatever the case", http1.Dial{Resolve: resolved}, "Shop.Test:" + port, "Shop.Test:" + port + " from 127.0.0.1"},
		{"to the given address of any host", http1.Dial{Resolve: map[string][]netip.Addr{"*:" + port: {loopback}}}, shop, shop + " from 127.0.0.1"},
		{"to another place", http1.Dial{ConnectTo: []http1.ConnectTo{{"shop.test", "80", "127.0.0.1", port}}}, "shop.test", "shop.test from 127.0.0.1"},
		{"to another place, whatever it was", http1.Dial{ConnectTo: []http1.ConnectTo{{"x.test", "", "y.test", ""}, {"", "", "127.0.0.1", port}}}, "shop.test", "shop.test from 127.0.0.1"},
		{"from another address", http1.Dial{SourceAddrs: []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.2")}}, "127.0.0.1:" + port, "127.0.0.1:" + port + " from 127.0.0.2"},
		{"past an address where nobody listens", http1.Dial{Resolve: map[string][]netip.Addr{shop: {netip.MustParseAddr("127.0.0.9"), loopback}}}, shop, shop + " from 127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := call(t, http1.Config{Dial: c.cfg}, "http", c.host)
			if err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestConnectionsTakeTheSourceAddressesInTurn(t *testing.T) {
	port := host(t)
	sources := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	client := newClient(t, http1.Config{NewConnection: true, Dial: http1.Dial{SourceAddrs: sources}})
	s, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	req := &flow.Request{Method: "GET", Scheme: "http", Host: "127.0.0.1:" + port, Target: "/"}
	var resp flow.Response
	for i := range 4 {
		if err := s.Do(req, &resp); err != nil {
			t.Fatal(err)
		}
		if want := sources[i%2].String(); !strings.HasPrefix(resp.LocalAddr, want+":") {
			t.Errorf("connection %d comes from %s, want %s", i, resp.LocalAddr, want)
		}
	}
}

func TestAUnixSocketTakesEveryConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })}
	go func() { _ = s.Serve(l) }()
	defer func() { _ = s.Close() }()
	got, _, err := call(t, http1.Config{Dial: http1.Dial{UnixSocket: path}}, "http", "shop.test")
	if err != nil || got != "shop.test" {
		t.Errorf("got %q, %v", got, err)
	}
	_, _, err = call(t, http1.Config{Dial: http1.Dial{UnixSocket: path + "x"}}, "http", "shop.test")
	wiretest.Fails(t, err, engine.ErrRefused)
}

func TestTroubleBeforeAConnectionStandsIsNamed(t *testing.T) {
	full := fullQueue(t)
	for _, c := range []struct {
		name, kind, host string
		cfg              http1.Dial
	}{
		{"a name without an address", engine.ErrDNS, "nowhere.test", http1.Dial{Resolver: &resolver{}}},
		{"a resolver that finds nothing", engine.ErrDNS, "empty.test", http1.Dial{Resolver: &resolver{addrs: map[string][]netip.Addr{"empty.test": nil}}}},
		{"a resolver that does not answer", engine.ErrConnectTimeout, "slow.test", http1.Dial{Resolver: &resolver{wait: true}}},
		{"a server that does not accept", engine.ErrConnectTimeout, full, http1.Dial{}},
		{"a source address that is not ours", engine.ErrPorts, "127.0.0.1:1", http1.Dial{SourceAddrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
		{"a port that is none", engine.ErrTemplate, "127.0.0.1:x", http1.Dial{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := newClient(t, http1.Config{Dial: c.cfg}).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			req := &flow.Request{Method: "GET", Scheme: "http", Host: c.host, Target: "/", Timeout: flow.Timeouts{Connect: 50 * time.Millisecond, Total: 5 * time.Second}}
			start := time.Now()
			wiretest.Fails(t, s.Do(req, new(flow.Response)), c.kind)
			if took := time.Since(start); took > time.Second {
				t.Errorf("failed after %v", took)
			}
		})
	}
}

// fullQueue returns the address of a server that listens, but whose queue is full.
func fullQueue(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := shrinkQueue(l.(*net.TCPListener)); err != nil {
		t.Skip(err)
	}
	for range 8 {
		c, err := (&net.Dialer{Timeout: 50 * time.Millisecond}).Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	return l.Addr().String()
}

func TestANameIsLookedUpOnceWhileItHolds(t *testing.T) {
	port := host(t)
	r := &resolver{addrs: map[string][]netip.Addr{"shop.test": {loopback}}}
	client := newClient(t, http1.Config{NewConnection: true, Dial: http1.Dial{Resolver: r, DNSTTL: 100 * time.Millisecond}})
	s, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	req := &flow.Request{Method: "GET", Scheme: "http", Host: "shop.test:" + port, Target: "/"}
	var resp flow.Response
	for i := range 3 {
		if err := s.Do(req, &resp); err != nil {
			t.Fatal(err)
		}
		if (resp.Phases[flow.DNS] > 0) != (i == 0) {
			t.Errorf("call %d: dns took %v", i, resp.Phases[flow.DNS])
		}
	}
	time.Sleep(120 * time.Millisecond)
	if err := s.Do(req, &resp); err != nil {
		t.Fatal(err)
	}
	if r.asked != 2 {
		t.Errorf("asked %d times, want 2", r.asked)
	}
}

func TestConnectionsSpreadOverAllAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skip(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.String())
	})}}
	s.Start()
	defer s.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	addrs := []netip.Addr{loopback, netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	client := newClient(t, http1.Config{NewConnection: true, Dial: http1.Dial{Resolver: &resolver{addrs: map[string][]netip.Addr{"shop.test": addrs}}}})
	user, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = user.Close() }()
	req := &flow.Request{Method: "GET", Scheme: "http", Host: "shop.test:" + port, Target: "/", Want: flow.Want{Body: true}}
	var resp flow.Response
	for i := range 6 {
		if err := user.Do(req, &resp); err != nil {
			t.Fatal(err)
		}
		if want := addrs[i%3].String(); string(resp.Body) != want {
			t.Errorf("connection %d went to %s, want %s", i, resp.Body, want)
		}
	}
}
