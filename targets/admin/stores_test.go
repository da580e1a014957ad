package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"plimsoll/targets/servertest"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// database is a PostgreSQL that is started when a test first needs one.
var database servertest.PostgreSQL

// TestTheShopIsTheSameOverEveryStore places orders through two workers, and finds them
// through both.
func TestTheShopIsTheSameOverEveryStore(t *testing.T) {
	for name, settings := range map[string]func() []string{
		"station":    func() []string { return nil },
		"SQLite":     func() []string { return []string{"deps.db.kind=sqlite"} },
		"PostgreSQL": func() []string { return []string{"deps.db.kind=postgres", "deps.db.url=" + database.Database(t)} },
		"Redis": func() []string {
			return []string{"deps.redis.url=" + "redis://" + servertest.Redis(t) + "/0", "limit.store=redis"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "golden", append(settings(), "cluster.workers=2", "deps.db.products=200", "deps.db.timeout=5s", "services.orders.timeout=10s", "services.catalog.timeout=10s")...)
			places := map[string]bool{}
			var locations []string
			for i := range 6 {
				a := send(t, "POST", r.data+"/v1/orders", `{"customer": "c", "items": [{"product": 7, "quantity": 1}]}`,
					"Idempotency-Key", fmt.Sprintf(`"%s-%d"`, name, i/2))
				if a.status != http.StatusCreated {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				places[a.header.Get("X-Instance")] = true
				if locations = append(locations, a.header.Get("Location")); i%2 == 1 && locations[i] != locations[i-1] {
					t.Errorf("a repetition was carried out: %v", locations)
				}
			}
			for range 2 {
				var o struct{ Customer string }
				a := r.get(locations[0])
				if json.Unmarshal([]byte(a.body), &o); a.status != http.StatusOK || o.Customer != "c" {
					t.Errorf("status %d: %s", a.status, a.body)
				}
			}
			for _, path := range []string{"/v1/products/7", "/v1/products?limit=3", "/v1/search?q=a", "/v1/prices/7", "/x/dep/db", "/x/dep/redis", "/x/dep/pricing"} {
				if a := r.get(path); a.status != http.StatusOK {
					t.Errorf("%s: status %d: %s", path, a.status, a.body)
				}
			}
			a := send(t, "PUT", r.data+"/v1/carts/mine/items/7?qty=2", "")
			if b := r.get("/v1/carts/mine"); a.status != http.StatusOK || b.body != a.body {
				t.Errorf("the cart is %s, then %s", a.body, b.body)
			}
			if a := r.get("/v1/products/201"); a.status != http.StatusNotFound {
				t.Errorf("past the last product: status %d", a.status)
			}
			r.ask("POST", "/store/seed?products=300&seed=2", "", nil)
			if a := r.get("/v1/products/300"); a.status != http.StatusOK {
				t.Errorf("after a new seed: status %d: %s", a.status, a.body)
			}
			r.ask("POST", "/store/reset", "", nil)
			if a := r.get("/v1/products/7"); a.status != http.StatusNotFound {
				t.Errorf("after a reset: status %d: %s", a.status, a.body)
			}
			if b := r.get("/v1/carts/mine"); b.body == a.body && name != "Redis" { // one of somebody else's is left alone
				t.Errorf("after a reset the cart is %s", b.body)
			}
		})
	}
}
