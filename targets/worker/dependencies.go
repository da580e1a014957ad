package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"plimsoll/targets/breaker"
	"plimsoll/targets/bulkhead"
	"plimsoll/targets/dependency"
	"plimsoll/targets/middleware"
	"plimsoll/targets/service/cart"
	"plimsoll/targets/store"
	"plimsoll/targets/topology"
	"plimsoll/targets/upstream"
)

// dependencies are what the contexts of a worker depend on, and how they are called.
type dependencies struct {
	cfg    func() *topology.Config
	before func(ctx context.Context, target string) error // where faults are put in
	redis  *redis.Client
	shared *remote

	stores  map[string]*store.Store           // a connection pool for every context; "" for all
	guards  map[string]*dependency.Dependency // of the database, likewise
	shops   map[string]*shop
	pricing *dependency.Dependency
	http    *upstream.Upstream
	prices  *prices
	pool    *bulkhead.Bulkhead // of everything, where it is shared
	carts   *cart.Carts
}

func newDependencies(w *Worker, cfg *topology.Config, boot Boot, before func(context.Context, string) error) (*dependencies, error) {
	d := &dependencies{
		cfg: w.Config, before: before, stores: map[string]*store.Store{}, guards: map[string]*dependency.Dependency{},
		shops: map[string]*shop{}, prices: newPrices(boot.Backends.Pricing), pool: bulkhead.New(cfg.Deps.DB.Guard.Bulkhead),
		http: upstream.New(cfg.Deps.Pricing.HTTP, upstream.Options{}),
	}
	var err error
	if d.redis, err = newRedis(cfg.Deps.Redis, cmp.Or(cfg.Deps.Redis.URL, boot.Backends.Redis)); err != nil {
		return nil, err
	}
	d.redis.AddHook(faulty{before})
	d.shared = &remote{client: d.redis, cfg: w.Config}
	d.carts = cart.New(cfg.Services.Cart.Keep, d.shared, boot.Key)
	for _, name := range append(contextNames(), "") {
		if d.stores[name], err = openStore(cfg.Deps.DB.Store, boot.Backends.Database); err != nil {
			d.close()
			return nil, err
		}
		d.stores[name].Observe = observe
		d.guards[name] = d.guard(w, "db", "dep:db", cfg.Deps.DB.Guard)
		d.shops[name] = &shop{deps: d, context: name}
	}
	d.pricing = d.guard(w, "pricing", "dep:pricing", cfg.Deps.Pricing.Guard)
	return d, nil
}

// openStore connects to the database. The kind station is hosted by the master.
func openStore(cfg store.Config, address string) (*store.Store, error) {
	if cfg.Kind != "station" {
		ctx, cancel := context.WithTimeout(context.Background(), openLimit)
		defer cancel()
		s, err := store.Open(ctx, cfg, nil)
		if err != nil {
			return nil, fmt.Errorf("deps.db.url: open the database: %w", err)
		}
		return s, nil
	}
	at, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	return store.Remote(cfg, at.Host), nil
}

// openLimit is how long a database may take to be there.
const openLimit = 10 * time.Second

// observe adds where the time of a call went to the request's Server-Timing.
func observe(ctx context.Context, _ string, spent store.Spent, _ error) {
	timing := &middleware.From(ctx).Timing
	if spent.Pool > time.Microsecond {
		timing.Add("pool", spent.Pool)
	}
	if spent.Service > 0 {
		timing.Add("db-q", spent.Wait)
		timing.Add("db-svc", spent.Service)
	}
}

func (d *dependencies) guard(w *Worker, name, target string, cfg dependency.Config) *dependency.Dependency {
	g := dependency.New(name, cfg)
	g.Before = func(ctx context.Context, _ string) error { return d.before(ctx, target) }
	g.Judge = judge
	g.OnChange = func(from, to breaker.State) {
		w.events.Publish("breaker."+to.String(), map[string]any{"dependency": name, "from": from.String(), "to": to.String()})
	}
	return g
}

// judge tells what an error says about the health of the database: that something is not
// there, or was changed by somebody else, is an answer like any other.
func judge(err error) breaker.Result {
	for _, answer := range []error{store.ErrNotFound, store.ErrConflict, store.ErrOutOfStock, store.ErrDuplicate, store.ErrInvalid} {
		if errors.Is(err, answer) {
			return breaker.Success
		}
	}
	return dependency.Judge(err)
}

func (d *dependencies) configure(cfg *topology.Config) {
	for name, s := range d.stores {
		ctx, cancel := context.WithTimeout(context.Background(), openLimit)
		s.Configure(ctx, cfg.Deps.DB.Store) //nolint:errcheck // it changes bounds; an index that cannot be had leaves searches slow, which shows
		cancel()
		d.guards[name].Configure(cfg.Deps.DB.Guard)
	}
	d.pricing.Configure(cfg.Deps.Pricing.Guard)
	http := cfg.Deps.Pricing.HTTP
	http.Propagate = http.Propagate && cfg.Deps.Propagate
	d.http.Configure(http)
	d.carts.Configure(cfg.Services.Cart.Keep)
	d.pool.Configure(cfg.Deps.DB.Guard.Bulkhead)
	share := d.pool
	if !cfg.Deps.SharedPool {
		share = nil
	}
	for _, g := range d.guards {
		g.Share(share)
	}
	d.pricing.Share(share)
}

// used is the share of the database's connections that are in use, in the fullest pool.
func (d *dependencies) used() (worst float64) {
	for _, s := range d.stores {
		if pool := s.Stats().Pool; pool.Max > 0 {
			worst = max(worst, float64(pool.InUse+pool.Waiting)/float64(pool.Max))
		}
	}
	return worst
}

func (d *dependencies) close() {
	for _, s := range d.stores {
		if s != nil {
			s.Close() //nolint:errcheck // the process ends
		}
	}
	d.redis.Close() //nolint:errcheck // likewise
	d.http.Close()
}

// prices are those that pricing gave last, for when it cannot be asked.
type prices struct {
	base string
	mu   sync.Mutex
	last map[int64]int64 // cents by product; there are at most store.MaxProducts
}

func newPrices(base string) *prices { return &prices{base: base, last: map[int64]int64{}} }

func (p *prices) keep(product, cents int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[product] = cents
}

func (p *prices) known(product int64) (cents int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cents, ok = p.last[product]
	return cents, ok
}
