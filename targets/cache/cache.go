// Package cache keeps what is costly to make: in process (l1), then over the Redis
// protocol (l2), in front of a load at the origin. A Policy says for each call how long an
// entry is fresh, and what happens around its end: it may still answer while one refresh
// runs (RFC 5861), be renewed early at random (XFetch), live longer under load, and share
// one load among all who miss it. A Layer does the same for whole answers of a route. A
// tier that fails never fails a call. The package does not tell other workers what was
// removed from their l1: there, an entry lives to the end of its ttl.
package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// ErrClosed is what a call that would have to load returns after Close.
var ErrClosed = errors.New("the cache is closed")

// Load makes the value of a key at the origin. It has to return when ctx is done, and may
// wrap ErrNotFound. Nobody may change the value later.
type Load func(ctx context.Context) ([]byte, error)

// Hooks are what the cache asks and tells. All may be nil.
type Hooks struct {
	Load func() float64           // how busy the origin is, from 0 to 1, for adaptive_ttl
	OnL2 func(up bool, err error) // l2 is left alone after err, or in use again
}

// Cache holds the tiers and the loads under way, for any number of routes and services.
type Cache struct {
	hooks    Hooks
	client   Client
	setup    atomic.Pointer[setup]
	moving   sync.RWMutex // held for writing while l1 is replaced, for reading while it changes
	marks    marks
	health   *health
	flights  singleflight.Group
	crew     crew
	passes   *ordered // keys of a layer whose answers cannot be kept, for now
	counters counters
	draw     func() float64 // uniform on [0, 1)
}

// setup is the cache as its settings say.
type setup struct {
	cfg Config
	l1  *memory // nil: off
	l2  *remote // nil: off
}

// passKeys is how many keys that cannot be kept are remembered.
const passKeys = 4096

// New returns a cache. Without a client there is no l2, whatever the settings say.
func New(cfg Config, client Client, hooks Hooks) *Cache {
	c := &Cache{
		hooks: hooks, client: client, draw: rand.Float64,
		marks: marks{seed: maphash.MakeSeed()}, health: &health{changed: hooks.OnL2},
		passes: newOrdered(Memory{Policy: "fifo", Entries: passKeys}, func(int) {}),
	}
	c.setup.Store(&setup{})
	c.Configure(cfg)
	return c
}

// Configure changes the settings under load. What l1 holds moves along as far as it fits;
// a tier that was off begins empty, except that l2 still has what it had.
func (c *Cache) Configure(cfg Config) {
	c.moving.Lock()
	defer c.moving.Unlock()
	old, s := c.setup.Load(), &setup{cfg: cfg}
	for _, tier := range cfg.Tiers {
		switch {
		case tier == "l1":
			s.l1 = old.l1.moved(cfg.L1, c.evicted)
		case tier == "l2" && c.client != nil:
			s.l2 = &remote{client: c.client, set: cfg.L2, health: c.health, count: &c.counters.l2}
		}
	}
	c.setup.Store(s)
}

// Close ends the loads that nobody but the cache waits for and waits for them. Later calls
// find what is kept and load nothing that is shared.
func (c *Cache) Close() { c.crew.close() }

func (c *Cache) evicted(n int) { c.counters.l1.evictions.Add(uint64(n)) } //nolint:gosec // a count

func (s *setup) off(p *Policy) bool { return s.l1 == nil && s.l2 == nil || p.TTL <= 0 }

// Get returns the value of a key from the nearest tier that has a fresh one, or else loads
// it. Errors are those of load, the cause of ctx's end, ErrNotFound that is remembered, a
// *PanicError, or ErrClosed. With coalesce "none" load runs in the caller's goroutine;
// otherwise in one of its own, with ctx's values but not its end, and the caller can leave
// without harm to the others.
func (c *Cache) Get(ctx context.Context, key string, p Policy, load Load) (Entry, Status, error) {
	s := c.setup.Load()
	if s.off(&p) {
		c.counters.loads.Add(1)
		body, err := load(ctx)
		if err != nil {
			c.counters.loadErrors.Add(1)
		}
		return Entry{Body: body, Stored: time.Now()}, Status{}, err
	}
	now := time.Now()
	e, v := c.look(s, key, &p, now)
	if v == usable {
		return *e, Status{l1: hitOf(e, now)}, missing(e)
	}
	return c.getSlow(ctx, s, key, p, e, v, load)
}

