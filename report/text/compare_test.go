package text

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"plimsoll/report"
)

func compareRow(request, metric, unit string, base, now, change, half float64, f report.Finding, reason string) report.ComparisonRow {
	return report.ComparisonRow{
		Load: "visitors", Request: request, Metric: metric, Unit: unit, Judged: true, Base: &base, New: &now,
		Change: &change, Low: new(change - half), High: new(change + half), Confidence: 0.951, P: new(0.00195), PHolm: new(0.0078), PJoint: new(0.0052),
		MinEffect: 0.05, Runs: 10, Requests: 1000, Verdict: f, Reason: reason,
	}
}

// comparisons are what a comparison can come to, by name.
func comparisons() map[string]*report.Comparison {
	side := func(path string, n int) report.Side {
		s := report.Side{Path: path}
		for i := range n {
			s.Runs = append(s.Runs, report.SideRun{Dir: fmt.Sprintf("%s/%02d", path, i), Target: "http://127.0.0.1:8080"})
		}
		return s
	}
	shift := report.Shift{Load: "visitors", Request: "home"}
	for i, q := range []float64{0.1, 0.5, 0.9, 0.95, 0.99} {
		at := -0.01 + 0.03*float64(i)
		shift.Points = append(shift.Points, report.ShiftPoint{Quantile: q, BaseMS: 10, NewMS: 10 * (1 + at), Change: at, Low: new(at - 0.015), High: new(at + 0.015)})
	}
	shown := compareRow("home", "p90", "ms", 17, 18, 0.06, 0.01, report.Worse, "")
	shown.Judged, shown.PJoint = false, nil
	regression := &report.Comparison{
		Verdict: report.Worse, Why: "1 of 4 rows worse: p99 of home +12.3% (+9.20% to +15.4%)", Scenario: "shop",
		Base: side("runs/base", 10), New: side("runs/new", 10), Method: report.ByPairs, Pairs: 10, Confidence: 0.95, Looks: 1,
		Rows: []report.ComparisonRow{
			compareRow("", "goodput", "/s", 198, 198.02, 0.0001, 0.0004, report.Same, "the interval lies within ±3%"),
			compareRow("home", "p50", "ms", 10.1, 10.2, 0.009, 0.004, report.Same, "the interval lies within ±3%"),
			shown,
			compareRow("home", "p99", "ms", 20, 22.5, 0.123, 0.031, report.Worse, "more than ±5%, and the adjusted p is 0.0052, below 0.01"),
			compareRow("home", "errors", "share", 0, 0.0004, 0.0004, 0.0012, report.Unsure, "the interval reaches across ±0.1 points; about 14 runs of each side would decide it"),
		},
		Shifts: []report.Shift{shift}, Notes: []string{"1 run without a partner beside it is left out"},
	}
	blank := compareRow("list", "p99", "ms", 1, 1, 0, 0, report.Unsure, "p99 needs at least 100 requests; in 2 of 2 runs there were fewer, at the least 40")
	blank.Base, blank.New, blank.Change, blank.Low, blank.High, blank.PJoint = nil, nil, nil, nil, nil, nil
	single := &report.Comparison{
		Verdict: report.Unsure, Why: "one run of each side decides nothing; the largest difference: p50 of home +100%", Scenario: "shop",
		Decide: "10 runs of each side, taking turns (more if they vary a lot); for 1 row requests are missing: run longer, or do not judge the metric",
		Base:   side("runs/a", 1), New: side("runs/b", 1), Method: report.Within, Confidence: 0.95, Looks: 1, Stage: "peak",
		Rows:     []report.ComparisonRow{compareRow("home", "p50", "ms", 10, 1000, 99, 3, report.Unsure, "one run each; the difference is larger than what varies within the runs"), blank},
		Warnings: []string{"one run on each side: the intervals are those of one run, by its parts; how much the next run would differ is not known, and nothing is decided"},
		Notes:    []string{}, Shifts: []report.Shift{},
	}
	refused := &report.Comparison{
		Verdict: report.Unsure, Why: "not compared: runs/b is not valid: visitors: the generator began late", Decide: "measure again what is not valid",
		Scenario: "shop", Base: side("runs/a", 1), New: side("runs/b", 1), Confidence: 0.95,
	}
	evil := &report.Comparison{
		Verdict: report.Same, Why: "1 row differs by less than matters", Scenario: "evil\x1b[2Jname", Base: side("\u202eegats", 6), New: side(strings.Repeat("long/", 60), 6),
		Method: report.ByRanks, Confidence: 0.95, Looks: 3, Warnings: []string{"not the same test: \x07"},
		Shifts: []report.Shift{{Load: "a", Request: strings.Repeat("日本語", 30)}, {Load: "b"}, {Load: "c"}, {Load: "d"}},
	}
	for i := range 20 {
		evil.Rows = append(evil.Rows, compareRow(fmt.Sprintf("\x1b]0;title\x07 %d %s", i, strings.Repeat("x", 100)), "p50", "ms", 1e-6, 9e7, 9e13, 1, report.Worse, "\x1b[31m"))
	}
	return map[string]*report.Comparison{"regression": regression, "single": single, "refused": refused, "evil": evil}
}

func TestAComparisonLooksAsDrawn(t *testing.T) {
	all := comparisons()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, width := range []int{60, 80, 120} {
			var out bytes.Buffer
			if err := Compare(&out, all[name], Options{Width: width, Files: []string{"c.json"}}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if n := columnsOf(strings.TrimRight(line, "\n")); n > width {
					t.Errorf("%s: %d columns of %d: %s", name, n, width, line)
				}
			}
			golden(t, fmt.Sprintf("compare-%s-%d", name, width), out.String())
		}
	}
}

func TestChangesAreWrittenWithTheirSign(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0%", 0.00001: "0%", 0.0012: "+0.12%", -0.0012: "−0.12%", 0.034: "+3.4%", -0.5: "−50.0%", 1: "+100%", 99: "+9,900%", 9e13: "over ×1,000",
	} {
		if got := change(x); got != want {
			t.Errorf("%g is written %q, want %q", x, got, want)
		}
	}
}
