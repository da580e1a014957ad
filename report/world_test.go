package report

import (
	"math/rand/v2"
	"time"

	"plimsoll/engine"
)

// started is when the runs of the tests began.
var started = time.Date(2026, 11, 23, 4, 40, 4, 0, time.UTC)

func meta() Meta {
	return Meta{
		Plimsoll: Build{Version: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2},
		Scenario: "shop", Target: "http://127.0.0.1:8080", Started: started, IntervalS: 1,
	}
}

// shop is a legend with everything that is awkward to save: equal names, empty names,
// names with separators, loads with one stage and with several.
func shop() *engine.Legend {
	return &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "shoppers", Model: "open", Stages: []engine.StageLegend{
				{Name: "calm", To: 4 * time.Second, Planned: 100},
				{Name: "peak;\\ 50%, really", From: 4 * time.Second, To: 10 * time.Second, Planned: 200},
			}},
			{Name: "back office", Model: "closed", Stages: []engine.StageLegend{{To: 10 * time.Second}}},
		},
		Requests: []engine.RequestLegend{
			{Name: "GET /v1/products/{{ id }}", Checks: []string{"status == 200", "json $.id == 3"}},
			{Name: "order"},
			{Name: "order", Checks: []string{"status == 201"}},
			{Name: ""},
		},
	}
}

// randomInterval returns a snapshot as the engine might have made it.
func randomInterval(rng *rand.Rand, l *engine.Legend, from, to time.Duration) *engine.Snapshot {
	s := engine.NewSnapshot(l)
	s.From, s.To = from, to
	for range rng.IntN(30) {
		add(s, randomSample(rng, l, from))
	}
	for i := range s.Tallies {
		for g := range s.Tallies[i] {
			n := uint64(rng.IntN(3))
			s.Tallies[i][g].Dropped += n
			s.Tallies[i][g].Planned += n
		}
	}
	s.Health = engine.Health{
		CPU: (to - from) / 5, GC: (to - from) / 500, Capacity: 2 * (to - from), OpenFiles: rng.IntN(90), FileLimit: 1024,
		InFlight: rng.IntN(80), Connections: rng.IntN(5), Users: rng.IntN(80),
	}
	return s
}

func randomSample(rng *rand.Rand, l *engine.Legend, from time.Duration) engine.Sample {
	s := engine.Sample{Load: rng.IntN(len(l.Loads)), Request: rng.IntN(len(l.Requests)), Outcome: engine.Outcome(rng.IntN(int(engine.NumOutcomes)))}
	load := l.Loads[s.Load]
	s.Stage = load.StageAt(from)
	s.Start = from + time.Duration(rng.IntN(1000))*time.Microsecond
	s.Due = s.Start
	if load.Model == "open" {
		s.Due -= time.Duration(rng.IntN(300)) * time.Microsecond
	}
	s.End = s.Start + time.Duration(rng.ExpFloat64()*float64(20*time.Millisecond))
	s.BytesIn, s.BytesOut, s.NewConnection = int64(rng.IntN(1e4)), 100, rng.IntN(20) == 0
	for p := range s.Phases {
		if rng.IntN(2) == 0 {
			s.Phases[p] = time.Duration(rng.IntN(1e6))
		}
	}
	switch s.Outcome {
	case engine.OK:
		s.Status = 200
	case engine.Failed:
		s.Status, s.ChecksFailed = 500+rng.IntN(4), uint64(rng.IntN(4))
	case engine.Error:
		s.ErrKind = []string{engine.ErrTimeout, engine.ErrReset}[rng.IntN(2)]
	}
	return s
}

// add counts a sample and a pass of its own for it.
func add(s *engine.Snapshot, m engine.Sample) {
	s.Cell(engine.Key{Load: m.Load, Stage: m.Stage, Request: m.Request, Outcome: m.Outcome}).Add(&m)
	t := &s.Tallies[m.Load][m.Stage]
	t.Planned++
	t.Sent++
	t.Busy += m.End - m.Due
	switch m.Outcome {
	case engine.OK:
		t.Completed++
	case engine.Unfinished:
		t.Unfinished++
	default:
		t.Failed++
	}
}

// randomRun returns the intervals of a run of the shop and their sum.
func randomRun(seed uint64) ([]*engine.Snapshot, *engine.Snapshot) {
	rng := rand.New(rand.NewPCG(seed, 1))
	total := engine.NewSnapshot(shop())
	var intervals []*engine.Snapshot
	for at := time.Duration(0); at < 10*time.Second; at += time.Second {
		s := randomInterval(rng, total.Legend, at, at+time.Second)
		intervals = append(intervals, s)
		total.Merge(s)
	}
	return intervals, total
}
