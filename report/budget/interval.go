package budget

import (
	"math"
	"slices"
)

// estimate is what the runs of a variant say about a metric: a value, and the interval in
// which it lies with a confidence of 95 %.
type estimate struct{ value, low, high float64 }

// exact is an estimate without doubt.
func exact(x float64) estimate { return estimate{x, x, x} }

// singleRun is by what share one run may well differ from the next on a machine that others
// use, too. It stands in for the spread of numbers that have none within a run.
const singleRun = 0.05

// lone is the estimate that a single run gives of a number without a spread of its own.
func lone(x float64) estimate { return estimate{x, x * (1 - singleRun), x * (1 + singleRun)} }

// z95 is the 97.5 % quantile of the normal distribution.
const z95 = 1.959964

// student returns the 97.5 % quantile of Student's t distribution with df ≥ 1 degrees of
// freedom. Beyond the table it returns that of the table's last row, which is wider.
func student(df int) float64 {
	table := []float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228}
	return table[min(df, len(table))-1]
}

// wilson returns the interval of a share p of n that were drawn (Wilson 1927, the score
// interval). It holds up at 0 and 1, where a normal interval has no width.
func wilson(p, n float64) estimate {
	z := z95 * z95
	middle := (p + z/(2*n)) / (1 + z/n)
	half := z95 / (1 + z/n) * math.Sqrt(p*(1-p)/n+z/(4*n*n))
	e := estimate{p, max(middle-half, 0), min(middle+half, 1)}
	if p == 0 { // rounding would make it a little more
		e.low = 0
	}
	if p == 1 {
		e.high = 1
	}
	return e
}

// pool joins the estimates of several runs of one variant. Two runs give no spread worth a
// name, so their interval spans both; from three on it is that of Student's t for the
// mean, widened by what each run leaves open by itself.
func pool(runs []estimate) estimate {
	n := float64(len(runs))
	if len(runs) == 1 {
		return runs[0]
	}
	low, high := runs[0].low, runs[0].high
	var sum, open float64
	for _, r := range runs {
		low, high = min(low, r.low), max(high, r.high)
		sum += r.value
		open += (r.high - r.low) * (r.high - r.low) / 4
	}
	mean := sum / n
	if math.IsInf(open, 0) { // what a run leaves open, several that agree may settle
		open = 0
	}
	if len(runs) == 2 {
		return estimate{mean, low, high}
	}
	var squares float64
	for _, r := range runs {
		squares += (r.value - mean) * (r.value - mean)
	}
	spread := student(len(runs)-1) * math.Sqrt(squares/(n-1)/n)
	half := math.Sqrt(spread*spread + open/(n*n))
	return estimate{mean, mean - half, mean + half}
}

// side is what the runs say about one side of a claim.
type side struct {
	runs []estimate
	lack string // why a run said nothing; that of the last one
}

// median returns the median of the runs, NaN without any.
func (s side) median() float64 {
	if len(s.runs) == 0 {
		return math.NaN()
	}
	var values []float64
	for _, r := range s.runs {
		values = append(values, r.value)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
