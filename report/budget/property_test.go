package budget

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

func TestPercentilesTakeTheRankThatTheySay(t *testing.T) {
	var events []event
	for i := range 100 {
		events = append(events, event{second: i % 30, n: 1, latency: time.Duration(i + 1)})
	}
	for percent := 1; percent < 100; percent++ {
		w := watch(t, legend(), fmt.Sprintf("p%d < 1s", percent))
		for _, s := range run(legend(), 30, events...) {
			w.Observe(s)
		}
		if r := w.Results()[0]; math.Round(*r.Observed*1e6) != float64(percent) {
			t.Errorf("%s: observed %g ms, want %d ns", r.Expr, *r.Observed, percent)
		}
	}
}

func TestBudgetsDoNotMixTheirSelections(t *testing.T) {
	sources := []string{"max < 1s", "service.max < 1s", "max(outcome:failed) < 1s", "max < 1s after 5s", "max(order) < 1s", "max[calm] < 1s", "count > 0", "errors < 1%"}
	intervals := run(legend(), 30, all(steady(0, 5, 1, 80*ms, product), steady(0, 30, 1, 10*ms, product), steady(0, 30, 1, 20*ms, order), steady(20, 30, 1, 60*ms, order), steady(10, 30, 1, 40*ms, failed))...)
	together := watch(t, legend(), sources...)
	for _, s := range intervals {
		together.Observe(s)
	}
	for i, src := range sources {
		alone := watch(t, legend(), src)
		for _, s := range intervals {
			alone.Observe(s)
		}
		if diff := cmp.Diff(alone.Results()[0], together.Results()[i]); diff != "" {
			t.Errorf("%s (-alone +together):\n%s", src, diff)
		}
	}
}

func bound(rng *rand.Rand) *Budget {
	for {
		b := randomBudget(rng)
		for _, term := range []*term{&b.left, b.right.ref} {
			if term == nil {
				continue
			}
			term.variant, term.stage = "", pick(rng, "", "calm", "peak")
			term.loads = pick(rng, nil, []string{"shoppers"})
			if term.requests != nil {
				term.requests = []string{pick(rng, "product", "order")}
			}
		}
		if b.over > 0 {
			b.over = pick(rng, time.Second, 3*time.Second, 15*time.Second)
		}
		b.after = pick(rng, 0, 0, 2*time.Second)
		if b.Bind(legend()) == nil {
			return b
		}
	}
}

func TestNoDataIsNeverKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		b := bound(rng)
		w, err := NewWatch(legend(), []*Budget{b})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range run(legend(), rng.IntN(35)) {
			w.Observe(s)
		}
		if r := w.Results()[0]; r.Result != Inconclusive || r.Reason == "" {
			t.Fatalf("%s is %s without any data", b, brief(r))
		}
		if w.Broken() != nil {
			t.Fatalf("%s would have stopped the run without any data", b)
		}
	}
}

func TestResultsDoNotDependOnTheCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		b := bound(rng)
		b.over, b.after, b.action = 0, 0, ""
		var events []event
		for range 40 {
			key := engine.Key{Stage: rng.IntN(3), Request: rng.IntN(2), Outcome: engine.Outcome(rng.IntN(4))}
			events = append(events, event{rng.IntN(30), key, rng.Uint64N(300), time.Duration(rng.Int64N(1e9)), rng.Uint64N(3)})
		}
		whole := engine.NewSnapshot(legend())
		fine, _ := NewWatch(legend(), []*Budget{b})
		for _, s := range run(legend(), 30, events...) {
			fine.Observe(s)
			whole.Merge(s)
		}
		coarse, _ := NewWatch(legend(), []*Budget{b})
		coarse.Observe(whole)
		got, want := fine.Results()[0], coarse.Results()[0]
		got.At, want.At = 0, 0
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) })); diff != "" {
			t.Fatalf("%s: %s", b, diff)
		}
	}
}

func TestWatchLeavesSnapshotsAsTheyAre(t *testing.T) {
	w := watch(t, legend(), "p99 < 1s", "p99 < 1s over 2s", "max(order) < max(product) over 2s")
	intervals := run(legend(), 10, all(steady(0, 10, 10, ms, product), steady(0, 10, 10, ms, order))...)
	for _, s := range intervals {
		w.Observe(s)
	}
	for i, s := range intervals {
		if n := s.Select(func(engine.Key) bool { return true }).Count(); n != 20 {
			t.Fatalf("interval %d now has %d samples", i, n)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	l := legend()
	var budgets []*Budget
	for _, src := range []string{"p99 < 1s", "p99(product) < 1s", "p50(product) < 1s", "errors < 1% over 10s", "p99 < 1s over 30s", "rate > 1/s"} {
		x, err := Parse(src)
		if err != nil {
			b.Fatal(err)
		}
		budgets = append(budgets, x)
	}
	w, err := NewWatch(l, budgets)
	if err != nil {
		b.Fatal(err)
	}
	intervals := run(l, 30, all(steady(0, 30, 100, 10*ms, product), steady(0, 30, 100, 77*ms, order), steady(0, 30, 3, 5*time.Second, undone))...)
	i := 0
	for b.Loop() {
		w.Observe(intervals[i%len(intervals)])
		i++
	}
}
