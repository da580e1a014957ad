package html_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// traffic makes up what the engine would have counted, so that pages of any length can be
// made in no time.
type traffic struct {
	legend   *engine.Legend
	meta     report.Meta
	length   time.Duration
	perCell  int // samples of each request in each interval
	fails    int // one sample in so many
	slowdown func(at time.Duration) float64
	budgets  []string
	events   []report.Happening
	figures  map[string]float64
}

// shop is a run with three stages, two loads and three requests, some of which fail.
func shop() *traffic {
	return &traffic{
		legend: &engine.Legend{
			Loads: []engine.LoadLegend{
				{Name: "shoppers", Model: "open", Stages: []engine.StageLegend{
					{Name: "calm", To: 10 * time.Second, Planned: 40},
					{Name: "surge", From: 10 * time.Second, To: 20 * time.Second, Planned: 60},
					{Name: "peak", From: 20 * time.Second, To: 30 * time.Second, Planned: 80},
				}},
				{Name: "back office", Model: "closed", Stages: []engine.StageLegend{{To: 30 * time.Second}}},
			},
			Requests: []engine.RequestLegend{
				{Name: "product", Checks: []string{"status == 200"}},
				{Name: "order", Checks: []string{"status == 201", "json $.id > 0"}},
				{Name: "report"},
			},
		},
		meta: report.Meta{
			Plimsoll: report.Build{Version: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2},
			Scenario: "shop", About: "What the shop does when traffic doubles.", Target: "http://127.0.0.1:8080",
			Command: []string{"plimsoll", "run", "shop.yaml"}, Started: time.Date(2026, 11, 23, 4, 40, 4, 0, time.UTC), IntervalS: 1,
		},
		length: 30 * time.Second, perCell: 20, fails: 30,
		slowdown: func(at time.Duration) float64 { return 1 + 3*math.Pow(at.Seconds()/30, 4) },
		budgets:  []string{"p99(product) < 200ms", "p95(order) < 10ms", "errors < 5% over 5s", "p99.99(report) < 1s warn"},
	}
}

// save writes the run to a directory of its own, and returns that.
func (r *traffic) save(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	r.saveIn(t, dir)
	return dir
}

