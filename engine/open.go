package engine

import (
	"iter"
	"runtime"
	"sync"
	"time"
)

// The pacer's rhythm. Waking up costs a few microseconds, so it is not done more often
// than every tick for long; what falls due in between is mostly taken by workers that
// become free.
const (
	tick = 100 * time.Microsecond
	// An arrival that found every worker busy waits this long for one to become free
	// before another connection is opened. At high rates that is usually sooner than a
	// connection could be made; when the target stalls it is the price of not knowing yet.
	patience = 500 * time.Microsecond
	// A pacer that wakes up later than this was waiting for a processor. Then workers
	// are busy because this machine is, and more connections would make it worse.
	sluggish = 200 * time.Microsecond
	// The same holds while this process uses this much of the processor time there is.
	saturated = 0.8
	// But an arrival that has waited this long is not waiting for a busy machine to get
	// round to it: where nothing is ever on time, too few connections would stay too few.
	resolve = 250 * time.Millisecond
	// Once the target is known to answer, connections grow by so many per second, and by
	// so large a part of those there are. That follows a target that stalls within
	// milliseconds, while a hiccup of a fast one does not end in a flood of connections:
	// it is over sooner than they would be open.
	growth, growthShare = 5000, 20
)

// openLoad is an open load at work. The schedule says what is due; a worker that has
// finished takes the next arrival itself if it is due, else it parks, and the pacer wakes
// parked workers for what falls due. An arrival is in flight from when it was due, with
// or without a worker, and one that falls due when MaxInFlight are in flight is dropped.
type openLoad struct {
	r     *run
	index int
	max   int
	wg    sync.WaitGroup // workers

	mu      sync.Mutex // guards what follows
	due     dueList
	waiting queue   // accepted arrivals without a worker, oldest first
	idle    []*hand // parked workers; the last one parked is the first to wake
	workers int
	usage   usage
	rhythm  rhythm
	late    time.Duration // a pacer that is later than this is sluggish
	calm    time.Duration // since when this machine has had time to spare
	credit  float64       // workers that may be opened
	grown   time.Duration // up to when credit is counted
	count   openCount
}

// rhythm keeps the pacer from waking more often than every tick on average. A few wakes
// may come closer together, so that at moderate rates each arrival starts when it is due
// and arrivals that lie close together stay apart.
type rhythm struct {
	last   time.Duration
	credit int // wakes that may come early
}

// earlyWakes bounds how many wakes may come closer together than a tick.
const earlyWakes = 16

// earliest returns when the pacer may wake again, given that it is awake now.
func (r *rhythm) earliest(now time.Duration) time.Duration {
	r.credit = min(earlyWakes, r.credit+int((now-r.last)/tick)) - 1
	if r.last = now; r.credit > 0 {
		return now
	}
	r.credit = max(r.credit, 0)
	return now + tick
}

// usage is how much of the processor time there was this process used of late.
type usage struct {
	share    float64
	at, used time.Duration
}

// usageSpan is how often usage is read, and so the span that it is of.
const usageSpan = 2 * time.Millisecond

func (u *usage) read(now time.Duration, used func() time.Duration) {
	if now-u.at < usageSpan {
		return
	}
	before, since := u.used, u.at
	u.used, u.at = used(), now
	u.share = float64(u.used-before) / float64(now-since) / float64(runtime.GOMAXPROCS(0))
}

// hand is a parked worker and how to wake it: with the due time of its arrival.
type hand struct{ wake chan time.Duration }

func newOpenLoad(r *run, index int) *openLoad {
	l := &openLoad{r: r, index: index, max: r.plan.Loads[index].Open.MaxInFlight, late: sluggish}
	l.due.next, l.due.stop = iter.Pull(r.plan.Loads[index].Open.Schedule)
	l.due.step()
	l.count.stages = r.plan.Legend.Loads[index].Stages
	l.count.tallies = make([]Tally, max(len(l.count.stages), 1))
	return l
}

// generate is the pacer.
func (l *openLoad) generate(r *run) {
	s := r.machine.sleeper(r.soft)
	defer s.Close() //nolint:errcheck // nothing was written
	l.late += s.Grain()
	l.usage = usage{at: r.now(), used: r.machine.processorTime()}
	wakeAt, more := r.now(), true
	for more {
		wakeAt, more = l.advance(r.now(), wakeAt)
		more = more && s.Sleep(max(wakeAt-r.now(), 1))
	}
	l.end()
}

