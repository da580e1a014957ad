// Package compare says whether two measurements of the same load differ by more than
// chance, and by how much: rank tests over repeated runs, with exact p-values and
// intervals, corrected for how many things are compared, and a verdict on each. The
// statistics are pure functions over numbers; Read and Runs take the numbers from saved
// runs. It makes no load, shows nothing and does not say how a program ends.
//
// A run is the unit: requests within a run share what the machine did meanwhile, and tests
// that take them for independent find a difference between most pairs of equal runs.
package compare

import (
	"math"
	"slices"
)

// Estimate is by how much one side exceeds the other, in the unit of the values given.
type Estimate struct {
	Shift      float64 // Hodges–Lehmann: the typical difference, new − base
	Low, High  float64 // of its interval
	Confidence float64 // that the interval really has; less than was asked for if there are too few runs
	P          float64 // two-sided, that a difference as large comes by chance; 1 without data
	LeastP     float64 // the smallest P that so many runs can come to, whatever they measure
	Runs       int     // pairs, or runs of the smaller side
	Exact      bool    // P comes from counting all orders, not from the normal distribution
}

// Contrast is what two sides measured of one thing, a value per run. Paired says that
// Base[i] and New[i] were measured together.
type Contrast struct {
	Base, New []float64
	Paired    bool
}

// Estimate compares the two sides with an interval of the confidence, such as 0.95.
func (c Contrast) Estimate(confidence float64) Estimate {
	if c.Paired {
		return Paired(c.Base, c.New, confidence)
	}
	return Unpaired(c.Base, c.New, confidence)
}

// differs reports whether any two values that are compared differ at all.
func (c Contrast) differs() bool {
	if c.Paired {
		return slices.ContainsFunc(differences(c.Base, c.New), func(d float64) bool { return d != 0 })
	}
	all := slices.Concat(c.Base, c.New)
	return slices.ContainsFunc(all, func(x float64) bool { return x != all[0] })
}

// none is the estimate without data: everything is open.
func none() Estimate {
	return Estimate{Shift: math.NaN(), Low: math.Inf(-1), High: math.Inf(1), P: 1, LeastP: 1, Exact: true}
}

// median returns the middle of values that are sorted.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// doubledRanks returns twice the rank of each value, so that midranks of equal values are
// whole numbers.
func doubledRanks(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	ranks := make([]int, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = from + 1 + to // twice the mean of from+1 … to
		}
		from = to
	}
	return ranks
}

// twoSided returns the two-sided p-value of a statistic with the weights at 0, 1, 2 …,
// which add up to total: twice the smaller tail.
func twoSided(weights []float64, total float64, statistic int) float64 {
	var below, above float64
	for s, w := range weights {
		if s <= statistic {
			below += w
		}
		if s >= statistic {
			above += w
		}
	}
	return min(2*min(below, above)/total, 1)
}

// cut returns how many of the differences in order are left out at each end of an interval
// so that it keeps the confidence, and the confidence that it then has. The weights are
// those of the statistic when no values are equal. It is 0, and the confidence less than
// was asked for, if there are too few runs.
func cut(weights []float64, confidence float64) (k int, really float64) {
	var total float64
	for _, w := range weights {
		total += w
	}
	tail, below := (1-confidence)/2*total, 0.0
	for k < len(weights)/2 && below+weights[k] <= tail*(1+1e-12) {
		below += weights[k]
		k++
	}
	if k == 0 {
		return 0, 1 - 2*weights[0]/total
	}
	return k - 1, 1 - 2*below/total
}
