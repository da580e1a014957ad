// Package store is the database behind the services: products with their stock, orders
// and carts. It is one of three kinds with the same answers: tables in memory whose time
// is that of a station, SQLite, or PostgreSQL. Tables of another process are reached over
// the Redis protocol. Every call holds a slot of a bounded pool, as a connection would be
// held, and the wait for one is measured. It retries nothing, caches nothing, breaks no
// circuit, and knows no requests.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Config is what the database is like.
type Config struct {
	Kind  string `yaml:"kind" default:"station" oneof:"station sqlite postgres" restart:"true" about:"tables in memory with a station's times, SQLite, or PostgreSQL"`
	URL   string `yaml:"url" default:"" restart:"true" about:"postgres://… of PostgreSQL, or the file of SQLite; empty: SQLite holds everything in memory"`
	Index bool   `yaml:"index" default:"true" about:"whether names have an index; off: a search reads every product"`
	Stock int    `yaml:"stock" default:"1000" min:"0" max:"1000000000" about:"pieces of each product when data is made; a change holds from the next time"`
	Keep  int    `yaml:"keep" default:"100000" min:"1" max:"10000000" about:"orders, and carts, that the station kind keeps; the oldest go first"`
	Pool  Pool   `yaml:"pool"`
}

// Pool bounds how many calls are under way at a time.
type Pool struct {
	Max            int           `yaml:"max" default:"20" min:"0" max:"10000" about:"connections at a time, of each context in each worker; 0 is no bound"`
	AcquireTimeout time.Duration `yaml:"acquire_timeout" default:"1s" min:"0s" max:"10m" about:"how long a call waits for a connection; 0s: as long as its caller does"`
	IdleTimeout    time.Duration `yaml:"idle_timeout" default:"30m" min:"0s" max:"24h" about:"when a connection that nobody uses is closed; 0s: never"`
}

// Check tells what is wrong with the fields taken together.
func (c Config) Check() error {
	if c.Kind == "postgres" && c.URL == "" {
		return errors.New("url is empty, and the kind postgres needs one")
	}
	return nil
}

// What can be wrong with a call. Other errors are the context's.
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("changed by somebody else")         // the version is not the newest
	ErrOutOfStock  = errors.New("out of stock")                     // and nothing was ordered
	ErrDuplicate   = errors.New("an order with this key was there") // it comes with the error
	ErrInvalid     = errors.New("not valid")
	ErrUnavailable = errors.New("the database is unavailable")
	ErrPoolTimeout = errors.New("no connection was free in time")
)

// codes are the errors that have a name on the wire and in the counts.
func codes() map[string]error {
	return map[string]error{
		"not_found": ErrNotFound, "conflict": ErrConflict, "out_of_stock": ErrOutOfStock, "duplicate": ErrDuplicate,
		"invalid": ErrInvalid, "unavailable": ErrUnavailable, "pool_timeout": ErrPoolTimeout,
	}
}

// Gate is what a call of the station kind goes through before it touches the tables, once
// per call: a station, mostly. Demand is how much longer the call takes than an ordinary
// one of its kind: 1, or Scan. It returns how long the call waited and was served; with an
// error the call has not happened.
type Gate func(ctx context.Context, op string, demand float64) (wait, service time.Duration, err error)

// Scan is how much more a search demands of the station kind without an index.
const Scan = 50

// Spent is where the time of one call went.
type Spent struct {
	Pool    time.Duration // waiting for a connection
	Wait    time.Duration // in the queue of the database; 0 for SQL, which does not say
	Service time.Duration // with the database
}

// Store is a database, or a connection to one. It is safe for use by many goroutines.
type Store struct {
	// Observe, if not nil, is called after every call that went through the pool, on its
	// goroutine and without a lock. Set it before the first.
	Observe func(ctx context.Context, op string, spent Spent, err error)

	kind   string
	back   backend
	pool   pool
	done   map[string]*atomic.Uint64 // by operation
	failed map[string]*atomic.Uint64 // by code
}

// backend is one kind of database. What it returns are the errors above, or any other.
type backend interface {
	do(ctx context.Context, q request) (answer, Spent, error)
	configure(ctx context.Context, cfg Config) error
	close() error
}

