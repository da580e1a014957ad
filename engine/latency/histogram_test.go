package latency_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/latency"
)

func of(values ...time.Duration) *latency.Histogram {
	h := &latency.Histogram{}
	for _, v := range values {
		h.Record(v)
	}
	return h
}

// facts is everything that can be asked of a histogram.
type facts struct {
	Count               uint64
	Sum, Min, Max, Mean time.Duration
	Quantiles           []time.Duration
	Buckets             []bucket
}

type bucket struct {
	Highest time.Duration
	N       uint64
}

func quantiles() []float64 { return []float64{0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1} }

func factsOf(h *latency.Histogram) facts {
	f := facts{Count: h.Count(), Sum: h.Sum(), Min: h.Min(), Max: h.Max(), Mean: h.Mean()}
	for _, q := range quantiles() {
		f.Quantiles = append(f.Quantiles, h.Quantile(q))
	}
	for highest, n := range h.Buckets {
		f.Buckets = append(f.Buckets, bucket{highest, n})
	}
	return f
}

// draw returns values as latencies are: many orders of magnitude, some equal, some odd.
func draw(rng *rand.Rand, n int) []time.Duration {
	values := make([]time.Duration, n)
	for i := range values {
		switch rng.IntN(8) {
		case 0:
			values[i] = time.Duration(rng.Int64() >> rng.IntN(63)) // any order of magnitude
		case 1:
			values[i] = time.Duration(rng.IntN(5000)) // about where buckets begin to widen
		case 2:
			values[i] = time.Duration(1)<<rng.IntN(63) - time.Duration(rng.IntN(2))
		default:
			values[i] = time.Duration(5e6 * math.Exp(rng.NormFloat64()))
		}
	}
	return values
}

func TestBucketsAreThoseOfHdrHistogram(t *testing.T) {
	hdr := hdrhistogram.New(1, math.MaxInt64, 3)
	same := func(v int64) {
		t.Helper()
		for highest := range of(time.Duration(v)).Buckets {
			h := int64(highest)
			if h < v || !hdr.ValuesAreEquivalent(v, h) || h < math.MaxInt64 && hdr.ValuesAreEquivalent(v, h+1) {
				t.Fatalf("the bucket of %d ends at %d", v, highest)
			}
		}
	}
	for v := range int64(20_000) {
		same(v)
	}
	for shift := range 63 {
		for _, v := range []int64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
			same(v)
		}
	}
	same(math.MaxInt64)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		same(rng.Int64() >> rng.IntN(63))
	}
}

func TestQuantileIsTheOrderStatisticToOneInAThousand(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		values := draw(rng, 1+rng.IntN(500))
		h := of(values...)
		slices.Sort(values)
		for rank := range values {
			exact := values[rank]
			for _, q := range []float64{float64(rank+1) / float64(len(values)), (float64(rank) + 0.5) / float64(len(values))} {
				got := h.Quantile(q)
				if got < exact || float64(got-exact) > 0.001*float64(exact) {
					t.Fatalf("seed %d: quantile %v of %d values is %d, want %d to 0.1 %%", seed, q, len(values), got, exact)
				}
			}
		}
	}
}

// hdrhistogram-go takes the rank q·n+½ rounded down; at q = (r−½)/n both mean the r-th.
func TestQuantilesAreThoseOfHdrHistogram(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		values := draw(rng, 501)
		h, hdr := of(values...), hdrhistogram.New(1, math.MaxInt64, 3)
		for _, v := range values {
			if err := hdr.RecordValue(int64(v)); err != nil {
				t.Fatal(err)
			}
		}
		for rank := 1; rank < len(values); rank++ {
			q := (float64(rank) - 0.49) / float64(len(values))
			if got, want := int64(h.Quantile(q)), min(hdr.ValueAtPercentile(100*q), int64(h.Max())); got != want {
				t.Fatalf("seed %d: quantile %v is %d, want %d", seed, q, got, want)
			}
		}
		if got, want := float64(h.Mean()), hdr.Mean(); h.Sum() > 0 && h.Max() < 1<<50 && math.Abs(got-want) > 0.001*want {
			t.Fatalf("seed %d: mean is %v, want %v to 0.1 %%", seed, got, want)
		}
	}
}

func TestMergeIsTheSameAsRecordingEverything(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 4))
		a, b, c := draw(rng, rng.IntN(300)), draw(rng, rng.IntN(300)), draw(rng, rng.IntN(300))
		want := factsOf(of(slices.Concat(a, b, c)...))
		merged := map[string]*latency.Histogram{
			"(a+b)+c":          sum(sum(of(a...), of(b...)), of(c...)),
			"a+(b+c)":          sum(of(a...), sum(of(b...), of(c...))),
			"c+b+a":            sum(of(c...), of(b...), of(a...)),
			"0+a+nil+b+c+0":    sum(of(), of(a...), nil, of(b...), of(c...), of()),
			"reset and refill": refill(of(c...), slices.Concat(b, a, c)),
		}
		for how, h := range merged {
			if diff := cmp.Diff(want, factsOf(h)); diff != "" {
				t.Fatalf("seed %d, %s: -want +got\n%s", seed, how, diff)
			}
		}
	}
}

