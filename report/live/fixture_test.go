package live

import (
	"errors"
	"math"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"plimsoll/engine"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// start is when everything in the fixtures began.
var start = time.Date(2026, 11, 28, 20, 0, 0, 0, time.UTC)

func shopLegend(names ...string) *engine.Legend {
	if len(names) == 0 {
		names = []string{"product", "order"}
	}
	l := &engine.Legend{Loads: []engine.LoadLegend{{Name: "shoppers", Model: "open", Stages: []engine.StageLegend{
		{Name: "calm", To: 20 * time.Second, Planned: 100},
		{Name: "surge", From: 20 * time.Second, To: 40 * time.Second, Planned: 200},
		{Name: "peak", From: 40 * time.Second, To: 60 * time.Second, Planned: 300},
	}}}}
	for _, n := range names {
		l.Requests = append(l.Requests, engine.RequestLegend{Name: n, Checks: []string{"status == 200"}})
	}
	return l
}

// second is what happened in one second: the more load, the slower, and some errors at the peak.
func second(l *engine.Legend, n int, lag time.Duration) *engine.Snapshot {
	s := engine.NewSnapshot(l)
	s.From, s.To = time.Duration(n)*time.Second, time.Duration(n+1)*time.Second
	stage := min(n/20, 2)
	rate := 100 * (stage + 1)
	for i := range rate {
		due := s.From + time.Duration(i)*time.Second/time.Duration(rate)
		took := time.Duration(float64(5*time.Millisecond) * (1 + float64(stage)*math.Abs(math.Sin(float64(n+i)))) * math.Exp2(float64(i%10)/3))
		x := engine.Sample{Stage: stage, Request: i % len(l.Requests), Due: due, Start: due + lag, End: due + lag + took, Status: 200}
		switch {
		case stage == 2 && i%50 == 0:
			x.Outcome, x.Status, x.ErrKind = engine.Error, 0, engine.ErrTimeout
		case stage == 2 && i%29 == 0:
			x.Outcome, x.Status, x.ChecksFailed = engine.Failed, 503, 1
		}
		s.Cell(engine.Key{Stage: stage, Request: x.Request, Outcome: x.Outcome}).Add(&x)
	}
	dropped := uint64(0)
	if n > 50 {
		dropped = 10
	}
	done := uint64(rate) - uint64(stage)*5
	s.Tallies[0][stage] = engine.Tally{Planned: uint64(rate), Sent: uint64(rate) - dropped, Dropped: dropped, Completed: done}
	s.Health = engine.Health{CPU: 120 * time.Millisecond, Capacity: 2 * time.Second, InFlight: 10 + 10*stage, OpenFiles: 40, FileLimit: 1024, Users: 20}
	return s
}

// watch returns a watch over budgets of the shop: one that is kept, one near, one broken, and
// one without data.
func watch(t testing.TB, l *engine.Legend) *budget.Watch {
	t.Helper()
	var all []*budget.Budget
	for _, text := range []string{"p95 < 1s", "p99(" + quoted(l.Requests[0].Name) + ") < 95ms", "errors < 1%", "p99[peak] < 200ms", "dropped < 1% warn"} {
		b, err := budget.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	w, err := budget.NewWatch(l, all)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func quoted(name string) string {
	for _, r := range name {
		if r < 'a' || r > 'z' {
			return `"` + name + `"`
		}
	}
	return name
}

// running returns a model of the shop's run after so many seconds.
func running(t testing.TB, c Colors, seconds int) *model {
	t.Helper()
	m := newModel(newTheme(c), true)
	l := shopLegend()
	w := watch(t, l)
	news := []any{Run{Scenario: "checkout-surge", Target: "http://127.0.0.1:8080", Legend: l}, began{start}}
	for n := range seconds {
		s := second(l, n, 50*time.Microsecond)
		w.Observe(s)
		news = append(news, observed{snapshot: s, results: w.Results()})
	}
	news = append(news,
		happened{start.Add(15 * time.Second), "fault latency dep:pricing", false, nil},
		happened{start.Add(16 * time.Second), `breaker.open pricing {"failures":12}`, true, nil},
		happened{start.Add(18 * time.Second), "set cache.ttl=1s", false, errors.New("no such knob")},
		note{"note: the data source products has 1,000 rows and is read again from its start"},
	)
	m.Update(tick{start.Add(time.Duration(seconds)*time.Second + 300*time.Millisecond), news})
	return m
}

// experimenting returns a model of an experiment in its second run.
func inExperiment(t testing.TB, c Colors) *model {
	t.Helper()
	m := newModel(newTheme(c), true)
	l := shopLegend()
	news := []any{Experiment{Scenario: "breaker", Variants: []string{"off", "on"}, Claims: []string{"p99(order)[on/peak] < 0.2 * p99(order)[off/peak]", "errors[on] <= 3%"}}}
	for turn, variant := range []string{"off", "on"} {
		news = append(news, Run{Scenario: "breaker", Target: "http://127.0.0.1:8080", Title: variant + "  (run 1, round 1 of at most 3)", Variant: variant, Legend: l}, began{start})
		for n := range 40 - 15*turn {
			news = append(news, observed{snapshot: second(l, n+20*(1-turn), 0)})
		}
		if turn == 0 {
			news = append(news, judged{[]budget.ClaimResult{
				{Expr: "p99(order)[on/peak] < 0.2 * p99(order)[off/peak]", Unit: "ms", Observed: new(12.0), Limit: new(42.0), Result: budget.Undecided, Reason: "no run of on yet"},
				{Expr: "errors[on] <= 3%", Unit: "share", Observed: new(0.01), Limit: new(0.03), Result: budget.Confirmed},
			}})
		}
	}
	m.Update(tick{start.Add(25 * time.Second), news})
	return m
}

// inSearch returns a model of a search in the middle of a trial.
func inSearch(c Colors) *model {
	m := newModel(newTheme(c), true)
	news := []any{
		Search{Scenario: "node", Target: "http://127.0.0.1:8080", SLO: "p99 < 160ms, errors < 1%", Within: 10 * time.Minute},
		phase{"generator", "reaches 134,676/s on this machine with a target that does nothing"},
		phase{"warm-up", "2.11s; latency had settled"},
	}
	for _, users := range []int{1, 2, 4, 8, 16, 32} {
		news = append(news, swept{report.SweepPoint{Users: users, Throughput: 180 * float64(users) / (float64(users) + 3)}})
	}
	news = append(news, phase{"model", "usl of gamma 43.3/s"})
	line := search.Line{}
	for i, x := range []struct {
		rate    float64
		verdict search.Verdict
		p99     float64
	}{
		{10, search.Pass, 40},
		{20, search.Pass, 45},
		{40, search.Invalid, 60},
		{40, search.Pass, 52},
		{80, search.Pass, 70},
		{160, search.Pass, 120},
		{320, search.Fail, 900},
		{226, search.Fail, 420},
		{190, search.Undecided, 170},
	} {
		t := report.LineTrial{
			Trial: search.Trial{Kind: "probe", Rate: x.rate, Seconds: 10, Verdict: x.verdict}, AtS: float64(60 + 12*i),
			Latency: &report.Quantiles{P50: x.p99 / 4, P99: x.p99}, Errors: max(x.p99-500, 0) / 4000,
		}
		switch x.verdict {
		case search.Pass:
			line.Lower = max(line.Lower, x.rate)
		case search.Fail:
			line.Upper = x.rate
		case search.Invalid:
			t.Reason = "load: requests began late, p99 of the lag is 12ms"
		}
		news = append(news, tried{t, line, 4 * time.Minute})
	}
	news = append(news, trying{search.Step{Kind: "measure", Rate: 175, For: 10 * time.Second, Warm: 2 * time.Second}, start, 4 * time.Minute})
	m.Update(tick{start.Add(5 * time.Second), news})
	return m
}

// press presses keys, one after the other.
func press(m *model, keys ...string) {
	for _, k := range keys {
		msg := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
		switch k {
		case " ":
			msg = tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(k)}
		case "esc":
			msg = tea.KeyMsg{Type: tea.KeyEsc}
		case "ctrl+c":
			msg = tea.KeyMsg{Type: tea.KeyCtrlC}
		case "enter":
			msg = tea.KeyMsg{Type: tea.KeyEnter}
		}
		m.Update(msg)
	}
}

func resize(m *model, width, height int) { m.Update(tea.WindowSizeMsg{Width: width, Height: height}) }
