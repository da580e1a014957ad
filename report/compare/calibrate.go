package compare

import (
	"fmt"
	"math"

	"plimsoll/report"
)

// Gate is how pairs are compared as they grow: after First pairs, after every More, and
// after Most.
type Gate struct{ First, More, Most int }

// looks returns after how many pairs the gate looks.
func (g Gate) looks() (after []int) {
	for n := g.First; n < g.Most; n += max(g.More, 1) {
		after = append(after, n)
	}
	return append(after, g.Most)
}

// leastCalibration is from how many pairs on a spread can be told at all.
const leastCalibration = 8

// Calibrate says what pairs of runs of the same thing tell of the environment that they
// were made in, for a gate with these options. It is a RefusedError if they cannot be
// compared. Calibrating with the two sides swapped says the same.
func Calibrate(a, b *Set, options Options, gate Gate) (*report.Calibration, error) {
	looks := gate.looks()
	options.Looks = len(looks)
	if err := options.check(); err != nil {
		return nil, &RefusedError{Reasons: []string{err.Error()}}
	}
	if err := notShared(a, b); err != nil {
		return nil, err
	}
	if reasons := unfit(a, b); len(reasons) > 0 {
		return nil, &RefusedError{Reasons: reasons}
	}
	if reasons := differing(a, b); len(reasons) > 0 {
		return nil, &RefusedError{Reasons: reasons}
	}
	c := &comparing{options: options, sets: [2]*Set{a, b}}
	c.begin()
	if err := c.gather(); err != nil {
		return nil, err
	}
	if len(c.pairs) < leastCalibration {
		return nil, &RefusedError{Reasons: []string{fmt.Sprintf("%s of runs that took turns: a calibration takes %d", plural(len(c.pairs), "pair"), leastCalibration)}}
	}
	return c.calibration(gate)
}

// calibration works out what the gathered pairs say.
func (c *comparing) calibration(gate Gate) (*report.Calibration, error) {
	last := c.sets[0].Runs[len(c.sets[0].Runs)-1].Run
	out := &report.Calibration{
		Schema: report.CalibrationSchema, Scenario: last.Scenario, SHA256: last.Source.SHA256, Changed: last.Source.Changed,
		Measured: last.Started.UTC().Format("2006-01-02"), Pairs: len(c.pairs), Notes: c.out.Notes,
		On:   report.Machine{Plimsoll: last.Plimsoll.Version, Go: last.Plimsoll.Go, OS: last.Plimsoll.OS, CPUs: last.Plimsoll.CPUs},
		Gate: report.CalibratedGate{First: gate.First, More: gate.More, Most: gate.Most, Alpha: c.options.Alpha},
	}
	var noises []noise
	var at []int // the row of each
	for i, q := range c.questions {
		if c.out.Rows[c.rows[i]].Judged {
			noises, at = append(noises, newNoise(q)), append(at, c.rows[i])
		}
	}
	for i := range c.out.Rows {
		if r := &c.out.Rows[i]; r.Judged && r.Reason != "" {
			out.Notes = append(out.Notes, fmt.Sprintf("%s of %s is left out: %s", r.Metric, r.Load, r.Reason))
		}
	}
	if len(noises) == 0 {
		return nil, &RefusedError{Reasons: []string{"there is nothing to judge"}, Hint: "run longer: a p99 takes 100 requests"}
	}
	family := 0
	for _, n := range noises {
		if n.question.differs() {
			family++
		}
	}
	for i, n := range noises {
		out.Rows = append(out.Rows, c.calibrated(&c.out.Rows[at[i]], n, family, gate))
	}
	out.Alarms = falseAlarms(noises, c.options.Rule, gate, alarmDraws)
	out.Notes = append(out.Notes, c.out.Warnings...)
	return out, nil
}

// calibrated says what is known of one row.
func (c *comparing) calibrated(row *report.ComparisonRow, n noise, family int, gate Gate) report.CalibrationRow {
	m := named(row.Metric)
	out := report.CalibrationRow{
		Load: row.Load, Request: row.Request, Metric: row.Metric, Unit: row.Unit, Floor: row.MinEffect,
		CV: tidy(n.spread()), PairSD: tidy(deviation(n.differences)),
	}
	out.Typical = tidy(middleOf(append(append([]float64{}, n.question.Base...), n.question.New...)))
	if m.relative {
		out.Typical = tidy(math.Exp(middleOf(append(append([]float64{}, n.question.Base...), n.question.New...))))
	}
	if drift, shown := n.drift(); shown {
		out.Drift = tidy(m.change(drift))
	}
	for _, pairs := range calibratedPairs(gate) {
		detects, tells := n.effects(pairs, family, c.options.Rule)
		out.Effects = append(out.Effects, report.CalibratedEffect{Pairs: pairs, Detects: told(m, detects), Tells: told(m, tells)})
	}
	out.LeastEffect = out.Least(out.Floor, gate.Most)
	return out
}

// calibratedPairs are the numbers of pairs for which it is said what they can tell.
func calibratedPairs(gate Gate) []int {
	middle := (gate.First + gate.Most) / 2
	if middle <= gate.First || middle >= gate.Most {
		return []int{gate.First}
	}
	return []int{gate.First, middle, gate.Most}
}

// told is an effect as it is written down; 0 if no effect would be told.
func told(m metric, shift float64) float64 {
	if x := m.change(shift); !math.IsInf(x, 0) && !math.IsNaN(x) {
		return tidy(x)
	}
	return 0
}

// tidy rounds to four digits, so that a file can be read.
func tidy(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

func middleOf(values []float64) float64 {
	if m := middle(values); m != nil {
		return *m
	}
	return math.NaN()
}
