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
	for i := range total.Legend.Loads {
		run.Loads = append(run.Loads, summarizeLoad(total, i))
	}
	run.Validity, run.Notes = validate(total, results, ended)
	run.Verdict = decide(run)
	return run
}

// part is the share of a snapshot that one line of a report speaks of.
type part struct {
	tally    engine.Tally
	span     time.Duration
	outcomes [engine.NumOutcomes]*engine.Cell
}

func summarizeLoad(total *engine.Snapshot, i int) Load {
	legend := total.Legend.Loads[i]
	load := Load{Name: legend.Name, Model: legend.Model, Requests: []Request{}, Stages: []Stage{}}
	whole := part{span: spanOf(legend, total.To)}
	for g, stage := range legend.Stages {
		p := part{tally: total.Tallies[i][g], span: max(min(stage.To, total.To)-stage.From, 0)}
		p.outcomes = byOutcome(total, func(k engine.Key) bool { return k.Load == i && k.Stage == g })
		load.Stages = append(load.Stages, Stage{
			Name: stage.Name, FromS: stage.From.Seconds(), ToS: stage.To.Seconds(), Figures: p.figures(),
		})
	}
	for _, t := range total.Tallies[i] {
		addTally(&whole.tally, t)
	}
	whole.outcomes = byOutcome(total, func(k engine.Key) bool { return k.Load == i })
	load.Figures = whole.figures()
	for r, request := range total.Legend.Requests {
		cells := byOutcome(total, func(k engine.Key) bool { return k.Load == i && k.Request == r })
		if sum := summarizeRequest(request, cells); sum.Count > 0 {
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

func byOutcome(s *engine.Snapshot, keep func(engine.Key) bool) (cells [engine.NumOutcomes]*engine.Cell) {
	for o := range cells {
		cells[o] = s.Select(func(k engine.Key) bool { return k.Outcome == engine.Outcome(o) && keep(k) })
	}
	return cells
}

func addTally(sum *engine.Tally, t engine.Tally) {
	sum.Planned += t.Planned
	sum.Sent += t.Sent
	sum.Dropped += t.Dropped
	sum.Completed += t.Completed
	sum.Failed += t.Failed
	sum.Unfinished += t.Unfinished
	sum.Exhausted += t.Exhausted
	sum.Busy += t.Busy
	sum.Think += t.Think
}

func (p part) figures() Figures {
	f := Figures{Counts: countsOf(p.tally), Times: timesOf(p.outcomes), Outcomes: map[string]Outcome{}}
	f.Rates = Rates{
		SpanS:    p.span.Seconds(),
		Offered:  perSecond(p.tally.Sent+p.tally.Dropped, p.span),
		Achieved: perSecond(p.tally.Completed+p.tally.Failed, p.span),
		Goodput:  perSecond(p.tally.Completed, p.span),
	}
	if p.span > 0 {
		f.InFlight = p.tally.Busy.Seconds() / p.span.Seconds()
	}
	for o, c := range p.outcomes {
		f.BytesIn += c.BytesIn
		f.BytesOut += c.BytesOut
		f.Connected += c.NewConnections
		if c.Count() > 0 {
			f.Outcomes[engine.Outcome(o).String()] = Outcome{c.Count(), quantiles(&c.Latency), quantiles(&c.Service)}
		}
	}
	return f
}

func countsOf(t engine.Tally) Counts {
	c := Counts{
		Planned: t.Planned, Sent: t.Sent, Completed: t.Completed, Failed: t.Failed,
		Dropped: t.Dropped, Unfinished: t.Unfinished, Exhausted: t.Exhausted,
	}
	if due := t.Sent + t.Dropped; t.Planned > due {
		c.NotDue = t.Planned - due
	}
	return c
}

// answered merges the outcomes that percentiles speak of by default. What was unfinished
// counts at its age, which is less than it would have taken: leaving it out would make
// the slowest requests vanish.
func answered(cells [engine.NumOutcomes]*engine.Cell) *engine.Cell {
	sum := &engine.Cell{}
	for _, o := range []engine.Outcome{engine.OK, engine.Failed, engine.Unfinished} {
		sum.Merge(cells[o])
	}
	return sum
}

func timesOf(cells [engine.NumOutcomes]*engine.Cell) Times {
	c := answered(cells)
	return Times{quantiles(&c.Latency), quantiles(&c.Service), quantiles(&c.Lag)}
}

func summarizeRequest(l engine.RequestLegend, cells [engine.NumOutcomes]*engine.Cell) Request {
	all := answered(cells)
	r := Request{
		Name:       l.Name,
		OK:         cells[engine.OK].Count(),
		Failed:     cells[engine.Failed].Count() + cells[engine.Error].Count(),
		Unfinished: cells[engine.Unfinished].Count(),
		Latency:    quantiles(&all.Latency),
		Service:    quantiles(&all.Service),
		Codes:      map[string]uint64{},
		Errors:     map[string]uint64{},
		Checks:     map[string]Check{},
		Phases:     map[string]*Quantiles{},
	}
	r.Count = r.OK + r.Failed + r.Unfinished
	all.Merge(cells[engine.Error])
	for _, c := range all.Codes {
		r.Codes[strconv.Itoa(c.Status)] += c.N
	}
	for _, e := range all.Errors {
		r.Errors[e.Kind] += e.N
	}
	judged := cells[engine.OK].Count() + cells[engine.Failed].Count()
	for i, name := range unique(l.Checks) {
		var failed uint64
		if i < len(all.ChecksFailed) {
			failed = all.ChecksFailed[i]
		}
		r.Checks[name] = Check{Passed: judged - min(failed, judged), Failed: failed}
	}
	for p := range all.Phases {
		if q := quantiles(&all.Phases[p]); q != nil {
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
	return &Quantiles{
		Count: h.Count(),
		Mean:  milliseconds(h.Mean()),
		Min:   milliseconds(h.Min()),
		P50:   milliseconds(h.Quantile(0.50)),
		P90:   milliseconds(h.Quantile(0.90)),
		P95:   milliseconds(h.Quantile(0.95)),
		P99:   milliseconds(h.Quantile(0.99)),
		P999:  milliseconds(h.Quantile(0.999)),
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
