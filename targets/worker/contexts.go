package worker

import (
	"plimsoll/targets/service"
	"plimsoll/targets/service/catalog"
	"plimsoll/targets/service/orders"
	"plimsoll/targets/service/pricing"
	"plimsoll/targets/service/search"
	"plimsoll/targets/topology"
)

// contexts returns the bounded contexts that the topology has enabled.
func (w *Worker) contexts(cfg *topology.Config) []contextOf {
	p := w.parts
	routes := map[string][]service.Route{
		"catalog": catalog.New(p.shops["catalog"], p.priceFor("catalog")),
		"cart":    p.carts.Routes(),
		"orders":  orders.New(p.shops["orders"], p.priceFor("orders")),
		"pricing": pricing.New(p.shops["pricing"]),
		"search":  search.New(p.shops["search"]),
	}
	var enabled []contextOf
	for _, name := range topology.Contexts() {
		s := cfg.Context(name)
		if !s.Enabled {
			continue
		}
		enabled = append(enabled, contextOf{
			settings: s, Context: service.Context{Name: name, Owner: s.Owner, Version: s.Version, Routes: routes[name]},
		})
	}
	return enabled
}
