package text

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"plimsoll/report"
)

// histories are what saved runs can come to, by name.
func histories() map[string]*report.History {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 3, 0, 0, 0, time.UTC) }
	shop := report.HistorySeries{Scenario: "shop", Target: "http://127.0.0.1", Machine: "linux/amd64, 2 processors", Version: "1a2b3c4d", OtherVersions: 1, OtherRuns: 4}
	trend := func(request, metric, unit string, value func(int) float64) report.Trend {
		t := report.Trend{Load: "visitors", Request: request, Metric: metric, Unit: unit, Noise: new(0.0213), Changes: []report.ChangePoint{}}
		for n := range 24 {
			t.Points = append(t.Points, report.TrendPoint{Run: n, Value: value(n)})
		}
		return t
	}
	for n := range 24 {
		shop.Runs = append(shop.Runs, report.HistoryRun{Dir: fmt.Sprintf("runs/shop-%02d", n), Started: day(n + 1), Verdict: report.Pass, Plimsoll: "1.0"})
	}
	step := func(n int) float64 { return 30 + float64(n%4)/4 + float64(n/16)*4 }
	slower := trend("product", "p99", "ms", step)
	slower.Changes = []report.ChangePoint{{
		At: 16, Run: "runs/shop-16", LastBefore: "runs/shop-15", Started: day(17), Before: 30.4, After: 34.4,
		RunsBefore: 16, RunsAfter: 8, Ratio: new(34.4 / 30.4), P: 1e-12, Effect: "worse", Also: "plimsoll went from 1.0 to 1.1",
	}}
	failing := trend("product", "errors", "share", func(n int) float64 { return float64(n/20) * 0.02 })
	failing.Changes = []report.ChangePoint{{At: 20, Run: "runs/shop-20", LastBefore: "runs/shop-19", Started: day(21), After: 0.02, RunsBefore: 20, RunsAfter: 4, P: 0.00032, Effect: "worse"}}
	hostile := trend("\x1b[31m<script>"+strings.Repeat("x", 200)+"\u202e", "p50", "ms", func(int) float64 { return 7 })
	hostile.Drifts, hostile.Missing = true, 2
	better := trend("", "goodput", "per_s", func(n int) float64 { return 500 + 100*float64(n/12) })
	better.Changes = []report.ChangePoint{{At: 12, Run: "runs/shop-12", LastBefore: "runs/shop-11", Started: day(13), Before: 500, After: 600, RunsBefore: 12, RunsAfter: 12, Ratio: new(1.2), P: 1e-9, Effect: "better"}}
	shop.Trends = []report.Trend{better, slower, failing, hostile}
	young := report.HistorySeries{Scenario: "api", Part: "on", Quick: true, Machine: "linux/amd64, 2 processors", Version: "00000000", Runs: shop.Runs[:2]}
	young.Trends = []report.Trend{{Load: "visitors", Metric: "p99", Unit: "ms", Points: slower.Points[:2], Needs: 4, Changes: []report.ChangePoint{}}}
	history := &report.History{
		Store: "runs/history.db", Import: report.ImportCounts{New: 3, Known: 23, Unusable: 1}, Tested: 4, Series: []report.HistorySeries{young, shop},
		LeftOut: []report.LeftOut{{Dir: "runs/torn", Reason: "cannot be read: unexpected end of JSON input"}},
		Notes:   []string{"4 trends tested: up to 0.05 of them would show a change point by chance"},
	}
	for n := range 12 {
		history.LeftOut = append(history.LeftOut, report.LeftOut{Dir: fmt.Sprintf("runs/late-%02d", n), Scenario: "shop", Reason: "not valid: began late"})
	}
	since := day(1)
	return map[string]*report.History{"history": history, "history of nothing": {Store: "runs/history.db", Since: &since}}
}

func TestHistory(t *testing.T) {
	for name, h := range histories() {
		for _, width := range []int{60, 80, 120} {
			var out bytes.Buffer
			if err := History(&out, h, Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if n := columnsOf(strings.TrimRight(line, "\n")); n > width {
					t.Errorf("%s: %d columns of %d in %q", name, n, width, line)
				}
			}
			golden(t, fmt.Sprintf("%s-%d", name, width), out.String())
		}
	}
	var out bytes.Buffer
	if err := History(&out, histories()["history"], Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "history-80-colour", out.String())
}