// getSlow is apart from Get so that a hit does not pay for the closure.
func (c *Cache) getSlow(ctx context.Context, s *setup, key string, p Policy, e *Entry, v verdict, load Load) (Entry, Status, error) {
	a := c.serve(ctx, s, v, errand{key: key, policy: p, old: e, load: func(ctx context.Context) (loaded, error) {
		body, err := load(ctx)
		if errors.Is(err, ErrNotFound) {
			return loaded{negative: true, cause: err}, nil
		}
		return loaded{body: body}, err
	}})
	switch {
	case a.err != nil:
		return Entry{}, a.status, a.err
	case a.cause != nil:
		return a.entry, a.status, a.cause
	}
	return a.entry, a.status, missing(&a.entry)
}

func missing(e *Entry) error {
	if e.Negative {
		return ErrNotFound
	}
	return nil
}

// look asks l1. It returns no entry for the verdict dead.
func (c *Cache) look(s *setup, key string, p *Policy, now time.Time) (*Entry, verdict) {
	if s.l1 == nil {
		return nil, dead
	}
	v := dead
	e, ok := s.l1.get(key)
	if ok {
		v = p.judge(e, now, c.draw)
	}
	switch v {
	case usable, early:
		c.counters.l1.hits.Add(1)
	case stale:
		c.counters.l1.stale.Add(1)
	case kept:
		c.counters.l1.misses.Add(1)
	case dead:
		c.counters.l1.misses.Add(1)
		e = nil
	}
	return e, v
}

// Put stores a value that the caller has just written to the origin (write-through). Loads
// under way that may have read the one before are not stored. The error is l2's: there the
// value before may live on to the end of its ttl.
func (c *Cache) Put(ctx context.Context, key string, body []byte, p Policy) error {
	c.marks.of(key).Add(1)
	c.flights.Forget(key)
	if c.setup.Load().off(&p) {
		return nil
	}
	e := &Entry{Body: body, Stored: time.Now(), TTL: p.lifetime(c.load(), c.draw)}
	c.change(func(m *memory) { m.set(key, e) })
	if l2 := c.setup.Load().l2; l2 != nil {
		return l2.put(ctx, key, e, e.TTL+p.retain())
	}
	return nil
}

// Delete removes keys from both tiers. Loads under way that may have read the values
// before are not stored, and later calls do not join them. The error is l2's.
func (c *Cache) Delete(ctx context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		c.marks.of(key).Add(1)
		c.flights.Forget(key)
		c.change(func(m *memory) { m.remove(key) })
		c.passes.remove(key)
		if l2 := c.setup.Load().l2; l2 != nil {
			errs = append(errs, l2.remove(ctx, key))
		}
	}
	return errors.Join(errs...)
}

// Flush empties both tiers. The error is l2's.
func (c *Cache) Flush(ctx context.Context) error {
	c.marks.all()
	c.moving.Lock()
	s := *c.setup.Load()
	if s.l1 != nil {
		s.l1 = newMemory(s.cfg.L1, c.evicted)
	}
	c.setup.Store(&s)
	c.moving.Unlock()
	if s.l2 == nil {
		return nil
	}
	if err := s.l2.flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// change lets f change l1, if there is one, and not while it is replaced.
func (c *Cache) change(f func(*memory)) {
	c.moving.RLock()
	defer c.moving.RUnlock()
	if m := c.setup.Load().l1; m != nil {
		f(m)
	}
}

func (c *Cache) load() float64 {
	if c.hooks.Load == nil {
		return 0
	}
	return c.hooks.Load()
}

// marks tell for a share of all keys whether one was written since.
type marks struct {
	seed  maphash.Seed
	slots [256]atomic.Uint64
}

func (m *marks) of(key string) *atomic.Uint64 {
	return &m.slots[maphash.String(m.seed, key)%uint64(len(m.slots))]
}

func (m *marks) all() {
	for i := range m.slots {
		m.slots[i].Add(1)
	}
}
