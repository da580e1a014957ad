package text

import (
	"math/rand/v2"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// world builds runs for tests out of made-up samples.
type world struct {
	total *engine.Snapshot
	rng   *rand.Rand
}

func newWorld(l *engine.Legend, length time.Duration) *world {
	w := &world{total: engine.NewSnapshot(l), rng: rand.New(rand.NewPCG(1, 2))}
	w.total.To = length
	w.total.Health = engine.Health{
		CPU: length / 5, GC: length / 250, Capacity: 2 * length,
		OpenFiles: 74, FileLimit: 1024, InFlight: 61, Connections: 64,
	}
	return w
}

// add puts n samples with log-normal service times around median into the run, all of a
// pass of its own.
func (w *world) add(load, stage, request int, n int, median time.Duration, change func(*engine.Sample)) {
	for range n {
		service := time.Duration(float64(median) * (0.5 + w.rng.ExpFloat64()))
		s := engine.Sample{Load: load, Stage: stage, Request: request, Start: time.Duration(w.rng.IntN(200)) * time.Microsecond, Status: 200, BytesIn: 300, BytesOut: 90}
		if w.total.Legend.Loads[load].Model == "closed" {
			s.Due = s.Start
		}
		s.End = s.Start + service
		s.Phases[flow.FirstByte], s.Phases[flow.Body] = service*9/10, service/10
		if w.rng.IntN(100) == 0 {
			s.NewConnection = true
			s.Phases[flow.Connect] = 200 * time.Microsecond
		}
		if change != nil {
			change(&s)
		}
		w.total.Cell(engine.Key{Load: load, Stage: stage, Request: request, Outcome: s.Outcome}).Add(&s)
		t := &w.total.Tallies[load][stage]
		t.Planned++
		t.Sent++
		t.Busy += s.End - s.Due
		switch s.Outcome {
		case engine.OK:
			t.Completed++
		case engine.Unfinished:
			t.Unfinished++
		default:
			t.Failed++
		}
	}
}

func (w *world) run(ended report.Ending, results ...budget.Result) *report.Run {
	return report.Summarize(report.Meta{
		Plimsoll: report.Build{Version: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2},
		Scenario: "quickstart",
		Target:   "http://127.0.0.1:8080",
		Started:  time.Date(2026, 11, 23, 4, 40, 4, 0, time.UTC),
	}, w.total, results, ended)
}

func failing(kind string) func(*engine.Sample) {
	return func(s *engine.Sample) { s.Outcome, s.ErrKind, s.Status = engine.Error, kind, 0 }
}

func answering(status int) func(*engine.Sample) {
	return func(s *engine.Sample) { s.Outcome, s.Status = engine.Failed, status }
}

func kept(expr, metric, unit string, observed, limit float64) budget.Result {
	m := (limit - observed) / limit
	r := budget.Result{Expr: expr, Metric: metric, Unit: unit, Observed: &observed, Limit: &limit, Margin: &m, Result: budget.Kept, Level: budget.Fail, Samples: 4000}
	if m < 0 {
		r.Result = budget.Broken
	}
	return r
}

func twoLoads() *engine.Legend {
	return &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "visitors", Model: "open", Stages: []engine.StageLegend{
				{Name: "calm", To: 4 * time.Second, Planned: 200},
				{Name: "surge", From: 4 * time.Second, To: 7 * time.Second, Planned: 300},
				{Name: "peak", From: 7 * time.Second, To: 10 * time.Second, Planned: 400},
			}},
			{Name: "back office", Model: "closed", Stages: []engine.StageLegend{{To: 10 * time.Second}}},
		},
		Requests: []engine.RequestLegend{
			{Name: "GET /x/ok", Checks: []string{"status == 200"}},
			{Name: "product"},
			{Name: "report", Checks: []string{"json $.rows > 0"}},
		},
	}
}

func quickstart() *world {
	w := newWorld(twoLoads(), 10200*time.Millisecond)
	w.add(0, 0, 0, 800, 800*time.Microsecond, nil)
	w.add(0, 1, 0, 900, 900*time.Microsecond, nil)
	w.add(0, 2, 1, 1200, 5*time.Millisecond, nil)
	w.add(1, 0, 2, 310, 30*time.Millisecond, nil)
	return w
}

