package history

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"plimsoll/report"
)

// byChance is the share of trends, per run in them, that have a change point though nothing
// changes, if the noise of one run has nothing to do with that of the next: at the most, as it
// is far less with noise below leastEffect. It was found by simulation, which a test repeats.
const byChance = 0.0005

// plain is a relative change that the number of runs in Trend.Shows is about.
const plain = 2 * leastEffect

// trendOf makes a trend of a metric's values in the runs of a series.
func trendOf(m metric, t report.Trend, runs []report.HistoryRun) report.Trend {
	t.Unit, t.Changes = m.unit, []report.ChangePoint{}
	t.Points = slices.DeleteFunc(t.Points, func(p report.TrendPoint) bool { return m.scale.ratio && p.Value <= 0 })
	t.Missing = len(runs) - len(t.Points)
	if len(t.Points) < Fewest {
		t.Needs = Fewest - len(t.Points)
		return t
	}
	values := make([]float64, len(t.Points))
	for i, p := range t.Points {
		values[i] = p.Value
	}
	x := m.scale.of(values)
	splits := m.scale.changes(x)
	for i := range splits {
		t.Changes = append(t.Changes, changePoint(m, splits, i, t.Points, runs))
	}
	if sd := noise(x, splits); !math.IsNaN(sd) {
		if sd < m.scale.resolution {
			sd = 0
		}
		t.Noise = &sd
		if m.scale.ratio {
			t.Shows = runsToShow(sd, math.Log1p(plain))
		}
	}
	t.Drifts = drifts(x, splits, m.scale.resolution)
	return t
}

func changePoint(m metric, splits []split, i int, points []report.TrendPoint, runs []report.HistoryRun) report.ChangePoint {
	s := splits[i]
	from, to := 0, len(points)
	if i > 0 {
		from = splits[i-1].at
	}
	if i+1 < len(splits) {
		to = splits[i+1].at
	}
	first, last := runs[points[s.at].Run], runs[points[s.at-1].Run]
	c := report.ChangePoint{
		At: s.at, Run: first.Dir, Started: first.Started, LastBefore: last.Dir,
		Before: m.scale.back(s.before), After: m.scale.back(s.after), RunsBefore: s.at - from, RunsAfter: to - s.at,
		P: s.p, Effect: effect(m.good, s.after-s.before),
	}
	if c.Before > 0 {
		ratio := c.After / c.Before
		c.Ratio = &ratio
	}
	if first.Plimsoll != last.Plimsoll {
		c.Also = "plimsoll went from " + last.Plimsoll + " to " + first.Plimsoll
	}
	return c
}

// The effects of a change.
const (
	better = "better"
	worse  = "worse"
	other  = "other"
)

func effect(good int, change float64) string {
	switch {
	case good == 0:
		return other
	case (change > 0) == (good > 0):
		return better
	}
	return worse
}

// runsToShow returns how many runs on each side show a difference 4 times in 5: the least n
// for which, with quantiles t of Student's distribution with 2n−2 degrees of freedom,
//
//	n ≥ 2·((t₁₋α⸝₂ + t₀.₈)·σ/δ)²
//
// Beyond 1000 it is 1000.
func runsToShow(sd, difference float64) int {
	for n := fewest; n < 1000; n++ {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(2*n - 2)}
		if float64(n) >= 2*math.Pow((t.Quantile(1-alpha/2)+t.Quantile(0.8))*sd/difference, 2) {
			return n
		}
	}
	return 1000
}

// fewestToDrift is how many values it takes to say that neighbours resemble each other.
const fewestToDrift = 12

// drifts reports whether neighbouring values resemble each other more than chance makes them
// (2.6 standard deviations of the autocorrelation at lag 1, which is 1/√n), once the change
// points are taken out. Differences below the resolution are none.
func drifts(x []float64, splits []split, resolution float64) bool {
	if len(x) < fewestToDrift {
		return false
	}
	rest := slices.Clone(x)
	from := 0
	for i := range len(splits) + 1 {
		to := len(x)
		if i < len(splits) {
			to = splits[i].at
		}
		mean, _ := moments(x[from:to])
		for j := from; j < to; j++ {
			rest[j] -= mean
		}
		from = to
	}
	var along, square float64
	for i, v := range rest {
		square += v * v
		if i > 0 {
			along += v * rest[i-1]
		}
	}
	return square > float64(len(x))*resolution*resolution && along/square > 2.6/math.Sqrt(float64(len(x)))
}

// Query says what of a store is wanted. Empty lists mean all, but for metrics: the usual ones.
type Query struct {
	Scenarios, Metrics, Requests []string
	Since                        time.Time // runs that started before are not looked at; zero: all are
	All                          bool      // older versions of a scenario, too
}

func (q *Query) metrics() []string {
	if len(q.Metrics) == 0 {
		return Usual()
	}
	return q.Metrics
}

func matches(wanted []string, name string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, name)
}
