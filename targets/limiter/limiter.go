// Package limiter limits how often requests come: per client, tenant, route, service or for
// all, by one of six algorithms, in one process, across worker processes or across
// machines; it shares a rate fairly between clients, moves it with the load, and tells
// clients what remains. It does not shed load by how much is under way or how long
// requests wait, it knows no users, and it does not choose who is behind a request.
package limiter

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
)

// Parts is what a limiter uses of its surroundings. Every field may be nil: then store
// shared or redis is a store that is down, a worker is the only one, nothing is ever
// saturated, the tenant is the X-Tenant header, a request costs 1, and nobody is told.
type Parts struct {
	Cells      Cells
	Redis      Redis
	Workers    func() int                 // how many workers there are; asked by Configure
	Saturation func() float64             // how near the process is to its limits, 0 to 1; above 1 is past them
	Tenant     func(*http.Request) string // whose request it is; "": the client's own
	Cost       func(*http.Request) int64  // how many requests it counts for; what no quota could ever admit counts as the most it could
	OnRate     func(from, to knob.Rate)   // the dynamic limit has moved the default policy's rate
	OnStore    func(down bool, err error) // the store has failed, or works again
}

// Limiter decides about requests. Make one with New.
type Limiter struct {
	parts Parts
	plan  atomic.Pointer[plan]
	calls sync.Pool

	local  *localStore
	shared *guard
	redis  *guard

	sharers sharers
	queue   *queue
	dynamic dynamic
	tally   tally
}

// New returns a limiter with the given settings.
func New(cfg Config, parts Parts) *Limiter {
	l := &Limiter{parts: parts, local: newLocalStore(cfg.MaxKeys), queue: newQueue()}
	l.calls.New = func() any { return &call{} }
	if parts.Cells != nil {
		l.shared = &guard{store: sharedStore{parts.Cells}, changed: parts.OnStore}
	}
	if parts.Redis != nil {
		l.redis = &guard{store: newRedisStore(parts.Redis), changed: parts.OnStore}
	}
	l.Configure(cfg)
	return l
}

// Configure changes the settings. Quotas keep what was taken from them, by the number of
// requests, unless the algorithm or the store changes; the dynamic limit starts over.
func (l *Limiter) Configure(cfg Config) {
	l.dynamic.mu.Lock()
	defer l.dynamic.mu.Unlock()
	l.local.max.Store(int64(cfg.MaxKeys))
	for _, g := range []*guard{l.shared, l.redis} {
		if g != nil {
			g.outage.Store(&cfg.Outage)
		}
	}
	l.dynamic.next.Store(instant(time.Now().Add(cfg.Dynamic.Interval)))
	l.use(cfg, 1)
}

// use works out the settings with every rate multiplied by factor.
func (l *Limiter) use(cfg Config, factor float64) {
	workers := 1
	if l.parts.Workers != nil {
		workers = l.parts.Workers()
	}
	p := newPlan(cfg, factor, workers, l.tally.violated)
	l.queue.configure(p.policies[0].rule, cfg.Queue)
	l.plan.Store(p)
}

// call is one request's way through the limiter.
type call struct {
	plan  *plan
	asks  [MaxPolicies + 1]Ask
	out   [MaxPolicies + 1]Decision
	n     int  // asks: one for each policy, and the client's share if there is one
	share Rule // of fair: token
}

// policies returns the decisions on the plan's policies.
func (c *call) policies() []Decision { return c.out[:len(c.plan.policies)] }

// begin works out what to ask for the request.
func (l *Limiter) begin(c *call, r *http.Request, now time.Time) {
	p := l.plan.Load()
	c.plan, c.n = p, len(p.policies)
	about := middleware.From(r.Context())
	cost := int64(1)
	if l.parts.Cost != nil {
		cost = max(l.parts.Cost(r), 1)
	}
	tenant := l.tenant(p, r)
	for i := range p.policies {
		rule := &p.policies[i].rule
		c.asks[i] = Ask{Key: p.policies[i].keyOf(about, tenant), Rule: rule, Cost: min(cost, rule.Most())}
	}
	if p.Fair == fairToken {
		clients := l.sharers.see(about.Client, instant(now), max(p.Window.Microseconds(), 1), p.MaxKeys)
		c.share = share(&p.policies[0].rule, clients)
		c.asks[c.n] = Ask{Key: Key{Policy: "share", Who: about.Client}, Rule: &c.share, Cost: min(cost, c.share.Burst)}
		c.n++
	}
}

