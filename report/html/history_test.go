package html_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"plimsoll/report"
	"plimsoll/report/html"
)

// pastRuns is a history with a change in one trend, too few runs in another, and hostile names.
func pastRuns() *report.History {
	day := func(n int) time.Time { return time.Date(2026, 1, n+1, 3, 0, 0, 0, time.UTC) }
	s := report.HistorySeries{Scenario: `<script>document.title="broken"</script>`, Target: "http://127.0.0.1", Machine: "linux/amd64, 2 processors", Version: "1a2b3c4d"}
	slower := report.Trend{Load: "visitors", Request: `"><img src=x onerror='document.title="broken"'>` + "\u202e", Metric: "p99", Unit: "ms", Noise: new(0.02), Missing: 2}
	young := report.Trend{Load: "visitors", Metric: "errors", Unit: "share", Needs: 2, Changes: []report.ChangePoint{}}
	for n := range 20 {
		s.Runs = append(s.Runs, report.HistoryRun{Dir: fmt.Sprintf("runs/shop-%02d", n), Started: day(n), Verdict: report.Pass, Plimsoll: "1.0"})
		if n > 1 {
			slower.Points = append(slower.Points, report.TrendPoint{Run: n, Value: 30 + float64(n%4)/4 + float64(n/12)*6})
		}
		if n > 15 {
			young.Points = append(young.Points, report.TrendPoint{Run: n, Value: 0.001})
		}
	}
	slower.Changes = []report.ChangePoint{{At: 10, Run: "runs/shop-12", LastBefore: "runs/shop-11", Started: day(12), Before: 30.4, After: 36.4, RunsBefore: 10, RunsAfter: 8, Ratio: new(1.2), P: 1e-9, Effect: "worse"}}
	s.Trends = []report.Trend{slower, young}
	return &report.History{
		Tested: 1, ByChance: 0.01, Series: []report.HistorySeries{s}, LeftOut: []report.LeftOut{{Dir: "runs/torn", Reason: "cannot be read"}},
		Rules: report.HistoryRules{Alpha: 0.001, LeastEffect: 0.05, Window: 50, Fewest: 6}, Notes: []string{"1 trend tested"},
	}
}

func historyPage(w io.Writer) error {
	return html.History(w, pastRuns(), func(dir string) string {
		if dir == "runs/torn" {
			return "javascript:alert(1)"
		}
		return "shop page/" + dir
	})
}

func TestHistoryInABrowser(t *testing.T) {
	b := startBrowser(t)
	file, _ := onDisk(t, historyPage)
	p := b.open(t, file, view{})
	p.drawn(points{"series-1-1": {"p99": 18, "mean": 18}, "series-1-2": {"errors": 4}})
	if title := evaluate[string](p, `document.title`); title == "broken" {
		t.Error("a name was carried out as a script")
	}
	p.accessible()
	p.screenshot("history")
}

func TestHistoryPage(t *testing.T) {
	var b bytes.Buffer
	if err := historyPage(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{`<a href="shop%20page/runs/shop-12">`, "×1.2", "1 trend tested", "10 runs", "needs 2 more runs", "2 runs have too few requests"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not there", want)
		}
	}
	for _, bad := range []string{"<script>document", "<img", "javascript:alert", "\u202e"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is there", bad)
		}
	}
	b.Reset()
	if err := html.History(&b, &report.History{}, func(string) string { return "" }); err != nil || !strings.Contains(b.String(), "no run that counts") {
		t.Errorf("the page of nothing: %v", err)
	}
}
