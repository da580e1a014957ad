package concurrency

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBucketsLieNextToEachOther(t *testing.T) {
	end := 0.0
	for i := range buckets {
		low, width := bounds(i)
		if low != end {
			t.Fatalf("bucket %d begins at %v, the one before ends at %v", i, low, end)
		}
		end = low + width
		if got := bucket(time.Duration(low)); got != i {
			t.Fatalf("%v is counted in bucket %d, not %d", low, got, i)
		}
		if got := bucket(time.Duration(end - 1)); got != i {
			t.Fatalf("%v is counted in bucket %d, not %d", end-1, got, i)
		}
	}
	if end != 1<<longest {
		t.Errorf("the last bucket ends at %v", end)
	}
	if got := bucket(math.MaxInt64); got != buckets-1 {
		t.Errorf("the longest time is counted in bucket %d", got)
	}
	if got := bucket(-1); got != 0 {
		t.Errorf("a negative time is counted in bucket %d", got)
	}
}

func TestQuantilesAreThoseOfTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<39), 1, 300).Draw(t, "values")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var parts [2]Histogram
		for i, v := range values {
			parts[i%2].Record(time.Duration(v))
		}
		slices.Sort(values)
		want := float64(values[max(0, int(math.Ceil(q*float64(len(values))))-1)])
		got := float64(Quantile(q, &parts[0], &parts[1]))
		if math.Abs(got-want) > 1+want/32 {
			t.Fatalf("quantile %v of %v is %v, want %v", q, values, got, want)
		}
	})
	if Quantile(0.5, &Histogram{}) != 0 {
		t.Error("the quantile of nothing is not 0")
	}
	var h Histogram
	h.Record(time.Second)
	h.Reset()
	if h.Count() != 0 || Quantile(0.5, &h) != 0 {
		t.Error("a histogram that was reset is not empty")
	}
}
