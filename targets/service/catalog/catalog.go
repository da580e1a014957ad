// Package catalog is the bounded context of what is for sale: products and their lists,
// with the price that pricing gives. It takes no orders and searches no text.
package catalog

import (
	"context"
	"net/http"

	"plimsoll/targets/service"
	"plimsoll/targets/store"
)

// Products is where products are kept.
type Products interface {
	Product(ctx context.Context, id int64) (store.Product, error)
	// Products returns up to limit products with an id above after, in order; of the
	// category only unless it is "".
	Products(ctx context.Context, after int64, limit int, category string) ([]store.Product, error)
}

// Price asks pricing for a price in cents. Degraded says that it is a substitute, because
// pricing could not be asked; then 0 stands for the list price.
type Price func(ctx context.Context, product int64) (cents int64, degraded bool, err error)

// Product is a product as the catalog shows it.
type Product struct {
	store.Product
	Degraded bool `json:"degraded,omitempty"` // the price may be old
}

// page is a list of products.
type page struct {
	Products []store.Product `json:"products"`
	Next     int64           `json:"next,omitempty"` // the value of after for the next page
}

const mostPerPage = 100

// New returns the context's routes:
//
//	GET /v1/products?category=&after=&limit=  products in order of their ids, 20 at a time
//	GET /v1/products/{id}                     one product, priced
func New(products Products, price Price) []service.Route {
	list := func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		after, err := service.Number(q.Get("after"), "after", 0, 0, store.MaxProducts)
		if err != nil {
			return err
		}
		limit, err := service.Number(q.Get("limit"), "limit", 20, 1, mostPerPage)
		if err != nil {
			return err
		}
		found, err := products.Products(r.Context(), int64(after), limit, q.Get("category"))
		if err != nil {
			return err
		}
		p := page{Products: append([]store.Product{}, found...)}
		if len(found) == limit {
			p.Next = found[limit-1].ID
		}
		return service.JSON(w, http.StatusOK, p)
	}
	one := func(w http.ResponseWriter, r *http.Request) error {
		id, err := service.Number(r.PathValue("id"), "id", 0, 1, store.MaxProducts)
		if err != nil {
			return err
		}
		p := Product{}
		if p.Product, err = products.Product(r.Context(), int64(id)); err != nil {
			return err
		}
		cents, degraded, err := price(r.Context(), int64(id))
		if err != nil {
			return err
		}
		if p.Degraded = degraded; cents > 0 {
			p.PriceCents = cents
		}
		if p.Degraded {
			w.Header().Set("Cache-Control", "no-store") // a substitute must not outlive the incident
		}
		return service.JSON(w, http.StatusOK, p)
	}
	return []service.Route{
		{Pattern: "GET /v1/products", Handler: list, Shared: true},
		{Pattern: "GET /v1/products/{id}", Handler: one, Shared: true},
	}
}
