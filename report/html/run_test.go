package html

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/report"
	"plimsoll/report/budget"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shop is what runs of the tests are runs of.
func shop(length time.Duration) *engine.Legend {
	return &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "visitors", Model: "open", Stages: []engine.StageLegend{
				{Name: "calm", To: length / 2, Planned: 20}, {Name: "rush", From: length / 2, To: length, Planned: 40},
			}},
			{Name: "staff", Model: "closed", Stages: []engine.StageLegend{{To: length}}},
		},
		Requests: []engine.RequestLegend{{Name: "product", Checks: []string{"status == 200"}}, {Name: "report"}},
	}
}

func meta() report.Meta {
	return report.Meta{
		Plimsoll: report.Build{Version: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2}, Scenario: "shop", Target: "http://127.0.0.1:8080",
		Started: time.Date(2026, 11, 23, 4, 40, 4, 0, time.UTC), IntervalS: 1, Seed: 7, Command: []string{"plimsoll", "run", "shop.yaml"},
		Source: report.Source{SHA256: "5f2d", Changed: true}, Remarks: []string{"max_in_flight was lowered to 400"},
	}
}

// interval makes up what happened from at on; a sample in twenty fails.
func interval(l *engine.Legend, rng *rand.Rand, at, length time.Duration, samples int) *engine.Snapshot {
	s := engine.NewSnapshot(l)
	s.From, s.To = at, at+length
	s.Health = engine.Health{CPU: length / 4, GC: length / 200, Capacity: 2 * length, OpenFiles: 30, FileLimit: 1024, InFlight: 4, Connections: 1, Users: 2}
	for i := range samples {
		load := min(i%4/3, len(l.Loads)-1)
		m := engine.Sample{Load: load, Stage: l.Loads[load].StageAt(at), Request: min(load, len(l.Requests)-1), Due: at, Start: at + 150*time.Microsecond, Status: 200}
		if l.Loads[load].Model == "closed" {
			m.Start = m.Due
		}
		m.End = m.Start + time.Duration(2e6*math.Exp(rng.NormFloat64()))
		m.Phases[flow.FirstByte] = m.End - m.Start
		t := &s.Tallies[load][m.Stage]
		t.Planned, t.Sent, t.Busy = t.Planned+1, t.Sent+1, t.Busy+m.End-m.Due
		switch i % 20 {
		case 7:
			m.Outcome, m.Status, m.ErrKind = engine.Error, 0, engine.ErrTimeout
			t.Failed++
		case 9:
			m.Outcome, m.Status, m.ChecksFailed = engine.Failed, 503, 1
			t.Failed++
		default:
			t.Completed++
		}
		s.Cell(engine.Key{Load: load, Stage: m.Stage, Request: m.Request, Outcome: m.Outcome}).Add(&m)
	}
	return s
}

