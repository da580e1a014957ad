package budget

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

// shopSLO is an SLO with a real-time scale and the given gates.
func shopSLO(t *testing.T, objective float64, gates ...string) *SLO {
	t.Helper()
	s := &SLO{Name: "shop", Objective: objective, Window: 30 * 24 * time.Hour, Scale: 1}
	for _, text := range gates {
		g, err := ParseGate(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Gates = append(s.Gates, g)
	}
	return s
}

// spend replays intervals to an SLO.
func spend(t *testing.T, s *SLO, intervals []*engine.Snapshot) *Watch {
	t.Helper()
	l := legend()
	if len(intervals) > 0 {
		l = intervals[0].Legend
	}
	w, err := NewWatch(l, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range intervals {
		w.Observe(i)
	}
	return w
}

// monthLegend has one load that goes on for two months.
func monthLegend() *engine.Legend {
	return &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "load", Model: "open", Stages: []engine.StageLegend{{Name: "main", To: 60 * 24 * time.Hour}}}},
		Requests: []engine.RequestLegend{{Name: "product"}},
	}
}

// stretch is an interval with so many requests, of which a share is bad.
func stretch(l *engine.Legend, from, to time.Duration, n uint64, share float64) *engine.Snapshot {
	s := engine.NewSnapshot(l)
	s.From, s.To = from, to
	bad := uint64(math.Round(share * float64(n)))
	if bad > 0 {
		s.Cell(failed).Latency.RecordN(ms, bad)
	}
	if n > bad {
		s.Cell(product).Latency.RecordN(ms, n-bad)
	}
	return s
}

func close6(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }

