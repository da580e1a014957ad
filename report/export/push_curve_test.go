package export

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plimsoll/engine/latency"
)

func TestEveryDurationFallsIntoItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "d"))
		i := bucketOf(d)
		low, high := math.Exp2(float64(i)/8), math.Exp2(float64(i+1)/8)
		if v := d.Seconds(); v <= low*(1-1e-9) || v > high*(1+1e-9) {
			t.Errorf("%v is in bucket %d from %g to %g", d, i, low, high)
		}
	})
}

func TestACurveKeepsCountAndSumAndIsCloseToTheHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h latency.Histogram
		c := newCurve()
		below := map[float64]uint64{}
		for _, v := range rapid.SliceOf(rapid.Int64Range(0, int64(time.Minute))).Draw(t, "values") {
			h.Record(time.Duration(v))
			for _, b := range bounds() {
				if time.Duration(v).Seconds() <= b*(1-0.001) {
					below[b]++
				}
			}
		}
		c.add(&h)
		if c.count != h.Count() || math.Abs(c.sum-h.Sum().Seconds()) > 1e-9 {
			t.Fatalf("count %d and sum %g, want %d and %g", c.count, c.sum, h.Count(), h.Sum().Seconds())
		}
		sum := c.zero
		first, counts := c.span()
		for _, n := range counts {
			sum += n
		}
		if sum != c.count {
			t.Errorf("%d values in buckets from %d on, want %d", sum, first, c.count)
		}
		classic := uint64(0)
		for i, b := range bounds() {
			if classic += c.classic[i]; classic < below[b] {
				t.Errorf("%d values up to %g s, want %d at least", classic, b, below[b])
			}
		}
		if classic > c.count {
			t.Errorf("%d values in classic buckets of %d", classic, c.count)
		}
	})
}

func TestNativeBucketsAreThoseOfThePrometheusFormat(t *testing.T) {
	var h latency.Histogram
	for _, d := range []time.Duration{0, time.Second, time.Second, 2 * time.Second} {
		h.Record(d)
	}
	c := newCurve()
	c.add(&h)
	p := prometheusHistogram(c)
	// 1 s is the upper end of bucket 0 at every schema; HdrHistogram keeps it to the
	// millisecond above, which is bucket 1. 2 s are bucket 8, and so 9.
	at, n := int32(0), 0
	var got []int32
	for _, s := range p.GetPositiveSpan() {
		at += s.GetOffset()
		for range s.GetLength() {
			got = append(got, at)
			at++
			n++
		}
	}
	if len(got) != 2 || got[0] != 1 || got[1] != 9 || p.GetZeroCount() != 1 || p.GetSampleCount() != 4 {
		t.Errorf("buckets %v, %d at zero, %d in all", got, p.GetZeroCount(), p.GetSampleCount())
	}
	if d := p.GetPositiveDelta(); len(d) != 2 || d[0] != 2 || d[1] != -1 {
		t.Errorf("deltas %v", d)
	}
}
