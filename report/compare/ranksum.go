package compare

import (
	"math"
	"slices"
)

// mostExact bounds the runs of both sides together up to which all orders are counted.
const mostExact = 80

// Unpaired compares values that were measured apart: the Hodges–Lehmann estimate of
// new − base with Moses' interval, both made of all differences between a value of one
// side and a value of the other, and the p-value of the test of Mann and Whitney. With up
// to 80 values it is exact whatever values are equal, beyond that the normal distribution
// with the corrections for ties and continuity.
// Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 3rd ed., §4.1–4.3.
func Unpaired(base, other []float64, confidence float64) Estimate {
	m, n := len(base), len(other)
	if m == 0 || n == 0 {
		return none()
	}
	apart := make([]float64, 0, m*n)
	for _, b := range base {
		for _, x := range other {
			apart = append(apart, x-b)
		}
	}
	slices.Sort(apart)
	e := Estimate{Shift: median(apart), Runs: min(m, n), Exact: m+n <= mostExact}
	k := 0
	if e.Exact {
		k, e.Confidence = cut(rankSums(ranksUpTo(m+n), n), confidence)
		e.P, e.LeastP = rankSum(base, other)
	} else {
		mean, sd := float64(m*n)/2, math.Sqrt(float64(m*n)*float64(m+n+1)/12)
		k, e.Confidence = max(int(mean-z(confidence)*sd-0.5), 0), confidence
		e.P = normalRankSum(base, other)
	}
	e.Low, e.High = apart[k], apart[len(apart)-1-k]
	return e
}

// rankSum returns the exact two-sided p-value, and the least there is for these values.
func rankSum(base, other []float64) (p, least float64) {
	all := slices.Concat(other, base)
	ranks := doubledRanks(all)
	lowest := slices.Clone(ranks)
	slices.Sort(lowest)
	offset, statistic, highest := 0, 0, 0
	for i := range other {
		offset += lowest[i]
		statistic += ranks[i]
		highest += lowest[len(lowest)-1-i]
	}
	weights := rankSums(ranks, len(other))
	var total float64
	for _, w := range weights {
		total += w
	}
	least = min(twoSided(weights, total, 0), twoSided(weights, total, highest-offset))
	return twoSided(weights, total, statistic-offset), least
}

// rankSums returns for each sum of n of the ranks, counted from the least one, how many
// choices have it.
func rankSums(ranks []int, n int) []float64 {
	sorted := slices.Clone(ranks)
	slices.Sort(sorted)
	least, most := 0, 0
	for i := range n {
		least += sorted[i]
		most += sorted[len(sorted)-1-i]
	}
	ways := make([][]float64, n+1) // [how many][sum]
	for i := range ways {
		ways[i] = make([]float64, most+1)
	}
	ways[0][0] = 1
	for i, r := range sorted {
		for k := min(i+1, n); k > 0; k-- {
			for s := most; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	return ways[n][least:]
}

// normalRankSum approximates the two-sided p-value.
func normalRankSum(base, other []float64) float64 {
	m, n := float64(len(base)), float64(len(other))
	all := slices.Concat(other, base)
	ranks := doubledRanks(all)
	sum := 0.0
	for i := range other {
		sum += float64(ranks[i]) / 2
	}
	equal := map[float64]float64{}
	for _, x := range all {
		equal[x]++
	}
	var ties float64
	for _, t := range equal {
		ties += t*t*t - t
	}
	u := sum - n*(n+1)/2
	sd := math.Sqrt(m * n / 12 * (m + n + 1 - ties/((m+n)*(m+n-1))))
	if sd == 0 {
		return 1
	}
	far := max(math.Abs(u-m*n/2)-0.5, 0) / sd
	return math.Erfc(far / math.Sqrt2)
}

// z returns how many standard deviations hold the confidence of a normal distribution.
func z(confidence float64) float64 { return math.Sqrt2 * math.Erfinv(confidence) }
