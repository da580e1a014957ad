package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// rig puts a scenario's requests under loads of its own choice, one trial after the other.
type rig struct {
	scenario   *scenarios.Scenario
	options    scenarios.Options
	objectives []*budget.Objective
	arrivals   string
	seed       uint64
	tries      uint64 // so far: each has arrivals of its own
}

// trialInterval is how finely a trial is cut into batches.
const trialInterval = 100 * time.Millisecond

// outcome is what became of a trial besides what is saved of it.
type outcome struct {
	trial   report.LineTrial
	latency latency.Histogram
	service latency.Histogram
}

// limit is the longest time that an objective allows, 0 without one.
func (r *rig) limit() (longest time.Duration) {
	for _, o := range r.objectives {
		longest = max(longest, o.Limit())
	}
	return longest
}

// mostInFlight bounds what may be under way in a trial. Ten times what the limit and the
// rate would put there says beyond doubt that the limit is not kept (Little's law), and an
// arrival beyond it counts as one that broke the promise; more would only load this machine
// with connections.
func (r *rig) mostInFlight(rate float64) int {
	limit := r.limit()
	if limit == 0 {
		return mostInFlight
	}
	return int(min(max(10*rate*limit.Seconds(), 100), mostInFlight))
}

// mostInFlight is how many requests one machine is trusted with at once.
const mostInFlight = 10_000

// plan makes the plan of a trial under another load.
func (r *rig) plan(load scenarios.Substitute) (*scenarios.Plan, error) {
	r.tries++
	load.Seed = r.seed + r.tries*1000
	under, err := r.scenario.Under(load)
	if err != nil {
		return nil, err
	}
	opt := r.options
	opt.Seed = nil
	p, err := under.Plan(opt)
	if err != nil {
		return nil, err
	}
	p.Interval = trialInterval
	if limit := r.limit(); limit > 0 {
		p.Grace = min(p.Grace, 2*limit+time.Second)
	}
	return p, nil
}

// errHopeless is the cause with which a trial ends that cannot pass any more.
var errHopeless = errors.New("the trial cannot pass any more")