// Open opens the database of the kind, and makes its tables where they lack. The gate is
// for the kind station; nil takes no time.
func Open(ctx context.Context, cfg Config, gate Gate) (*Store, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	var back backend
	var err error
	switch cfg.Kind {
	case "station":
		back = newTables(cfg, gate)
	case "sqlite":
		back, err = openSQLite(ctx, cfg)
	case "postgres":
		back, err = openPostgres(ctx, cfg)
	default:
		err = fmt.Errorf("kind %q is none of station, sqlite, postgres", cfg.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return newStore(cfg, cfg.Kind, back), nil
}

func newStore(cfg Config, kind string, back backend) *Store {
	s := &Store{kind: kind, back: back, done: map[string]*atomic.Uint64{}, failed: map[string]*atomic.Uint64{}}
	for _, op := range operations() {
		s.done[op] = new(atomic.Uint64)
	}
	for code := range codes() {
		s.failed[code] = new(atomic.Uint64)
	}
	s.failed["canceled"] = new(atomic.Uint64)
	s.pool.configure(cfg.Pool)
	return s
}

// Configure changes the bounds of the pool, and makes or drops the index, which may take
// as long as the context lasts. The kind and the URL stay. Where several processes share
// one database, each may call it.
func (s *Store) Configure(ctx context.Context, cfg Config) error {
	s.pool.configure(cfg.Pool)
	if err := s.back.configure(ctx, cfg); err != nil {
		return fmt.Errorf("configuring the database: %w", err)
	}
	return nil
}

// Close closes the connections. Calls under way fail, or end.
func (s *Store) Close() error { return s.back.close() }

// Occupy takes so many slots of the pool, free or not, until release is called: calls that
// come find as many fewer. It is how an exhausted pool is staged.
func (s *Store) Occupy(slots int) (release func()) { return s.pool.occupy(slots) }

// call goes through the pool.
func (s *Store) call(ctx context.Context, q request) (answer, error) {
	waited, err := s.pool.acquire(ctx)
	var a answer
	var spent Spent
	if err == nil {
		a, spent, err = s.perform(ctx, q)
		s.pool.release()
	} else {
		err = s.settle(ctx, q.Op, err)
	}
	spent.Pool = waited
	if s.Observe != nil {
		s.Observe(ctx, q.Op, spent, err)
	}
	return a, err
}

// perform does without the pool.
func (s *Store) perform(ctx context.Context, q request) (answer, Spent, error) {
	counter := s.done[q.Op]
	if counter == nil {
		return answer{}, Spent{}, fmt.Errorf("operation %q: %w", q.Op, ErrInvalid)
	}
	counter.Add(1)
	if err := q.check(); err != nil {
		return answer{}, Spent{}, s.settle(ctx, q.Op, err)
	}
	a, spent, err := s.back.do(ctx, q)
	return a, spent, s.settle(ctx, q.Op, err)
}

// settle turns what went wrong into one of the errors that callers know, and counts it.
func (s *Store) settle(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	code := codeOf(err)
	switch gone := ended(ctx); {
	case code != "":
		err = fmt.Errorf("%s: %w", op, err)
	case gone != nil:
		code, err = "canceled", fmt.Errorf("%s: %w", op, gone)
	default:
		code, err = "unavailable", fmt.Errorf("%s: %w: %w", op, ErrUnavailable, err)
	}
	s.failed[code].Add(1)
	return err
}

// codeOf returns the name of the error, "" if it has none.
func codeOf(err error) string {
	for code, known := range codes() {
		if errors.Is(err, known) {
			return code
		}
	}
	return ""
}

// ended returns why the context is over. A connection with the same deadline may notice a
// moment before the context does.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// Stats are the counts of a store since it was opened, and what goes on now.
type Stats struct {
	Kind       string            `json:"kind"`             // station, sqlite, postgres, or remote
	Operations map[string]uint64 `json:"operations_total"` // begun, by name
	Errors     map[string]uint64 `json:"errors_total"`     // by code; canceled: the caller's context ended
	Pool       PoolStats         `json:"pool"`
}

// Stats returns the counts.
func (s *Store) Stats() Stats {
	st := Stats{Kind: s.kind, Operations: map[string]uint64{}, Errors: map[string]uint64{}, Pool: s.pool.stats()}
	for op, n := range s.done {
		st.Operations[op] = n.Load()
	}
	for code, n := range s.failed {
		st.Errors[code] = n.Load()
	}
	return st
}
