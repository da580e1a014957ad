package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/redis/go-redis/v9"

	"plimsoll/targets/dependency"
	"plimsoll/targets/store"
	"plimsoll/targets/topology"
)

// shop is the database as one context calls it: through the layers of the dependency, and
// beside the event loop.
type shop struct {
	deps    *dependencies
	context string
}

// ask makes one call to the database for a context.
func ask[T any](ctx context.Context, s *shop, op string, idempotent bool, do func(context.Context, *store.Store) (T, error)) (T, error) {
	cfg := s.deps.cfg()
	name := s.context
	if cfg.Deps.SharedPool {
		name = ""
	}
	var answer T
	err := await(ctx, workOf(cfg, s.context), func(ctx context.Context) (err error) {
		answer, _, err = dependency.Call(ctx, s.deps.guards[name], op, idempotent,
			func(ctx context.Context) (T, error) { return do(ctx, s.deps.stores[name]) }, nil)
		return err
	})
	return answer, err
}

func (s *shop) Product(ctx context.Context, id int64) (store.Product, error) {
	return ask(ctx, s, "product", true, func(ctx context.Context, db *store.Store) (store.Product, error) { return db.Product(ctx, id) })
}

func (s *shop) Products(ctx context.Context, after int64, limit int, category string) ([]store.Product, error) {
	return ask(ctx, s, "products", true, func(ctx context.Context, db *store.Store) ([]store.Product, error) {
		return db.Products(ctx, after, limit, category)
	})
}

func (s *shop) Search(ctx context.Context, text string, limit int) ([]store.Product, error) {
	return ask(ctx, s, "search", true, func(ctx context.Context, db *store.Store) ([]store.Product, error) {
		return db.Search(ctx, text, limit)
	})
}

func (s *shop) Price(ctx context.Context, product int64) (store.Price, error) {
	return ask(ctx, s, "price", true, func(ctx context.Context, db *store.Store) (store.Price, error) { return db.Price(ctx, product) })
}

func (s *shop) Order(ctx context.Context, id int64) (store.Order, error) {
	return ask(ctx, s, "order", true, func(ctx context.Context, db *store.Store) (store.Order, error) { return db.Order(ctx, id) })
}

func (s *shop) PutOrder(ctx context.Context, o store.Order) (store.Order, error) {
	return ask(ctx, s, "put_order", false, func(ctx context.Context, db *store.Store) (store.Order, error) { return db.PutOrder(ctx, o) })
}

// priceFor returns how the handlers of a context ask for prices.
func (d *dependencies) priceFor(name string) func(ctx context.Context, product int64) (cents int64, degraded bool, err error) {
	return func(ctx context.Context, product int64) (cents int64, degraded bool, err error) {
		return d.price(ctx, name, product)
	}
}

// price asks the pricing service, and falls back as the dependency says: to the price that
// was known last, or to 0, which stands for the list price.
func (d *dependencies) price(ctx context.Context, name string, product int64) (cents int64, degraded bool, err error) {
	fallback := func(cause error) (int64, error) {
		if d.pricing.Fallback() == "default" {
			return 0, nil
		}
		if known, ok := d.prices.known(product); ok {
			return known, nil
		}
		return 0, cause
	}
	var outcome dependency.Outcome
	err = await(ctx, workOf(d.cfg(), name), func(ctx context.Context) (err error) {
		cents, outcome, err = dependency.Call(ctx, d.pricing, "price", true,
			func(ctx context.Context) (int64, error) { return d.fetchPrice(ctx, product) }, fallback)
		return err
	})
	if err == nil && outcome.Degraded == "" {
		d.prices.keep(product, cents)
	}
	return cents, outcome.Degraded != "", err
}

// fetchPrice makes one call over HTTP.
func (d *dependencies) fetchPrice(ctx context.Context, product int64) (int64, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, d.prices.base+"/v1/prices/"+strconv.FormatInt(product, 10), http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("ask pricing: %w", err)
	}
	answer, err := d.http.RoundTrip(q)
	if err != nil {
		return 0, fmt.Errorf("ask pricing: %w", err)
	}
	defer answer.Body.Close()
	if err := checkStatus(answer); err != nil {
		return 0, err
	}
	var price store.Price
	if err := json.NewDecoder(answer.Body).Decode(&price); err != nil {
		return 0, fmt.Errorf("read the price: %w", err)
	}
	return price.Cents, nil
}

// remote is the shared store, as carts use it.
type remote struct {
	client *redis.Client
	cfg    func() *topology.Config
}

func (r *remote) Get(ctx context.Context, key string) (value []byte, err error) {
	err = await(ctx, workOf(r.cfg(), "cart"), func(ctx context.Context) (err error) {
		value, err = r.client.Get(ctx, key).Bytes()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, unavailable(err)
}

func (r *remote) Swap(ctx context.Context, key string, was, value []byte) (done bool, err error) {
	swap := func(tx *redis.Tx) error {
		now, err := tx.Get(ctx, key).Bytes()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if !bytes.Equal(now, was) {
			return redis.TxFailedErr
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, key, value, 0).Err() })
		return err
	}
	err = await(ctx, workOf(r.cfg(), "cart"), func(ctx context.Context) error { return r.client.Watch(ctx, swap, key) })
	if errors.Is(err, redis.TxFailedErr) {
		return false, nil
	}
	return err == nil, unavailable(err)
}

// faulty puts the faults on the shared store before each command.
type faulty struct {
	before func(ctx context.Context, target string) error
}

// DialHook leaves dialling alone.
func (faulty) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook meets one command.
func (f faulty) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := f.before(ctx, "store:redis"); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook meets several at once.
func (f faulty) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := f.before(ctx, "store:redis"); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}