// try makes a trial. Its verdict is left to the search, but if the generator shaped it, it
// is invalid.
func (r *rig) try(ctx context.Context, step search.Step) (*outcome, error) {
	p, err := r.plan(scenarios.Substitute{
		Rate: step.Rate, Arrivals: r.arrivals, MaxInFlight: r.mostInFlight(step.Rate), For: step.Warm + step.For,
	})
	if err != nil {
		return nil, err
	}
	defer p.Close() //nolint:errcheck // data files are only read
	trial, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := newObservation(p, r.objectives, step.Warm)
	total, err := engine.Run(trial, p.Plan, func(s *engine.Snapshot) {
		if w.observe(s); w.hopeless() {
			w.end = min(w.end, s.To)
			stop(errHopeless)
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && !errors.Is(err, errHopeless):
		return nil, err
	}
	if !answered(total) {
		if err := r.alive(ctx); err != nil {
			return nil, fmt.Errorf("at %s no request was answered: %w", rate(step.Rate), err)
		}
	}
	return w.conclude(step, total), nil
}

// answered reports whether a request of the trial was, or none was made.
func answered(total *engine.Snapshot) bool {
	var all, errs uint64
	for _, c := range total.Cells {
		all += c.Count()
		if c.Outcome == engine.Error {
			errs += c.Count()
		}
	}
	return errs < all || all == 0
}

// alive connects to a target of which nothing was heard in a trial. One that was only
// overloaded has some seconds to come back; the line of one that is gone is not to be found.
func (r *rig) alive(ctx context.Context) error {
	p, err := r.plan(scenarios.Substitute{Users: 1, For: time.Second})
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // data files are only read
	for range 3 {
		if err = preflight(ctx, p); err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
	return err
}

// observation is what is seen of a trial after its warm-up.
type observation struct {
	objectives []*budget.Objective
	warm       time.Duration
	end        time.Duration // of the load
	measured   *engine.Snapshot
	load       engine.Tally      // while the load ran
	latency    []search.Evidence // as users feel it
	service    []search.Evidence // without what the generator added
	means      []float64         // latency of each interval, in milliseconds
}

func newObservation(p *scenarios.Plan, objectives []*budget.Objective, warm time.Duration) *observation {
	w := &observation{objectives: objectives, warm: warm, end: p.Legend.Loads[0].End(), measured: engine.NewSnapshot(p.Legend)}
	for _, o := range objectives {
		e := search.Evidence{Promise: o.String(), Allowed: o.Allowed()}
		w.latency, w.service = append(w.latency, e), append(w.service, e)
	}
	return w
}

// observe takes the next interval.
func (w *observation) observe(s *engine.Snapshot) {
	if s.To <= w.warm {
		return
	}
	for i, o := range w.objectives {
		n, bad := o.Count(s)
		w.latency[i].Batches = append(w.latency[i].Batches, search.Batch{N: n, Bad: bad})
		n, bad = o.OnService().Count(s)
		gone := s.Tallies[0][0].Dropped // by the generator, too
		w.service[i].Batches = append(w.service[i].Batches, search.Batch{N: n - min(gone, n), Bad: bad - min(gone, bad)})
	}
	all := s.Select(func(engine.Key) bool { return true })
	if s.To <= w.end {
		w.load.Merge(&s.Tallies[0][0])
		if all.Count() > 0 {
			w.means = append(w.means, float64(all.Latency.Mean())/float64(time.Millisecond))
		}
	}
	w.measured.Merge(s)
}

// hopeless reports whether the trial may as well end: it has seen enough, and the target
// itself broke a promise by far.
func (w *observation) hopeless() bool {
	if len(w.means) < 10 || len(w.means)%5 != 0 {
		return false
	}
	for _, e := range w.service {
		if e.Hopeless() {
			return true
		}
	}
	return false
}

// rising is the score from which the latency of a trial is taken to rise: one in 200 trials
// of a steady target reaches it.
const rising = 2.58

// conclude sums the trial up.
func (w *observation) conclude(step search.Step, total *engine.Snapshot) *outcome {
	out := &outcome{trial: report.LineTrial{
		Trial:   search.Trial{Kind: step.Kind, Rate: step.Rate, Evidence: w.latency},
		WarmupS: step.Warm.Seconds(),
	}}
	out.trial.Measured(w.measured, w.load, max(w.end-w.warm, time.Millisecond))
	all := w.measured.Select(func(k engine.Key) bool { return k.Outcome != engine.Error })
	out.latency.Merge(&all.Latency)
	out.service.Merge(&all.Service)
	w.validate(&out.trial.Trial, total, report.Summarize(report.Meta{}, total, nil, report.Complete).Validity)
	if score := search.Trend(groupMeans(w.means, 12)); score > rising && out.trial.Verdict == "" {
		out.trial.Rising = true
	}
	return out
}

// validate decides whether the trial says something about the target. A promise that was
// kept in spite of what the generator added was kept; one that was broken also on the
// service clock was broken by the target. Anything else that a troubled generator measured
// is invalid, as is what a smaller load than the one asked for has to say.
func (w *observation) validate(t *search.Trial, total *engine.Snapshot, v report.Validity) {
	if search.Conclude(w.service) == search.Fail {
		return
	}
	reason := short(total.Tallies[0][0])
	if reason == "" && search.Conclude(w.latency) != search.Pass {
		reason = w.trouble(v)
	}
	if reason != "" {
		t.Verdict, t.Reason = search.Invalid, reason
	}
}

// short says why a trial had a smaller load than it was to have, or nothing.
func short(t engine.Tally) string {
	const enough = 0.99 // of the arrivals
	offered := t.Sent + t.Dropped
	switch {
	case t.Exhausted > 0:
		return fmt.Sprintf("a data source had no more rows after %s passes: give it more, or let it pick at random", report.FormatCount(t.Sent))
	case float64(offered) < enough*float64(t.Planned):
		return fmt.Sprintf("only %s of %s arrivals were offered: the generator could not keep the rate", report.FormatCount(offered), report.FormatCount(t.Planned))
	}
	return ""
}

// trouble says what in the generator may have shaped the trial, or nothing.
func (w *observation) trouble(v report.Validity) string {
	dropped := w.measured.Tallies[0][0].Dropped
	switch {
	case len(v.LimitedBy) > 0 && len(v.Reasons) > 0:
		return v.Reasons[0]
	case len(v.LimitedBy) > 0:
		return "the generator was limited by " + v.LimitedBy[0]
	case dropped > 0:
		return fmt.Sprintf("%s arrivals were dropped, as this machine can have no more requests in flight: %s at most", report.FormatCount(dropped), report.FormatCount(uint64(v.InFlight)))
	}
	return ""
}

// groupMeans returns the means of n neighbouring groups of a series, or the series if it is
// short.
func groupMeans(series []float64, n int) (means []float64) {
	size := (len(series) + n - 1) / n
	for i := 0; size > 0 && i+size <= len(series); i += size {
		var sum float64
		for _, x := range series[i : i+size] {
			sum += x
		}
		means = append(means, sum/float64(size))
	}
	return means
}

// settle waits until a target that was overloaded gives a single user good answers
// within its limits again, for ten rounds and for most at the longest.
func (r *rig) settle(ctx context.Context, most time.Duration) error {
	limit := r.limit()
	for began, n := time.Now(), 0; n < 10 && time.Since(began) < most; n++ {
		p, err := r.plan(scenarios.Substitute{Users: 1, For: 300 * time.Millisecond})
		if err != nil {
			return err
		}
		total, err := engine.Run(ctx, p.Plan, func(*engine.Snapshot) {})
		p.Close() //nolint:errcheck // data files are only read
		if err != nil {
			return err
		}
		good := total.Select(func(k engine.Key) bool { return k.Outcome == engine.OK })
		if limit == 0 || good.Count() > 0 && good.Latency.Max() <= limit {
			return nil
		}
	}
	return nil
}
