package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"plimsoll/scenarios"
)

func TestACallCarriesItsHeadersAndGoesWhereItsAddressSays(t *testing.T) {
	var path, kind, mode, body string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		path, kind, mode, body = r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("X-Mode"), string(text)
	}))
	defer server.Close()
	c := &control{admin: server.URL}
	for address, want := range map[string]string{
		"/stats?a=1":              "/admin/v1/stats?a=1",
		"/debug/pprof/?worker=1":  "/debug/pprof/?worker=1",
		"/metrics?per_worker=1":   "/metrics?per_worker=1",
		"/metricsandmore":         "/admin/v1/metricsandmore",
		server.URL + "/elsewhere": "/elsewhere",
	} {
		a := scenarios.Action{Method: "PUT", URL: address, Header: []scenarios.Header{{Name: "x-mode", Value: "on"}}, Body: []byte("{}"), JSON: true}
		if err := c.do(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if path != want || kind != "application/json" || mode != "on" || body != "{}" {
			t.Errorf("%s came to %s, as %s, with mode %q and body %q", address, path, kind, mode, body)
		}
		a.Header = append(a.Header, scenarios.Header{Name: "Content-Type", Value: "text/json"})
		if err := c.do(t.Context(), a); err != nil || kind != "text/json" {
			t.Errorf("with a type of its own it is %s: %v", kind, err)
		}
	}
	if err := (&control{}).do(t.Context(), scenarios.Action{Method: "GET", URL: "/stats"}); err == nil {
		t.Error("a path of a target that is not there was called")
	}
}
