// Package topology is the reference target written down: which services it offers, what
// protects them, what they depend on and how many workers serve them. A Config is read
// from YAML over a preset, and every leaf of it is a knob. The package builds nothing and
// starts nothing.
package topology

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/targets/cache"
	"plimsoll/targets/cluster"
	"plimsoll/targets/dependency"
	"plimsoll/targets/executor"
	"plimsoll/targets/idempotency"
	"plimsoll/targets/knob"
	"plimsoll/targets/limiter"
	"plimsoll/targets/netem"
	"plimsoll/targets/resp"
	"plimsoll/targets/service/cart"
	"plimsoll/targets/shedder"
	"plimsoll/targets/station"
	"plimsoll/targets/store"
	"plimsoll/targets/upstream"
)

// Config is a topology. It has a field for each part of the target, which is more than a
// dozen: it is the table of contents of the file.
type Config struct {
	Version int      `yaml:"version" default:"1" min:"1" max:"1" restart:"true" about:"of this file format"`
	Seed    int      `yaml:"seed" default:"1" min:"0" max:"1000000000" restart:"true" about:"of everything random: service times, data; at the start only"`
	Chain   []string `yaml:"chain" oneof:"identify recover deadline limit shed idempotency cache loop lock" about:"the layers around every handler, the outermost first"`

	Listen   Listen                    `yaml:"listen" about:"the data port"`
	Runtime  executor.Runtime          `yaml:"runtime" about:"Go's runtime in every worker"`
	Cluster  cluster.Config            `yaml:"cluster" about:"worker processes"`
	Exec     Exec                      `yaml:"exec" about:"what handlers run on"`
	State    State                     `yaml:"state" about:"what workers share"`
	Stations map[string]station.Config `yaml:"stations" restart:"keys" about:"stations under /x/station/{name}, for models"`

	Limit       limiter.Config     `yaml:"limit" about:"rate limits"`
	Shed        shedder.Config     `yaml:"shed" about:"queue, lanes and load shedding, of each context with exec.isolation"`
	Idempotency idempotency.Config `yaml:"idempotency" about:"repeated writes"`
	Cache       cache.Config       `yaml:"cache" about:"tiers in front of the services"`

	Work     Probes   `yaml:"work" about:"what the primitives under /x/ do besides"`
	Services Services `yaml:"services" about:"the bounded contexts"`
	Deps     Deps     `yaml:"deps" about:"what they depend on"`
}

// Listen is the data port.
type Listen struct {
	TLS           bool          `yaml:"tls" default:"false" restart:"true" about:"serve TLS with a certificate made at start, and HTTP/2 besides"`
	Keepalive     bool          `yaml:"keepalive" default:"true" about:"keep connections open between requests"`
	IdleTimeout   time.Duration `yaml:"idle_timeout" default:"60s" min:"0s" max:"1h" about:"close a connection that has been idle for so long; 0: never"`
	MaxRequests   int           `yaml:"max_requests_per_conn" default:"0" min:"0" max:"1000000" about:"close a connection after so many requests; 0: never"`
	HeaderTimeout time.Duration `yaml:"read_header_timeout" default:"5s" min:"10ms" max:"10m" restart:"true" about:"how long a request's header may take to arrive"`
	TrustPriority bool          `yaml:"trust_priority" default:"true" about:"take X-Priority and Priority from clients, as from a trusted edge"`
	Net           netem.Config  `yaml:"net" about:"a network between client and target"`
}

// Exec is what handlers run on.
type Exec struct {
	Run       executor.Config `yaml:",inline"`
	Isolation bool            `yaml:"isolation" default:"true" about:"an executor and a shedder of its own for every context, so that one that stalls leaves the others alone"`
}

// State is what workers share that they should not have to.
type State struct {
	GlobalLock bool `yaml:"global_lock" default:"false" about:"the lock layer lets one request at a time through, of all workers"`
}

