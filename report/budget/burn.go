package budget

import (
	"time"

	"gonum.org/v1/gonum/mathext"

	"plimsoll/engine"
)

// events are the requests that an SLO is about, and those of them that were not good.
type events struct{ all, bad uint64 }

func (e *events) add(o events) { e.all, e.bad = e.all+o.all, e.bad+o.bad }

func (e *events) take(o events) { e.all, e.bad = e.all-o.all, e.bad-o.bad }

// ratio is the share that was not good, 0 without any.
func (e events) ratio() float64 {
	if e.all == 0 {
		return 0
	}
	return float64(e.bad) / float64(e.all)
}

// interval returns the exact interval of the share (Clopper and Pearson 1934): on either
// side the truth lies outside in 5 % of the cases.
func (e events) interval() (low, high float64) {
	const tail = 0.05
	n, x := float64(e.all), float64(e.bad)
	high = 1
	if x > 0 {
		low = mathext.InvRegIncBeta(x, n-x+1, tail)
	}
	if x < n {
		high = mathext.InvRegIncBeta(x+1, n-x, 1-tail)
	}
	return low, high
}

// burnt is one interval of the run.
type burnt struct {
	span
	events
}

// reach is a window that ends now: the fewest whole intervals that make up its length, to
// within 1 %, or as much of it as the run has seen.
type reach struct {
	length time.Duration // of the run
	first  int           // of the intervals in it
	seen   time.Duration
	events
}

// full reports whether the run is old enough for the window.
func (r *reach) full() bool { return r.complete(r.seen) }

func (r *reach) complete(seen time.Duration) bool { return seen >= r.length-r.length/100 }

// push takes the newest interval and lets go of the oldest ones.
func (r *reach) push(all []burnt) {
	last := all[len(all)-1]
	r.add(last.events)
	r.seen += last.length()
	for r.first < len(all)-1 && r.complete(r.seen-all[r.first].length()) {
		r.take(all[r.first].events)
		r.seen -= all[r.first].length()
		r.first++
	}
}

// fullness is the part of the window that the run has seen, at most 1.
func (r *reach) fullness() float64 { return min(r.seen.Seconds()/r.length.Seconds(), 1) }

// burn is the burn over the window. What lies before the run counts as traffic without an
// error, so that a gate fires no sooner than it would in production.
func (r *reach) burn(allowed float64) float64 {
	part := r.fullness()
	if r.full() {
		part = 1
	}
	return r.ratio() / allowed * part
}

// expected is how many requests the whole window has if they come as they did so far.
func (r *reach) expected() float64 { return float64(r.all) / max(r.fullness(), 1e-9) }

// burner follows one SLO through a run.
type burner struct {
	slo       *SLO
	selection *selection
	intervals []burnt
	total     events
	timed     uint64        // of total.bad, those that were late or dropped
	seen      time.Duration // of the run
	gates     []*gate
	period    reach // the window of the SLO
	now       reach // what the present burn is taken over
	exhausted time.Duration
	coarse    time.Duration // the longest interval
	carries   []bool        // by load: it has made one of the requests
	waiting   []uint64      // by load: arrivals dropped before it did
}

// gate is what became of a gate so far.
type gate struct {
	Gate
	long, short reach
	worst       float64 // the highest burn that both windows had at once
	fired       time.Duration
	judged      int    // full windows
	lacking     int    // of them, those with too few requests to be judged
	fewest      uint64 // requests in such a window
}

// newBurner returns a burner for a run with the legend l. The error is a *BindError.
func newBurner(l *engine.Legend, s *SLO) (*burner, error) {
	sel, err := s.selection(l)
	if err != nil {
		return nil, err
	}
	b := &burner{slo: s, selection: sel, period: reach{length: s.InRun(s.Window)}, now: reach{length: forever}}
	for _, g := range s.Gates {
		x := &gate{Gate: g, long: reach{length: s.InRun(g.Long)}, short: reach{length: s.InRun(g.Short)}}
		b.gates = append(b.gates, x)
		if g.Long > 0 {
			b.now.length = min(b.now.length, x.long.length)
		}
	}
	return b, nil
}

