// Package backend hosts what all workers of the reference target depend on: the shared
// store behind the Redis protocol, the database, and the service that knows prices. Each
// has a loopback port of its own and lives in the master's process, so that workers reach
// it over real connections and share it. A real Redis, PostgreSQL or SQLite takes the
// place of its embedded stand-in where the topology names one. The package knows no
// worker and serves nobody from elsewhere.
package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"plimsoll/targets/limiter"
	"plimsoll/targets/resp"
	"plimsoll/targets/service"
	"plimsoll/targets/service/pricing"
	"plimsoll/targets/station"
	"plimsoll/targets/store"
	"plimsoll/targets/topology"
)

// Backends are running. Create them with Start.
type Backends struct {
	Redis, Database, Pricing string // URLs; the topology may name a real Redis instead

	redis    *resp.Server
	exposed  *resp.Server // the database, as workers reach it
	db       *store.Store
	prices   *store.Store // pricing's own data
	servers  map[string]*station.Station
	config   store.Config
	upstream *http.Server
	dir      string // for SQLite's file; "": none
	seen     hops
	mean     atomic.Int64 // service time of the database, in nanoseconds
}

// hops counts what callers passed on to pricing.
type hops struct{ calls, ids, traces atomic.Uint64 }

// Start starts the backends of a topology and fills the database, if it is one of its own
// or empty.
func Start(ctx context.Context, cfg *topology.Config) (*Backends, error) {
	b := &Backends{config: cfg.Deps.DB.Store, servers: map[string]*station.Station{
		"db":      station.New("db", uint64(cfg.Seed), cfg.Deps.DB.Station),
		"pricing": station.New("pricing", uint64(cfg.Seed)+1, cfg.Deps.Pricing.Station),
	}}
	b.mean.Store(int64(cfg.Deps.DB.Station.Service.Mean))
	err := b.openStores(ctx, cfg)
	if err == nil {
		err = b.serveRedis(ctx, cfg)
	}
	if err == nil {
		err = b.servePricing(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// openStores opens the database and pricing's own, and fills them.
func (b *Backends) openStores(ctx context.Context, cfg *topology.Config) (err error) {
	if b.config.Kind == "sqlite" && b.config.URL == "" { // workers are processes of their own: memory would not be shared
		if b.dir, err = os.MkdirTemp("", "plimsoll-target-"); err != nil {
			return fmt.Errorf("make a place for the database: %w", err)
		}
		b.config.URL = filepath.Join(b.dir, "shop.db")
	}
	if b.db, err = store.Open(ctx, b.config, b.gate); err != nil {
		return fmt.Errorf("deps.db: open the database: %w", err)
	}
	if b.prices, err = store.Open(ctx, store.Config{Kind: "station", Stock: 1, Keep: 1, Index: true}, nil); err != nil {
		return fmt.Errorf("open the prices: %w", err)
	}
	if _, err := b.db.Product(ctx, 1); b.config.Kind == "station" || b.dir != "" || errors.Is(err, store.ErrNotFound) {
		return b.Seed(ctx, cfg.Deps.DB.Products, uint64(cfg.Seed))
	}
	return b.prices.Seed(ctx, cfg.Deps.DB.Products, uint64(cfg.Seed))
}

// gate has calls of the database served by its station. A scan demands more than a draw.
func (b *Backends) gate(ctx context.Context, _ string, demand float64) (wait, took time.Duration, err error) {
	job := station.Job{}
	if demand != 1 {
		job.Demand = time.Duration(demand * float64(b.mean.Load()))
	}
	visit, err := b.servers["db"].Serve(ctx, job)
	return visit.Wait, visit.Service, err
}

// serveRedis serves the shared store and the database over the Redis protocol.
func (b *Backends) serveRedis(ctx context.Context, cfg *topology.Config) (err error) {
	var scripts []resp.Script
	for _, s := range limiter.Scripts() {
		scripts = append(scripts, resp.Script{Lua: s.Lua, Run: func(tx *resp.Tx, keys, args []string) (any, error) { return s.Run(tx, keys, args) }})
	}
	b.redis = resp.New(cfg.Deps.Redis.Embedded, resp.Extensions{Scripts: scripts})
	b.exposed = resp.New(exposed(), resp.Extensions{Commands: []resp.Command{{Name: store.Call, Run: b.db.Answer}}})
	if b.Redis, err = listenRedis(ctx, b.redis); err != nil {
		return err
	}
	if b.config.Kind == "station" {
		b.Database, err = listenRedis(ctx, b.exposed)
	}
	return err
}

// exposed are the bounds of the server that workers reach the database through: none that
// would be taken for the database's own.
func exposed() resp.Config {
	return resp.Config{Eviction: "noeviction", MaxClients: 100_000, CommandTimeout: 10 * time.Minute}
}

func listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for workers: %w", err)
	}
	return l, nil
}

func listenRedis(ctx context.Context, s *resp.Server) (url string, err error) {
	l, err := listen(ctx)
	if err != nil {
		return "", err
	}
	go s.Serve(l) //nolint:errcheck // it ends with Close
	return "redis://" + l.Addr().String() + "/0", nil
}

// servePricing serves prices over HTTP.
func (b *Backends) servePricing(ctx context.Context) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for _, r := range pricing.New(b.prices) {
		mux.Handle(r.Pattern, b.served(r.Handler))
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	b.upstream = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, Protocols: protocols}
	b.Pricing = "http://" + l.Addr().String()
	go b.upstream.Serve(l) //nolint:errcheck // it ends with Close
	return nil
}