func TestBurnRatesAreThoseOfTheWorkbook(t *testing.T) {
	text, err := os.ReadFile("testdata/burn_rate_reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Table []struct {
			Long, Short  string
			Burn, Budget float64
		}
		Cases []struct {
			SLO       float64 `json:"slo"`
			Hours     float64 `json:"long_h"`
			Burn      float64 `json:"burn"`
			Threshold float64 `json:"error_ratio_threshold"`
			Consumed  float64 `json:"budget_consumed"`
			Exhausted float64 `json:"hours_to_exhaust"`
			Detected  float64 `json:"detect_s_at_100pct_errors"`
		}
	}
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	windows := DefaultGates()[1:]
	for i, row := range reference.Table {
		g := windows[i]
		if g.Burn != row.Burn || Period(g.Long) != row.Long || Period(g.Short) != row.Short || g.Long.Hours()*g.Burn/720 != row.Budget {
			t.Errorf("gate %s is not that of row %+v", g, row)
		}
	}
	if len(reference.Cases) < 15 {
		t.Fatal("cases are missing")
	}
	for _, c := range reference.Cases {
		t.Run(fmt.Sprintf("%g at %g over %gh", c.SLO, c.Burn, c.Hours), func(t *testing.T) {
			s := shopSLO(t, c.SLO, fmt.Sprintf("%g/%gh", c.Burn, c.Hours))
			if got := s.Gates[0].Burn * s.Allowed(); !close6(got, c.Threshold) {
				t.Errorf("fires from a share of %g on, want %g", got, c.Threshold)
			}
			var intervals []*engine.Snapshot
			l := monthLegend()
			for h := range int(c.Hours) {
				intervals = append(intervals, stretch(l, time.Duration(h)*time.Hour, time.Duration(h+1)*time.Hour, 1e10, c.Threshold))
			}
			e := spend(t, s, intervals).ErrorBudgets()[0]
			if !close6(e.Consumed, c.Consumed) || !close6(*e.Burn, c.Burn) || !close6(e.Gates[0].Worst, c.Burn) {
				t.Errorf("consumed %g, want %g; burn %g and %g, want %g", e.Consumed, c.Consumed, *e.Burn, e.Gates[0].Worst, c.Burn)
			}
			whole := *e.Forecast + e.SecondsRun // what is left, and what is gone
			if !close6(whole/3600, c.Exhausted) {
				t.Errorf("exhausted after %g h, want %g", whole/3600, c.Exhausted)
			}
			before, after := seconds(c.Detected*(1-1e-6)), seconds(c.Detected*(1+1e-6))
			w := spend(t, s, []*engine.Snapshot{stretch(l, 0, before, 1e6, 1)})
			if at := w.ErrorBudgets()[0].Gates[0].Fired; at != 0 {
				t.Errorf("fired after %gs of nothing but errors, want %g", at, c.Detected)
			}
			w.Observe(stretch(l, before, after, 10, 1))
			if at := w.ErrorBudgets()[0].Gates[0].Fired; !close6(at, c.Detected) {
				t.Errorf("fired after %gs of nothing but errors, want %g", at, c.Detected)
			}
		})
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func TestBoundsOfASmallShareAreExact(t *testing.T) {
	known := map[uint64]float64{20: 0.139108340668, 59: 0.0495076098882, 100: 0.029513049607, 149: 0.0199048162207, 299: 0.0099691467929, 1000: 0.0029912495451}
	for n, want := range known {
		if low, high := (events{all: n}).interval(); low != 0 || !close6(high, want) {
			t.Errorf("none of %d: %g to %g, want 0 to %g", n, low, high, want)
		}
		if low, high := (events{all: n, bad: n}).interval(); !close6(low, 1-want) || high != 1 {
			t.Errorf("all of %d: %g to %g, want %g to 1", n, low, high, 1-want)
		}
	}
}

func TestGates(t *testing.T) {
	quiet := steady(0, 30, 100, ms, product)
	bad := func(from, to int, n uint64) []event { return steady(from, to, n, ms, failed) }
	tests := []struct {
		name, gate string
		seconds    int
		events     []event
		want       string // of the state
	}{
		{"a quiet run keeps a gate", "10/10s+1s", 30, quiet, "kept worst 0"},
		{"a run that burns less keeps it", "10/10s+1s", 30, all(quiet, bad(0, 30, 5)), "kept worst 4.76"},
		{"a steady burn fires as soon as it must have been too much", "10/10s+1s", 30, all(quiet, bad(0, 30, 25)), "broken worst 20 at 6s"},
		{"a moment is not long enough", "10/10s+1s", 30, all(quiet, bad(15, 16, 100)), "kept worst 9.09"},
		{"a gate that fired stays broken when all is well again", "10/10s+1s", 30, all(quiet, bad(12, 15, 100)), "broken worst 23.1 at 14s"},
		{"what is over does not fire it later", "3/20s+1s", 30, all(quiet, bad(20, 21, 100)), "broken worst 4.76 at 21s"},
		{
			"a run that is shorter than the window leaves it open", "10/1m+5s", 30, quiet,
			"inconclusive worst 0: 1m are 1m of the run, which showed 30s; it did not fire by then",
		},
		{"and may still fire it", "10/1m+5s", 30, all(quiet, bad(0, 30, 100)), "broken worst 25 at 13s"},
		{"nothing at all leaves it open", "10/10s+1s", 30, nil, "inconclusive worst 0: there were no requests"},
		{
			"a trickle of nothing but errors fires it, too", "10/10s+1s", 30, steady(0, 30, 1, ms, errored)[:11],
			"broken worst 100 at 2s",
		},
		{
			"one bad request of three does not fire it", "10/10s+1s", 30,
			[]event{{second: 3, key: product, n: 2, latency: ms}, {second: 4, key: failed, n: 1, latency: ms}},
			"inconclusive worst 0: 21 of 21 windows had too few requests, such as 0: one that is not good would be too many",
		},
		{
			"but three do, however few the others are", "10/10s+1s", 30,
			[]event{{second: 3, key: product, n: 2, latency: ms}, {second: 4, key: failed, n: 3, latency: ms}},
			"broken worst 30 at 5s",
		},
		{"unfinished requests and those without an answer are not good", "10/10s+1s", 30, all(quiet, steady(0, 30, 15, ms, undone), steady(0, 30, 15, ms, errored)), "broken worst 23.1 at 5s"},
		{"dropped arrivals are not good", "10/10s+1s", 30, all(quiet, []event{{second: 5, dropped: 500}}), "broken worst 27.3 at 6s"},
		{"what comes late counts where it was due", "1/30s+1s", 31, all(quiet, []event{{second: 30, key: failed, n: 500, latency: ms}}), "broken worst 14.3 at 30s"},
		{"a whole run may be shown to be good", "1/run", 30, quiet, "kept worst 0"},
		{"or to be bad", "1/run", 30, all(quiet, bad(0, 30, 3)), "broken worst 2.91"},
		{
			"or leave it open", "1/run", 30, all(quiet, bad(0, 30, 1)),
			"inconclusive worst 0.99: 30 of 3030 were not good: a burn of 0.714 to 1.34 may lie behind that, so more requests are needed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shopSLO(t, 0.99, tt.gate)
			for i := range tt.events {
				if tt.events[i].second == 30 {
					tt.events[i].key.Stage = 2
				}
			}
			w := spend(t, s, run(legend(), tt.seconds, tt.events...))
			g := w.ErrorBudgets()[0].Gates[0]
			got := fmt.Sprintf("%s worst %.3g", g.Result, g.Worst)
			if g.Fired > 0 {
				got += fmt.Sprintf(" at %gs", g.Fired)
			}
			if g.Reason != "" {
				got += ": " + g.Reason
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			r := w.Results()[0]
			if r.Result != g.Result || r.Metric != BurnMetric || !strings.HasPrefix(r.Expr, "burn(shop) <= ") {
				t.Errorf("among the budgets it is %+v", r)
			}
		})
	}
}

func TestAGateStopsARampWhenTheBurnAccelerates(t *testing.T) {
	s := shopSLO(t, 0.99, "10/10s+1s abort", "1/run")
	l := legend()
	w, err := NewWatch(l, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	for i, interval := range run(l, 30, all(steady(0, 30, 100, ms, product), steady(10, 30, 50, ms, failed))...) {
		w.Observe(interval)
		if stopped := w.Broken() != nil; stopped != (i >= 12) {
			t.Errorf("after %d s: stopped is %v", i+1, stopped)
		}
	}
	r := w.Results()[0]
	if r.At != 13 || !r.Aborted || *r.Observed != *w.Broken().Observed || r.Level != Fail {
		t.Errorf("got %+v, want the figures of the moment it stopped the run", r)
	}
}

func TestAGuardCanFireButLeavesNothingOpen(t *testing.T) {
	s := shopSLO(t, 0.99)
	s.Gates = DefaultGates()
	if err := s.Possible(legend(), time.Second, false); err != nil {
		t.Fatal(err)
	}
	quiet := spend(t, s, run(legend(), 30, steady(0, 30, 100, ms, product)...)).Results()
	for i, r := range quiet {
		if want := map[bool]Verdict{true: Kept, false: Inconclusive}[i == 0]; r.Result != want || i > 0 && r.Level != Warn {
			t.Errorf("quiet: %+v", r)
		}
	}
	burning := spend(t, s, run(legend(), 30, steady(0, 30, 100, ms, failed)...)).Results()
	for i, r := range burning[:2] {
		if i == 0 && r.Result != Broken || i == 1 && r.Result != Inconclusive {
			t.Errorf("burning: %+v", r) // 14.4 of 100 × one hour are more than 30 s
		}
	}
}

func TestTheScaleMakesAnHourOfSeconds(t *testing.T) {
	s := shopSLO(t, 0.9, "5/1h+5m")
	s.Scale, s.Price = 300, &Price{PerMinute: 10, Currency: "$", text: "$10/min"}
	e := spend(t, s, run(legend(), 30, steady(0, 30, 100, ms, failed)...)).ErrorBudgets()[0]
	if e.Gates[0].Fired != 7 { // 7/12 of 10 is more than 5
		t.Errorf("fired at %g s", e.Gates[0].Fired)
	}
	if want := 10 * 9000.0 / (30 * 86400); !close6(e.Consumed, want) || !close6(*e.Forecast, (1-want)*30*86400/10) {
		t.Errorf("consumed %g, want %g; forecast %g", e.Consumed, want, *e.Forecast)
	}
	if c := e.Cost; !close6(c.Down, 150) || !close6(c.Amount, 1500) || !close6(c.Budget, 43200) || !close6(c.Window, 432000) {
		t.Errorf("cost %+v", c)
	}
}

func TestAnErrorBudgetThatIsGoneIsBroken(t *testing.T) {
	s := shopSLO(t, 0.99, "90/10s+10s warn")
	s.Window = 100 * time.Second
	w := spend(t, s, run(legend(), 30, all(steady(0, 30, 90, ms, product), steady(0, 20, 10, ms, failed))...))
	r := w.Results()
	if len(r) != 2 || r[1].Expr != "consumed(shop) < 100%" || r[1].Result != Broken || r[1].At != 10 || *r[1].Margin > 0 {
		t.Errorf("got %+v", r)
	}
	if e := w.ErrorBudgets()[0]; e.Exhausted != 10 || *e.BurnNow != 0 || e.Forecast != nil {
		t.Errorf("got %+v", e)
	}
}

func TestASlowRequestIsNotGood(t *testing.T) {
	s := shopSLO(t, 0.99, "1/run")
	s.Within, s.Requests = 300*ms, []string{"order"}
	events := all(steady(0, 30, 50, 200*ms, order), steady(0, 30, 50, 400*ms, order), steady(0, 30, 50, 400*ms, product))
	w := spend(t, s, run(legend(), 30, events...))
	if e := w.ErrorBudgets()[0]; e.Events != 3000 || e.Bad != 1500 || !w.Results()[0].Timed {
		t.Errorf("%d of %d are bad", e.Bad, e.Events)
	}
}

func TestASavedErrorBudgetIsTheSameSLO(t *testing.T) {
	s := shopSLO(t, 0.9995, "14.4/1h+5m abort", "1/3d+6h warn", "2/run")
	s.Within, s.Requests, s.Scale = 299999999, []string{"order"}, 300
	s.Price, _ = ParsePrice("30k EUR/h")
	s.Gates[1].Guard = true
	text, err := json.Marshal(spend(t, s, nil).ErrorBudgets()[0])
	if err != nil {
		t.Fatal(err)
	}
	var saved ErrorBudget
	if err := json.Unmarshal(text, &saved); err != nil {
		t.Fatal(err)
	}
	back, err := saved.SLO()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back, cmp.AllowUnexported(Price{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDropsCountForTheLoadsThatMakeTheRequests(t *testing.T) {
	stages := []engine.StageLegend{{Name: "main", To: time.Minute}}
	l := &engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "shoppers", Model: "open", Stages: stages}, {Name: "reports", Model: "open", Stages: stages}},
		Requests: []engine.RequestLegend{{Name: "order"}, {Name: "report"}},
	}
	var run []*engine.Snapshot
	for second := range 4 {
		s := engine.NewSnapshot(l)
		s.From, s.To = time.Duration(second)*time.Second, time.Duration(second+1)*time.Second
		s.Tallies[0][0].Dropped, s.Tallies[1][0].Dropped = 2, 50
		if second > 0 { // what is dropped before the first request is of its load all the same
			s.Cell(engine.Key{Load: 0, Request: 0}).Latency.RecordN(ms, 100)
			s.Cell(engine.Key{Load: 1, Request: 1}).Latency.RecordN(ms, 10)
		}
		run = append(run, s)
	}
	for want, requests := range map[uint64][]string{8: {"order"}, 200: {"report"}, 208: nil} {
		s := shopSLO(t, 0.9, "1/run")
		s.Requests = requests
		if got := spend(t, s, run).ErrorBudgets()[0].Bad; got != want {
			t.Errorf("of %v %d are bad, not %d", requests, got, want)
		}
	}
}
