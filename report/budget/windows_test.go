package budget

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

func TestWindows(t *testing.T) {
	base := steady(0, 30, 100, 10*ms, product)
	tests := []struct {
		name, budget string
		seconds      int
		events       []event
		want         string
	}{
		{"every window keeps it", "p99 < 20ms over 10s", 30, base, "kept 10/20 ms margin 0.5 n=1000 [0 10]"},
		{"the worst window counts", "mean < 40ms over 2s", 30, all(base, steady(12, 13, 100, 50*ms, product), steady(13, 14, 100, 60*ms, product)), "kept 32.5/40 ms margin 0.1875 n=400 [12 14]"},
		{"a burst that the whole run forgives breaks its window", "errors < 2% over 5s", 30, all(base, steady(14, 15, 20, ms, errored)), "broken 0.038462/0.02 share margin -0.92308 n=520 [10 15] at 15s"},
		{"the rate of the worst second", "rate > 100/s over 1s", 30, all(base, steady(0, 17, 20, ms, product), steady(18, 30, 20, ms, product)), "broken 100/100 /s margin 0 n=100 [17 18] at 18s"},
		{"a second without answers is a rate of nothing", "rate > 50/s over 1s", 30, all(steady(0, 10, 100, ms, product), steady(11, 30, 100, ms, product)), "broken 0/50 /s margin -1 n=0 [10 11] at 11s"},
		{"windows without data are not kept", "p50 < 1s over 2s", 30, all(steady(0, 10, 100, ms, product), steady(13, 30, 100, ms, product)), "inconclusive 1/1000 ms margin - n=200 [0 2]: 2 of 29 windows: there were no requests"},
		{"windows with too few requests are not kept", "p99 < 1s over 1s", 30, all(base, steady(3, 30, 1, ms, order)), "kept 10/1000 ms margin 0.99 n=100 [0 1]"},
		{"a request that is rare is not judged by the second", "p90(order) < 1s over 1s", 30, all(steady(0, 29, 10, ms, order), steady(29, 30, 9, ms, order)), "inconclusive 1/1000 ms margin - n=10 [0 1]: 1 of 30 windows: p90 needs at least 10 requests, there were 9"},
		{"a broken window is broken whatever others lack", "max < 5ms over 1s", 30, steady(3, 4, 100, 10*ms, product), "broken 10/5 ms margin -1 n=100 [3 4] at 4s"},
		{"a run shorter than the window", "p50 < 1s over 10s", 6, steady(0, 6, 100, ms, product), "inconclusive -/1000 ms margin - n=0: no window of 10s was complete: the longest stretch was 6s"},
		{"a stage shorter than the window", "p50[calm] < 1s over 20s", 30, base, "inconclusive -/1000 ms margin - n=0: no window of 20s was complete: the longest stretch was 10s"},
		{"windows lie within the stage", "rate[surge] == 100/s over 5s", 30, base, "kept 100/100 /s margin 0 n=500 [10 15]"},
		{"no window reaches past the load", "rate(load:shoppers) >= 100/s over 10s", 40, base, "kept 100/100 /s margin 0 n=1000 [0 10]"},
		{"late answers count in the last window", "errors < 1% over 10s", 40, all(base, []event{{35, engine.Key{Stage: 2, Outcome: engine.Unfinished}, 20, 5 * time.Second, 0}}), "broken 0.019608/0.01 share margin -0.96078 n=1020 [20 30] at 36s"},
		{"late answers of a stage count in its last window", "max[calm] < 1s over 1s", 30, all(base, []event{{12, product, 1, 3 * time.Second, 0}}), "broken 3000/1000 ms margin -2 n=101 [9 10] at 13s"},
		{"a window that begins within the grace is not judged", "max < 20ms over 5s after 8s", 30, all(base, steady(0, 8, 1, 99*ms, product)), "kept 10/20 ms margin 0.5 n=500 [8 13]"},
		{"a window is rounded up to whole intervals", "count > 199 over 1500ms", 30, base, "kept 200/199 count margin 0.0050251 n=200 [0 2]"},
		{"intervals longer than the window show nothing", "p50 < 1s over 500ms", 30, base, "inconclusive 10/1000 ms margin - n=100 [0 1]: a window of 500ms is shorter than the interval of 1s"},
		{"intervals longer than the window break it all the same", "p50 < 1ms over 500ms", 30, base, "broken 10/1 ms margin -9 n=100 [0 1] at 1s"},
		{"another metric in the same window", "mean(order) < 2 * mean(product) over 1s", 30, all(base, steady(0, 29, 10, 10*ms, order), steady(29, 30, 10, 25*ms, order)), "broken 25/20 ms margin -0.25 n=10 [29 30] at 30s"},
		{
			"the limit is that of the same window alone", "mean(order) < 2 * mean(product) over 2s", 30,
			all(steady(0, 10, 10, 100*ms, product), steady(10, 30, 10, 10*ms, product), steady(0, 30, 10, 30*ms, order)), "broken 30/20 ms margin -0.5 n=20 [10 12] at 12s",
		},
		{
			"late answers count in the limit, too", "mean(order)[calm] < mean(product)[calm] over 1s", 30,
			all(steady(0, 9, 1, 30*ms, product), steady(9, 10, 1, 10*ms, product), steady(0, 10, 1, 20*ms, order), []event{{12, product, 1, 3 * time.Second, 0}}), "kept 20/30 ms margin 0.33333 n=1 [0 1]",
		},
		{"only windows in which both loads run", "rate(load:shoppers) > rate(load:office) over 10s", 30, all(base, steady(0, 20, 10, ms, office)), "kept 100/10 /s margin 9 n=1000 [0 10]"},
		{"no requests", "rate >= 0/s over 10s", 30, nil, "inconclusive 0/0 /s margin - n=0 [0 10]: there were no requests"},
		{"no baseline", "p99 < baseline over 10s", 30, base, "inconclusive -/- ms margin - n=0: 21 of 21 windows: no baseline given"},
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

func TestWindowsDoNotReachAcrossAGap(t *testing.T) {
	l := &engine.Legend{
		Loads: []engine.LoadLegend{
			{Name: "a", Model: "open", Stages: []engine.StageLegend{{Name: "peak", To: 5 * time.Second}}},
			{Name: "b", Model: "open", Stages: []engine.StageLegend{{Name: "peak", From: 8 * time.Second, To: 13 * time.Second}}},
		},
		Requests: []engine.RequestLegend{{Name: "product"}},
	}
	w := watch(t, l, "rate[peak] >= 10/s over 4s", "rate[peak] == 10/s", "rate[peak] >= 10/s over 6s")
	for _, s := range run(l, 15, all(steady(0, 5, 10, ms, product), steady(8, 13, 10, ms, office))...) {
		w.Observe(s)
	}
	for i, want := range []string{"kept 10/10 /s margin 0 n=40 [0 4]", "kept 10/10 /s margin 0 n=100", "inconclusive -/10 /s margin - n=0: no window of 6s was complete: the longest stretch was 5s"} {
		if diff := cmp.Diff(want, brief(w.Results()[i])); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWindowsBearIntervalsThatAreNotQuiteEven(t *testing.T) {
	w := watch(t, legend(), "max < 60ms over 1s", "mean < 30ms over 2s")
	intervals := run(legend(), 30, all(steady(0, 30, 1, 10*ms, product), steady(7, 8, 1, 90*ms, product))...)
	for i, s := range intervals[1:] {
		edge := s.From + time.Duration(i%3-1)*ms
		s.From, intervals[i].To = edge, edge
	}
	for _, s := range intervals {
		w.Observe(s)
	}
	for i, want := range []uint64{2, 3} {
		if r := w.Results()[i]; r.Samples != want {
			t.Errorf("%s was judged over %d requests, want %d: %s", r.Expr, r.Samples, want, brief(r))
		}
	}
}
