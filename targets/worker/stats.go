package worker

import (
	"plimsoll/targets/cache"
	"plimsoll/targets/dependency"
	"plimsoll/targets/executor"
	"plimsoll/targets/fault"
	"plimsoll/targets/idempotency"
	"plimsoll/targets/limiter"
	"plimsoll/targets/netem"
	"plimsoll/targets/service/cart"
	"plimsoll/targets/shedder"
	"plimsoll/targets/store"
	"plimsoll/targets/upstream"
)

// Stats is how a worker fares: what its parts have counted since they were made, and
// their gauges.
type Stats struct {
	Instance string `json:"instance"`
	Version  int    `json:"version"` // of the topology

	Executors    map[string]executor.Stats   `json:"executors"` // by context, the one for all under "shared"
	Layers       Layers                      `json:"layers"`
	Dependencies map[string]dependency.Stats `json:"dependencies"` // the database by context, as db.catalog
	Stores       map[string]store.Stats      `json:"stores"`       // by context
	Upstream     upstream.Stats              `json:"upstream"`
	Carts        cart.Stats                  `json:"carts"`
	Faults       []fault.Active              `json:"faults"`
	Net          netem.Stats                 `json:"net"`
	Runtime      executor.GC                 `json:"runtime"`
	Saturation   float64                     `json:"saturation"` // 1: at its limits
}

// Layers are the figures of the layers around handlers.
type Layers struct {
	Limit       limiter.Stats            `json:"limit"`
	Shed        map[string]shedder.Stats `json:"shed"` // by context, the one for all under "shared"
	Idempotency idempotency.Stats        `json:"idempotency"`
	Cache       cache.Stats              `json:"cache"`
}

// Stats returns the figures of the moment.
func (w *Worker) Stats() Stats {
	cfg, p := w.Config(), w.parts
	s := Stats{
		Instance: w.instance(), Version: int(w.version.Load()),
		Executors: map[string]executor.Stats{}, Dependencies: map[string]dependency.Stats{}, Stores: map[string]store.Stats{},
		Layers: Layers{
			Limit: p.limiter.Stats(), Shed: map[string]shedder.Stats{}, Idempotency: p.idempotency.Stats(), Cache: p.cache.Stats(),
		},
		Upstream: p.http.Stats(), Carts: p.carts.Stats(), Faults: p.faults.List(), Net: p.net.Stats(),
		Runtime: w.meter.Read(), Saturation: p.saturation(),
	}
	for _, name := range contextNames() {
		run, pool := isolated(cfg, name), name
		if cfg.Deps.SharedPool {
			pool = ""
		}
		s.Executors[shownAs(run)] = p.executors[run].Stats()
		s.Layers.Shed[shownAs(run)] = p.shedders[run].Stats()
		s.Stores[shownAs(pool)] = p.stores[pool].Stats()
		s.Dependencies["db."+shownAs(pool)] = p.dependencies.guards[pool].Stats()
	}
	s.Dependencies["pricing"] = p.pricing.Stats()
	return s
}

// shownAs is what a part for all contexts is called.
func shownAs(context string) string {
	if context == "" {
		return "shared"
	}
	return context
}
