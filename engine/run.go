package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxGraceInterrupted bounds the grace period of a run that was stopped from outside:
// somebody is waiting for it to end.
const maxGraceInterrupted = time.Second

// Run carries out the plan and returns everything that was measured. Every interval it
// gives observe, from one goroutine, a snapshot of what happened in it; the snapshot is
// observe's to keep. When ctx ends, no new work starts, what is in flight gets a short
// grace, and Run returns what there is together with the context's cause. Run returns
// when all its goroutines have.
func Run(ctx context.Context, p Plan, observe func(*Snapshot)) (*Snapshot, error) {
	return runWith(ctx, p, observe, machine{newSleeper, processTime})
}

// run is what the loads of a run share.
type run struct {
	plan    *Plan
	epoch   time.Time
	rec     *recorder
	soft    context.Context //nolint:containedctx // a run is a scope: ends when no new work may start
	hard    context.Context //nolint:containedctx // a run is a scope: ends when in-flight work is cut off
	cutOff  context.CancelFunc
	over    []context.Context // per load, ends when its last pass has begun
	machine machine
	health  healthMeter
	opened  atomic.Int64 // sessions opened so far
	open    atomic.Int64 // sessions open now
}

// machine is what the loop asks of the system it runs on; tests have one of their own.
type machine struct {
	sleeper       func(context.Context) sleeper
	processorTime func() time.Duration // that this process has used
}

// generator is a load at work.
type generator interface {
	// generate starts work until the load is over or r.soft ends; what it started may go on.
	generate(r *run)
	// wait returns when nothing the generator started is under way any more.
	wait()
	// harvest adds the tallies kept outside the recorder since the harvest before.
	harvest(r *run, s *Snapshot)
}

func runWith(ctx context.Context, p Plan, observe func(*Snapshot), m machine) (*Snapshot, error) {
	r := &run{plan: &p, rec: newRecorder(p.Legend), soft: ctx, machine: m}
	r.hard, r.cutOff = context.WithCancel(context.WithoutCancel(ctx))
	defer r.cutOff()
	gens := make([]generator, len(p.Loads))
	ends := make([]context.CancelFunc, len(p.Loads))
	r.over = make([]context.Context, len(p.Loads))
	for i := range p.Loads {
		r.over[i], ends[i] = context.WithCancel(ctx)
		gens[i] = newGenerator(r, i)
	}
	r.epoch = time.Now()
	if p.Began != nil {
		p.Began(r.epoch)
	}
	r.health.start()

	var stopped error // by what; whatever comes after the last pass stops nothing
	done := make(chan struct{})
	go func() {
		r.drive(gens, ends)
		stopped = context.Cause(ctx)
		close(done)
	}()
	total := r.observe(gens, observe, done)
	return total, stopped
}

func newGenerator(r *run, load int) generator {
	if r.plan.Loads[load].Open != nil {
		return newOpenLoad(r, load)
	}
	return newClosedLoad(r, load)
}

// drive runs all loads to their end, grants the grace period, cuts off what is still in
// flight and returns when everything has stopped.
func (r *run) drive(gens []generator, ends []context.CancelFunc) {
	var making sync.WaitGroup
	for i, g := range gens {
		making.Go(func() {
			defer ends[i]()
			g.generate(r)
		})
	}
	making.Wait()
	idle := make(chan struct{})
	go func() {
		for _, g := range gens {
			g.wait()
		}
		close(idle)
	}()
	grace := r.plan.Grace
	if r.soft.Err() != nil {
		grace = min(grace, maxGraceInterrupted)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	soft := r.soft.Done()
	for waiting := true; waiting; {
		select {
		case <-idle:
			return
		case <-soft:
			soft = nil
			timer.Reset(min(grace, maxGraceInterrupted))
		case <-timer.C:
			waiting = false
		}
	}
	r.cutOff()
	<-idle
}

// observe cuts a snapshot at every interval edge until done is closed, and returns the
// sum of all.
func (r *run) observe(gens []generator, observe func(*Snapshot), done <-chan struct{}) *Snapshot {
	interval := r.plan.Interval
	if interval <= 0 {
		interval = time.Second
	}
	total := NewSnapshot(r.plan.Legend)
	var from time.Duration
	cut := func(to time.Duration) {
		s := r.rec.cut()
		s.From, s.To = from, to
		s.Health = r.health.read(to - from)
		for _, g := range gens {
			g.harvest(r, s)
		}
		s.Health.Connections = int(r.opened.Swap(0))
		s.Health.Users = int(r.open.Load())
		from = to
		Yield()
		total.Merge(s)
		Yield()
		if observe != nil {
			observe(s)
		}
	}
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for edge := interval; ; {
		select {
		case <-done:
			cut(r.now())
			return total
		case <-timer.C:
			cut(max(edge, r.now().Truncate(interval))) // later than the edge if the machine stood still
			edge = r.now().Truncate(interval) + interval
			timer.Reset(edge - r.now())
		}
	}
}

// yieldSpan is several times what is done between two calls of Yield, as a goroutine that
// wakes from a sleep goes before all others.
const yieldSpan = time.Millisecond

// Yield lets load go first. What observes a run calls it between pieces of work that take
// some hundred microseconds: with a single processor nobody looks for answers and due
// times meanwhile, and runtime.Gosched would not make the runtime look either.
func Yield() { time.Sleep(yieldSpan) }

// now returns the time since the run began.
func (r *run) now() time.Duration { return time.Since(r.epoch) }
