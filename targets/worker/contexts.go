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
	s, p := &cfg.Services, w.parts
	all := []contextOf{
		{settings: s.Catalog, Context: service.Context{Name: "catalog", Routes: catalog.New(p.shops["catalog"], p.price)}},
		{settings: s.Cart.Service, Context: service.Context{Name: "cart", Routes: p.carts.Routes()}},
		{settings: s.Orders, Context: service.Context{Name: "orders", Routes: orders.New(p.shops["orders"], p.price)}},
		{settings: s.Pricing, Context: service.Context{Name: "pricing", Routes: pricing.New(p.shops["pricing"])}},
		{settings: s.Search, Context: service.Context{Name: "search", Routes: search.New(p.shops["search"])}},
	}
	var enabled []contextOf
	for _, c := range all {
		if c.settings.Enabled {
			c.Owner, c.Version = c.settings.Owner, c.settings.Version
			enabled = append(enabled, c)
		}
	}
	return enabled
}
