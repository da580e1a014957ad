package history

import "math"

// energy returns Q̂ of every split of x: at τ-1 that of the split into the first τ values
// and the rest. Where it is largest, the two sides differ most (Matteson and James 2014,
// "A nonparametric approach for multiple change point analysis of multivariate data",
// equation 7, with the exponent 1 and in the form of a V-statistic):
//
//	Q̂ = mn/(m+n) · (2/mn ΣΣ|xᵢ−yⱼ| − 1/m² ΣΣ|xᵢ−xₖ| − 1/n² ΣΣ|yⱼ−yₖ|)
//
// with m values x before and n values y from the split on. Sums run over ordered pairs.
func energy(x []float64) []float64 {
	if len(x) < 2 {
		return nil
	}
	var left, across, right float64
	for i := range x {
		for j := range x {
			right += math.Abs(x[i] - x[j])
		}
	}
	q := make([]float64, len(x)-1)
	for t := range q { // x[t] moves from the right side to the left
		var before, after float64
		for i := range t {
			before += math.Abs(x[t] - x[i])
		}
		for j := t + 1; j < len(x); j++ {
			after += math.Abs(x[t] - x[j])
		}
		left += 2 * before
		right -= 2 * after
		across += after - before
		m, n := float64(t+1), float64(len(x)-t-1)
		q[t] = m * n / (m + n) * (2*across/(m*n) - left/(m*m) - right/(n*n))
	}
	return q
}
