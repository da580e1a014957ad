package budget

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

// legend has an open load with three stages of 10 s and a closed one beside it.

func legend() *engine.Legend {
	return &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "shoppers", Model: "open", Stages: []engine.StageLegend{
				{Name: "calm", To: 10 * time.Second},
				{Name: "surge", From: 10 * time.Second, To: 20 * time.Second},
				{Name: "peak", From: 20 * time.Second, To: 30 * time.Second},
			}},
			{Name: "office", Model: "closed", Stages: []engine.StageLegend{{Name: "work", To: 20 * time.Second}}},
		},
		Requests: []engine.RequestLegend{{Name: "product"}, {Name: "order"}, {Name: "GET /v1/{{ id }}"}},
	}
}

// event is n equal requests or drops that are seen in one interval.

type event struct {
	second  int // the interval from second to second+1
	key     engine.Key
	n       uint64
	latency time.Duration
	dropped uint64
}

// run makes the snapshots of an interval each second.

func run(l *engine.Legend, seconds int, events ...event) []*engine.Snapshot {
	intervals := make([]*engine.Snapshot, seconds)
	for i := range intervals {
		intervals[i] = engine.NewSnapshot(l)
		intervals[i].From, intervals[i].To = time.Duration(i)*time.Second, time.Duration(i+1)*time.Second
	}
	for _, e := range events {
		s := intervals[e.second]
		tally := &s.Tallies[e.key.Load][e.key.Stage]
		tally.Sent += e.n
		tally.Dropped += e.dropped
		if e.n == 0 {
			continue
		}
		c := s.Cell(e.key)
		c.Latency.RecordN(e.latency, e.n)
		c.Service.RecordN(e.latency/2, e.n)
		c.Lag.RecordN(e.latency/2, e.n)
		if e.key.Outcome == engine.OK {
			c.Phases[3].RecordN(e.latency/4, e.n)
		}
	}
	return intervals
}

// steady is n requests with the latency in each second of from … to.

func steady(from, to int, n uint64, latency time.Duration, key engine.Key) (events []event) {
	for i := from; i < to; i++ {
		k := key
		if k.Load == 0 {
			k.Stage = min(i/10, 2)
		}
		events = append(events, event{second: i, key: k, n: n, latency: latency})
	}
	return events
}

func all(lists ...[]event) (events []event) {
	for _, list := range lists {
		events = append(events, list...)
	}
	return events
}

func parse(t *testing.T, src string) *Budget {
	t.Helper()
	b, err := Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return b
}

