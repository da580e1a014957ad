package html_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
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
	slowdown func(at time.Duration) float64
	budgets  []string
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
		length: 30 * time.Second, perCell: 20,
		slowdown: func(at time.Duration) float64 { return 1 + 3*math.Pow(at.Seconds()/30, 4) },
		budgets:  []string{"p99(product) < 200ms", "p95(order) < 10ms", "errors < 5% over 5s", "p99.99(report) < 1s warn"},
	}
}

// save writes the run to a directory as the engine's observers would, and returns it.
func (r *traffic) save(t *testing.T) string {
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
	dir := filepath.Join(t.TempDir(), "run")
	w, err := report.Create(dir, r.meta, r.legend, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := engine.NewSnapshot(r.legend)
	rng := rand.New(rand.NewPCG(7, 11))
	step := time.Duration(r.meta.IntervalS * float64(time.Second))
	for at := time.Duration(0); at < r.length; at += step {
		s := r.interval(rng, at, step)
		watch.Observe(s)
		total.Merge(s)
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(report.Summarize(r.meta, total, watch.Results(), report.Complete)); err != nil {
		t.Fatal(err)
	}
	return dir
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
	switch rng.IntN(60) {
	case 0:
		m.Outcome, m.Status, m.ChecksFailed = engine.Failed, 503, 1
		t.Failed++
	case 1:
		m.Outcome, m.Status, m.ErrKind = engine.Error, 0, engine.ErrReset
		t.Failed++
	default:
		t.Completed++
	}
	s.Cell(engine.Key{Load: m.Load, Stage: m.Stage, Request: m.Request, Outcome: m.Outcome}).Add(&m)
}

// hour is a run of an hour with an interval a second.
func hour() *traffic {
	r := shop()
	r.length, r.perCell = time.Hour, 8
	load := &r.legend.Loads[0]
	for i := range load.Stages {
		load.Stages[i].From *= 120
		load.Stages[i].To *= 120
	}
	r.legend.Loads = r.legend.Loads[:1]
	r.legend.Requests = r.legend.Requests[:2]
	r.slowdown = func(at time.Duration) float64 { return 1 + 3*math.Pow(at.Hours(), 4) }
	r.budgets = r.budgets[:3]
	return r
}
