package worker

import (
	"io"
	"maps"
	"net/http"
	"slices"

	"plimsoll/targets/cache"
	"plimsoll/targets/middleware"
	"plimsoll/targets/service"
	"plimsoll/targets/tally"
	"plimsoll/targets/topology"
)

type cachePolicy = cache.Policy

// table is the routes of one version of the topology.
type table struct {
	mux    *http.ServeMux
	routes []RouteInfo
}

// RouteInfo is one line of the table of routes.
type RouteInfo struct {
	Route   string   `json:"route"`
	Context string   `json:"context"`
	Owner   string   `json:"owner,omitempty"`
	Version string   `json:"version,omitempty"`
	Timeout string   `json:"timeout,omitempty"`
	Cache   string   `json:"cache,omitempty"`
	Chain   []string `json:"chain"`
}

// primitives is the context that owns what is under /x/.
const primitives = "x"

// newTable puts every route behind its layers. The caller holds mu.
func (w *Worker) newTable(cfg *topology.Config) (*table, error) {
	t := &table{mux: http.NewServeMux()}
	for _, e := range w.probes(cfg) {
		if err := w.mount(t, cfg, "", e); err != nil {
			return nil, err
		}
	}
	for _, c := range w.contexts(cfg) {
		for _, r := range c.Routes {
			e := endpoint{
				pattern: r.Pattern, service: c.Name, version: c.Version, shared: r.Shared,
				timeout: c.settings.Timeout, cache: cfg.CacheOf(c.Name), load: w.parts.workload(c.Name, c.settings.Work),
				run: w.parts.executor(cfg, c.Name), handler: r.Handler.Serve(refuse),
			}
			if err := w.mount(t, cfg, c.Owner, e); err != nil {
				return nil, err
			}
		}
	}
	t.mux.HandleFunc("/healthz", func(a http.ResponseWriter, _ *http.Request) { say(a, http.StatusOK, "ok\n") })
	t.mux.HandleFunc("/readyz", func(a http.ResponseWriter, _ *http.Request) {
		if w.retired.Load() {
			say(a, http.StatusServiceUnavailable, "draining\n")
			return
		}
		say(a, http.StatusOK, "ok\n")
	})
	return t, nil
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text) //nolint:errcheck // the client is gone; there is nobody to tell
}

// mount adds one route: its count and the faults that may meet it lie around and within
// the layers that the topology orders.
func (w *Worker) mount(t *table, cfg *topology.Config, owner string, e endpoint) error {
	count, err := tally.Open(w.host.Memory, e.pattern)
	if err != nil {
		return err
	}
	layers := []middleware.Middleware{w.uncaught, count.Layer()}
	if e.service != primitives { // outside of the cache: it says who answers, not who made what is kept
		layers = append(layers, w.signed(e))
	}
	layers = append(layers, w.layers(cfg, &e)...)
	layers = append(layers, w.parts.faults.Layer(e.service, e.pattern))
	if !e.load.idle() {
		layers = append(layers, working(e.load))
	}
	t.mux.Handle(e.pattern, middleware.Chain(e.handler, layers...))
	info := RouteInfo{Route: e.pattern, Context: e.service, Owner: owner, Version: e.version, Chain: cfg.Chain}
	if e.timeout > 0 {
		info.Timeout = e.timeout.String()
	}
	if e.shared && e.cache.TTL > 0 {
		info.Cache = e.cache.TTL.String()
	}
	t.routes = append(t.routes, info)
	return nil
}

// signed says which release of which context answered, and in which worker.
func (w *Worker) signed(e endpoint) middleware.Middleware {
	version, instance := []string{e.service + "/" + e.version}, []string{w.instance()}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
			h := a.Header()
			h["X-Service-Version"], h["X-Instance"] = version, instance
			next.ServeHTTP(a, r)
		})
	}
}

// contextOf is a bounded context with its settings.
type contextOf struct {
	service.Context
	settings *topology.Service
}

// patterns returns the patterns of a map of handlers in order, so that every worker mounts alike.
func patterns(routes map[string]http.Handler) []string { return sorted(routes) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