// saveIn writes the run to a directory as the engine's observers would.
func (r *traffic) saveIn(t *testing.T, dir string) *report.Run {
	t.Helper()
	var budgets []*budget.Budget
	for _, expr := range r.budgets {
		b, err := budget.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		budgets = append(budgets, b)
	}
	watch, err := budget.NewWatch(r.legend, budgets)
	if err != nil {
		t.Fatal(err)
	}
	w, err := report.Create(dir, r.meta, r.legend, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := engine.NewSnapshot(r.legend)
	rng := rand.New(rand.NewPCG(r.meta.Seed, 11))
	step := time.Duration(r.meta.IntervalS * float64(time.Second))
	for at := time.Duration(0); at < r.length; at += step {
		s := r.interval(rng, at, step)
		watch.Observe(s)
		total.Merge(s)
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
	}
	run := report.Summarize(r.meta, total, watch.Results(), report.Complete)
	run.Events, run.Figures = r.events, r.figures
	if err := w.Finish(run); err != nil {
		t.Fatal(err)
	}
	return run
}

// interval makes up one interval: the last load makes the last request, the first load all
// others.
func (r *traffic) interval(rng *rand.Rand, at, step time.Duration) *engine.Snapshot {
	s := engine.NewSnapshot(r.legend)
	s.From, s.To = at, at+step
	s.Health = engine.Health{
		CPU: step / 5, GC: step / 300, Capacity: 2 * step, OpenFiles: 40, FileLimit: 1024,
		InFlight: 3 + rng.IntN(5), Connections: 2, Users: 4,
	}
	for request := range r.legend.Requests {
		load := 0
		if request > 0 && request == len(r.legend.Requests)-1 {
			load = len(r.legend.Loads) - 1
		}
		stage := r.legend.Loads[load].StageAt(at)
		for range r.perCell {
			r.sample(rng, s, engine.Sample{Load: load, Stage: stage, Request: request, Due: at + time.Duration(rng.Int64N(int64(step)))})
		}
	}
	return s
}

// sample draws the times and the outcome of a sample and counts it, as a pass of its own.
func (r *traffic) sample(rng *rand.Rand, s *engine.Snapshot, m engine.Sample) {
	m.Start = m.Due
	if r.legend.Loads[m.Load].Model == "open" {
		m.Start += time.Duration(rng.IntN(200)) * time.Microsecond
	}
	service := time.Duration(2e6 * float64(m.Request+1) * r.slowdown(m.Due) * math.Exp(rng.NormFloat64()/2))
	m.End, m.Status, m.BytesIn, m.BytesOut = m.Start+service, 200, 300, 90
	m.Phases[flow.FirstByte], m.Phases[flow.Body] = service*9/10, service/10
	t := &s.Tallies[m.Load][m.Stage]
	t.Planned++
	t.Sent++
	t.Busy += m.End - m.Due
	switch {
	case rng.IntN(r.fails) > 0:
		t.Completed++
	case rng.IntN(2) == 0:
		m.Outcome, m.Status, m.ChecksFailed = engine.Failed, 503, 1
		t.Failed++
	default:
		m.Outcome, m.Status, m.ErrKind = engine.Error, 0, engine.ErrReset
		t.Failed++
	}
	s.Cell(engine.Key{Load: m.Load, Stage: m.Stage, Request: m.Request, Outcome: m.Outcome}).Add(&m)
}

// hour is a run of an hour.
func hour() *traffic {
	r := shop()
	r.length, r.perCell, r.fails, r.meta.IntervalS = time.Hour, 8, 1000, 10
	load := &r.legend.Loads[0]
	for i := range load.Stages {
		load.Stages[i].From *= 120
		load.Stages[i].To *= 120
	}
	r.legend.Loads[1].Stages[0].To = time.Hour
	r.legend.Requests = r.legend.Requests[:2]
	r.budgets = r.budgets[:3]
	r.slowdown = func(at time.Duration) float64 { return 1 + 3*math.Pow(at.Hours(), 4) }
	return r
}

// hostile is a run in which every name is that of somebody who means harm.
func hostile() *traffic {
	r := shop()
	r.length = 5 * time.Second
	names := hostileNames()
	r.meta.Scenario, r.meta.About, r.meta.Target = names[0], names[1], "javascript:alert(1)//"+names[2]
	r.meta.Command, r.meta.Remarks = names, names
	for i := range r.legend.Loads {
		r.legend.Loads[i].Name = names[i]
		for g := range r.legend.Loads[i].Stages {
			r.legend.Loads[i].Stages[g].Name = names[g+2]
		}
	}
	for i := range r.legend.Requests {
		r.legend.Requests[i] = engine.RequestLegend{Name: names[i+1], Checks: names[:2]}
	}
	r.budgets = r.budgets[2:3]
	for i, name := range names {
		r.events = append(r.events, report.Happening{AtS: float64(i) / 2, Text: name, By: "target", Error: name})
	}
	r.figures = map[string]float64{names[0]: 1, names[4]: 2}
	return r
}

// hostileNames are names that break out of tags, attributes, scripts and JSON where they are
// not escaped, that turn the direction of writing, and that are very long.
func hostileNames() []string {
	return []string{
		`<script>document.title = "broken"</script><img src=x onerror='document.title = "broken"'>`,
		`</script><script>document.title = "broken"</script>`,
		`"'><svg onload='document.title = "broken"'>` + "\u2028\u2029\x00\x1b[31m\a",
		"\u202eesrever\u202c \u2066isolated\u2069 \u200f\ufeff",
		strings.Repeat("long ", 2000) + "<!--",
		"<!-- <script> ]]> {{.}} ${7*7} &lt;script&gt;",
	}
}

// experiment saves two variants of the shop with two runs each, and returns the directory.
func experiment(t *testing.T, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "experiment")
	e := &report.Experiment{
		Article: &report.Article{Section: "4.2", Says: "A breaker keeps the rest of the shop quick.", Requirements: []string{"R-17"}, Theory: "Without it every order waits."},
		Order:   []string{names[0], names[1], names[1], names[0]}, Rounds: 1,
		Variants: []report.Variant{
			{Name: names[0], Settings: map[string]string{"breaker.enabled": "false"}, Runs: []report.VariantRun{}},
			{Name: names[1], Settings: map[string]string{"breaker.enabled": "true"}, Runs: []report.VariantRun{}},
		},
	}
	for i, of := range []int{0, 1, 1, 0} {
		r := shop()
		r.length, r.meta.Seed, r.meta.Scenario = 12*time.Second, uint64(i), "breaker"
		if of == 1 {
			r.slowdown = func(time.Duration) float64 { return 1 }
		}
		r.events = []report.Happening{{AtS: 4, Text: "fault dep:pricing latency 500ms for 5s", By: "scenario"}, {AtS: 4.5, Text: "breaker.opened", By: "target"}}
		r.figures = map[string]float64{"origin": float64(100 * (i + 1))}
		base := fmt.Sprintf("%02d-%s", i+1, report.FileName(names[of]))
		run := r.saveIn(t, filepath.Join(dir, base))
		e.Variants[of].Runs = append(e.Variants[of].Runs, report.VariantRun{
			Dir: base, Number: i + 1, Started: run.Started, Verdict: run.Verdict, Validity: run.Validity, Loads: run.Loads, Figures: run.Figures, Events: run.Events,
		})
	}
	e.Claims = []budget.ClaimResult{
		{
			Expr: "p99(order)[on] < 0.5 * p99(order)[off]", Result: budget.Confirmed, Unit: "ms", Observed: new(9.5), Limit: new(21.0),
			Left:  &budget.ClaimSide{Metric: "p99(order)[on]", Values: []float64{9.4, 9.6}, Interval: []float64{9, 10}, Runs: 2},
			Right: &budget.ClaimSide{Metric: "p99(order)[off]", Values: []float64{42}, Runs: 2, Lack: "the target never answered in run 4"},
		},
		{Expr: "errors[on] < 1%", Result: budget.Refuted, Unit: "share", Observed: new(0.016), Limit: new(0.01)},
		{Expr: "rate[on] > 10/s", Result: budget.Undecided, Unit: "/s", Reason: "too few runs"},
	}
	meta := shop().meta
	meta.Scenario = "breaker"
	run := report.Conclude(meta, e, report.Complete, time.Minute)
	if err := report.SaveExperiment(dir, run); err != nil {
		t.Fatal(err)
	}
	return dir
}
