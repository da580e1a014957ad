// Package orders is the bounded context of what customers bought. An order needs
// a price from pricing, and takes its stock from the database in one transaction. It knows no
// carts, and it is the Idempotency-Key layer that makes a repeated order one order.
package orders

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"plimsoll/targets/service"
	"plimsoll/targets/store"
)

// Orders is where orders are kept.
type Orders interface {
	// PutOrder takes the stock and keeps the order, or does neither. It gives the order its
	// id, prices and total.
	PutOrder(ctx context.Context, o store.Order) (store.Order, error)
	Order(ctx context.Context, id int64) (store.Order, error)
}

// Price asks pricing whether a product has a price now. Degraded says that pricing could
// not be asked.
type Price func(ctx context.Context, product int64) (cents int64, degraded bool, err error)

// request is what a client sends.
type request struct {
	Customer string `json:"customer"`
	Items    []item `json:"items"`
}

type item struct {
	Product  int `json:"product"`
	Quantity int `json:"quantity"`
}

const (
	mostItems    = 50
	mostQuantity = 100
)

// check returns what is wrong with a request.
func (q request) check() error {
	problem := func(detail string) error {
		return &service.Problem{Status: http.StatusUnprocessableEntity, Detail: detail}
	}
	if q.Customer == "" || len(q.Customer) > 100 {
		return problem("customer has to hold 1 to 100 bytes")
	}
	if len(q.Items) == 0 || len(q.Items) > mostItems {
		return problem("items has to hold 1 to 50 items")
	}
	for _, i := range q.Items {
		if i.Product < 1 || i.Product > store.MaxProducts || i.Quantity < 1 || i.Quantity > mostQuantity {
			return problem("an item has a product and a quantity from 1 to 100")
		}
	}
	return nil
}

// New returns the context's routes:
//
//	POST /v1/orders      places an order: {"customer": "c1", "items": [{"product": 7, "quantity": 1}]}
//	GET /v1/orders/{id}  shows it
func New(orders Orders, price Price) []service.Route {
	place := func(w http.ResponseWriter, r *http.Request) error {
		var q request
		if err := service.Read(w, r, &q); err != nil {
			return err
		}
		if err := q.check(); err != nil {
			return err
		}
		o := store.Order{Customer: q.Customer, Created: time.Now().UTC()}
		for _, i := range q.Items {
			_, degraded, err := price(r.Context(), int64(i.Product))
			if err != nil {
				return err
			}
			if degraded { // nobody should pay a price that may be wrong
				return &service.Problem{Status: http.StatusServiceUnavailable, Detail: "there is no certain price now"}
			}
			o.Items = append(o.Items, store.Item{Product: int64(i.Product), Quantity: int64(i.Quantity)})
		}
		placed, err := orders.PutOrder(r.Context(), o)
		if err != nil {
			return err
		}
		w.Header().Set("Location", "/v1/orders/"+strconv.FormatInt(placed.ID, 10))
		return service.JSON(w, http.StatusCreated, placed)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		id, err := service.Number(r.PathValue("id"), "id", 0, 1, math.MaxInt)
		if err != nil {
			return err
		}
		o, err := orders.Order(r.Context(), int64(id))
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "private, no-store")
		return service.JSON(w, http.StatusOK, o)
	}
	return []service.Route{
		{Pattern: "POST /v1/orders", Handler: place},
		{Pattern: "GET /v1/orders/{id}", Handler: show},
	}
}
