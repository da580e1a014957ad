// Package pricing is the bounded context of prices: what a product costs now. Other
// contexts reach it over HTTP only. It knows neither stock nor orders.
package pricing

import (
	"context"
	"net/http"

	"plimsoll/targets/service"
	"plimsoll/targets/store"
)

// Prices is where prices are kept.
type Prices interface {
	// Price returns what a product costs, store.ErrNotFound if there is none.
	Price(ctx context.Context, product int64) (store.Price, error)
}

// New returns the context's routes:
//
//	GET /v1/prices/{id}  the price of a product
func New(prices Prices) []service.Route {
	return []service.Route{{
		Pattern: "GET /v1/prices/{id}", Shared: true,
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			id, err := service.Number(r.PathValue("id"), "id", 0, 1, store.MaxProducts)
			if err != nil {
				return err
			}
			price, err := prices.Price(r.Context(), int64(id))
			if err != nil {
				return err
			}
			return service.JSON(w, http.StatusOK, price)
		},
	}}
}