// advance accepts what is due, wakes workers for it and opens more where patience has
// run out. It should have been called at planned. It returns when to come back, and false
// when the load is over: everything was accepted and has found a worker, and the last
// stage, which may end in silence, is at its end too.
func (l *openLoad) advance(now, planned time.Duration) (wakeAt time.Duration, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.usage.read(now, l.r.machine.processorTime); now-planned > l.late || l.usage.share > saturated {
		l.calm = now
	}
	for l.due.more && l.due.head <= now {
		due := l.due.step()
		switch {
		case l.count.inFlight >= l.max:
			l.count.drop(due)
		case len(l.idle) > 0:
			l.count.accept(due, now)
			h := l.idle[len(l.idle)-1]
			l.idle = l.idle[:len(l.idle)-1]
			h.wake <- due
		default:
			l.count.accept(due, now)
			l.waiting.push(due, now)
		}
	}
	l.grow(now)
	switch {
	case l.waiting.len() > 0:
		return now + tick, true
	case l.due.more:
		return max(l.due.head, l.rhythm.earliest(now)), true
	}
	end := l.r.plan.Legend.Loads[l.index].End()
	return end, now < end && !l.due.left // what is left was given up
}

// grow opens workers for arrivals that have waited long enough. Before the first answer
// nothing is known of the target, and as many are opened as arrivals wait for.
func (l *openLoad) grow(now time.Duration) {
	most := 1 + float64(l.workers)/8
	l.credit = min(most, l.credit+(now-l.grown).Seconds()*(growth+growthShare*float64(l.workers)))
	if l.grown = now; !l.count.answered {
		l.credit = most
	}
	for ; l.credit >= 1 && l.waiting.len() > 0; l.credit-- {
		waited := now - l.waiting.since()
		if l.workers > 0 && waited < resolve && min(waited, now-l.calm) < patience {
			return
		}
		id, due := l.workers, l.waiting.pop()
		l.workers++
		l.wg.Go(func() { l.work(id, due) })
	}
}

// work is a worker's life: one arrival after the other.
func (l *openLoad) work(id int, due time.Duration) {
	h := &hand{wake: make(chan time.Duration, 1)}
	w := l.r.newWorker(l.index, id)
	defer w.close()
	for more := true; more; {
		stage := l.r.plan.Legend.Loads[l.index].StageAt(due)
		res := w.begin(stage, due, true)
		// Not under the load's lock, but where Sent was counted: an interval that is cut
		// between the two must not have ended more than it sent.
		var t Tally
		t.end(res)
		l.r.rec.tally(id, l.index, stage, &t)
		due, more = l.take(h, res)
	}
}

// take ends the arrival before and returns the next one that is due,
// sooner or later; false when there will be none.
func (l *openLoad) take(h *hand, res passResult) (due time.Duration, more bool) {
	now := l.r.now()
	l.mu.Lock()
	l.count.finish(now)
	if res.exhausted {
		l.due.more = false
	}
	switch {
	case l.waiting.len() > 0:
		due, more = l.waiting.pop(), true
	case l.due.more && l.due.head <= now:
		due, more = l.due.step(), true
		l.count.accept(due, now)
	case l.due.more:
		l.idle = append(l.idle, h)
		l.mu.Unlock()
		due, more = <-h.wake
		return due, more
	}
	l.mu.Unlock()
	return due, more
}

// end closes the schedule, lets parked workers go, and counts what never fell due.
func (l *openLoad) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due.more = false
	for _, h := range l.idle {
		close(h.wake)
	}
	l.idle = nil
	l.count.remain(&l.due)
	l.due.stop()
}

func (l *openLoad) wait() { l.wg.Wait() }

func (l *openLoad) harvest(r *run, s *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count.integrate(r.now())
	for i := range l.count.tallies {
		s.Tallies[l.index][i].Merge(&l.count.tallies[i])
	}
	clear(l.count.tallies)
	s.Health.InFlight += l.count.peak
	l.count.peak = l.count.inFlight
}

// dueList is a schedule with its next arrival in sight.
type dueList struct {
	next func() (time.Duration, bool)
	stop func()
	head time.Duration // of the next arrival
	left bool          // head has not been taken
	more bool          // head may be taken
}

// step takes the head and returns it.
func (d *dueList) step() time.Duration {
	due := d.head
	d.head, d.left = d.next()
	d.more = d.left
	return due
}

// queue holds accepted arrivals in the order in which they fell due.
type queue struct {
	items []waitingArrival
	first int
}

type waitingArrival struct{ due, since time.Duration }

func (q *queue) len() int { return len(q.items) - q.first }

// since returns when the oldest began to wait.
func (q *queue) since() time.Duration { return q.items[q.first].since }

func (q *queue) push(due, now time.Duration) {
	if q.first > len(q.items)/2 { // the front half is spent: use it again
		n := copy(q.items, q.items[q.first:])
		q.items, q.first = q.items[:n], 0
	}
	q.items = append(q.items, waitingArrival{due, now})
}

func (q *queue) pop() time.Duration {
	q.first++
	return q.items[q.first-1].due
}