// Work is what a handler does besides its own: time, processor and memory.
type Work struct {
	IO       string        `yaml:"io" default:"async" oneof:"async blocking" about:"whether a handler leaves the event loop while it waits"`
	Servers  int           `yaml:"servers" default:"10000" min:"1" max:"10000" about:"how many requests a worker serves at a time"`
	Service  station.Law   `yaml:"service" about:"how long serving takes"`
	Mode     string        `yaml:"mode" default:"sleep" oneof:"sleep spin hybrid" about:"how that time passes; spin uses the processor"`
	BlockP   float64       `yaml:"block_p" default:"0" min:"0" max:"1" about:"share of requests that also hold the event loop"`
	BlockFor time.Duration `yaml:"block_for" default:"50ms" min:"0s" max:"10s" about:"for how long, burning processor time"`
	Alloc    knob.Bytes    `yaml:"alloc" default:"0B" min:"0B" max:"16MiB" about:"garbage that every request makes"`
	Live     knob.Bytes    `yaml:"live" default:"0B" min:"0B" max:"512MiB" about:"heap full of pointers that the worker keeps"`
	Hotspot  knob.Bytes    `yaml:"hotspot" default:"0B" min:"0B" max:"64KiB" about:"text that every request searches by a regular expression in vain, for profiles to find"`
}

// Probes are the primitives under /x/.
type Probes struct {
	Work     `yaml:",inline"`
	JSON     string       `yaml:"json" default:"std" oneof:"std append cached" about:"how /x/json encodes: encoding/json, by hand, or once and for all"`
	Validate string       `yaml:"validate" default:"off" oneof:"off interp compiled" about:"how POST /x/json checks its body: not, by a schema gone through for the decoded value, or by code made of it that reads the bytes"`
	Cache    cache.Policy `yaml:"cache" about:"how long answers of /x/cache/{key} are kept"`
}

// Service is what every bounded context has.
type Service struct {
	Enabled bool          `yaml:"enabled" default:"true" about:"whether its routes exist"`
	Version string        `yaml:"version" default:"1.0.0" min:"1" max:"32" about:"of its release, in X-Service-Version"`
	Owner   string        `yaml:"owner" default:"" max:"64" about:"the team that answers for it"`
	Timeout time.Duration `yaml:"timeout" default:"0s" min:"0s" max:"10m" about:"time that a request has, unless the client gives it less; 0: no limit"`
	Work    Work          `yaml:"work" about:"what its handlers do besides"`
}

// Readers is a context whose answers are alike for all, so that a cache may keep them.
type Readers struct {
	Service `yaml:",inline"`
	Cache   cache.Policy `yaml:"cache" about:"how long answers are kept"`
}

// Services are the bounded contexts.
type Services struct {
	Catalog Readers `yaml:"catalog" about:"products"`
	Cart    Cart    `yaml:"cart" about:"shopping carts"`
	Orders  Service `yaml:"orders" about:"orders"`
	Pricing Readers `yaml:"pricing" about:"prices"`
	Search  Readers `yaml:"search" about:"products by their names"`
}

// Cart is the context of carts.
type Cart struct {
	Service `yaml:",inline"`
	Keep    cart.Config `yaml:",inline"`
}

// Deps are what the contexts depend on.
type Deps struct {
	SharedPool bool    `yaml:"shared_pool" default:"false" about:"one bulkhead and one connection pool for all contexts"`
	Propagate  bool    `yaml:"propagate" default:"true" about:"pass request id, trace, deadline and priority on to every hop"`
	DB         DB      `yaml:"db" about:"the database"`
	Redis      Redis   `yaml:"redis" about:"the shared cache and store, over the Redis protocol"`
	Pricing    Pricing `yaml:"pricing" about:"the service that knows prices, over HTTP"`
}

// DB is the database and how it is called.
type DB struct {
	Store    store.Config      `yaml:",inline"`
	Products int               `yaml:"products" default:"10000" min:"1" max:"1000000" restart:"true" about:"how many products the data has; at the start only, later POST /admin/v1/store/seed"`
	Guard    dependency.Config `yaml:",inline"`
	Station  station.Config    `yaml:"station" about:"servers of the kind station"`
}

// Redis is the shared store and how it is called.
type Redis struct {
	URL      string        `yaml:"url" default:"" max:"500" restart:"true" about:"redis://…, a real one; empty: the embedded server"`
	Embedded resp.Config   `yaml:"embedded" about:"the embedded server"`
	PoolSize int           `yaml:"pool_size" default:"100" min:"1" max:"10000" restart:"true" about:"connections of each worker"`
	Timeout  time.Duration `yaml:"timeout" default:"100ms" min:"1ms" max:"1m" restart:"true" about:"time that a command may take"`
}

