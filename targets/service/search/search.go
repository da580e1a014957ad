// Package search is the bounded context of finding products by their names. It keeps no products
// of its own and does not price them.
package search

import (
	"context"
	"net/http"

	"plimsoll/targets/service"
	"plimsoll/targets/store"
)

// Index finds products.
type Index interface {
	// Search returns up to limit products whose names begin with the text, in either case.
	Search(ctx context.Context, text string, limit int) ([]store.Product, error)
}

const (
	mostHits    = 100
	longestText = 200
)

// New returns the context's routes:
//
//	GET /v1/search?q=&limit=  products whose names begin so
func New(index Index) []service.Route {
	return []service.Route{{
		Pattern: "GET /v1/search", Shared: true,
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			q := r.URL.Query()
			text := q.Get("q")
			if text == "" || len(text) > longestText {
				return &service.Problem{Status: http.StatusBadRequest, Detail: "q has to hold 1 to 200 bytes"}
			}
			limit, err := service.Number(q.Get("limit"), "limit", 20, 1, mostHits)
			if err != nil {
				return err
			}
			hits, err := index.Search(r.Context(), text, limit)
			if err != nil {
				return err
			}
			return service.JSON(w, http.StatusOK, map[string]any{"hits": append([]store.Product{}, hits...)})
		},
	}}
}
