package export

import (
	"math"
	"time"

	"plimsoll/engine/latency"
)

// curveScale is the scale of OpenTelemetry's exponential histograms and the schema of
// Prometheus' native ones: buckets grow by 2^(1/8), which is 9 %.
const curveScale = 3

// The exponential buckets that durations fall into: from one nanosecond to 292 years.
const (
	lowestBucket = -240
	numBuckets   = 512
)

// zeroThreshold is what counts as no time at all, in seconds: less than a nanosecond.
const zeroThreshold = 1.0 / (1 << 30)

// bounds are the upper ends of the classic buckets, in seconds.
func bounds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// curve is a histogram as other systems keep it, exponential and with fixed bounds, of
// everything since the run began. It is made from histograms of finer buckets; a value
// may count one bucket too high if it lies within 0.1 % below the edge.
type curve struct {
	count, zero uint64
	sum         float64 // seconds
	exponential [numBuckets]uint64
	classic     []uint64 // by bounds, not cumulative; what is above the last is in count only
}

func newCurve() *curve { return &curve{classic: make([]uint64, len(bounds()))} }

// add counts all values of h.
func (c *curve) add(h *latency.Histogram) {
	c.count += h.Count()
	c.sum += h.Sum().Seconds()
	edges, edge := bounds(), 0
	for highest, n := range h.Buckets {
		v := highest.Seconds()
		for edge < len(edges) && v > edges[edge] {
			edge++
		}
		if edge < len(edges) {
			c.classic[edge] += n
		}
		if highest <= 0 {
			c.zero += n
		} else {
			c.exponential[bucketOf(highest)-lowestBucket] += n
		}
	}
}

// bucketOf returns the exponential bucket of d > 0: the i with base^i < d <= base^(i+1).
func bucketOf(d time.Duration) int {
	i := int(math.Ceil(math.Log2(d.Seconds())*(1<<curveScale))) - 1
	return min(max(i, lowestBucket), lowestBucket+numBuckets-1) // out of reach of any duration
}

// span returns the exponential buckets from the first that is not empty to the last, and
// the number of the first.
func (c *curve) span() (first int, counts []uint64) {
	low, high := 0, numBuckets
	for low < high && c.exponential[low] == 0 {
		low++
	}
	for high > low && c.exponential[high-1] == 0 {
		high--
	}
	return low + lowestBucket, c.exponential[low:high]
}