// runs are the cases of the golden tests.
func runs() map[string]*report.Run {
	broken := quickstart()
	broken.add(0, 2, 1, 35, 20*time.Millisecond, answering(503))
	broken.add(0, 2, 1, 4, 900*time.Millisecond, failing(engine.ErrTimeout))
	inconclusive := quickstart()
	inconclusive.total.Health.CPU = inconclusive.total.Health.Capacity * 97 / 100
	nothing := newWorld(twoLoads(), 10*time.Second)
	nothing.add(0, 0, 0, 800, 100*time.Microsecond, failing(engine.ErrRefused))
	interrupted := quickstart()
	interrupted.total.To = 6 * time.Second
	interrupted.total.Tallies[0][2].Planned += 400
	interrupted.add(0, 1, 1, 12, time.Second, func(s *engine.Sample) { s.Outcome, s.Status = engine.Unfinished, 0 })
	closed := newWorld(&engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "hit", Model: "closed", Stages: []engine.StageLegend{{To: 30 * time.Second}}}},
		Requests: []engine.RequestLegend{{Name: "GET /"}},
	}, 30*time.Second)
	closed.add(0, 0, 0, 25000, 70*time.Microsecond, nil)
	unjudged := newWorld(closed.total.Legend, 30*time.Second)
	unjudged.add(0, 0, 0, 900, 70*time.Microsecond, nil)
	unjudged.add(0, 0, 0, 300, 70*time.Microsecond, failing(engine.ErrRefused))
	results := []budget.Result{
		kept("p99(product)[peak] < 50ms", "p99", "ms", 28.4, 50),
		kept("errors < 0.1% over 5s", "errors", "share", 0, 0.001),
	}
	short := budget.Result{
		Expr: "p99.99(report) < 1s", Metric: "p99.99", Unit: "ms", Limit: new(1000.0), Result: budget.Inconclusive, Level: budget.Fail,
		Reason: "p99.99 needs at least 10,000 requests, there were 310", Samples: 310,
	}
	breach := kept("errors < 0.1% over 5s", "errors", "share", 0.0131, 0.001)
	breach.Reason = "first broken at 8s"
	warned := kept("rate > 500/s warn", "rate", "/s", 290, 500)
	warned.Result, warned.Level = budget.Broken, budget.Warn
	warned.Margin = new(-0.42)
	return map[string]*report.Run{
		"quickstart":   quickstart().run(report.Complete, results...),
		"breach":       broken.run(report.Complete, results[0], breach, warned),
		"inconclusive": inconclusive.run(report.Complete, results[0], short),
		"unanswered":   nothing.run(report.Complete, short),
		"interrupted":  interrupted.run(report.Stopped, results...),
		"closed":       closed.run(report.Complete),
		"unjudged":     unjudged.run(report.Complete),
		"hostile":      hostile(),
		"many errors":  manyErrors(),
		"eventful":     eventful(),
		"experiment":   tried(),
	}
}

func hostile() *report.Run {
	w := newWorld(&engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "\x1b[31mred\x1b[0m\x07 load\nand a second line", Model: "open", Stages: []engine.StageLegend{{Name: "\u202eegats", To: 10 * time.Second, Planned: 20}}},
			{Name: "日本語の負荷テスト・とても長い名前のロードシナリオです", Model: "closed", Stages: []engine.StageLegend{{To: 10 * time.Second}}},
		},
		Requests: []engine.RequestLegend{
			{Name: "GET /v1/products/{{ products.id }}/reviews/{{ reviews.id }}/comments/{{ comments.id }}?sort=newest&page={{ page }}"},
			{Name: "👩‍👩‍👧‍👦 family \u2067pop\u2069"},
		},
	}, 10*time.Second)
	w.add(0, 0, 0, 200, time.Millisecond, nil)
	w.add(1, 0, 1, 200, time.Minute, nil)
	r := w.run(report.Complete, kept("p99('\x1b]0;title\x07') < 200ms", "p99", "ms", 1, 200))
	r.Scenario = "evil\x1b[2Jname"
	return r
}

