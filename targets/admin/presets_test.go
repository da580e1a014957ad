package admin

import (
	"net/http"
	"strings"
	"testing"

	"plimsoll/targets/topology"
	"plimsoll/targets/worker"
)

// filled gives the parameters of patterns a value, and the request a body where it needs
// one.
func filled(pattern string) (method, path, body string, want int) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = "GET", pattern
	}
	want = http.StatusOK
	switch pattern {
	case "POST /v1/orders":
		body, want = `{"customer": "c", "items": [{"product": 1, "quantity": 1}]}`, http.StatusCreated
	case "GET /v1/orders/{id}":
		want = http.StatusNotFound // none yet that is so high
	case "GET /v1/search":
		path += "?q=a"
	case "/x/stall":
		path += "?every_s=60&for_s=0.001"
	case "/x/sse":
		path += "?n=2&every_ms=1"
	case "/x/status/{code}":
		want = http.StatusTeapot
	}
	return method, strings.NewReplacer(
		"/orders/{id}", "/orders/999999", "{id}", "1", "{product}", "2", "{n}", "1000", "{code}", "418", "{key}", "k",
		"/station/{name}", "/station/mm1", "/dep/{name}", "/dep/db").Replace(path), body, want
}

// TestEveryPresetAnswersOnEachOfItsRoutes starts each with real workers.
func TestEveryPresetAnswersOnEachOfItsRoutes(t *testing.T) {
	want := map[string]int{"minimal": 19, "golden": 28, "bare": 28, "cluster": 28, "eventloop": 28, "queueing": 19}
	for _, preset := range topology.Presets() {
		t.Run(preset, func(t *testing.T) {
			t.Parallel()
			r := start(t, preset)
			var routes []worker.RouteInfo
			r.ask("GET", "/routes", "", &routes)
			if len(routes) != want[preset] {
				t.Errorf("%d routes, want %d", len(routes), want[preset])
			}
			owners := map[string]string{}
			for _, route := range routes {
				if owners[route.Route] != "" || route.Context == "" {
					t.Errorf("%s has the owners %q and %q", route.Route, owners[route.Route], route.Context)
				}
				owners[route.Route] = route.Context
				method, path, body, want := filled(route.Route)
				if strings.Contains(path, "/station/") && preset != "queueing" {
					want = http.StatusNotFound
				}
				if a := send(t, method, r.data+path, body); a.status != want {
					t.Errorf("%s %s: status %d, want %d: %s", method, path, a.status, want, a.body)
				}
			}
			for _, path := range []string{"/healthz", "/readyz"} {
				if a := r.get(path); a.status != http.StatusOK {
					t.Errorf("%s: status %d", path, a.status)
				}
			}
		})
	}
}
