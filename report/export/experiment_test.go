package export

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// tried is an experiment of two runs, with a claim of every kind.
func tried(t *testing.T) *report.Saved {
	t.Helper()
	x := func(v float64) *float64 { return &v }
	dir := t.TempDir()
	variant := func(name string, number int, median time.Duration) report.Variant {
		sub := "0" + string(rune('0'+number)) + "-" + name
		saved := newMaker(shop()).add(0, 0, 5, median, engine.OK, 200, "").saveAt(t, filepath.Join(dir, sub), "shop", report.Complete)
		return report.Variant{Name: name, Settings: map[string]string{"breaker.enabled": name}, Runs: []report.VariantRun{{
			Dir: sub, Number: number, Started: saved.Run.Started, Verdict: report.Pass, Validity: saved.Run.Validity, Loads: saved.Run.Loads,
		}}}
	}
	e := &report.Experiment{
		Rounds: 1, Order: []string{"off", "on"}, Variants: []report.Variant{variant("off", 1, 20*time.Millisecond), variant("on", 2, 5*time.Millisecond)},
		Claims: []budget.ClaimResult{
			{
				Expr: "p50[on] < 0.5 * p50[off]", Result: budget.Confirmed, Unit: "ms", Observed: x(5), Limit: x(10),
				Left: &budget.ClaimSide{Metric: "p50[on]", Values: []float64{5}, Interval: []float64{4, 6}, Runs: 1},
			},
			{Expr: "errors[on] < errors[off]", Result: budget.Undecided, Unit: "share", Observed: x(0), Limit: x(0), Reason: "there were no errors"},
			{Expr: "count[on] == 5", Result: budget.Refuted, Unit: "count", Observed: x(20), Limit: x(5)},
		},
	}
	run := report.Conclude(newMaker(shop()).meta("breaker"), e, report.Complete, 8*time.Second)
	if err := report.SaveExperiment(dir, run); err != nil {
		t.Fatal(err)
	}
	return &report.Saved{Run: run, Dir: dir}
}

func TestAnExperimentLooksAsDrawn(t *testing.T) {
	saved := tried(t)
	for _, kind := range []string{"csv", "junit", "markdown", "github"} {
		text, _ := write(t, kind, saved)
		golden(t, "experiment."+kind, text)
	}
}

func TestARunOfAnExperimentThatIsGoneIsSaid(t *testing.T) {
	saved := tried(t)
	if err := os.Remove(filepath.Join(saved.Dir, "01-off", report.RunFile)); err != nil {
		t.Fatal(err)
	}
	text, notes := write(t, "csv", saved)
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "run 1 (off) is left out: ") {
		t.Errorf("the notes are %q", notes)
	}
	if !bytes.Contains(text, []byte("\r\non,2,")) {
		t.Errorf("the other run is gone, too:\n%s", text)
	}
}

func TestAnExperimentsSuiteIsRedExactlyIfTheVerdictIsNotPass(t *testing.T) {
	rulings := []budget.Ruling{budget.Confirmed, budget.Refuted, budget.Undecided}
	for i := range 3 * 3 * 3 * 2 {
		saved := &report.Experiment{Variants: []report.Variant{{Name: "on", Runs: []report.VariantRun{{Number: 1}}}}}
		one := &saved.Variants[0].Runs[0]
		one.Verdict, one.Lacking = []report.Verdict{report.Pass, report.Breach, report.Inconclusive}[i%3], i%2 == 0
		for k := range i / 3 % 3 {
			saved.Claims = append(saved.Claims, budget.ClaimResult{Expr: "x", Result: rulings[(i/9+k)%3]})
		}
		ended := report.Complete
		if i%7 == 0 {
			ended = report.Stopped
		}
		run := report.Conclude(report.Meta{}, saved, ended, time.Second)
		var b bytes.Buffer
		if err := JUnit(&b, run); err != nil {
			t.Fatal(err)
		}
		var file junitFile
		if err := xml.Unmarshal(b.Bytes(), &file); err != nil {
			t.Fatal(err)
		}
		if red := file.Suites[0].Errors+file.Suites[0].Failures > 0; red == (run.Verdict == report.Pass) {
			t.Errorf("red is %v for %s:\n%s", red, run.Verdict, b.String())
		}
	}
}

func TestACapacityLooksAsDrawn(t *testing.T) {
	x := func(v float64) *float64 { return &v }
	q := &report.Quantiles{Count: 900, Mean: 11.5, Min: 3, P50: 10, P90: 20, P95: 25.25, P99: 40, P999: 55, Max: 61.123456}
	c := &report.Capacity{
		Scenario: "shop|<b>", Target: "http://127.0.0.1:8080", Command: []string{"plimsoll", "capacity", "shop.yaml", "--slo", "p99 < 50ms", "-o", "csv=x"},
		DurationS: 300, SLO: "p99 < 50ms, errors < 0.1%", Arrivals: "poisson", Seed: 3, Finished: true,
		LoadLine: report.LoadLine{Lower: x(480), Upper: x(500), Limit: search.TargetLimited, Soaked: true, Why: "the bounds are close enough", Trials: make([]report.LineTrial, 12)},
		Curve: []report.CurvePoint{
			{Rate: 100, Achieved: 99.9, Latency: q, Service: q, Trials: 1, Verdict: "pass"},
			{Rate: 500, Achieved: 420, Latency: q, Errors: 0.25, Trials: 3, Verdict: "fail"},
		},
		Node:  report.Node{Resources: []report.Resource{{Name: "cpu", DemandMS: 1.9, Units: 1, AtLower: .91, Saturates: 526}}},
		Scale: []report.ScalePoint{{Setting: "cluster.workers", Value: "2", Lower: x(900), Efficiency: x(.94)}},
		Notes: []string{"the model is a guess"},
	}
	var table, page bytes.Buffer
	if err := CapacityCSV(&table, c); err != nil {
		t.Fatal(err)
	}
	if err := CapacityMarkdown(&page, c); err != nil {
		t.Fatal(err)
	}
	golden(t, "capacity.csv", table.Bytes())
	golden(t, "capacity.markdown", page.Bytes())
}
