package compare

import (
	"math"
	"slices"
)

// Paired compares values that were measured pair by pair: the Hodges–Lehmann estimate of
// new − base with Tukey's interval, both made of the means of any two differences
// (Walsh averages), and the p-value of Wilcoxon's signed-rank test. It is exact whatever
// values are equal: differences of zero keep their ranks and count for neither side
// (Pratt 1959), and the distribution is that of the ranks at hand.
// Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 3rd ed., §3.1–3.3.
func Paired(base, other []float64, confidence float64) Estimate {
	d := differences(base, other)
	if len(d) == 0 {
		return none()
	}
	averages := make([]float64, 0, len(d)*(len(d)+1)/2)
	for i := range d {
		for j := i; j < len(d); j++ {
			averages = append(averages, (d[i]+d[j])/2)
		}
	}
	slices.Sort(averages)
	weights := subsetSums(ranksUpTo(len(d)))
	k, really := cut(weights, confidence)
	e := Estimate{
		Shift: median(averages), Low: averages[k], High: averages[len(averages)-1-k],
		Confidence: really, Runs: len(d), Exact: true,
	}
	e.P, e.LeastP = signedRank(d)
	return e
}

// differences returns new − base, as long as both have values.
func differences(base, other []float64) []float64 {
	d := make([]float64, min(len(base), len(other)))
	for i := range d {
		d[i] = other[i] - base[i]
	}
	return d
}

// signedRank returns the two-sided p-value of the signed-rank test, and the least there is
// for these ranks.
func signedRank(d []float64) (p, least float64) {
	sizes := make([]float64, len(d))
	for i, x := range d {
		sizes[i] = math.Abs(x)
	}
	var ranks []int
	statistic := 0
	for i, r := range doubledRanks(sizes) {
		if d[i] == 0 {
			continue
		}
		ranks = append(ranks, r)
		if d[i] > 0 {
			statistic += r
		}
	}
	total := math.Ldexp(1, len(ranks))
	return twoSided(subsetSums(ranks), total, statistic), min(2/total, 1)
}

func ranksUpTo(n int) []int {
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i + 1
	}
	return ranks
}

// subsetSums returns for each sum how many subsets of the ranks have it.
func subsetSums(ranks []int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([]float64, total+1)
	ways[0] = 1
	top := 0
	for _, r := range ranks {
		top += r
		for s := top; s >= r; s-- {
			ways[s] += ways[s-r]
		}
	}
	return ways
}
