package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plimsoll/targets/middleware"
	"plimsoll/targets/service"
	"plimsoll/targets/service/catalog"
	"plimsoll/targets/service/orders"
	"plimsoll/targets/service/pricing"
	"plimsoll/targets/service/search"
	"plimsoll/targets/store"
)

// shop is a database of three products, which notes the orders it got.
type shop struct{ placed []store.Order }

var errBroken = errors.New("the disk is on fire")

func (*shop) Product(_ context.Context, id int64) (store.Product, error) {
	if id > 3 {
		return store.Product{}, store.ErrNotFound
	}
	return store.Product{ID: id, Name: "lamp", PriceCents: 100 * id}, nil
}

func (s *shop) Products(ctx context.Context, after int64, limit int, _ string) (all []store.Product, err error) {
	for id := after + 1; id <= 3 && len(all) < limit; id++ {
		p, err := s.Product(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (s *shop) Search(ctx context.Context, _ string, limit int) ([]store.Product, error) {
	return s.Products(ctx, 0, limit, "")
}

func (*shop) Price(_ context.Context, product int64) (store.Price, error) {
	if product == 2 {
		return store.Price{}, errBroken
	}
	return store.Price{Product: product, Cents: 7, Version: 1}, nil
}

func (s *shop) PutOrder(_ context.Context, o store.Order) (store.Order, error) {
	o.ID = int64(len(s.placed) + 1)
	s.placed = append(s.placed, o)
	return o, nil
}

func (s *shop) Order(_ context.Context, id int64) (store.Order, error) {
	if id > int64(len(s.placed)) {
		return store.Order{}, store.ErrNotFound
	}
	return s.placed[id-1], nil
}

// serve puts the routes on a mux. Price is what pricing says.
func serve(s *shop, price func(context.Context, int64) (int64, bool, error)) http.Handler {
	mux := http.NewServeMux()
	refuse := func(err error) (middleware.Problem, bool) {
		return middleware.Problem{Status: http.StatusNotFound}, errors.Is(err, store.ErrNotFound)
	}
	for _, routes := range [][]service.Route{catalog.New(s, price), orders.New(s, price), pricing.New(s), search.New(s)} {
		for _, r := range routes {
			mux.Handle(r.Pattern, r.Handler.Serve(refuse))
		}
	}
	return mux
}

func ask(h http.Handler, method, path, body string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Result()
}

func certain(context.Context, int64) (int64, bool, error)  { return 55, false, nil }
func degraded(context.Context, int64) (int64, bool, error) { return 0, true, nil }

func TestAnswersOfTheContexts(t *testing.T) {
	const order = `{"customer": "c", "items": [{"product": 1, "quantity": 2}]}`
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		holds                    string
	}{
		{"a product has the price that pricing gives", "GET", "/v1/products/2", "", 200, `"price_cents":55`},
		{"a product that there is not", "GET", "/v1/products/4", "", 404, "Not Found"},
		{"an id that is none", "GET", "/v1/products/0", "", 400, "id is not a whole number"},
		{"a page says where the next begins", "GET", "/v1/products?limit=2", "", 200, `"next":2`},
		{"the last page has none after it", "GET", "/v1/products?after=2&limit=2", "", 200, `"id":3`},
		{"a page that is too long", "GET", "/v1/products?limit=101", "", 400, "limit"},
		{"a search", "GET", "/v1/search?q=la&limit=1", "", 200, `"hits":[{"id":1`},
		{"a search for nothing", "GET", "/v1/search", "", 400, "q has to hold"},
		{"a price", "GET", "/v1/prices/1", "", 200, `"cents":7`},
		{"an error inside shows no details", "GET", "/v1/prices/2", "", 500, `"title":"Internal Server Error"`},
		{"an order is placed", "POST", "/v1/orders", order, 201, `"customer":"c"`},
		{"an order without items", "POST", "/v1/orders", `{"customer": "c", "items": []}`, 422, "items"},
		{"an order for nobody", "POST", "/v1/orders", `{"items": [{"product": 1, "quantity": 2}]}`, 422, "customer"},
		{"an order of too many", "POST", "/v1/orders", `{"customer": "c", "items": [{"product": 1, "quantity": 101}]}`, 422, "quantity"},
		{"an order with a field that nobody knows", "POST", "/v1/orders", `{"custumer": "c"}`, 400, "custumer"},
		{"an order that is no JSON", "POST", "/v1/orders", `{"customer"`, 400, "JSON"},
		{"two orders in one body", "POST", "/v1/orders", order + order, 400, "more than one"},
		{"a body that is too long", "POST", "/v1/orders", `{"customer": "` + strings.Repeat("c", 1<<20) + `"}`, 413, "longer"},
		{"an order that there is not", "GET", "/v1/orders/9", "", 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(serve(&shop{}, certain), test.method, test.path, test.body)
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != test.status || !strings.Contains(string(text), test.holds) {
				t.Errorf("got %d %s, want %d with %s", answer.StatusCode, text, test.status, test.holds)
			}
			if strings.Contains(string(text), errBroken.Error()) {
				t.Error("the client was told what is wrong inside")
			}
		})
	}
}

func TestAnOrderThatWasPlacedIsFoundAtItsLocation(t *testing.T) {
	h := serve(&shop{}, certain)
	placed := ask(h, "POST", "/v1/orders", `{"customer": "c", "items": [{"product": 1, "quantity": 2}]}`)
	found := ask(h, "GET", placed.Header.Get("Location"), "")
	var o store.Order
	if err := json.NewDecoder(found.Body).Decode(&o); err != nil {
		t.Fatal(err)
	}
	if o.Customer != "c" || len(o.Items) != 1 || o.Items[0].Quantity != 2 {
		t.Errorf("found %+v", o)
	}
}

// TestWithoutPricing: a product shows its list price and says so, and no cache may keep
// it; an order is refused, and nothing is ordered.
func TestWithoutPricing(t *testing.T) {
	s := &shop{}
	h := serve(s, degraded)
	answer := ask(h, "GET", "/v1/products/2", "")
	var p catalog.Product
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if !p.Degraded || p.PriceCents != 200 || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %+v with Cache-Control %q", p, answer.Header.Get("Cache-Control"))
	}
	if answer := ask(h, "POST", "/v1/orders", `{"customer": "c", "items": [{"product": 1, "quantity": 2}]}`); answer.StatusCode != 503 || len(s.placed) > 0 {
		t.Errorf("status %d, %d orders placed", answer.StatusCode, len(s.placed))
	}
}