// observe takes the next interval. What ends after the loads, in the grace period, counts
// in the last interval in which they ran: it was due then.
func (b *burner) observe(s *engine.Snapshot) {
	e := b.count(s)
	within := b.selection.whole().overlap(span{s.From, s.To})
	if within.length() <= 0 {
		b.fold(e)
		return
	}
	b.total.add(e)
	b.seen += within.length()
	b.coarse = max(b.coarse, within.length())
	b.intervals = append(b.intervals, burnt{within, e})
	for _, r := range b.reaches() {
		r.push(b.intervals)
	}
	b.judge(s.To, true)
}

// fold adds what came late to the last interval.
func (b *burner) fold(e events) {
	n := len(b.intervals)
	if n == 0 || e.all == 0 {
		return
	}
	b.total.add(e)
	b.intervals[n-1].add(e)
	for _, r := range b.reaches() {
		r.add(e)
	}
	b.judge(b.intervals[n-1].to, false)
}

func (b *burner) reaches() []*reach {
	all := []*reach{&b.period, &b.now}
	for _, g := range b.gates {
		if g.Long > 0 {
			all = append(all, &g.long, &g.short)
		}
	}
	return all
}

// judge looks at the windows that end now; fresh is whether they are new ones.
func (b *burner) judge(now time.Duration, fresh bool) {
	allowed := b.slo.Allowed()
	for _, g := range b.gates {
		if g.Long > 0 {
			g.judge(allowed, now, fresh)
		}
	}
	if b.exhausted == 0 && b.period.burn(allowed) >= 1 {
		b.exhausted = now
	}
}

// leastBad is how many requests that are not good a gate needs to fire where traffic is low.
const leastBad = 3

// judge fires the gate if both windows are above it. Where one request that is not good
// would be enough for that, a gate takes more of them to fire, and cannot be kept.
func (g *gate) judge(allowed float64, now time.Duration, fresh bool) {
	if g.stops() {
		return
	}
	few := g.long.expected()*g.Burn*allowed < 1
	if g.long.full() && fresh {
		g.judged++
		if few {
			g.lacking++
			g.fewest = g.long.all
		}
	}
	if few && g.long.bad < leastBad {
		return
	}
	burn := min(g.long.burn(allowed), g.short.burn(allowed))
	g.worst = max(g.worst, burn)
	if g.fired == 0 && burn > g.Burn {
		g.fired = now
	}
}

// count counts the requests of a snapshot.
func (b *burner) count(s *engine.Snapshot) (e events) {
	for _, c := range s.Cells {
		if !b.selection.holds(c.Key) {
			continue
		}
		e.all += c.Count()
		if c.Outcome != engine.OK {
			e.bad += c.Count()
			continue
		}
		if limit := b.slo.Within; limit > 0 {
			for highest, n := range c.Latency.Buckets {
				if highest > limit {
					e.bad += n
					b.timed += n
				}
			}
		}
	}
	dropped := b.dropped(s)
	b.timed += dropped
	e.add(events{dropped, dropped})
	return e
}

// dropped counts the arrivals that were dropped of loads that make the requests of the SLO.
// What others drop is none of its business.
func (b *burner) dropped(s *engine.Snapshot) (n uint64) {
	if b.carries == nil {
		b.carries, b.waiting = make([]bool, len(s.Tallies)), make([]uint64, len(s.Tallies))
	}
	for _, c := range s.Cells {
		b.carries[c.Load] = b.carries[c.Load] || b.selection.holds(c.Key) && c.Count() > 0
	}
	for l, stages := range s.Tallies {
		for _, t := range stages {
			b.waiting[l] += t.Dropped
		}
		if b.carries[l] || len(b.slo.Requests) == 0 {
			n += b.waiting[l]
			b.waiting[l] = 0
		}
	}
	return n
}
