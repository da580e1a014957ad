package http1_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
)

func TestACallOverKeepAliveUsesOneConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path)
	}))
	defer server.Close()
	client, err := http1.New(http1.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	req := &flow.Request{Method: "GET", Scheme: "http", Host: strings.TrimPrefix(server.URL, "http://"), Target: "/a", Want: flow.Want{Body: true}}
	resp := new(flow.Response)
	for i := range 3 {
		if err := s.Do(req, resp); err != nil {
			t.Fatal(err)
		}
		if resp.Status != 200 || string(resp.Body) != "GET /a" || resp.Reused != (i > 0) {
			t.Errorf("call %d: status %d, body %q, reused %v", i, resp.Status, resp.Body, resp.Reused)
		}
	}
}

func TestACallAllocatesNothing(t *testing.T) {
	host := answerer(t)
	for name, fixed := range map[string]bool{"rendered once": true, "rendered anew": false} {
		t.Run(name, func(t *testing.T) {
			s, err := newClient(t, http1.Config{}).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			req := &flow.Request{
				Method: "POST", Scheme: "http", Host: host, Target: "/", Fixed: fixed, Body: []byte("hello"),
				Header: []flow.Field{{Name: "X", Value: "1"}}, Want: flow.Want{Header: true, Body: true},
				Timeout: flow.Timeouts{Total: time.Minute, FirstByte: time.Second},
			}
			resp := new(flow.Response)
			n := testing.AllocsPerRun(100, func() {
				if err := s.Do(req, resp); err != nil {
					t.Fatal(err)
				}
			})
			if n > 0 {
				t.Errorf("%v allocations per call", n)
			}
			if len(resp.Header) != 5 || len(resp.Body) != 128 {
				t.Errorf("got header %q and %d bytes", resp.Header, len(resp.Body))
			}
		})
	}
}

func TestASessionStaysSmall(t *testing.T) {
	const n = 1000 // enough to see what one costs
	host := answerer(t)
	client := newClient(t, http1.Config{})
	req := &flow.Request{Method: "GET", Scheme: "http", Host: host, Target: "/", Fixed: true}
	sessions := make([]engine.Session, n)
	before := heap()
	for i := range sessions {
		s, err := client.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		sessions[i] = s
		if err := s.Do(req, new(flow.Response)); err != nil {
			t.Fatal(err)
		}
	}
	const server = 5 << 10 // what the other end of a connection costs in this process
	if each := int(heap()-before)/n - server; each > 10<<10 {
		t.Errorf("a session takes %d bytes", each)
	}
	runtime.KeepAlive(sessions)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
