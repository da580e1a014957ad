// Package cart is the bounded context of shopping carts, and of the oldest question of
// scaling out: where state lives. A cart is kept in the memory of one worker, in a store
// that all share, or in a token that the client carries. It prices nothing and orders
// nothing.
package cart

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"

	"plimsoll/targets/service"
	"plimsoll/targets/store"
)

// Config says where carts are kept.
type Config struct {
	State     string `yaml:"state" default:"redis" oneof:"memory redis token" about:"where carts are kept: in the worker that is asked, in the shared store, or with the client"`
	Replicate string `yaml:"replicate" default:"off" oneof:"off redis" about:"whether workers that keep carts in memory pass them on through the shared store"`
}

// Cart is what somebody is about to buy.
type Cart struct {
	ID      string      `json:"id"`
	Version int         `json:"version"` // counts its changes
	Items   map[int]int `json:"items"`   // quantity by product
}

// Remote is a store that all workers share.
type Remote interface {
	// Get returns nil if there is no such key.
	Get(ctx context.Context, key string) ([]byte, error)
	// Swap sets the key if it is still as it was, nil: if there is none, and tells whether it did.
	Swap(ctx context.Context, key string, was, value []byte) (bool, error)
}

// Stats counts what became of carts in this worker.
type Stats struct {
	Reads  uint64 `json:"reads_total"`
	Writes uint64 `json:"writes_total"`
	Drift  uint64 `json:"drift_total"` // carts found older than the client had seen them
}

// Carts is the context.
type Carts struct {
	keepers              map[string]keeper
	cfg                  atomic.Pointer[Config]
	reads, writes, drift atomic.Uint64
}

// New returns the context. The key signs tokens; workers that share it trust each other's.
func New(cfg Config, remote Remote, key []byte) *Carts {
	local := newMemory()
	shared := &shared{remote: remote}
	c := &Carts{keepers: map[string]keeper{
		"memory":    local,
		"redis":     shared,
		"token":     token(key),
		"replicate": &replicated{local: local, shared: shared},
	}}
	c.Configure(cfg)
	return c
}

// Configure changes where carts are kept from now on. Carts do not move.
func (c *Carts) Configure(cfg Config) { c.cfg.Store(&cfg) }

// Stats returns the counters.
func (c *Carts) Stats() Stats {
	return Stats{Reads: c.reads.Load(), Writes: c.writes.Load(), Drift: c.drift.Load()}
}

// Routes returns the context's routes:
//
//	GET /v1/carts/{id}                         shows a cart; one that is not known is empty
//	PUT /v1/carts/{id}/items/{product}?qty=1   sets how many of a product are in it
//	DELETE /v1/carts/{id}/items/{product}      takes the product out
//
// A client that sends X-Cart-Version, the version it has seen last, learns from
// X-Cart-Drift whether this worker has an older one.
func (c *Carts) Routes() []service.Route {
	return []service.Route{
		{Pattern: "GET /v1/carts/{id}", Handler: c.show},
		{Pattern: "PUT /v1/carts/{id}/items/{product}", Handler: c.set},
		{Pattern: "DELETE /v1/carts/{id}/items/{product}", Handler: c.set},
	}
}

const (
	longestID    = 64
	mostProducts = 100
	mostQuantity = 100
)

func (c *Carts) show(w http.ResponseWriter, r *http.Request) error {
	c.reads.Add(1)
	found, err := c.load(w, r)
	if err != nil {
		return err
	}
	return answer(w, found)
}

// set puts a quantity of a product into the cart, 0 for DELETE.
func (c *Carts) set(w http.ResponseWriter, r *http.Request) error {
	product, err := service.Number(r.PathValue("product"), "product", 0, 1, store.MaxProducts)
	if err != nil {
		return err
	}
	quantity := 0
	if r.Method == http.MethodPut {
		if quantity, err = service.Number(r.URL.Query().Get("qty"), "qty", 1, 1, mostQuantity); err != nil {
			return err
		}
	}
	c.writes.Add(1)
	for range mostTries {
		if done, err := c.change(w, r, product, quantity); done || err != nil {
			return err
		}
	}
	return &service.Problem{Status: http.StatusConflict, Detail: "others keep changing this cart"}
}

// mostTries is how often a change is made anew that crossed another one.
const mostTries = 20

// change makes one try, and tells whether nobody else changed the cart meanwhile.
func (c *Carts) change(w http.ResponseWriter, r *http.Request, product, quantity int) (done bool, err error) {
	found, err := c.load(w, r)
	if err != nil {
		return false, err
	}
	changed := Cart{ID: found.ID, Version: found.Version + 1, Items: map[int]int{}}
	maps.Copy(changed.Items, found.Items)
	changed.Items[product] = quantity
	if quantity == 0 {
		delete(changed.Items, product)
	}
	if len(changed.Items) > mostProducts {
		return false, &service.Problem{Status: http.StatusUnprocessableEntity, Detail: "a cart holds up to 100 products"}
	}
	if done, err = c.keeper().save(r.Context(), w, found, changed); !done || err != nil {
		return false, err
	}
	return true, answer(w, changed)
}

// load finds the cart and counts it if it is older than the client's.
func (c *Carts) load(w http.ResponseWriter, r *http.Request) (Cart, error) {
	id := r.PathValue("id")
	if len(id) > longestID {
		return Cart{}, &service.Problem{Status: http.StatusBadRequest, Detail: "id is longer than 64 bytes"}
	}
	seen, err := service.Number(r.Header.Get("X-Cart-Version"), "X-Cart-Version", 0, 0, 1<<30)
	if err != nil {
		return Cart{}, err
	}
	found, err := c.keeper().load(r, id, seen)
	if err != nil {
		return Cart{}, err
	}
	if found.Version < seen {
		c.drift.Add(1)
		w.Header().Set("X-Cart-Drift", strconv.Itoa(seen-found.Version))
	}
	return found, nil
}

func (c *Carts) keeper() keeper {
	cfg := c.cfg.Load()
	if cfg.State == "memory" && cfg.Replicate == "redis" {
		return c.keepers["replicate"]
	}
	return c.keepers[cfg.State]
}

func answer(w http.ResponseWriter, c Cart) error {
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("X-Cart-Version", strconv.Itoa(c.Version))
	return service.JSON(w, http.StatusOK, c)
}
