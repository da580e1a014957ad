package compare_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report"
)

// recipe is what a saved run is made of: an open load of one stage, ten seconds long, with
// two requests whose latencies are log-normal.
type recipe struct {
	minute  int     // when it started
	seed    uint64  // of its noise
	median  float64 // of the latency of home in ms; list takes twice as long
	spread  float64 // between runs: relative standard deviation of the median
	rate    int     // requests per second of each
	errors  float64 // share of home that fails
	meta    func(*report.Meta)
	legend  func(*engine.Legend)
	finish  func(*report.Run)
	cuts    int  // intervals; 0: two
	lonely  bool // only home
	missing bool // list is never sent
}

func plain(minute int, seed uint64) recipe {
	return recipe{minute: minute, seed: seed, median: 10, spread: 0.01, rate: 100}
}

// save writes the run into dir.
func (r recipe) save(t testing.TB, dir ...string) string {
	t.Helper()
	path := filepath.Join(dir...)
	rng := rand.New(rand.NewPCG(r.seed, 42))
	legend := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "visitors", Model: "open", Stages: []engine.StageLegend{{Name: "calm", To: 5 * time.Second, Planned: 200}, {Name: "peak", From: 5 * time.Second, To: 10 * time.Second, Planned: 200}}}},
		Requests: []engine.RequestLegend{{Name: "home"}, {Name: "list"}},
	}
	if r.lonely {
		legend.Requests = legend.Requests[:1]
	}
	if r.legend != nil {
		r.legend(legend)
	}
	meta := report.Meta{
		Plimsoll: report.Build{Version: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2},
		Scenario: "shop", Source: report.Source{SHA256: "abc"}, Target: "http://127.0.0.1:8080",
		Started: time.Date(2026, 1, 2, 3, r.minute, 0, 0, time.UTC), IntervalS: 10 / float64(cmp.Or(r.cuts, 2)),
	}
	if r.meta != nil {
		r.meta(&meta)
	}
	w, err := report.Create(path, meta, legend, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := engine.NewSnapshot(legend)
	scale := 1 + r.spread*rng.NormFloat64()
	cuts := cmp.Or(r.cuts, 2)
	for i := range cuts {
		s := engine.NewSnapshot(legend)
		for second := i * 10 / cuts; second < (i+1)*10/cuts; second++ {
			s.Merge(r.second(rng, legend, second, scale))
		}
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
		total.Merge(s)
	}
	run := report.Summarize(meta, total, nil, report.Complete)
	if r.finish != nil {
		r.finish(run)
	}
	if err := w.Finish(run); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r recipe) second(rng *rand.Rand, legend *engine.Legend, second int, scale float64) *engine.Snapshot {
	s := engine.NewSnapshot(legend)
	s.From, s.To = time.Duration(second)*time.Second, time.Duration(second+1)*time.Second
	stage := second / 5
	tally := &s.Tallies[0][stage]
	for request := range legend.Requests {
		if r.missing && request == 1 {
			continue
		}
		for i := range r.rate {
			due := s.From + time.Duration(i)*time.Second/time.Duration(r.rate)
			took := time.Duration(r.median * float64(request+1) * scale * math.Exp(0.5*rng.NormFloat64()) * 1e6)
			sample := engine.Sample{Stage: stage, Request: request, Due: due, Start: due, End: due + took, Status: 200}
			tally.Completed++
			if request == 0 && rng.Float64() < r.errors {
				sample.Outcome, sample.Status = engine.Failed, 503
				tally.Completed, tally.Failed = tally.Completed-1, tally.Failed+1
			}
			s.Cell(engine.Key{Stage: stage, Request: request, Outcome: sample.Outcome}).Add(&sample)
			tally.Sent, tally.Planned, tally.Busy = tally.Sent+1, tally.Planned+1, tally.Busy+took
		}
	}
	s.Health = engine.Health{CPU: 50 * time.Millisecond, Capacity: 2 * time.Second, InFlight: 2, Connections: 2}
	return s
}

// sets saves n runs of base and of new into two directories. Those that take turns start in
// the order AB, BA, AB …; otherwise all of base come first. change makes new of base.
func sets(t testing.TB, n int, turns bool, change func(*recipe)) (base, other string) {
	t.Helper()
	dir := t.TempDir()
	base, other = filepath.Join(dir, "base"), filepath.Join(dir, "new")
	for i := range n {
		a, b := plain(2*i, uint64(2*i)), plain(2*i+1, uint64(2*i+1))
		switch {
		case !turns:
			a.minute, b.minute = i, n+i
		case i%2 == 1:
			a.minute, b.minute = b.minute, a.minute
		}
		if change != nil {
			change(&b)
		}
		name := string(rune('a' + i))
		a.save(t, base, name)
		b.save(t, other, name)
	}
	return base, other
}
