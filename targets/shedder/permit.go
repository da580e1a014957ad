package shedder

import (
	"sync/atomic"
	"time"

	"plimsoll/targets/concurrency"
)

// Permit is a place among the requests that are served.
type Permit struct {
	shedder  *Shedder
	start    time.Time
	wait     time.Duration
	inFlight int // requests under way when it was granted, this one included
	released atomic.Bool
}

// Wait returns how long the request waited for its place.
func (p *Permit) Wait() time.Duration { return p.wait }

// Outcome is how a request ended, as far as the limit is concerned.
type Outcome int

// The outcomes.
const (
	Success Outcome = iota // served, well or not: how long it took is meaningful
	Dropped                // lost to overload: it timed out or was refused further down
	Ignored                // says nothing: the client left, the handler panicked
)

// Release gives the place back. A second call does nothing.
func (p *Permit) Release(o Outcome) {
	if !p.released.CompareAndSwap(false, true) {
		return
	}
	s, now := p.shedder, time.Now()
	took := now.Sub(p.start)
	s.mu.Lock()
	defer s.unlock()
	s.inFlight--
	if o == Success {
		s.service.record(took, s.cfg.Deadline.Window, now)
	}
	if s.adaptive != nil && o != Ignored {
		s.adaptive.OnSample(concurrency.Sample{Start: p.start, RTT: took, InFlight: p.inFlight, Dropped: o == Dropped})
	}
	s.serve(now)
}