func (l *Limiter) tenant(p *plan, r *http.Request) string {
	for i := range p.policies {
		if p.policies[i].who == "tenant" {
			if l.parts.Tenant != nil {
				return l.parts.Tenant(r)
			}
			return r.Header.Get("X-Tenant")
		}
	}
	return ""
}

var (
	errDown    = errors.New("the store is down")
	errNoStore = errors.New("there is no such store")
)

// decide decides on the call, waiting in the queue if need be. An error is the store's;
// nothing is decided then.
func (l *Limiter) decide(ctx context.Context, c *call, r *middleware.Request, now time.Time) error {
	switch {
	case c.plan.Fair == fairDRR:
		l.enqueue(ctx, c, r.Client, now)
		return nil
	case c.plan.Store == local:
		l.local.take(c.asks[:c.n], instant(now), c.out[:c.n])
		c.join()
		return nil
	case c.plan.Store == shared:
		return ask(ctx, l.shared, c, now)
	}
	err := ask(ctx, l.redis, c, now)
	r.Timing.Add("redis", time.Since(now))
	return err
}

func ask(ctx context.Context, g *guard, c *call, now time.Time) error {
	if g == nil {
		return errNoStore
	}
	return g.take(ctx, c.asks[:c.n], now, c.out[:c.n])
}

// enqueue asks the further policies, and then waits for a turn under the default one. If
// there is none, the others are given back what was taken.
func (l *Limiter) enqueue(ctx context.Context, c *call, client string, now time.Time) {
	others := c.asks[1:c.n]
	if len(others) > 0 {
		l.local.take(others, instant(now), c.out[1:c.n])
		for i := range others {
			if !c.out[1+i].Allowed {
				c.out[0] = l.queue.look()
				return
			}
		}
	}
	c.out[0] = l.queue.enter(ctx, client, c.asks[0].Cost, c.plan.Delay)
	if !c.out[0].Allowed && len(others) > 0 {
		l.local.giveBack(others, instant(now), c.out[1:c.n])
	}
}

// join lets the decision on the client's share stand for the default policy's if it is
// the stricter of the two.
func (c *call) join() {
	if c.n > len(c.plan.policies) && stricter(&c.out[c.n-1], &c.out[0]) {
		c.out[0] = c.out[c.n-1]
	}
}

// fallBack decides on a call whose store is down by the worker's own part of each quota.
func (l *Limiter) fallBack(c *call, now time.Time) {
	for i := range c.plan.policies {
		part := &c.plan.policies[i].part
		c.asks[i].Rule, c.asks[i].Cost = part, min(c.asks[i].Cost, part.Most())
	}
	l.local.take(c.asks[:c.n], instant(now), c.out[:c.n])
}

// verdict returns whether all admit the call, how long it is held back, and how long a
// refused one has to wait.
func (c *call) verdict() (allowed bool, delay, retry time.Duration) {
	allowed = true
	for i := range c.policies() {
		d := &c.out[i]
		allowed = allowed && d.Allowed
		delay, retry = max(delay, d.Delay), max(retry, d.RetryAfter)
	}
	return allowed, delay, retry
}

// strictest returns the decision that leaves the client least.
func (c *call) strictest() *Decision {
	least := &c.out[0]
	for i := range c.policies() {
		if stricter(&c.out[i], least) {
			least = &c.out[i]
		}
	}
	return least
}

// stricter tells whether a leaves less than b.
func stricter(a, b *Decision) bool {
	if a.Allowed != b.Allowed {
		return b.Allowed
	}
	if !a.Allowed {
		return a.RetryAfter > b.RetryAfter
	}
	return a.Remaining < b.Remaining
}