// save makes a run of some seconds on disk.
func save(t *testing.T, l *engine.Legend, seconds, samples int, change func(*report.Run)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := report.Create(dir, meta(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	total, rng := engine.NewSnapshot(l), rand.New(rand.NewPCG(1, 2))
	for i := range seconds {
		s := interval(l, rng, time.Duration(i)*time.Second, time.Second, samples)
		total.Merge(s)
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
	}
	observed, limit, margin := 4.2, 250.0, 0.983
	run := report.Summarize(meta(), total, []budget.Result{{
		Expr: "p95(product) < 250ms", Metric: "p95", Unit: "ms", Observed: &observed, Limit: &limit, Margin: &margin, Result: budget.Kept, Level: budget.Fail, Samples: 90,
	}}, report.Complete)
	if change != nil {
		change(run)
	}
	if err := w.Finish(run); err != nil {
		t.Fatal(err)
	}
	return dir
}

// burnt are error budgets that were spent too fast, not at all, and never asked for.
func burnt() []budget.ErrorBudget {
	burn, none, rest := 30.125, 0.0, 83_000.0
	month := 30.0 * 24 * 3600
	return []budget.ErrorBudget{
		{
			Name: "checkout works", Objective: 0.999, WithinMS: 300, WindowS: month, Scale: 300, Events: 1327, Bad: 40, Burn: &burn, BurnNow: &burn, Consumed: 0.0319, Forecast: &rest,
			Cost: &budget.Cost{Price: "$500/min", Currency: "$", Amount: 689, Budget: 21_600},
		},
		{Name: "search works", Objective: 0.99999, Requests: []string{"product"}, WindowS: month, Scale: 1, Events: 100_000_000, Bad: 1, Burn: &none, BurnNow: &none},
		{Name: "nobody came", Objective: 0.99, WindowS: 3600, Scale: 1, Exhausted: 12},
	}
}

// render returns the page of the run in dir.
func render(t *testing.T, dir string) string {
	t.Helper()
	saved, err := report.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Run(&b, saved); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// undressed is the page without style, scripts and the data of charts.
func undressed(page string) string {
	page = regexp.MustCompile(`(?s)(<style>).*?(</style>)`).ReplaceAllString(page, "$1$2")
	return regexp.MustCompile(`(?s)(<script[^>]*>).*?(</script>)`).ReplaceAllString(page, "$1$2")
}

func TestTheTextOfThePageOfARun(t *testing.T) {
	dir := save(t, shop(6*time.Second), 6, 40, func(r *report.Run) {
		r.Events = []report.Happening{{AtS: 2.5, Text: "break the database", By: "scenario"}, {AtS: 3, Text: "breaker opened", By: "target", Error: "late"}}
		r.Figures = map[string]float64{"hits": 12}
		r.SLOs = burnt()
		r.Loads[0].NotDue = 7
		r.Traces = &report.Traces{Share: 0.01, Requests: 2, Slowest: []report.TracedRequest{
			{TraceID: "0af7651916cd43dd8448eb211c80319c", Load: "visitors", Request: "product", DueS: 2.5, StartS: 2.501, EndS: 2.75, LatencyMS: 250, Outcome: "failed", Status: 503},
			{TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Load: "visitors", Request: "product", DueS: 1, StartS: 1, EndS: 1.1, LatencyMS: 100, Outcome: "error", Error: "timeout"},
		}}
	})
	if err := report.SaveScenario(dir, []byte("name: shop\nheaders: {Authorization: Bearer abc}\n")); err != nil {
		t.Fatal(err)
	}
	got := undressed(render(t, dir))
	golden := filepath.Join("testdata", "run.html")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the page is another (-want +got); go test ./report/html -update writes it anew:\n%s", diff)
	}
}

func TestAPageAsksNothingOfANetwork(t *testing.T) {
	page := render(t, save(t, shop(3*time.Second), 3, 40, nil))
	for _, part := range []string{" src=", "url(", "@import", "<link", "<iframe", "fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket"} {
		if strings.Contains(page, part) {
			t.Errorf("the page holds %q", part)
		}
	}
	for _, part := range []string{"default-src 'none'", "Permission is hereby granted", "<noscript>"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func TestHostileNamesStayText(t *testing.T) {
	const evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u2066\x00\x1b[31m\u2028"
	long := evil + strings.Repeat("n", 10_000)
	l := shop(3 * time.Second)
	l.Loads[0].Name, l.Loads[0].Stages[0].Name, l.Loads[1].Name = long, long+"stage", evil
	l.Requests[0].Name, l.Requests[0].Checks[0] = long, long
	dir := save(t, l, 3, 40, func(r *report.Run) {
		r.Scenario, r.Target, r.About, r.Command = long, long, long, []string{long}
		r.Notes, r.Figures = []string{long}, map[string]float64{long: 1}
		r.Events = []report.Happening{{AtS: 1, Text: long, By: long, Error: long}}
		r.Budgets[0].Expr, r.Budgets[0].Reason = long, long
		r.Validity.Reasons = []string{long}
		r.SLOs = []budget.ErrorBudget{{Name: long, Requests: []string{long}, Scale: 2, Cost: &budget.Cost{Price: long}}}
		r.Traces = &report.Traces{Slowest: []report.TracedRequest{{TraceID: long, Load: long, Request: long, Outcome: long, Error: long}}}
		r.Loads[0].Requests[0].Errors, r.Loads[0].Requests[0].Codes = map[string]uint64{long: 3}, map[string]uint64{long: 3}
	})
	if err := report.SaveScenario(dir, []byte(long)); err != nil {
		t.Fatal(err)
	}
	page := render(t, dir)
	text := undressed(page)
	if n := strings.Count(text, "<script"); n != 3 {
		t.Errorf("the page has %d scripts, not its own 3", n)
	}
	if strings.Contains(text, "<img") {
		t.Error("an image of a name is in the page")
	}
	for _, r := range "\u202e\u2066\x00\x1b\u2028" {
		if strings.ContainsRune(page, r) {
			t.Errorf("%U is in the page", r)
		}
	}
	if strings.Contains(text[:strings.Index(text, `id="scenario"`)], strings.Repeat("n", 5*longest)) {
		t.Error("a name of 10,000 characters is shown in full")
	}
	var charts []Chart
	if err := json.Unmarshal([]byte(chartData(t, page)), &charts); err != nil {
		t.Errorf("the data of the charts is no JSON: %v", err)
	}
}

func chartData(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)id="charts">(.*?)</script>`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("no data of charts")
	}
	return m[1]
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	cut := func(name string, keep float64) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, text[:int(float64(len(text))*keep)], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		damage func(*testing.T, string)
		says   string
		charts bool
	}{
		"no counters":            {remove(report.CounterFile), "intervals.jsonl cannot be read", false},
		"no histograms":          {remove(report.HistogramFile), "intervals.hlog cannot be read", false},
		"a killed writer":        {cut(report.CounterFile, 0.9), "the last interval is incomplete", true},
		"half of the histograms": {cut(report.HistogramFile, 0.5), "the last interval is incomplete", true},
		"histograms that are junk": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, report.HistogramFile), []byte("junk\x00\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "the last interval is incomplete", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := save(t, shop(6*time.Second), 6, 40, nil)
			c.damage(t, dir)
			page := render(t, dir)
			if text := undressed(page); !strings.Contains(text, c.says) {
				t.Errorf("the page does not say %q", c.says)
			} else if strings.Contains(text, filepath.Dir(dir)) {
				t.Error("the page tells a path of this machine")
			}
			if has := strings.Contains(page, "chart-rates-0"); has != c.charts {
				t.Errorf("charts over time: %v, want %v", has, c.charts)
			}
			if !strings.Contains(page, "p95(product) &lt; 250ms") {
				t.Error("the summary is not there")
			}
		})
	}
}

func TestRunsThatHardlyHappened(t *testing.T) {
	for name, make := range map[string]func(*testing.T) string{
		"no requests":  func(t *testing.T) string { return save(t, shop(3*time.Second), 3, 0, nil) },
		"no intervals": func(t *testing.T) string { return save(t, shop(3*time.Second), 0, 0, nil) },
		"no loads":     func(t *testing.T) string { return save(t, &engine.Legend{}, 0, 0, nil) },
		"a killed run": func(t *testing.T) string {
			dir := filepath.Join(t.TempDir(), "run")
			if _, err := report.Create(dir, meta(), shop(3*time.Second), nil); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"loads that are only in the legend": func(t *testing.T) string {
			return save(t, shop(3*time.Second), 3, 40, func(r *report.Run) { r.Loads = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			if page := undressed(render(t, make(t))); !strings.Contains(page, `id="verdict"`) || !strings.Contains(page, `id="environment"`) {
				t.Error("the page is not whole")
			}
		})
	}
}
