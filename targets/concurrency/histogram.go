package concurrency

import (
	"math/bits"
	"time"
)

// The buckets of a histogram: each power of two is cut into 2^precision of them, and what
// lasts 2^longest ns (18 minutes) or more shares the last.
const (
	precision = 5
	longest   = 40
	buckets   = (longest - precision + 1) << precision
)

// Histogram counts times in buckets that are at most 3.2 % wide. The zero value is empty;
// it is for one goroutine at a time.
type Histogram struct {
	counts [buckets]uint32
	total  uint64
}

// bucket returns where a time is counted.
func bucket(d time.Duration) int {
	v := uint64(max(0, d))
	shift := max(0, bits.Len64(v)-precision-1)
	return min(shift<<precision+int(v>>shift), buckets-1)
}

// bounds returns the shortest time of a bucket and how wide it is.
func bounds(i int) (low, width float64) {
	shift := max(0, i>>precision-1)
	return float64(uint64(i-shift<<precision) << shift), float64(uint64(1) << shift)
}

// Record counts a time.
func (h *Histogram) Record(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

// Count returns how many times were counted.
func (h *Histogram) Count() uint64 { return h.total }

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }

// Quantile returns the time that a share q, between 0 and 1, of all times in the histograms
// do not exceed. Within a bucket times are taken to lie evenly. Without any it is 0.
func Quantile(q float64, parts ...*Histogram) time.Duration {
	var total uint64
	for _, h := range parts {
		total += h.total
	}
	if total == 0 {
		return 0
	}
	rank, before := q*float64(total), 0.0
	for i := range buckets {
		var n float64
		for _, h := range parts {
			n += float64(h.counts[i])
		}
		if n > 0 && before+n >= rank {
			low, width := bounds(i)
			return time.Duration(low + width*(rank-before)/n)
		}
		before += n
	}
	low, width := bounds(buckets - 1)
	return time.Duration(low + width)
}
