package text

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
)

func quantilesAt(ms float64) *report.Quantiles {
	return &report.Quantiles{Count: 1000, Mean: ms, Min: ms / 4, P50: ms, P90: 2 * ms, P95: 3 * ms, P99: 5 * ms, P999: 7 * ms, Max: 9 * ms}
}

// lines are what a search can come to, by name.
func lines() map[string]*report.Capacity {
	found := &report.Capacity{
		Scenario: "shop", Target: "http://127.0.0.1:8080", SLO: "p99 < 40ms, errors < 0.1%", Arrivals: "poisson", DurationS: 598,
		LoadLine: report.LoadLine{
			Lower: new(640.0), Upper: new(672.0), Limit: search.TargetLimited, Soaked: true,
			Why: "the time was up before the bounds were 2% apart", Trials: make([]report.LineTrial, 41),
		},
		Curve: []report.CurvePoint{
			{Rate: 320, Achieved: 319.2, Latency: quantilesAt(4.37), Trials: 1, Verdict: "pass"},
			{Rate: 640, Achieved: 641, Latency: quantilesAt(7.2), Trials: 4, Verdict: "pass"},
			{Rate: 672, Achieved: 668, Latency: quantilesAt(9.9), Errors: .0004, Trials: 3, Verdict: "fail"},
			{Rate: 1280, Achieved: 741, Latency: quantilesAt(587), Errors: .204, Trials: 1, Verdict: "fail"},
			{Rate: 2560, Errors: 1, Trials: 1, Verdict: "fail"},
		},
		Node: report.Node{
			Service:   &report.Service{MeanMS: 5.21, SCV: .98, Count: 329},
			Resources: []report.Resource{{Name: "station db", Source: "reference target", DemandMS: 5, Units: 4, AtLower: .8, Saturates: 800}, {Name: "cpu of pid 4711", Source: "proc", DemandMS: .41, Units: 2, AtLower: .13, Saturates: 4878}},
		},
		Model: &capacity.Model{Kind: "usl", Gamma: 191, Alpha: .0203, Beta: .0129, NStar: new(8.71), XStar: new(824.0), NStarCI: [2]*float64{new(7.82), nil}, Notes: []string{"measure further"}},
		Scale: []report.ScalePoint{
			{Setting: "cluster.workers", Value: "1", Lower: new(200.0), Upper: new(210.0), Limit: search.TargetLimited, Each: new(200.0), Efficiency: new(1.0)},
			{Setting: "cluster.workers", Value: "2", Lower: new(390.0), Upper: new(400.0), Limit: search.TargetLimited, Each: new(195.0), Efficiency: new(0.975)},
			{Setting: "cluster.workers", Value: "4", Limit: search.Inconclusive},
		},
		Notes: []string{"the target's latency had not settled after 20s of warm-up"},
	}
	found.Node.Outlook = report.OutlookOf(found, 1)
	elsewhere := *found
	elsewhere.Node.Resources, elsewhere.Sweep = found.Node.Resources[1:], []report.SweepPoint{{Users: 8, Throughput: 790}}
	elsewhere.Node.Outlook = report.OutlookOf(&elsewhere, 1)
	blank := func(l report.LoadLine) *report.Capacity {
		return &report.Capacity{Scenario: "shop", SLO: "p99 < 40ms", Arrivals: "constant", DurationS: 30, LoadLine: l}
	}
	return map[string]*report.Capacity{
		"line":           found,
		"line elsewhere": &elsewhere,
		"line below": blank(report.LoadLine{
			Upper: new(2.0), Limit: search.TargetLimited, Why: "the target broke a promise at the lowest rate tried: the line is below 2/s",
		}),
		"line at least": blank(report.LoadLine{Lower: new(50000.0), Limit: search.GeneratorLimited, Soaked: true, Why: "the target kept its promises as far as the generator went: the line is at least 50,000/s"}),
		"line unknown":  blank(report.LoadLine{Limit: search.Inconclusive, Why: "no trial was made"}),
	}
}

func TestACapacityLooksAsDrawn(t *testing.T) {
	all := lines()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, width := range []int{60, 80, 120} {
			var out bytes.Buffer
			if err := Capacity(&out, all[name], Options{Width: width, Dir: "runs/shop"}); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("%s-%d", name, width), out.String())
		}
	}
}

func TestTheProgressOfASearchLooksAsDrawn(t *testing.T) {
	var out bytes.Buffer
	p := NewSearchProgress(&out, ProgressOptions{Width: 80})
	p.Line("generator   reaches 60,000/s")
	p.Status("is for terminals only")
	trial := report.LineTrial{Trial: search.Trial{Kind: search.Probe, Rate: 640, Verdict: search.Undecided}, AtS: 12.3, Latency: quantilesAt(5)}
	p.Trial(trial, search.Line{Lower: 640}, 4*time.Minute)
	trial.Verdict, trial.Reason, trial.AtS, trial.Latency, trial.Errors = search.Invalid, "requests began 40ms late at p99: the generator had no processor time left", 75, nil, .031
	p.Trial(trial, search.Line{Lower: 640, Upper: 1280}, 83*time.Second)
	golden(t, "search-80", out.String())
	out.Reset()
	p = NewSearchProgress(&out, ProgressOptions{Width: 60, Live: true, Color: true})
	p.Status("probe at 640/s for 2s …")
	p.Trial(trial, search.Line{Lower: 640, Upper: 1280}, 83*time.Second)
	golden(t, "search-60-live", out.String())
}
