package report_test

import (
	"math"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/engine/search"
	"plimsoll/report"
)

func TestATrialCountsWhatWasDoneWhileTheLoadRan(t *testing.T) {
	legend := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "load", Model: "open", Stages: []engine.StageLegend{{Name: "main", To: 2 * time.Second}}}},
		Requests: []engine.RequestLegend{{Name: "a"}},
	}
	s := engine.NewSnapshot(legend)
	for i := range 10 {
		outcome := engine.OK
		if i == 0 {
			outcome = engine.Failed
		}
		s.Cell(engine.Key{Outcome: outcome}).Add(&engine.Sample{End: time.Duration(i+1) * time.Millisecond, Outcome: outcome})
	}
	s.Tallies[0][0] = engine.Tally{Sent: 10, Completed: 9, Failed: 1, Dropped: 2}
	var trial report.LineTrial
	trial.Measured(s, engine.Tally{Sent: 8, Completed: 5, Failed: 1, Dropped: 2, Busy: 3 * time.Second}, 2*time.Second)
	if trial.Offered != 5 || trial.Achieved != 3 || trial.InFlight != 1.5 || trial.Seconds != 2 {
		t.Errorf("got %+v", trial)
	}
	if want := 3.0 / 12; trial.Errors != want {
		t.Errorf("errors %g, want %g", trial.Errors, want)
	}
	if trial.Latency == nil || trial.Latency.Count != 10 {
		t.Errorf("latency %+v", trial.Latency)
	}
}

func TestACurvePointIsMadeOfTheTimesOfAllTrialsAtARate(t *testing.T) {
	trial := func(rate, achieved float64, v search.Verdict) report.LineTrial {
		return report.LineTrial{Trial: search.Trial{Rate: rate, Verdict: v}, Achieved: achieved, Latency: &report.Quantiles{}}
	}
	times := map[float64]*report.RateTimes{100: {}, 50: {}}
	for i := range 100 {
		times[100].Latency.Record(time.Duration(i+1) * time.Millisecond)
	}
	points := report.CurveOf([]report.LineTrial{
		trial(100, 98, search.Pass), trial(100, 100, search.Fail), trial(50, 50, search.Pass), trial(200, 9, search.Invalid),
	}, times, func(rate float64) search.Verdict { return search.Pass })
	if len(points) != 2 || points[0].Rate != 50 || points[1].Rate != 100 {
		t.Fatalf("got %+v", points)
	}
	p := points[1]
	if p.Trials != 2 || p.Achieved != 99 || math.Abs(p.Latency.P99-99) > .1 || p.Verdict != "pass" {
		t.Errorf("got %+v", p)
	}
}

func TestAServiceTimeIsKeptAsItsQuantiles(t *testing.T) {
	var h latency.Histogram
	for i := range 10_000 { // exponential, mean 10 ms, by its inverse
		h.Record(time.Duration(-10e6 * math.Log(1-(float64(i)+.5)/10_000)))
	}
	s := report.ServiceOf(&h)
	if math.Abs(s.MeanMS-10) > .05 || math.Abs(s.SCV-1) > .02 || s.Count != 10_000 || len(s.Shares) != len(s.Quantiles) {
		t.Errorf("mean %g, scv %g, %d", s.MeanMS, s.SCV, s.Count)
	}
	for i, share := range s.Shares {
		if want := -10 * math.Log(1-share); share < .999 && math.Abs(s.Quantiles[i]-want) > .01+want/100 {
			t.Errorf("at %g: %g, want %g", share, s.Quantiles[i], want)
		}
	}
	if report.ServiceOf(&latency.Histogram{}) != nil {
		t.Error("nothing has a service time")
	}
}

func TestACapacityComesBackAsItWasSaved(t *testing.T) {
	dir := t.TempDir()
	lower := 640.0
	saved := &report.Capacity{Scenario: "shop", SLO: "p99 < 40ms", LoadLine: report.LoadLine{Lower: &lower, Trials: []report.LineTrial{{AtS: 3}}}}
	if err := report.SaveCapacity(dir, saved); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, dir + "/" + report.CapacityFile} {
		back, err := report.OpenCapacity(path)
		if err != nil || back.Scenario != "shop" || *back.LoadLine.Lower != lower || back.LoadLine.Trials[0].AtS != 3 {
			t.Errorf("%s: %+v, %v", path, back, err)
		}
	}
	if _, err := report.OpenCapacity(dir + "/none"); err == nil {
		t.Error("a file that is not there was opened")
	}
}