func watch(t *testing.T, l *engine.Legend, sources ...string) *Watch {
	t.Helper()
	var budgets []*Budget
	for _, src := range sources {
		budgets = append(budgets, parse(t, src))
	}
	w, err := NewWatch(l, budgets)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var (
	product = engine.Key{}
	order   = engine.Key{Request: 1}
	failed  = engine.Key{Outcome: engine.Failed}
	errored = engine.Key{Outcome: engine.Error}
	undone  = engine.Key{Outcome: engine.Unfinished}
	office  = engine.Key{Load: 1}
)

const ms = time.Millisecond

// brief is a result in one line: verdict, observed, limit, unit, margin, when, samples, why.

func brief(r Result) string {
	s := string(r.Result)
	number := func(x *float64) string {
		if x == nil {
			return "-"
		}
		return fmt.Sprintf("%.5g", *x)
	}
	s += fmt.Sprintf(" %s/%s %s margin %s n=%d", number(r.Observed), number(r.Limit), r.Unit, number(r.Margin), r.Samples)
	if r.Window != nil {
		s += fmt.Sprint(" ", r.Window)
	}
	if r.At != 0 {
		s += fmt.Sprintf(" at %gs", r.At)
	}
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	return s
}

func TestResults(t *testing.T) {
	base := steady(0, 30, 100, 10*ms, product)
	tests := []struct {
		name, budget string
		seconds      int
		events       []event
		want         string
	}{
		{"a percentile within the limit is kept", "p99 < 20ms", 30, base, "kept 10/20 ms margin 0.5 n=3000"},
		{
			"a percentile beyond the limit is broken since it first was for good", "p50 < 20ms", 30,
			all(steady(0, 5, 100, 10*ms, product), steady(5, 30, 100, 30*ms, product)), "broken 30/20 ms margin -0.5 n=3000 at 11s",
		},
		{"at the limit is not below it", "max < 10ms", 30, base, "broken 10/10 ms margin 0 n=3000 at 1s"},
		{"at the limit is at most it", "max <= 10ms", 30, base, "kept 10/10 ms margin 0 n=3000"},
		{"a lower limit has its margin the other way round", "mean > 8ms", 30, base, "kept 10/8 ms margin 0.25 n=3000"},
		{"other clocks are looked at alone", "service.mean == 5ms", 30, base, "kept 5/5 ms margin 0 n=3000"},
		{"lag has its own clock", "lag.max < 4ms", 30, base, "broken 5/4 ms margin -0.25 n=3000 at 1s"},
		{"a phase that happened", "ttfb.p50 < 5ms", 30, base, "kept 2.5/5 ms margin 0.5 n=3000"},
		{"a phase that never happened is no data", "connect.p50 < 5ms", 30, base, "inconclusive -/5 ms margin - n=0: no request had a connect phase"},
		{"latency leaves errors out", "max < 20ms", 30, all(base, steady(0, 1, 5, 99*ms, errored)), "kept 10/20 ms margin 0.5 n=3000"},
		{"latency takes unfinished requests at their age", "max < 20ms", 30, all(base, steady(29, 30, 1, 99*ms, undone)), "broken 99/20 ms margin -3.95 n=3001 at 30s"},
		{"latency takes failed answers", "mean < 20ms", 30, all(base, steady(0, 30, 100, 50*ms, failed)), "broken 30/20 ms margin -0.5 n=6000 at 1s"},
		{"errors can be selected", "max(outcome:error) < 20ms", 30, all(base, steady(0, 1, 5, 99*ms, errored)), "broken 99/20 ms margin -3.95 n=5 at 1s"},
		{"an outcome without samples is no data", "p50(outcome:failed) < 20ms", 30, base, "inconclusive -/20 ms margin - n=0: none of the 3,000 requests had the outcome failed"},
		{"a request is selected by its name", "max(order) < 20ms", 30, all(base, steady(0, 30, 1, 50*ms, order)), "broken 50/20 ms margin -1.5 n=30 at 1s"},
		{"two requests are taken together", "count(order, product) == 3030", 30, all(base, steady(0, 30, 1, 50*ms, order)), "kept 3030/3030 count margin 0 n=3030"},
		{"a load is selected by its name", "max(load:office) < 20ms", 30, all(base, steady(0, 20, 1, 50*ms, office)), "broken 50/20 ms margin -1.5 n=20 at 1s"},
		{"kinds of selectors narrow each other", "count(order, load:office) > 0", 30, base, "inconclusive 0/0 count margin - n=0: there were no requests"},
		{"a stage takes what was due in it, whenever it ended", "max[surge] < 20ms", 30, all(base, []event{{25, engine.Key{Stage: 1}, 1, 9 * time.Second, 0}}), "broken 9000/20 ms margin -449 n=1001 at 26s"},
		{"failed, errors and unfinished are errors", "errors < 0.2%", 30, all(base, steady(0, 2, 1, ms, failed), steady(0, 3, 1, ms, errored), steady(29, 30, 1, ms, undone)), "kept 0.001996/0.002 share margin 0.001996 n=3006"},
		{"one outcome as a share", "errors(outcome:error) <= 0.7%", 30, all(steady(0, 1, 993, 1, product), steady(0, 1, 7, 1, errored)), "kept 0.007/0.007 share margin 0 n=1000"},
		{"no errors at all", "errors == 0", 30, base, "kept 0/0 share margin - n=3000"},
		{"rate counts answers over the time that the load ran", "rate(load:shoppers) >= 102/s", 35, all(base, steady(0, 30, 2, ms, failed), steady(0, 30, 3, ms, errored)), "kept 102/102 /s margin 0 n=3060"},
		{"late answers count in the rate", "rate(load:office) == 50/s", 35, all(steady(0, 20, 49, ms, office), steady(22, 23, 20, ms, office)), "kept 50/50 /s margin 0 n=1000"},
		{"goodput counts what was ok", "goodput > 100/s", 30, all(base, steady(0, 30, 9, ms, failed)), "broken 100/100 /s margin 0 n=3000 at 1s"},
		{"the rate of a stage is over that stage", "rate[surge] > 80/s", 30, base, "kept 100/80 /s margin 0.25 n=1000"},
		{"the rate of one outcome", "rate(outcome:error) < 1/s", 30, all(base, steady(0, 6, 5, ms, errored)), "broken 1/1 /s margin 0 n=30 at 1s"},
		{"a rate of nothing in a run with requests is an observation", "rate(outcome:error) < 1/s", 30, base, "kept 0/1 /s margin 1 n=0"},
		{"a stopped run counts until it stopped", "rate(load:shoppers) == 100/s", 7, steady(0, 7, 100, ms, product), "kept 100/100 /s margin 0 n=700"},
		{"a number that only grows is judged at the end", "count > 1000", 30, base, "kept 3000/1000 count margin 2 n=3000"},
		{"a number that stayed too small broke at the end", "count > 4000", 30, base, "broken 3000/4000 count margin -0.25 n=3000 at 30s"},
		{"dropped as a number", "dropped <= 2", 30, all(base, []event{{7, product, 0, 0, 3}}), "broken 3/2 count margin -0.5 n=3003 at 8s"},
		{"dropped as a share of what was due", "dropped < 10%", 30, all(base, []event{{7, product, 0, 0, 1000}}), "broken 0.25/0.1 share margin -1.5 n=4000 at 8s"},
		{"dropped by load and stage", "dropped(load:shoppers)[peak] == 0", 30, all(base, []event{{7, product, 0, 0, 1000}}), "kept 0/0 count margin - n=1000"},
		{"everything dropped", "dropped < 1%", 30, []event{{7, product, 0, 0, 10}}, "broken 1/0.01 share margin -99 n=10 at 8s"},
		{"another metric as the limit", "p99(order) < 2 * p99(product) + 5ms", 30, all(base, steady(0, 30, 10, 20*ms, order)), "kept 20/25 ms margin 0.2 n=300"},
		{"another stage as the limit", "mean[peak] < 2 * mean[calm]", 30, all(steady(0, 20, 5, 10*ms, product), steady(20, 30, 5, 25*ms, product)), "broken 25/20 ms margin -0.25 n=50 at 21s"},
		{"goodput as a share of the rate", "goodput >= 0.9 * rate", 30, all(base, steady(0, 30, 20, ms, failed)), "broken 100/108 /s margin -0.074074 n=3000 at 1s"},
		{"a limit without data", "p99(product) < 2 * p99(order)", 30, base, "inconclusive 10/- ms margin - n=3000: on the right side, there were no requests"},
		{"a limit with too little data", "p99(product) < 2 * p99(order)", 30, all(base, steady(0, 7, 1, ms, order)), "inconclusive 10/2 ms margin - n=3000: on the right side, p99 needs at least 100 requests, there were 7"},
		{"no baseline", "p99 < baseline * 1.1 + 5ms", 30, base, "inconclusive 10/- ms margin - n=3000: no baseline given"},
		{"no requests", "p99 < 1s", 30, nil, "inconclusive -/1000 ms margin - n=0: there were no requests"},
		{"too few requests for the percentile", "p99.9 < 1s", 30, steady(0, 1, 999, 10*ms, product), "inconclusive 10/1000 ms margin - n=999: p99.9 needs at least 1,000 requests, there were 999"},
		{"just enough requests for the percentile", "p99.9 < 1s", 30, steady(0, 1, 1000, 10*ms, product), "kept 10/1000 ms margin 0.99 n=1000"},
		{"one slow request of too few shows nothing", "p99 < 100ms", 30, all(steady(0, 1, 9, 10*ms, product), steady(0, 1, 1, time.Second, product)), "inconclusive 1000/100 ms margin - n=10: p99 needs at least 100 requests, there were 10"},
		{"two slow requests of too few would break it whatever came", "p99 < 100ms", 30, all(steady(0, 1, 8, 10*ms, product), steady(0, 1, 2, time.Second, product)), "broken 1000/100 ms margin -9 n=10 at 1s"},
		{"too few requests for a lower limit", "p99 > 100ms", 30, steady(0, 1, 10, 10*ms, product), "inconclusive 10/100 ms margin - n=10: p99 needs at least 100 requests, there were 10"},
		{
			"a budget that recovered is broken since it broke again", "mean < 20ms", 30,
			all(steady(0, 1, 10, 50*ms, product), steady(1, 10, 10, 10*ms, product), steady(20, 30, 100, 50*ms, product)), "broken 46.727/20 ms margin -1.3364 n=1100 at 21s",
		},
		{"one request has no median", "p50 < 1ms", 30, steady(0, 1, 1, 10*ms, product), "inconclusive 10/1 ms margin - n=1: p50 needs at least 2 requests, there was 1"},
		{"a grace leaves out what came before", "max < 20ms after 5s", 30, all(base, steady(0, 5, 1, 99*ms, product)), "kept 10/20 ms margin 0.5 n=2500"},
		{"an interval that begins within the grace is left out", "max < 20ms after 4500ms", 30, all(base, steady(0, 5, 1, 99*ms, product)), "kept 10/20 ms margin 0.5 n=2500"},
		{"a grace shortens the span of a rate", "rate(load:shoppers) == 100/s after 5s", 30, base, "kept 100/100 /s margin 0 n=2500"},
		{"a grace longer than the run leaves no data", "errors < 1% after 1m", 30, base, "inconclusive -/0.01 share margin - n=0: there were no requests"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := watch(t, legend(), test.budget)
			for _, s := range run(legend(), test.seconds, test.events...) {
				w.Observe(s)
			}
			if diff := cmp.Diff(test.want, brief(w.Results()[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALoadWithoutAnEndIsActiveToTheLast(t *testing.T) {
	for _, stages := range [][]engine.StageLegend{nil, {{Name: "all"}}} {
		l := &engine.Legend{Loads: []engine.LoadLegend{{Name: "a", Model: "closed", Stages: stages}}, Requests: []engine.RequestLegend{{Name: "product"}}}
		w := watch(t, l, "rate == 10/s", "rate == 10/s over 5s")
		var events []event
		for i := range 7 {
			events = append(events, event{second: i, n: 10, latency: ms})
		}
		for _, s := range run(l, 7, events...) {
			w.Observe(s)
		}
		for _, r := range w.Results() {
			if r.Result != Kept {
				t.Errorf("with stages %v: %s", stages, brief(r))
			}
		}
	}
}

func TestTheFirstAbortStays(t *testing.T) {
	w := watch(t, legend(), "max < 90ms abort", "max < 20ms abort")
	for _, s := range run(legend(), 10, all(steady(3, 10, 1, 50*ms, product), steady(6, 10, 1, 99*ms, product))...) {
		w.Observe(s)
	}
	if got := *w.Broken(); got.Expr != "max < 20ms abort" || got.At != 4 || *got.Observed != 50 {
		t.Errorf("the first is %s %s", got.Expr, brief(got))
	}
	if got := w.Results()[0]; got.Result != Broken || got.At != 7 {
		t.Errorf("the second is %s", brief(got))
	}
}

func TestAbort(t *testing.T) {
	l := legend()
	w := watch(t, l, "errors < 50% abort after 2s", "errors < 1%", "max < 1s over 2s abort", "errors < 10% abort after 2s", "rate[peak] > 1/s abort", "p99(order) < 1ms abort")
	intervals := run(l, 30, all(
		steady(0, 2, 100, ms, errored), // within the grace
		steady(2, 10, 100, ms, product), steady(4, 5, 50, ms, errored),
		steady(10, 30, 1000, ms, product),
	)...)
	for i, s := range intervals {
		w.Observe(s)
		if got, want := w.Broken() != nil, i >= 4; got != want {
			t.Fatalf("after %d s broken is %v, want %v", i+1, got, want)
		}
	}
	want := "broken 0.14286/0.1 share margin -0.42857 n=350 at 5s"
	if got := *w.Broken(); got.Expr != "errors < 10% after 2s abort" || !got.Aborted || brief(got) != want {
		t.Errorf("broken is %s %s, want %s", got.Expr, brief(got), want)
	}
	results := w.Results()
	if got := brief(results[3]); got != want {
		t.Errorf("at the end it is %s, want it to stay %s", got, want)
	}
	for i, want := range []Verdict{Kept, Broken, Inconclusive, Broken, Kept, Inconclusive} {
		if results[i].Result != want {
			t.Errorf("%s is %s, want %s", results[i].Expr, brief(results[i]), want)
		}
	}
}

func TestWarnBudgetsHaveTheirLevel(t *testing.T) {
	w := watch(t, legend(), "max < 1ms warn", "max < 1ms", "max < 1ms abort")
	for _, s := range run(legend(), 3, steady(0, 3, 10, 5*ms, product)...) {
		w.Observe(s)
	}
	var levels []Level
	for _, r := range w.Results() {
		levels = append(levels, r.Level)
	}
	if diff := cmp.Diff([]Level{Warn, Fail, Fail}, levels); diff != "" {
		t.Error(diff)
	}
}

func TestResultsHaveTheKeysOfTheRun(t *testing.T) {
	w := watch(t, legend(), "p99 < 20ms", "p99(order) < 20ms warn", "errors < 1% abort")
	for _, s := range run(legend(), 3, all(steady(0, 3, 200, 10*ms, product), steady(1, 2, 50, ms, errored))...) {
		w.Observe(s)
	}
	got, err := json.MarshalIndent(w.Results(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "results.golden.json", string(got)+"\n")
	var again []Result
	if err := json.Unmarshal(got, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.Results(), again); diff != "" {
		t.Error(diff)
	}
}

// bound draws budgets whose names the legend knows.

// TestResultsDoNotDependOnTheCut judges random runs cut into seconds and into halves.
