package history

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// comparison is Student's t-test of two sides.
type comparison struct {
	before, after float64 // their means
	t, p          float64 // p is two-sided
}

// student compares the means of two samples by Student's t-test, with the pooled variance
// over n-1 (and not over n, which makes p too small for few values):
//
//	t = (x̄ − ȳ) / √(s²·(1/m + 1/n))    s² = (Σ(xᵢ−x̄)² + Σ(yⱼ−ȳ)²) / (m+n−2)
//
// The standard deviation s counts as resolution at the least, which is what a value is
// known to: values that happen to be equal are not free of noise.
func student(x, y []float64, resolution float64) comparison {
	m, n := float64(len(x)), float64(len(y))
	meanX, squaresX := moments(x)
	meanY, squaresY := moments(y)
	c := comparison{before: meanX, after: meanY, p: 1}
	freedom := m + n - 2
	if m == 0 || n == 0 || freedom <= 0 || meanX == meanY {
		return c
	}
	s := max(math.Sqrt((squaresX+squaresY)/freedom), resolution)
	c.t = (meanX - meanY) / (s * math.Sqrt(1/m+1/n))
	c.p = 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.CDF(-math.Abs(c.t))
	return c
}

// moments returns the mean of x and the sum of the squared distances from it.
func moments(x []float64) (mean, squares float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return mean, squares
}
