// Package latency keeps durations in histograms that merge without loss, and reads and
// writes them as HdrHistogram logs. Its buckets are those of HdrHistogram at three
// significant digits, so every value is kept to better than 0.1 % and the Java and Go
// tools read what it writes. It does not decide what is measured, nor when an interval ends.
package latency

import (
	"math"
	"math/bits"
	"time"
)

// The layout of HdrHistogram (Tene 2012) for three significant digits and a unit of one
// nanosecond: the first 2,048 values have a bucket each; from there on every doubling of
// the value is divided into 1,024 buckets. A page holds the buckets of one doubling.
const (
	pageBits = 10
	pageLen  = 1 << pageBits
	pages    = 64 - pageBits // enough for every positive int64: nothing is clamped
)

// Histogram counts durations. Pages are allocated when a value first falls into them, so
// a histogram costs what its values need: typically 5 to 10 pages of 8 KiB. The zero value
// is empty and ready. It must not be copied and is not safe for concurrent use.
type Histogram struct {
	count, sum uint64 // sum in nanoseconds
	low, high  int64  // smallest and largest value, nanoseconds; valid if count > 0
	page       [pages]*[pageLen]uint64
}

// Record counts one duration; a negative one (a clock that stepped back) counts as zero.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts n equal durations.
func (h *Histogram) RecordN(d time.Duration, n uint64) {
	if n == 0 {
		return
	}
	v := max(int64(d), 0)
	if h.count == 0 || v < h.low {
		h.low = v
	}
	h.high = max(h.high, v)
	h.count += n
	h.sum += uint64(v) * n
	i := bucketOf(v)
	p := h.page[i>>pageBits]
	if p == nil {
		p = new([pageLen]uint64)
		h.page[i>>pageBits] = p
	}
	p[i&(pageLen-1)] += n
}

// bucketOf returns the index of the bucket that holds v >= 0.
func bucketOf(v int64) int {
	shift := max(bits.Len64(uint64(v))-pageBits-1, 0)
	return shift<<pageBits + int(v>>shift)
}

// highestOf returns the largest value that falls into bucket i.
func highestOf(i int) int64 {
	shift := max(i>>pageBits-1, 0)
	return (int64(i-shift<<pageBits)+1)<<shift - 1
}

// Merge adds everything that o counted. Merging is exact, commutative and associative.
func (h *Histogram) Merge(o *Histogram) {
	if o == nil || o.count == 0 {
		return
	}
	if h.count == 0 || o.low < h.low {
		h.low = o.low
	}
	h.high = max(h.high, o.high)
	h.count += o.count
	h.sum += o.sum
	for i, from := range o.page {
		if from == nil {
			continue
		}
		if h.page[i] == nil {
			h.page[i] = new([pageLen]uint64)
		}
		to := h.page[i]
		for k, n := range from {
			to[k] += n
		}
	}
}

// Reset forgets all values and keeps the pages for the next ones.
func (h *Histogram) Reset() {
	h.count, h.sum, h.low, h.high = 0, 0, 0, 0
	for _, p := range h.page {
		if p != nil {
			clear(p[:])
		}
	}
}

// Count returns how many values were recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Sum returns the sum of all values, right up to 292 years.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum) }

// Min returns the smallest value, 0 if there is none.
func (h *Histogram) Min() time.Duration { return time.Duration(h.low) }

// Max returns the largest value, 0 if there is none.
func (h *Histogram) Max() time.Duration { return time.Duration(h.high) }

// Mean returns the arithmetic mean, 0 without values.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return time.Duration(h.sum / h.count)
}

// Quantile returns the value below or at which a share q (0 … 1) of the values lies: the
// ⌈q·n⌉-th smallest, to the upper end of its bucket but never above the maximum. Without
// values it is 0.
func (h *Histogram) Quantile(q float64) time.Duration {
	var at [1]time.Duration
	h.Quantiles(at[:], q)
	return at[0]
}

// Quantiles writes the values of several shares, which must rise, to at, in one pass.
func (h *Histogram) Quantiles(at []time.Duration, qs ...float64) {
	clear(at)
	if h.count == 0 {
		return
	}
	var seen uint64
	next, rank := 0, h.rank(qs[0])
	for i, p := range h.page {
		if p == nil {
			continue
		}
		for k, n := range p {
			for seen += n; n > 0 && seen >= rank; rank = h.rank(qs[next]) {
				at[next] = time.Duration(min(highestOf(i<<pageBits+k), h.high))
				if next++; next == len(qs) {
					return
				}
			}
		}
	}
}

// rank returns which value in rising order, from 1 on, a share asks for.
func (h *Histogram) rank(q float64) uint64 {
	// 0.07 · 100 is 7.000000000000001 in floating point, and not the 8th value is meant.
	q = math.Nextafter(min(max(q, 0), 1), 0)
	return min(max(uint64(math.Ceil(q*float64(h.count))), 1), h.count)
}

// Buckets calls yield for every non-empty bucket in rising order with the highest value
// that falls into it and its count, until yield returns false.
func (h *Histogram) Buckets(yield func(highest time.Duration, n uint64) bool) {
	for i, p := range h.page {
		if p == nil {
			continue
		}
		for k, n := range p {
			if n > 0 && !yield(time.Duration(highestOf(i<<pageBits+k)), n) {
				return
			}
		}
	}
}
