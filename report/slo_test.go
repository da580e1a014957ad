package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// sloRun saves a run of four seconds, in the last two of which half of the requests fail,
// and returns it as it was summed up at the end.
func sloRun(t *testing.T, dir string, change func(*engine.Cell)) *Run {
	t.Helper()
	legend := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "load", Model: "open", Stages: []engine.StageLegend{{Name: "main", To: 4 * time.Second, Planned: 100}}}},
		Requests: []engine.RequestLegend{{Name: "answer"}},
	}
	gate := func(text string) budget.Gate {
		g, err := budget.ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	price, err := budget.ParsePrice("$6/min")
	if err != nil {
		t.Fatal(err)
	}
	slo := &budget.SLO{
		Name: "good", Objective: 0.99, Window: 30 * 24 * time.Hour, Within: 50 * time.Millisecond, Scale: 60, Price: price,
		Gates: []budget.Gate{gate("14.4/2m+1m"), gate("6/1h+5m warn"), gate("1/run")},
	}
	watch, err := budget.NewWatch(legend, nil, slo)
	if err != nil {
		t.Fatal(err)
	}
	meta := Meta{Scenario: "slo", Started: time.Unix(0, 0).UTC(), IntervalS: 1}
	w, err := Create(dir, meta, legend, watch)
	if err != nil {
		t.Fatal(err)
	}
	total := engine.NewSnapshot(legend)
	for second := range 4 {
		s := engine.NewSnapshot(legend)
		s.From, s.To = time.Duration(second)*time.Second, time.Duration(second+1)*time.Second
		c := s.Cell(engine.Key{})
		for range 100 {
			c.Add(&engine.Sample{End: 10 * time.Millisecond, Status: 200})
		}
		if second >= 2 {
			bad := s.Cell(engine.Key{Outcome: engine.Failed})
			for range 100 {
				bad.Add(&engine.Sample{End: time.Millisecond, Status: 503, Outcome: engine.Failed})
			}
		}
		change(c)
		tally := &s.Tallies[0][0]
		tally.Sent, tally.Planned, tally.Completed, tally.Busy = 100, 100, 100, time.Second
		watch.Observe(s)
		total.Merge(s)
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
	}
	run := Summarize(meta, total, watch.Results(), Complete)
	run.SLOs = watch.ErrorBudgets()
	if err := w.Finish(run); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestASavedRunIsJudgedByItsSLOsAgain(t *testing.T) {
	dir := t.TempDir()
	was := sloRun(t, dir, func(*engine.Cell) {})
	saved, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := saved.Judge(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was.SLOs, again.SLOs); diff != "" {
		t.Errorf("SLOs (-was +again)\n%s", diff)
	}
	if diff := cmp.Diff(was.Budgets, again.Budgets); diff != "" {
		t.Errorf("budgets (-was +again)\n%s", diff)
	}
	if was.SLOs[0].Gates[0].Fired != 3 || was.Verdict != Breach || again.Verdict != Breach {
		t.Errorf("gate fired at %g s, verdict %s and %s", was.SLOs[0].Gates[0].Fired, was.Verdict, again.Verdict)
	}
	b, err := budget.Parse("count > 5")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := saved.Judge([]*budget.Budget{b}, nil); err != nil || len(other.SLOs) > 0 || len(other.Budgets) != 1 {
		t.Errorf("other budgets: %+v, %v", other.SLOs, err)
	}
}

func TestALateGeneratorDoesNotBreakAnSLOByItself(t *testing.T) {
	errorsOnly := sloRun(t, t.TempDir(), func(*engine.Cell) {})
	slow := sloRun(t, t.TempDir(), func(c *engine.Cell) { c.Add(&engine.Sample{End: time.Second, Status: 200}) })
	for _, run := range []*Run{errorsOnly, slow} {
		run.Validity.Valid, run.Validity.LimitedBy = false, []string{LimitLag}
	}
	if got := decide(errorsOnly); got != Breach {
		t.Errorf("errors alone: %s", got)
	}
	if got := decide(slow); got != Inconclusive {
		t.Errorf("late answers among them: %s", got)
	}
}

func TestABrokenErrorBudgetInASavedRunIsRefused(t *testing.T) {
	dir := t.TempDir()
	sloRun(t, dir, func(*engine.Cell) {})
	tests := map[string]func(*budget.ErrorBudget){
		"objective":  func(e *budget.ErrorBudget) { e.Objective = 1 },
		"window":     func(e *budget.ErrorBudget) { e.WindowS = -1 },
		"scale":      func(e *budget.ErrorBudget) { e.Scale = -300 },
		"gate":       func(e *budget.ErrorBudget) { e.Gates[0].Gate = "fast" },
		"price":      func(e *budget.ErrorBudget) { e.Cost.Price = "much" },
		"no request": func(e *budget.ErrorBudget) { e.Requests = []string{"\x1b[31m"} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			saved, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			spoil(&saved.Run.SLOs[0])
			if _, err := saved.Judge(nil, nil); err == nil || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("got %v", err)
			}
		})
	}
}