// Check tells what the database cannot do.
func (d DB) Check() error {
	if d.Guard.Fallback != "off" {
		return errors.New("fallback: the database has none; cache.sie keeps answers for when it fails")
	}
	if at, err := url.Parse(d.Store.URL); d.Store.Kind == "postgres" && (err != nil || at.Scheme != "postgres" && at.Scheme != "postgresql") {
		return errors.New("url: kind postgres needs one like postgres://user@127.0.0.1:5432/shop")
	}
	return nil
}

// Check tells whether the address is one.
func (r Redis) Check() error {
	if r.URL == "" {
		return nil
	}
	if at, err := url.Parse(r.URL); err != nil || at.Scheme != "redis" && at.Scheme != "rediss" || at.Host == "" {
		return fmt.Errorf("url: %q is not like redis://127.0.0.1:6379/0", r.URL)
	}
	return nil
}

// Pricing is the upstream for prices and how it is called.
type Pricing struct {
	Guard   dependency.Config `yaml:",inline"`
	HTTP    upstream.Config   `yaml:"http" about:"connections to it"`
	Station station.Config    `yaml:"station" about:"its servers"`
}

// Contexts returns the names of the bounded contexts.
func Contexts() []string { return []string{"catalog", "cart", "orders", "pricing", "search"} }

// Context returns the settings of a bounded context, nil if there is none of that name.
func (c *Config) Context(name string) *Service {
	switch name {
	case "catalog":
		return &c.Services.Catalog.Service
	case "cart":
		return &c.Services.Cart.Service
	case "orders":
		return &c.Services.Orders
	case "pricing":
		return &c.Services.Pricing.Service
	case "search":
		return &c.Services.Search.Service
	}
	return nil
}

// FaultTargets returns what a fault may be aimed at, besides the routes.
func (c *Config) FaultTargets() []string {
	targets := []string{"*", "listener", "dep:db", "dep:pricing", "store:redis", "svc:x"}
	for _, name := range Contexts() {
		if c.Context(name).Enabled {
			targets = append(targets, "svc:"+name)
		}
	}
	for id := range c.Cluster.Workers {
		targets = append(targets, "worker:"+strconv.Itoa(id+1))
	}
	return targets
}

// CacheOf returns how long answers of a context are kept: not at all where they differ
// between clients.
func (c *Config) CacheOf(name string) cache.Policy {
	switch name {
	case "catalog":
		return c.Services.Catalog.Cache
	case "pricing":
		return c.Services.Pricing.Cache
	case "search":
		return c.Services.Search.Cache
	}
	return cache.Policy{}
}

// Check tells which protocol pricing does not speak.
func (p Pricing) Check() error {
	if p.HTTP.HTTP == "h2" {
		return errors.New("http.http: pricing is not spoken to over TLS: h1 or h2c")
	}
	return nil
}

// Check tells what is wrong with parts that do not fit together.
func (c *Config) Check() error {
	for i, name := range c.Chain {
		if slices.Contains(c.Chain[:i], name) {
			return fmt.Errorf("chain: %s stands there twice", name)
		}
	}
	for _, needs := range []string{"limit", "shed", "idempotency"} {
		at, identified := slices.Index(c.Chain, needs), slices.Index(c.Chain, "identify")
		if at >= 0 && (identified < 0 || identified > at) {
			return fmt.Errorf("chain: %s needs identify before it, to know who asks", needs)
		}
	}
	if err := c.layered(); err != nil {
		return err
	}
	for name := range c.Stations {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(nameRunes, r) }) {
			return fmt.Errorf("stations: %q is no name: small letters, digits and hyphens make one", name)
		}
	}
	return nil
}

// layered tells of a layer that is switched on and does not stand in the chain, so that
// nothing would come of it.
func (c *Config) layered() error {
	for _, part := range []struct {
		setting, layer string
		on             bool
	}{
		{"limit.enabled", "limit", c.Limit.Enabled},
		{"shed.enabled", "shed", c.Shed.Enabled},
		{"idempotency.enabled", "idempotency", c.Idempotency.Enabled},
		{"cache.tiers", "cache", len(c.Cache.Tiers) > 0},
		{"exec.model", "loop", c.Exec.Run.Model == "eventloop"},
		{"state.global_lock", "lock", c.State.GlobalLock},
	} {
		if part.on && !slices.Contains(c.Chain, part.layer) {
			return fmt.Errorf("%s is on, but chain has no %s", part.setting, part.layer)
		}
	}
	return nil
}

const nameRunes = "abcdefghijklmnopqrstuvwxyz0123456789-"