func sum(h *latency.Histogram, others ...*latency.Histogram) *latency.Histogram {
	for _, o := range others {
		h.Merge(o)
	}
	return h
}

func refill(h *latency.Histogram, values []time.Duration) *latency.Histogram {
	h.Reset()
	for _, v := range values {
		h.Record(v)
	}
	return h
}

func TestMergeLeavesTheOtherAlone(t *testing.T) {
	a, b := of(1, 5000), of(7, 1e9)
	want := factsOf(b)
	a.Merge(b)
	a.Record(7)
	if diff := cmp.Diff(want, factsOf(b)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestHistogram(t *testing.T) {
	const most = time.Duration(math.MaxInt64)
	all := func(v time.Duration) []time.Duration { return slices.Repeat([]time.Duration{v}, len(quantiles())) }
	tests := map[string]struct {
		h    *latency.Histogram
		want facts
	}{
		"an empty one is all zeros": {of(), facts{Quantiles: all(0)}},
		"zero is a value":           {of(0), facts{Count: 1, Quantiles: all(0), Buckets: []bucket{{0, 1}}}},
		"a negative value counts as zero": {
			of(-5, math.MinInt64), facts{Count: 2, Quantiles: all(0), Buckets: []bucket{{0, 2}}},
		},
		"the last value with a bucket of its own": {
			of(2047), facts{1, 2047, 2047, 2047, 2047, all(2047), []bucket{{2047, 1}}},
		},
		"the first bucket of two values": {
			of(2048, 2049), facts{2, 4097, 2048, 2049, 2048, all(2049), []bucket{{2049, 2}}},
		},
		"a quantile is never above the maximum": {
			of(1_000_000), facts{1, 1e6, 1e6, 1e6, 1e6, all(1e6), []bucket{{1_000_447, 1}}},
		},
		"the largest value there is": {
			of(most), facts{1, most, most, most, most, all(most), []bucket{{most, 1}}},
		},
		"recording nothing is nothing": {
			func() *latency.Histogram { h := of(); h.RecordN(5, 0); return h }(), facts{Quantiles: all(0)},
		},
		"recording many at once": {
			func() *latency.Histogram { h := of(); h.RecordN(5, 1000); return h }(),
			facts{1000, 5000, 5, 5, 5, all(5), []bucket{{5, 1000}}},
		},
		"reset forgets": {
			func() *latency.Histogram { h := of(1, 5e9); h.Reset(); return h }(), facts{Quantiles: all(0)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, factsOf(test.h)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestQuantileTakesTheRankThatIsMeant(t *testing.T) {
	h := of()
	for v := range 1000 {
		h.Record(time.Duration(v + 1))
	}
	for rank := 1; rank <= 1000; rank++ {
		if got := h.Quantile(float64(rank) / 1000); got != time.Duration(rank) {
			t.Errorf("quantile %v of 1 … 1000 is %d", float64(rank)/1000, got)
		}
	}
	for q, want := range map[float64]time.Duration{-1: 1, 0: 1, 0.0001: 1, 0.0011: 2, 2: 1000, math.Inf(1): 1000} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
}

// Known answers of hdrhistogram-go for 1 … 1,000,000; its quantiles go to the end of the
// bucket, ours never beyond the maximum.
func TestKnownAnswersOfAUniformLaw(t *testing.T) {
	h := of()
	for v := range 1_000_000 {
		h.Record(time.Duration(v + 1))
	}
	for q, want := range map[float64]time.Duration{
		0: 1, 0.5: 500_223, 0.9: 900_095, 0.95: 950_271, 0.99: 990_207, 0.999: 999_423, 0.9999: 999_935, 1: 1_000_000,
	} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if h.Mean() != 500_000 {
		t.Errorf("mean is %d, want 500,000", h.Mean())
	}
}

func TestBucketsStopWhenTold(t *testing.T) {
	seen := 0
	for range of(1, 2, 3e6).Buckets {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("%d buckets", seen)
	}
}

func TestRecordingIntoAKnownPageAllocatesNothing(t *testing.T) {
	h := of(5e6)
	if n := testing.AllocsPerRun(100, func() { h.Record(5_100_000) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	values, h, rng := make([]time.Duration, 4096), of(), rand.New(rand.NewPCG(5, 5))
	for i := range values {
		values[i] = time.Duration(5e6 * math.Exp(0.5*rng.NormFloat64()))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		h.Record(values[i&4095])
		i++
	}
}

func BenchmarkMerge(b *testing.B) {
	from, to := of(), of()
	rng := rand.New(rand.NewPCG(6, 6))
	for range 10_000 {
		from.Record(time.Duration(5e6 * math.Exp(rng.NormFloat64())))
	}
	b.ReportAllocs()
	for b.Loop() {
		to.Merge(from)
	}
}

func BenchmarkQuantile(b *testing.B) {
	h := of(draw(rand.New(rand.NewPCG(7, 7)), 10_000)...)
	for b.Loop() {
		h.Quantile(0.99)
	}
}
