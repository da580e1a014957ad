package text

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// burning is a run of 20 s, a ramp, that an SLO was promised for; from a second on a share
// of the requests fails.
func burning(t *testing.T, from, failing int, change func(*budget.SLO)) *report.Run {
	t.Helper()
	legend := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "ramp", Model: "open", Stages: []engine.StageLegend{{Name: "ramp", To: 20 * time.Second, Planned: 200}}}},
		Requests: []engine.RequestLegend{{Name: "checkout"}},
	}
	slo := &budget.SLO{Name: "checkout works", Objective: 0.999, Window: 30 * 24 * time.Hour, Scale: 300, Gates: budget.DefaultGates()}
	change(slo)
	if err := slo.Possible(legend, time.Second, false); err != nil {
		t.Fatal(err)
	}
	watch, err := budget.NewWatch(legend, nil, slo)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(legend, 20*time.Second)
	ended := report.Complete
	for second := 0; second < 20 && ended == report.Complete; second++ {
		one := newWorld(legend, time.Duration(second+1)*time.Second)
		one.total.From = time.Duration(second) * time.Second
		one.add(0, 0, 0, 200, time.Millisecond, nil)
		if second >= from {
			one.add(0, 0, 0, failing, time.Millisecond, answering(503))
		}
		watch.Observe(one.total)
		w.total.Merge(one.total)
		w.total.To = one.total.To
		if watch.Broken() != nil {
			ended = report.Aborted
		}
	}
	run := w.run(ended, watch.Results()...)
	run.SLOs = watch.ErrorBudgets()
	return run
}

func TestErrorBudgetsLookAsDrawn(t *testing.T) {
	price, err := budget.ParsePrice("$500/min")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]*report.Run{
		"quiet": burning(t, 0, 0, func(s *budget.SLO) { s.Price = price }),
		"stopped": burning(t, 8, 40, func(s *budget.SLO) {
			s.Requests, s.Within, s.Price = []string{"checkout"}, 300*time.Millisecond, price
		}),
		"gone": burning(t, 0, 100, func(s *budget.SLO) { s.Window, s.Gates = time.Hour, s.Gates[:1] }),
		"warned": burning(t, 10, 5, func(s *budget.SLO) {
			s.Gates = []budget.Gate{{Burn: 2, Long: 10 * time.Minute, Short: 5 * time.Minute, Action: "warn"}}
		}),
		"hostile": burning(t, 0, 1, func(s *budget.SLO) { s.Name = "\x1b[31mred\u202e <script> " }),
	}
	for name, run := range cases {
		for _, width := range []int{60, 80} {
			t.Run(fmt.Sprintf("%s at %d columns", name, width), func(t *testing.T) {
				var out bytes.Buffer
				if err := Summary(&out, run, Options{Width: width, Brief: true, Dir: "runs/slo"}); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("slo-%s-%d", name, width), out.String())
			})
		}
	}
}

func TestTimesOfProductionGoUpToDays(t *testing.T) {
	tests := map[float64]string{0.5: "500ms", 300: "5m00s", 9000: "2h30m", 90000: "25h00m", 180000: "2d2h", 30 * 86400: "30d", 1e12: "more than 200 years"}
	for s, want := range tests {
		if got := report.FormatLong(s); got != want {
			t.Errorf("%g s: %s, want %s", s, got, want)
		}
	}
}
