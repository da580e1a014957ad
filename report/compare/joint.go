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

// Joint adjusts the p-values of rows that were measured in the same pairs, as Holm does, but
// counts how often chance alone makes them small together (Westfall and Young 1993, step-down
// minP): the sides of each pair are swapped in every way, in all rows at once. What rows have
// in common, such as p90 and p95 of one request, then costs nothing, and no adjusted p-value is
// more than Holm's. It returns nil unless all rows have the same number of pairs.
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
	order := make([]int, len(rows)) // the smallest p first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(tests[a].p, tests[b].p) })
	smaller, flips := make([]float64, len(rows)), 0.0
	swaps := newSwaps(len(rows[0].Base))
	for swap := swaps.next(); swap != nil; swap = swaps.next() {
		flips++
		least := 1.0
		for at := len(order) - 1; at >= 0; at-- {
			t := tests[order[at]]
			least = min(least, t.swapped(swap))
			if least <= t.p*(1+1e-9) {
				smaller[at]++
			}
		}
	}
	adjusted := make([]float64, len(rows))
	last := 0.0
	for at, i := range order {
		p := smaller[at] / flips
		if swaps.drawn { // what was measured is one of the ways
			p = (smaller[at] + 1) / (flips + 1)
		}
		last = max(last, p)
		adjusted[i] = last
	}
	return adjusted
}

// flipTest is the signed-rank test of one row under any swap of its pairs.
type flipTest struct {
	ranks    []int // of each pair, doubled; 0 where nothing differs
	positive []bool
	total    int
	p        float64   // as measured
	of       []float64 // p by the sum of the positive ranks
}

func newFlipTest(d []float64) *flipTest {
	t := &flipTest{positive: make([]bool, len(d))}
	sizes := make([]float64, len(d))
	for i, x := range d {
		sizes[i], t.positive[i] = math.Abs(x), x > 0
	}
	t.ranks = doubledRanks(sizes)
	var ranked []int
	for i, x := range d {
		if x == 0 {
			t.ranks[i] = 0
			continue
		}
		ranked = append(ranked, t.ranks[i])
		t.total += t.ranks[i]
	}
	weights, all := subsetSums(ranked), math.Ldexp(1, len(ranked))
	tail := make([]float64, len(weights))
	below := 0.0
	for s, w := range weights {
		below += w
		tail[s] = below
	}
	t.of = make([]float64, len(weights))
	for s := range t.of { // the distribution is symmetric
		t.of[s] = min(2*tail[min(s, t.total-s)]/all, 1)
	}
	t.p = t.swapped(make([]bool, len(d)))
	return t
}

// swapped returns p if the sides of these pairs are swapped.
func (t *flipTest) swapped(swap []bool) float64 {
	sum := 0
	for i, r := range t.ranks {
		if t.positive[i] != swap[i] {
			sum += r
		}
	}
	return t.of[sum]
}

// swaps goes through the ways to swap the sides of n pairs. As swapping all of them changes
// no two-sided p, the last pair stays.
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
