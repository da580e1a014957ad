package http1

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/flow"
)

func TestRequestsGoOnTheWireAsWritten(t *testing.T) {
	for _, c := range []struct {
		name string
		req  flow.Request
		last bool
		want string
	}{
		{"a plain one", flow.Request{Method: "GET", Target: "/a?b=c"}, false, "GET /a?b=c HTTP/1.1|Host: h:1|User-Agent: plimsoll||"},
		{
			"fields keep order and case",
			flow.Request{Method: "GET", Target: "/", Header: []flow.Field{{Name: "x-B", Value: "1"}, {Name: "X-a", Value: ""}, {Name: "x-B", Value: "2"}}},
			false,
			"GET / HTTP/1.1|Host: h:1|x-B: 1|X-a: |x-B: 2|User-Agent: plimsoll||",
		},
		{
			"what the author sets is not set again",
			flow.Request{Method: "POST", Target: "/", Header: []flow.Field{{Name: "user-agent", Value: "u"}, {Name: "HOST", Value: "other"}, {Name: "content-length", Value: "7"}}},
			false,
			"POST / HTTP/1.1|user-agent: u|HOST: other|content-length: 7||",
		},
		{"a body has a length", flow.Request{Method: "DELETE", Target: "/", Body: []byte("ab")}, false, "DELETE / HTTP/1.1|Host: h:1|User-Agent: plimsoll|Content-Length: 2||ab"},
		{"a POST without a body says so", flow.Request{Method: "POST", Target: "/"}, false, "POST / HTTP/1.1|Host: h:1|User-Agent: plimsoll|Content-Length: 0||"},
		{"the last on its connection says so", flow.Request{Method: "GET", Target: "/"}, true, "GET / HTTP/1.1|Host: h:1|User-Agent: plimsoll|Connection: close||"},
		{
			"unless the author speaks of it",
			flow.Request{Method: "GET", Target: "/", Header: []flow.Field{{Name: "connection", Value: "keep-alive"}}},
			true,
			"GET / HTTP/1.1|Host: h:1|connection: keep-alive|User-Agent: plimsoll||",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.Scheme, c.req.Host = "http", "h:1"
			var m message
			if err := m.render(&c.req, c.last); err != nil {
				t.Fatal(err)
			}
			m.join(c.req.Body, ownJoin)
			if diff := cmp.Diff(c.want, strings.ReplaceAll(string(m.head), "\r\n", "|")); diff != "" {
				t.Error(diff)
			}
			if m.close != c.last {
				t.Errorf("close is %v", m.close)
			}
		})
	}
}

func TestAnAuthorsCloseEndsTheConnection(t *testing.T) {
	var m message
	req := &flow.Request{Method: "GET", Scheme: "http", Host: "h", Target: "/", Header: []flow.Field{{Name: "Connection", Value: "TE, Close"}}}
	if err := m.render(req, false); err != nil || !m.close {
		t.Errorf("close is %v, %v", m.close, err)
	}
}

func TestUnsoundRequestsAreRefused(t *testing.T) {
	for _, spoil := range []func(*flow.Request){
		func(r *flow.Request) { r.Method = "" },
		func(r *flow.Request) { r.Method = "G T" },
		func(r *flow.Request) { r.Target = "" },
		func(r *flow.Request) { r.Target = "/a b" },
		func(r *flow.Request) { r.Target = "/\x00" },
		func(r *flow.Request) { r.Host = "" },
		func(r *flow.Request) { r.Host = "h\nx" },
		func(r *flow.Request) { r.Scheme = "ftp" },
		func(r *flow.Request) { r.Header = []flow.Field{{Name: "", Value: "v"}} },
		func(r *flow.Request) { r.Header = []flow.Field{{Name: "a:b", Value: "v"}} },
		func(r *flow.Request) { r.Header = []flow.Field{{Name: "a", Value: "v\r"}} },
		func(r *flow.Request) { r.Header = []flow.Field{{Name: "a", Value: "v\x00"}} },
	} {
		req := &flow.Request{Method: "GET", Scheme: "http", Host: "h", Target: "/"}
		spoil(req)
		if err := new(message).render(req, false); err == nil {
			t.Errorf("%+v was taken", req)
		}
	}
}

func TestConnectToRulesAreReadAsCurlDoes(t *testing.T) {
	for _, c := range []struct {
		rule string
		want ConnectTo
		ok   bool
	}{
		{"a:80:b:81", ConnectTo{"a", "80", "b", "81"}, true},
		{"::b:", ConnectTo{ToHost: "b"}, true},
		{":::", ConnectTo{}, true},
		{"[::1]:80:[fe80::2]:81", ConnectTo{"::1", "80", "fe80::2", "81"}, true},
		{"a:80:b", ConnectTo{}, false},
		{"a:80:b:81:c", ConnectTo{}, false},
		{"a:0:b:81", ConnectTo{}, false},
		{"a:80:b:65536", ConnectTo{}, false},
		{"[::1:80:b:81", ConnectTo{}, false},
		{"[::1]x:80:b:81", ConnectTo{}, false},
		{"", ConnectTo{}, false},
	} {
		got, err := ParseConnectTo(c.rule)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: got %+v, %v", c.rule, got, err)
		}
	}
}

func TestResolveRulesAreReadAsCurlDoes(t *testing.T) {
	a, b := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for _, c := range []struct {
		rule  string
		key   string
		addrs []netip.Addr
	}{
		{"Shop.test:80:127.0.0.1", "shop.test:80", []netip.Addr{a}},
		{"h:443:127.0.0.1,::1", "h:443", []netip.Addr{a, b}},
		{"h:443:[::1],127.0.0.1", "h:443", []netip.Addr{b, a}},
		{"*:80:::1", "*:80", []netip.Addr{b}},
		{"[::1]:80:127.0.0.1", "[::1]:80", []netip.Addr{a}},
		{"+h:80:127.0.0.1", "h:80", []netip.Addr{a}},
		{"h:80:", "", nil},
		{"h:80", "", nil},
		{"-h:80", "", nil},
		{":80:127.0.0.1", "", nil},
		{"h:x:127.0.0.1", "", nil},
		{"h:80:other.test", "", nil},
	} {
		key, addrs, err := ParseResolve(c.rule)
		if (err == nil) != (c.addrs != nil) || key != c.key || !cmp.Equal(addrs, c.addrs, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })) {
			t.Errorf("%q: got %q %v, %v", c.rule, key, addrs, err)
		}
	}
}
