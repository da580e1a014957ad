package compare

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// mostFlips bounds how many ways to swap the sides of pairs are counted out; with more pairs
// than that allows, as many are drawn.
const mostFlips = 1 << 13

// Joint gives rows that were measured in the same pairs p-values that hold for all of them
// together, as Holm's do, but sharper: it counts how often chance alone makes the largest of
// them as large as it is (Westfall and Young 1993, step-down maxT). By chance, base and new
// would change places: the sides of each pair are swapped in every way, in all rows at once.
// What rows have in common, such as the p50 of a load and of its request, then costs nothing,
// and with ten pairs a row can still come below 0.01 among many.
//
// The statistic is the sum of the differences over the root of their squares, which rises
// with Student's t; differences beyond twice their median size count as that, so that
// one odd pair decides nothing. It returns nil unless all rows have the same number of pairs.
func Joint(rows []Contrast) []float64 {
	if len(rows) == 0 || slices.ContainsFunc(rows, func(c Contrast) bool {
		return !c.Paired || len(c.Base) != len(rows[0].Base) || len(c.New) != len(rows[0].Base)
	}) {
		return nil
	}
	tests := make([]*flipTest, len(rows))
	for i, c := range rows {
		tests[i] = newFlipTest(differences(c.Base, c.New))
	}
	order := make([]int, len(rows)) // the largest first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(tests[b].measured, tests[a].measured) })
	larger, flips := make([]float64, len(rows)), 0.0
	swaps := newSwaps(len(rows[0].Base))
	for swap := swaps.next(); swap != nil; swap = swaps.next() {
		flips++
		most := 0.0
		for at := len(order) - 1; at >= 0; at-- {
			t := tests[order[at]]
			most = max(most, t.swapped(swap))
			if most >= t.measured*(1-1e-9) {
				larger[at]++
			}
		}
	}
	adjusted := make([]float64, len(rows))
	last := 0.0
	for at, i := range order {
		p := larger[at] / flips
		if swaps.drawn { // what was measured is one of the ways
			p = (larger[at] + 1) / (flips + 1)
		}
		last = max(last, p)
		adjusted[i] = last
	}
	return adjusted
}

// mostSize is how many times the median size a difference counts at the most.
const mostSize = 2

// flipTest is the test of one row under any swap of its pairs.
type flipTest struct {
	values   []float64 // the differences over the root of their squares
	measured float64   // the statistic without a swap
}

func newFlipTest(d []float64) *flipTest {
	t := &flipTest{values: slices.Clone(d)}
	var sizes []float64
	for _, x := range d {
		if x != 0 {
			sizes = append(sizes, math.Abs(x))
		}
	}
	if len(sizes) == 0 {
		return t
	}
	slices.Sort(sizes)
	bound, squares := mostSize*median(sizes), 0.0
	for i, x := range t.values {
		t.values[i] = max(min(x, bound), -bound)
		squares += t.values[i] * t.values[i]
	}
	for i := range t.values {
		t.values[i] /= math.Sqrt(squares)
	}
	t.measured = t.swapped(make([]bool, len(d)))
	return t
}

// swapped returns the statistic if the sides of these pairs are swapped.
func (t *flipTest) swapped(swap []bool) float64 {
	sum := 0.0
	for i, x := range t.values {
		if swap[i] {
			sum -= x
		} else {
			sum += x
		}
	}
	return math.Abs(sum)
}

// swaps goes through the ways to swap the sides of n pairs. As swapping all of them changes
// nothing, the last pair stays where all ways are gone through.
type swaps struct {
	pairs []bool
	at    int
	end   int
	drawn bool
	rng   *rand.Rand
}

func newSwaps(n int) *swaps {
	s := &swaps{pairs: make([]bool, n), end: mostFlips}
	if n-1 < 13 {
		s.end = 1 << max(n-1, 0)
		return s
	}
	s.drawn, s.rng = true, rand.New(rand.NewPCG(uint64(n), 0)) //nolint:gosec // the same every time, so that a comparison can be repeated
	return s
}

// next returns the next way, which is good until the one after; nil after the last.
func (s *swaps) next() []bool {
	if s.at == s.end {
		return nil
	}
	for i := range s.pairs {
		if s.drawn {
			s.pairs[i] = s.rng.Uint64()&1 == 1
		} else {
			s.pairs[i] = s.at>>i&1 == 1
		}
	}
	s.at++
	return s.pairs
}
