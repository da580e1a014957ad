package budget

import "math"

// estimate is what the runs of a variant say about a metric: a value, and the interval in
// which it lies with a confidence of 95 %. In a run that the generator limited it may besides
// be less or more by so much: that is no chance, so more runs do not make it smaller.
type estimate struct{ value, low, high, less, more float64 }

// exact is an estimate without doubt.
func exact(x float64) estimate { return estimate{value: x, low: x, high: x} }

// widened returns the estimate with what it may be less or more made part of the interval.
func (e estimate) widened() estimate {
	return estimate{value: e.value, low: e.low - e.less, high: e.high + e.more}
}

// minus returns the difference of two estimates; its interval is as wide as theirs are
// together if each is off by chance of its own (Newcombe 1998, method 10).
func (e estimate) minus(o estimate) estimate {
	d := e.value - o.value
	return estimate{
		value: d, low: d - math.Hypot(e.value-e.low, o.high-o.value), high: d + math.Hypot(e.high-e.value, o.value-o.low),
		less: e.less + o.more, more: e.more + o.less,
	}
}

// singleRun is by what share one run may well differ from the next on a machine that others
// use, too. It stands in for the spread of numbers that have none within a run.
const singleRun = 0.05

// lone is the estimate that a single run gives of a number without a spread of its own.
func lone(x float64) estimate {
	return estimate{value: x, low: x * (1 - singleRun), high: x * (1 + singleRun)}
}

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
	e := estimate{value: p, low: max(middle-half, 0), high: min(middle+half, 1)}
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
		return runs[0].widened()
	}
	low, high := runs[0].widened().low, runs[0].widened().high
	var sum, open, less, more float64
	for _, r := range runs {
		low, high = min(low, r.widened().low), max(high, r.widened().high)
		sum += r.value
		open += (r.high - r.low) * (r.high - r.low) / 4
		less, more = less+r.less, more+r.more
	}
	mean := sum / n
	if math.IsInf(open, 0) { // what a run leaves open, several that agree may settle
		open = 0
	}
	if len(runs) == 2 {
		return estimate{value: mean, low: low, high: high}
	}
	var squares float64
	for _, r := range runs {
		squares += (r.value - mean) * (r.value - mean)
	}
	spread := student(len(runs)-1) * math.Sqrt(squares/(n-1)/n)
	half := math.Sqrt(spread*spread + open/(n*n))
	return estimate{value: mean, low: mean - half - less/n, high: mean + half + more/n}
}