func manyErrors() *report.Run {
	w := quickstart()
	for i, kind := range []string{
		engine.ErrDNS, engine.ErrRefused, engine.ErrConnectTimeout, engine.ErrCertificate, engine.ErrTLS, engine.ErrReset,
		engine.ErrClosed, engine.ErrTruncated, engine.ErrMalformed, engine.ErrFiles, engine.ErrPorts, "something new",
	} {
		w.add(0, 1, 1, 3*i+1, 10*time.Millisecond, failing(kind))
	}
	for _, status := range []int{401, 404, 429, 500, 502, 503} {
		w.add(1, 0, 2, status/50, 10*time.Millisecond, answering(status))
	}
	w.add(0, 0, 0, 5, time.Millisecond, func(s *engine.Sample) { s.Outcome, s.ChecksFailed = engine.Failed, 1 })
	w.total.Tallies[0][2].Dropped = 120
	w.total.Tallies[0][2].Planned += 120
	return w.run(report.Complete)
}

// eventful is a run without variants in which things happened and the target was asked.
func eventful() *report.Run {
	run := quickstart().run(report.Complete)
	run.Events = []report.Happening{
		{AtS: 2, Text: "fault dep:pricing stall for 3s", By: "scenario"},
		{AtS: 2.4, Text: "breaker.opened dependency=pricing worker=1", By: "target"},
		{AtS: 2.5, Text: "breaker.opened dependency=pricing worker=2", By: "target"},
		{AtS: 6, Text: "run ./reload", By: "scenario", Error: "exit status 1"},
	}
	run.Figures = map[string]float64{"origin": 1234, "hit_ratio": 0.8765}
	return run
}

// tried is an experiment with a claim of every kind.
func tried() *report.Run {
	x := func(v float64) *float64 { return &v }
	claims := []budget.ClaimResult{
		{
			Expr: "origin[on] <= 0.05 * origin[off]", Result: budget.Confirmed, Unit: "count", Observed: x(3), Limit: x(9.1),
			Left:  &budget.ClaimSide{Metric: "origin[on]", Values: []float64{3}, Interval: []float64{3, 3}, Runs: 1},
			Right: &budget.ClaimSide{Metric: "origin[off]", Values: []float64{182}, Interval: []float64{182, 182}, Runs: 1},
		},
		{
			Expr: "p99[on] < 50ms", Result: budget.Confirmed, Unit: "ms", Observed: x(10), Limit: x(50),
			Left: &budget.ClaimSide{Metric: "p99[on]", Values: []float64{10}, Interval: []float64{8, 12}, Runs: 3, Lack: "p99[on]: the generator limited the run (lag)"},
		},
		{
			Expr: "errors[on/outage] < 0.5 * errors[on/calm]", Result: budget.Undecided, Unit: "share", Observed: x(0.2), Limit: x(0.21),
			Left:   &budget.ClaimSide{Metric: "errors[on/outage]", Values: []float64{0.1, 0.3}, Interval: []float64{0.08, 0.33}, Runs: 3, Lack: "errors[on/calm]: there were no requests"},
			Right:  &budget.ClaimSide{Metric: "errors[on/calm]", Values: []float64{0.24, 0.6}, Interval: []float64{0.2, 0.64}, Runs: 3, Lack: "errors[on/calm]: there were no requests"},
			Pair:   &budget.ClaimSide{Metric: "errors[on/outage] - 0.5 * errors[on/calm]", Values: []float64{-0.02, 0}, Interval: []float64{-0.04, 0.02}, Runs: 3},
			Reason: "what the runs leave open is on both sides of the limit",
		},
		{
			Expr: "origin[on] == 5", Result: budget.Refuted, Unit: "count", Observed: x(5.5), Limit: x(5),
			Left: &budget.ClaimSide{Metric: "origin[on]", Values: []float64{5, 6}, Interval: []float64{5, 6}, Runs: 2},
		},
	}
	loads := quickstart().run(report.Complete).Loads
	variant := func(name string, number int) report.Variant {
		return report.Variant{Name: name, Settings: map[string]string{"breaker.mode": name}, Runs: []report.VariantRun{{
			Dir: "0" + string(rune('0'+number)) + "-" + name, Number: number, Loads: loads,
			Figures: eventful().Figures, Events: eventful().Events, Validity: report.Validity{Valid: true},
		}}}
	}
	meta := quickstart().run(report.Complete).Meta
	return report.Conclude(meta, &report.Experiment{Rounds: 1, Variants: []report.Variant{variant("off", 1), variant("on", 2)}, Claims: claims}, report.Complete, 20*time.Second)
}
