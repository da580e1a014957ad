package budget

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

func TestALimitFromABaseline(t *testing.T) {
	before := steady(0, 30, 100, 10*ms, product)
	now := steady(0, 30, 100, 12*ms, product)
	orders := steady(0, 30, 1, 50*ms, order)
	tests := []struct {
		name, budget string
		before, now  []event
		want         string
	}{
		{"within its factor and slack", "p99 < baseline * 1.1 + 5ms", before, now, "kept 12/16 ms margin 0.25 n=3000"},
		{"beyond its factor", "p99 < baseline * 1.1", before, now, "broken 12/11 ms margin -0.090909 n=3000 at 1s"},
		{"the same is not below it", "p50 < baseline", before, before, "broken 10/10 ms margin 0 n=3000 at 1s"},
		{"of the same request", "p50(order) < baseline * 1.1", all(before, orders), all(now, orders), "kept 50/55 ms margin 0.090909 n=30"},
		{"of the same stage", "max[peak] <= baseline", before, now, "broken 12/10 ms margin -0.2 n=1000 at 21s"},
		{"a rate", "rate(load:shoppers) > baseline * 0.95", before, now, "kept 100/95 /s margin 0.052632 n=3000"},
		{"no errors then, none now", "errors <= baseline", before, now, "kept 0/0 share margin - n=3000"},
		{"windows are held against the whole", "p99 < baseline * 1.1 over 10s", before, now, "broken 12/11 ms margin -0.090909 n=1000 [0 10] at 10s"},
		{"a request that it never had", "p50(order) < baseline", before, all(now, orders), "inconclusive 50/- ms margin - n=30: in the baseline, there were no requests"},
		{"too little in it", "p99 < baseline", steady(0, 7, 1, ms, product), now, "inconclusive 12/- ms margin - n=3000: in the baseline, p99 needs at least 100 requests, there were 7"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := watch(t, legend(), test.budget)
			w.Baseline(total(test.before))
			for _, s := range run(legend(), 30, test.now...) {
				w.Observe(s)
			}
			if diff := cmp.Diff(test.want, brief(w.Results()[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func total(events []event) *engine.Snapshot {
	sum := engine.NewSnapshot(legend())
	for _, s := range run(legend(), 30, events...) {
		sum.Merge(s)
	}
	return sum
}

func TestABaselineOfOtherRequestsIsNoData(t *testing.T) {
	other := engine.NewSnapshot(&engine.Legend{Loads: legend().Loads, Requests: []engine.RequestLegend{{Name: "search"}}})
	w := watch(t, legend(), "p50(product) < baseline")
	w.Baseline(other)
	for _, s := range run(legend(), 30, steady(0, 30, 100, 12*ms, product)...) {
		w.Observe(s)
	}
	if got := w.Results()[0]; got.Result != Inconclusive {
		t.Errorf("%s", brief(got))
	}
}
