package live

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plimsoll/engine/latency"
)

func TestASpreadKnowsPercentilesToAFewPercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(int64(2*time.Microsecond), int64(30*time.Minute)), 1, 200).Draw(t, "values")
		var h latency.Histogram
		for _, v := range values {
			h.Record(time.Duration(v))
		}
		var s spread
		s.add(&h)
		for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
			got, want := float64(s.quantile(q)), float64(h.Quantile(q))
			if math.Abs(math.Log(got/want)) > 0.05 {
				t.Fatalf("p%v is %v, want %v", q*100, time.Duration(got), time.Duration(want))
			}
		}
	})
}

func TestMergedSpreadsAreTheSpreadOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts [3]spread
		var sum, all spread
		var h latency.Histogram
		for i := range parts {
			var part latency.Histogram
			for _, v := range rapid.SliceOf(rapid.Int64Range(0, int64(time.Hour))).Draw(t, "values") {
				part.Record(time.Duration(v))
				h.Record(time.Duration(v))
			}
			parts[i].add(&part)
			sum.merge(&parts[i])
		}
		if all.add(&h); sum != all {
			t.Fatal("they differ")
		}
	})
}

func TestALongRunIsKeptInBoundedMemoryWithoutLosingAnything(t *testing.T) {
	for _, n := range []int{1, mostRecent + 1, mostAll, mostAll + 1, 2*mostAll + 1, 3000} {
		var w window
		for i := range n {
			c := &column{from: time.Duration(i) * time.Second, to: time.Duration(i+1) * time.Second, sent: 1}
			c.latency.n, c.latency.at[i%buckets] = 1, 1
			w.add(c)
		}
		if len(w.all) > mostAll || len(w.recent) > mostRecent {
			t.Fatalf("%d and %d columns are kept", len(w.all), len(w.recent))
		}
		var sent, samples uint64
		var at time.Duration
		for _, c := range w.all {
			if c.from != at {
				t.Fatalf("a column begins at %v, and the one before ends at %v", c.from, at)
			}
			at = c.to
			sent, samples = sent+c.sent, samples+c.latency.n
		}
		if sent != uint64(n) || samples != uint64(n) || at != time.Duration(n)*time.Second {
			t.Fatalf("%d arrivals and %d samples until %v of %d", sent, samples, at, n)
		}
	}
}

func TestFoldingPutsEveryIntervalWhereItBelongs(t *testing.T) {
	var w window
	for i := range 60 {
		w.add(&column{from: time.Duration(i) * time.Second, to: time.Duration(i+1) * time.Second, sent: uint64(i)})
	}
	coarse := w.fold(0, time.Minute, 6)
	for i, c := range coarse {
		if want := uint64(100*i + 45); c == nil || c.sent != want {
			t.Errorf("place %d has %+v arrivals, want %d", i, c, want)
		}
	}
	fine := w.fold(0, 2*time.Minute, 240)
	for i, c := range fine {
		switch second := i / 2; {
		case second >= 60 && c != nil:
			t.Fatalf("place %d is of the future", i)
		case second < 60 && (c == nil || c.sent != uint64(second)):
			t.Fatalf("place %d has %+v", i, c)
		}
	}
	if w.recent[0].sent != 0 || w.recent[1].sent != 1 {
		t.Error("folding changed what is kept")
	}
}
