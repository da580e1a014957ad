package simulate

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// run is a case being played.
type run struct {
	c       *Case
	now     int64 // nanoseconds from the start
	events  heap
	timeout deadlines
	work    arrivals
	clients clients
	cluster cluster
	steps   []step
	spans   []*Span
	span    *Span // of spans: the one under way
	played  uint64
}

// step is a moment at which a span ends or a phase begins.
type step struct {
	at    int64
	phase int // of the load; -1: none begins
}

// The streams of random numbers. Retries draw from streams of their own, so that the first
// tries of two cases with the same seed stay the same.
const (
	streamArrivals = iota
	streamService
	streamRetryService
	streamBalance
	streamBackoff
	streams
)

func stream(seed uint64, which int) rand.PCG {
	return *rand.NewPCG(seed, uint64(which)+0x9e3779b97f4a7c15)
}

// checkEvery is how many events are played between two looks at the context.
const checkEvery = 1 << 16

// Run plays the case once. The error is what is wrong with the case, or the cause of the
// context's end.
func Run(ctx context.Context, c Case) (*Outcome, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	r := newRun(&c)
	if err := r.play(ctx); err != nil {
		return nil, err
	}
	return &Outcome{Spans: r.spans, Events: r.played}, nil
}

func newRun(c *Case) *run {
	r := &run{c: c, work: newArrivals(c), clients: newClients(c), cluster: newCluster(c)}
	r.cut()
	if c.Cluster.Stale > 0 {
		r.events.push(event{at: int64(c.Cluster.Stale), kind: look})
	}
	return r
}

func (r *run) play(ctx context.Context) error {
	for r.advance() {
		if r.played++; r.played%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// cut lays out the spans: equal ones, divided where a phase begins.
func (r *run) cut() {
	n := r.c.Spans
	if n == 0 {
		n = defaultSpans
	}
	end := int64(r.c.Length)
	for i := 1; i <= n; i++ {
		r.steps = append(r.steps, step{int64(float64(end) * float64(i) / float64(n)), -1})
	}
	for i, p := range r.c.Load.Phases {
		if int64(p.From) < end {
			r.steps = append(r.steps, step{int64(p.From), i})
		}
	}
	slices.SortStableFunc(r.steps, func(a, b step) int { return int(a.at - b.at) })
	r.open(0)
}

// open begins a span.
func (r *run) open(at int64) {
	r.span = &Span{From: time.Duration(at), Busy: make([]time.Duration, r.c.Cluster.Nodes)}
}

// shut ends the span under way, unless it has not lasted.
func (r *run) shut() {
	if time.Duration(r.now) == r.span.From {
		return
	}
	r.span.To = time.Duration(r.now)
	r.span.Waiting = r.cluster.waiting
	r.spans = append(r.spans, r.span)
	r.open(r.now)
}

// advance plays the next thing that happens and reports whether there is more.
func (r *run) advance() bool {
	at, which := r.work.next, 0
	if len(r.events) > 0 && r.events[0].at < at {
		at, which = r.events[0].at, 1
	}
	if r.timeout.n > 0 {
		if t := r.timeout.ring[r.timeout.head].at; t < at {
			at, which = t, 2
		}
	}
	if r.steps[0].at <= at {
		return r.step()
	}
	r.now = at
	switch which {
	case 0:
		r.arrive()
	case 1:
		r.happen(r.events.pop())
	case 2:
		r.giveUp(r.timeout.pop())
	}
	return true
}

// step ends a span or begins a phase.
func (r *run) step() bool {
	s := r.steps[0]
	r.now = s.at
	r.shut()
	if s.phase >= 0 {
		r.turn(r.c.Load.Phases[s.phase])
	}
	r.steps = r.steps[1:]
	return len(r.steps) > 0
}

func (r *run) happen(e event) {
	switch e.kind {
	case served:
		r.serve(e.id)
	case again:
		r.send(e.id)
	case drained:
		r.drain(e)
	case look:
		r.cluster.look()
		r.events.push(event{at: r.now + int64(r.c.Cluster.Stale), kind: look})
	}
}