// served has requests served by the station of pricing, and counts what was passed on.
func (b *Backends) served(h service.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.seen.calls.Add(1)
		if r.Header.Get("X-Request-Id") != "" {
			b.seen.ids.Add(1)
		}
		if r.Header.Get("Traceparent") != "" {
			b.seen.traces.Add(1)
		}
		if _, err := b.servers["pricing"].Serve(r.Context(), station.Job{}); err != nil {
			http.Error(w, "no room", http.StatusServiceUnavailable)
			return
		}
		h.Serve(refuse).ServeHTTP(w, r)
	})
}

// Configure changes what may change under load.
func (b *Backends) Configure(cfg *topology.Config) {
	b.servers["db"].Configure(cfg.Deps.DB.Station)
	b.mean.Store(int64(cfg.Deps.DB.Station.Service.Mean))
	b.servers["pricing"].Configure(cfg.Deps.Pricing.Station)
	b.redis.Configure(cfg.Deps.Redis.Embedded)
	own := b.config
	own.Index, own.Stock, own.Keep, own.Pool = cfg.Deps.DB.Store.Index, cfg.Deps.DB.Store.Stock, cfg.Deps.DB.Store.Keep, cfg.Deps.DB.Store.Pool
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.db.Configure(ctx, own) //nolint:errcheck // bounds; an index that cannot be had leaves searches slow, which shows
}

// Store returns how workers open the database: cfg with the place of its file.
func (b *Backends) Store(cfg store.Config) store.Config {
	cfg.Kind, cfg.URL = b.config.Kind, b.config.URL
	return cfg
}

// Seed empties the database and pricing's data and makes products anew.
func (b *Backends) Seed(ctx context.Context, products int, seed uint64) error {
	if err := b.db.Seed(ctx, products, seed); err != nil {
		return fmt.Errorf("seed the database: %w", err)
	}
	return b.prices.Seed(ctx, products, seed)
}

// Reset empties the database and the embedded shared store.
func (b *Backends) Reset(ctx context.Context) error {
	if err := b.db.Reset(ctx); err != nil {
		return fmt.Errorf("reset the database: %w", err)
	}
	if _, err := b.redis.Do(ctx, "FLUSHALL"); err != nil {
		return fmt.Errorf("reset the shared store: %w", err)
	}
	return nil
}

// Close ends everything.
func (b *Backends) Close() error {
	var all []error
	if b.upstream != nil {
		all = append(all, b.upstream.Close())
	}
	if b.redis != nil {
		all = append(all, b.redis.Close(), b.exposed.Close())
	}
	if b.db != nil {
		all = append(all, b.db.Close())
	}
	if b.prices != nil {
		all = append(all, b.prices.Close())
	}
	if b.dir != "" {
		all = append(all, os.RemoveAll(b.dir))
	}
	return errors.Join(all...)
}
