package compare

import (
	"math"

	"plimsoll/engine/latency"
)

// groups is in how many parts a run is cut that is compared with another one alone.
const groups = 10

// parts returns a latency of the parts of two runs that lie at the same time in both, on
// the scale of the metric. Parts with too few requests for the metric are left out.
func parts(base, other *figures, m metric) (b, n []float64) {
	if m.unit != "ms" {
		return nil, nil
	}
	for g := range groups {
		x, y := base.part(g), other.part(g)
		if x.Count() < m.needs() || y.Count() < m.needs() {
			continue
		}
		b = append(b, m.scale(m.of(x)))
		n = append(n, m.scale(m.of(y)))
	}
	return b, n
}

// part merges the blocks of one group.
func (f *figures) part(group int) *latency.Histogram {
	sum := &latency.Histogram{}
	for i := range f.blocks {
		if i*groups/len(f.blocks) == group {
			sum.Merge(&f.blocks[i])
		}
	}
	return sum
}

// of returns the metric of a histogram.
func (m metric) of(h *latency.Histogram) float64 {
	switch {
	case h.Count() == 0:
		return math.NaN()
	case m.quantile == 0:
		return milliseconds(h.Mean())
	}
	return milliseconds(h.Quantile(m.quantile))
}
