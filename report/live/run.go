package live

import (
	"slices"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// runState is what is known of one run.
type runState struct {
	Run
	began   time.Time
	window  window
	last    *engine.Snapshot // the last interval
	total   *engine.Snapshot // all of them
	results []budget.Result
	stale   bool // snapshots came in after what follows was worked out
	table   []requestLine
	failed  []failure
	times   [numListed][3]time.Duration // latency, service and, of open loads, lag of all that was answered
	counts  [2]uint64                   // requests, and those that went wrong
	events  []event
	more    int // events that are left out
}

// event is something that happened to the target.
type event struct {
	at       time.Duration
	text     string
	byTarget bool
	failed   bool
}

// mostEvents is how many events of a run are kept for the screen.
const mostEvents = 200

func newRun(r Run) *runState {
	r.Scenario, r.Target, r.Title = clean(r.Scenario), clean(r.Target), clean(r.Title)
	return &runState{Run: r}
}

func (r *runState) observe(o observed) {
	if r.Legend == nil {
		r.Legend = o.snapshot.Legend
	}
	if r.total == nil {
		r.total = engine.NewSnapshot(r.Legend)
	}
	r.last, r.results, r.stale = o.snapshot, o.results, true
	r.total.Merge(o.snapshot)
	r.window.add(columnOf(o.snapshot))
}

func (r *runState) happened(h happened) {
	e := event{text: clean(h.text), byTarget: h.byTarget, failed: h.err != nil}
	if !r.began.IsZero() {
		e.at = h.at.Sub(r.began)
	}
	if h.err != nil {
		e.text += ": " + clean(h.err.Error())
	}
	r.events = append(r.events, e)
	if over := len(r.events) - mostEvents; over > 0 {
		r.events, r.more = r.events[over:], r.more+over
	}
}

// listed are the percentiles that are listed.
func listed() [numListed]float64 { return [...]float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1} }

const numListed = 7

// sum works out what is said of the run as a whole: once after news, not whenever it is drawn.
func (r *runState) sum() {
	if !r.stale {
		return
	}
	r.stale = false
	r.table, r.failed = r.requests(), r.failures()
	r.counts = [2]uint64{}
	for _, l := range r.table {
		r.counts[0], r.counts[1] = r.counts[0]+l.n, r.counts[1]+l.bad
	}
	all := r.total.Select(func(k engine.Key) bool { return k.Outcome != engine.Error })
	late := r.total.Select(func(k engine.Key) bool { // a user is never late, and would hide who is
		return k.Outcome != engine.Error && r.Legend.Loads[k.Load].Model == "open"
	})
	for clock, h := range []*latency.Histogram{&all.Latency, &all.Service, &late.Lag} {
		at, qs := make([]time.Duration, numListed), listed()
		h.Quantiles(at, qs[:]...)
		for i, d := range at {
			r.times[i][clock] = d
		}
	}
}

// elapsed is how long the load has gone on at a time.
func (r *runState) elapsed(now time.Time) time.Duration {
	if r.began.IsZero() || now.Before(r.began) {
		return r.seen()
	}
	return max(now.Sub(r.began), r.seen())
}

// seen is how far the snapshots reach.
func (r *runState) seen() time.Duration {
	if r.last == nil {
		return 0
	}
	return r.last.To
}

// end is when the last load ends.
func (r *runState) end() (end time.Duration) {
	if r.Legend == nil {
		return 0
	}
	for _, l := range r.Legend.Loads {
		end = max(end, l.End())
	}
	return end
}

// stages returns the names of the stages under way, without repeats.
func (r *runState) stages(at time.Duration) (names []string) {
	if r.Legend == nil {
		return nil
	}
	for _, l := range r.Legend.Loads {
		if len(l.Stages) == 0 || at >= l.End() {
			continue
		}
		if name := clean(l.Stages[l.StageAt(at)].Name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// edges returns when stages end and others begin.
func (r *runState) edges() (edges []time.Duration) {
	if r.Legend == nil {
		return nil
	}
	end := r.end()
	for _, l := range r.Legend.Loads {
		for _, g := range l.Stages {
			if g.To < end && g.To > 0 && !slices.Contains(edges, g.To) {
				edges = append(edges, g.To)
			}
		}
	}
	slices.Sort(edges)
	return edges
}

// requestLine is what one request comes to.
type requestLine struct {
	name          string
	n, bad        uint64
	rate          float64 // in the last interval, per second
	p50, p95, p99 time.Duration
	service       time.Duration // p99
	share         float64       // of bad ones
}

// requests returns a line for each request that was made, in the order of the scenario.
func (r *runState) requests() (lines []requestLine) {
	if r.total == nil {
		return nil
	}
	for i, legend := range r.Legend.Requests {
		all := func(k engine.Key) bool { return k.Request == i }
		answered := r.total.Select(func(k engine.Key) bool { return k.Request == i && k.Outcome != engine.Error })
		l := requestLine{name: clean(legend.Name)}
		for _, c := range r.total.Cells {
			if c.Request == i {
				l.n += c.Count()
				if c.Outcome == engine.Failed || c.Outcome == engine.Error {
					l.bad += c.Count()
				}
			}
		}
		if l.n == 0 {
			continue
		}
		if span := r.last.To - r.last.From; span > 0 {
			l.rate = float64(r.last.Select(all).Count()) / span.Seconds()
		}
		l.share = float64(l.bad) / float64(l.n)
		at := make([]time.Duration, 3)
		answered.Latency.Quantiles(at, 0.5, 0.95, 0.99)
		l.p50, l.p95, l.p99 = at[0], at[1], at[2]
		l.service = answered.Service.Quantile(0.99)
		lines = append(lines, l)
	}
	return lines
}

// trouble says in a few words what the generator suffers from, by the last seconds; empty if
// from nothing. It is a warning on the way: whether the run is valid is decided at its end.
func (r *runState) trouble() string {
	c := r.window.lately(5 * time.Second)
	lag, felt := c.lag.quantile(0.99), c.latency.quantile(0.99)
	var busy float64
	if c.capacity > 0 {
		busy = float64(c.cpu) / float64(c.capacity)
	}
	switch {
	case lag >= lagFloor && lag >= felt/10:
		return "GENERATOR LAGS: p99 " + span(lag) + " late"
	case busy >= busyShare && lag >= lagFloor/10:
		return "GENERATOR BUSY: " + percent(busy) + " of the processors, p99 " + span(lag) + " late"
	}
	return ""
}

// From where on the generator is said to shape what it measures: as at the end of a run.
const (
	lagFloor  = 10 * time.Millisecond
	busyShare = 0.90
)
