package http1_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
