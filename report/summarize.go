package report

import (
	"strconv"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// Summarize sums up everything that was counted from the start to the end of a run. A
// summary of a run that is still going is one that ended Stopped. The results of the
// budgets stand in it as they are given.
func Summarize(meta Meta, total *engine.Snapshot, results []budget.Result, ended Ending) *Run {
	run := &Run{
		Schema:    Schema,
		Meta:      meta,
		DurationS: total.To.Seconds(),
		Ended:     ended,
		Budgets:   results,
		Legend:    saveLegend(total.Legend),
	}
	if run.Budgets == nil {
		run.Budgets = []budget.Result{}
	}
	g := &group{}
	for i := range total.Legend.Loads {
		run.Loads = append(run.Loads, g.load(total, i))
	}
	run.Validity, run.Notes = validate(total, results, ended)
	run.Verdict = decide(run)
	return run
}

// group is the cells that one line of a report speaks of, merged by outcome. It is filled
// again and again: a run is summed up every second while it goes, and histograms are
// large. So a cell that is alone stands for itself, and is not copied.
type group struct {
	outcomes [engine.NumOutcomes]*engine.Cell
	answered *engine.Cell // see Times
	merged   [engine.NumOutcomes + 1]engine.Cell
	none     engine.Cell
}

// fill takes the cells whose keys keep accepts. What was unfinished is part of the
// answered at its age, which is less than it would have taken: leaving it out would make
// the slowest requests vanish.
func (g *group) fill(s *engine.Snapshot, keep func(engine.Key) bool) {
	g.answered = &g.none
	for o := range g.outcomes {
		g.outcomes[o] = &g.none
	}
	for _, c := range s.Cells {
		if !keep(c.Key) {
			continue
		}
		g.outcomes[c.Outcome] = g.join(&g.merged[c.Outcome], g.outcomes[c.Outcome], c)
		if c.Outcome != engine.Error {
			g.answered = g.join(&g.merged[engine.NumOutcomes], g.answered, c)
		}
	}
}

// join returns have with c added to it, in the place that is kept for their sum.
func (g *group) join(sum, have, c *engine.Cell) *engine.Cell {
	if have == &g.none {
		return c
	}
	if have != sum {
		sum.Reset()
		sum.Merge(have)
	}
	sum.Merge(c)
	return sum
}

func (g *group) load(total *engine.Snapshot, i int) Load {
	legend := total.Legend.Loads[i]
	load := Load{Name: legend.Name, Model: legend.Model, Requests: []Request{}, Stages: []Stage{}}
	for n, stage := range legend.Stages {
		g.fill(total, func(k engine.Key) bool { return k.Load == i && k.Stage == n })
		span := max(min(stage.To, total.To)-stage.From, 0)
		load.Stages = append(load.Stages, Stage{
			Name: stage.Name, FromS: stage.From.Seconds(), ToS: stage.To.Seconds(), Figures: g.figures(total.Tallies[i][n], span),
		})
	}
	g.fill(total, func(k engine.Key) bool { return k.Load == i })
	load.Figures = g.figures(tallyOf(total, i), spanOf(legend, total.To))
	for r, request := range total.Legend.Requests {
		g.fill(total, func(k engine.Key) bool { return k.Load == i && k.Request == r })
		if sum := g.request(request); sum.Count > 0 {
			load.Requests = append(load.Requests, sum)
		}
	}
	return load
}

// spanOf returns how long a load was active in a run that ended at end.
func spanOf(l engine.LoadLegend, end time.Duration) time.Duration {
	if len(l.Stages) == 0 {
		return end
	}
	return max(min(l.End(), end)-l.Stages[0].From, 0)
}

// tallyOf adds up the stages of a load.
func tallyOf(s *engine.Snapshot, load int) (sum engine.Tally) {
	for i := range s.Tallies[load] {
		sum.Merge(&s.Tallies[load][i])
	}
	return sum
}

func (g *group) figures(t engine.Tally, span time.Duration) Figures {
	f := Figures{Counts: countsOf(t), Outcomes: map[string]Outcome{}}
	f.Times = Times{quantiles(&g.answered.Latency), quantiles(&g.answered.Service), quantiles(&g.answered.Lag)}
	f.Rates = Rates{
		SpanS:    span.Seconds(),
		Offered:  perSecond(t.Sent+t.Dropped, span),
		Achieved: perSecond(t.Completed+t.Failed, span),
		Goodput:  perSecond(t.Completed, span),
		InFlight: share(t.Busy, span),
	}
	for o, c := range g.outcomes {
		f.BytesIn += c.BytesIn
		f.BytesOut += c.BytesOut
		f.Connected += c.NewConnections
		if c.Count() > 0 {
			f.Outcomes[engine.Outcome(o).String()] = Outcome{c.Count(), quantiles(&c.Latency), quantiles(&c.Service)}
		}
	}
	return f
}

// countsOf gives the counts of a tally. In a run that was cut off between two intervals,
// what was sent and had not ended by then is unfinished.
func countsOf(t engine.Tally) Counts {
	if ended := t.Completed + t.Failed + t.Unfinished; t.Sent > ended {
		t.Unfinished += t.Sent - ended
	}
	c := Counts{
		Planned: max(t.Planned, t.Sent+t.Dropped), Sent: t.Sent, Completed: t.Completed, Failed: t.Failed,
		Dropped: t.Dropped, Unfinished: t.Unfinished, Exhausted: t.Exhausted,
	}
	if due := t.Sent + t.Dropped; t.Planned > due {
		c.NotDue = t.Planned - due
	}
	return c
}

func (g *group) request(l engine.RequestLegend) Request {
	r := Request{
		Name:       l.Name,
		OK:         g.outcomes[engine.OK].Count(),
		Failed:     g.outcomes[engine.Failed].Count() + g.outcomes[engine.Error].Count(),
		Unfinished: g.outcomes[engine.Unfinished].Count(),
		Latency:    quantiles(&g.answered.Latency),
		Service:    quantiles(&g.answered.Service),
		Codes:      map[string]uint64{},
		Errors:     map[string]uint64{},
		Checks:     map[string]Check{},
		Phases:     map[string]*Quantiles{},
	}
	r.Count = r.OK + r.Failed + r.Unfinished
	for _, c := range g.outcomes {
		for _, n := range c.Codes {
			r.Codes[strconv.Itoa(n.Status)] += n.N
		}
		for _, n := range c.Errors {
			r.Errors[n.Kind] += n.N
		}
	}
	judged := g.outcomes[engine.OK].Count() + g.outcomes[engine.Failed].Count()
	for i, name := range unique(l.Checks) {
		var failed uint64
		if i < len(g.answered.ChecksFailed) {
			failed = g.answered.ChecksFailed[i]
		}
		r.Checks[name] = Check{Passed: judged - min(failed, judged), Failed: failed}
	}
	for p := range g.answered.Phases {
		if q := quantiles(&g.answered.Phases[p]); q != nil {
			r.Phases[(firstPhase + clock(p)).String()] = q
		}
	}
	return r
}

// quantiles returns nil for an empty histogram: no data is not zero.
func quantiles(h *latency.Histogram) *Quantiles {
	if h.Count() == 0 {
		return nil
	}
	var at [5]time.Duration
	h.Quantiles(at[:], 0.50, 0.90, 0.95, 0.99, 0.999)
	return &Quantiles{
		Count: h.Count(),
		Mean:  milliseconds(h.Mean()),
		Min:   milliseconds(h.Min()),
		P50:   milliseconds(at[0]),
		P90:   milliseconds(at[1]),
		P95:   milliseconds(at[2]),
		P99:   milliseconds(at[3]),
		P999:  milliseconds(at[4]),
		Max:   milliseconds(h.Max()),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func perSecond(n uint64, span time.Duration) float64 {
	if span <= 0 {
		return 0
	}
	return float64(n) / span.Seconds()
}
