// Package shedder keeps a service from working on more than it can do. It lets a limited
// number of requests in at a time, fixed or found by an algorithm of package concurrency;
// a bounded queue holds the others for a while, by discipline, priority and deadline; and
// who cannot be served in time is told so at once. It guards a handler as a layer, and
// anything else with Acquire. It does not limit how often a client may ask, does not retry,
// and does not decide which requests are critical.
package shedder

import (
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/concurrency"
)

// Reason is why a request was shed. It is the error that Acquire returns then.
type Reason string

// The reasons to shed.
const (
	QueueFull     Reason = "full"     // the queue had no place
	PushedOut     Reason = "lane"     // gave its place in the queue to a request of a better lane
	DelayTooLong  Reason = "codel"    // waited too long, by controlled delay
	DeadlinePast  Reason = "expired"  // its deadline passed before it was served
	DeadlineClose Reason = "deadline" // too little was left until its deadline to serve it
)

// reasons returns all of them.
func reasons() []Reason {
	return []Reason{QueueFull, PushedOut, DelayTooLong, DeadlinePast, DeadlineClose}
}

// Error says that and why the request was shed.
func (r Reason) Error() string { return "shed: " + string(r) }

// Shedder is a limit with a queue in front of it. It has no goroutine of its own.
type Shedder struct {
	// Exempt tells which requests pass the layer freely, health checks say; nil: none. It
	// is set before the layer is used.
	Exempt func(*http.Request) bool
	// OnLimit is told when a request finds that the limit has moved, which an adaptive one
	// may with every request; 0: any number. It is set before the first request; nil: nobody
	// is told.
	OnLimit func(from, to int)

	shared atomic.Pointer[Config] // cfg, for who does not hold the lock

	mu       sync.Mutex
	cfg      *Config           // never written to
	adaptive concurrency.Limit // nil: the limit is fixed
	limit    int               // as it was seen last
	told     int               // the limit that OnLimit knows
	inFlight int
	queue    queue
	service  estimate
	counts   counts
}

// New returns a shedder.
func New(cfg Config) *Shedder {
	s := &Shedder{counts: counts{shed: map[Reason]uint64{}}}
	s.Configure(cfg)
	s.told = s.limit
	return s
}

// Configure changes everything at once. Who is under way or waits stays so, in the new
// order; who has become one too many in the queue is shed. An adaptive limit begins anew
// when its settings change.
func (s *Shedder) Configure(cfg Config) {
	s.mu.Lock()
	defer s.unlock()
	old := s.cfg
	s.cfg = &cfg
	s.shared.Store(&cfg)
	if old == nil || old.Adaptive != cfg.Adaptive {
		s.adaptive = cfg.Adaptive.limit()
	}
	if old != nil && old.Lanes.Enabled != cfg.Lanes.Enabled {
		s.queue.sort(&cfg)
	}
	s.lookAtLimit()
	s.serve(time.Now())
	for cfg.Queue >= 0 && s.queue.length > cfg.Queue {
		s.drop(s.queue.worst(&cfg), QueueFull, time.Now())
	}
}

// unlock ends what mu.Lock began, and tells of a limit that has moved.
func (s *Shedder) unlock() {
	from, to := s.told, s.limit
	s.told = to
	s.mu.Unlock()
	if from != to && s.OnLimit != nil {
		s.OnLimit(shown(from), shown(to))
	}
}

// shown returns a limit as it is told to others: 0 is any number.
func shown(limit int) int {
	if limit == math.MaxInt {
		return 0
	}
	return limit
}

// lookAtLimit returns how many requests may be under way now.
func (s *Shedder) lookAtLimit() int {
	switch {
	case !s.cfg.Enabled:
		s.limit = math.MaxInt
	case s.adaptive != nil:
		s.limit = s.adaptive.Limit()
	case s.cfg.Limit == 0:
		s.limit = math.MaxInt
	default:
		s.limit = s.cfg.Limit
	}
	return s.limit
}
