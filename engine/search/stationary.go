package search

import "math"

// batch is how many observations MSER-5 joins.
const batch = 5

// Warmup returns how many observations at the start of a series to leave out, by MSER-5
// (White, Cobb and Spratt 2000): of all cuts in the first half, that which makes the
// standard error of the mean of the rest smallest, the observations taken in batches of
// five. steady tells whether that cut lies clear of the limit of one half; otherwise the
// series had not settled. MSER does not see a slow rise, so Trend is to be asked, too
// (Wang and Glynn 2016).
func Warmup(series []float64) (cut int, steady bool) {
	var means []float64
	for i := 0; i+batch <= len(series); i += batch {
		var sum float64
		for _, x := range series[i : i+batch] {
			sum += x
		}
		means = append(means, sum/batch)
	}
	n := len(means)
	if n < 2 {
		return 0, false
	}
	best, at := math.Inf(1), 0
	var sum, squares float64
	for d := n - 1; d >= 0; d-- { // from the end, so that the sums grow by one term each
		sum += means[d]
		squares += means[d] * means[d]
		k := float64(n - d)
		if d > n/2 {
			continue
		}
		if mser := (squares - sum*sum/k) / (k * k); mser <= best {
			best, at = mser, d
		}
	}
	return at * batch, at < n/2
}

// Trend returns the standard score of the Mann–Kendall test of a series for a trend
// (Mann 1945; Kendall 1975): about normal with mean 0 and variance 1 without one, above it
// if the series rises.
func Trend(series []float64) float64 {
	n := len(series)
	if n < 4 {
		return 0
	}
	var s, ties float64
	groups := map[float64]int{}
	for i, x := range series {
		groups[x]++
		for _, y := range series[:i] {
			switch {
			case x > y:
				s++
			case x < y:
				s--
			}
		}
	}
	for _, t := range groups {
		t := float64(t)
		ties += t * (t - 1) * (2*t + 5)
	}
	k := float64(n)
	variance := (k*(k-1)*(2*k+5) - ties) / 18
	switch {
	case variance == 0 || s == 0:
		return 0
	case s > 0:
		return (s - 1) / math.Sqrt(variance)
	}
	return (s + 1) / math.Sqrt(variance)
}
