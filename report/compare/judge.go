package compare

import (
	"math"

	"plimsoll/report"
)

// Rule says when a difference counts.
type Rule struct {
	Alpha      float64 // bound on the adjusted p-value, such as 0.01
	Confidence float64 // of the intervals, such as 0.95
	Looks      int     // how often runs are compared as they grow; each look gets its part of Alpha and of 1 − Confidence
	LeastRuns  int     // of each side; with fewer every verdict is inconclusive
}

// DefaultRule is what compare goes by. With fewer than six pairs there is no 95 % interval;
// from ten on, families of up to five rows can come below 0.01 (Holm), and of up to 25 have
// intervals that hold for all of them at once.
func DefaultRule() Rule { return Rule{Alpha: 0.01, Confidence: 0.95, Looks: 1, LeastRuns: 6} }

// Question is one row of a family: what both sides measured and what matters.
type Question struct {
	Contrast
	MinEffect float64 // in the unit of the values; differences up to it do not matter
	Upwards   bool    // more is better
}

// Answer is what came out.
type Answer struct {
	Estimate
	PHolm    float64
	PJoint   float64  // adjusted by Joint for rows of the same pairs, else by Holm: this one decides
	All      Estimate // with the interval that holds for all rows of the family at once
	Verdict  report.Finding
	NotWorse bool // no difference that matters for the worse is left open
	Needs    int  // runs of each side that would probably decide it; 0: not known
}

// Judge answers all questions of a family together, and returns how many of them Holm's
// correction counts. A row in which no run differs at all cannot raise a false alarm, and
// so takes no part (Tarone 1990).
//
// A row is a regression (improvement) if the typical difference is more than MinEffect for
// the worse (better) and that is no chance: the adjusted p-value (of pairs by Joint, else by
// Holm) is below Alpha, or the interval that holds for all rows at once lies beyond
// MinEffect. It is the same if its own interval lies within MinEffect on both sides.
// Otherwise it is inconclusive. Swapping base and new swaps regression and improvement, and
// nothing else.
func (r Rule) Judge(questions []Question) (answers []Answer, family int) {
	looks := float64(max(r.Looks, 1))
	confidence := 1 - (1-r.Confidence)/looks
	answers = make([]Answer, len(questions))
	var p []float64
	var rows []Contrast
	for i, q := range questions {
		answers[i].Estimate = q.Estimate(confidence)
		answers[i].PHolm, answers[i].PJoint = 1, 1
		if q.differs() {
			p, rows = append(p, answers[i].P), append(rows, q.Contrast)
		}
	}
	family = len(p)
	adjusted := Holm(p)
	joint := Joint(rows)
	if joint == nil {
		joint = adjusted
	}
	for i, q := range questions {
		a := &answers[i]
		a.All = a.Estimate
		if q.differs() {
			a.PHolm, adjusted = adjusted[0], adjusted[1:]
			a.PJoint, joint = joint[0], joint[1:]
			a.All = q.Estimate(1 - (1-confidence)/float64(family))
		}
		r.decide(a, q, confidence, family)
	}
	return answers, family
}

// decide gives the verdict on one row.
func (r Rule) decide(a *Answer, q Question, confidence float64, family int) {
	looks, floor := float64(max(r.Looks, 1)), q.MinEffect
	attained := a.Confidence >= confidence-1e-9
	all := a.All.Confidence >= 1-(1-confidence)/float64(max(family, 1))-1e-9
	significant := a.PJoint < r.Alpha/looks
	up := a.Shift > floor && (significant || all && a.All.Low > floor)
	down := a.Shift < -floor && (significant || all && a.All.High < -floor)
	if q.Upwards {
		a.NotWorse = a.Low > -floor
	} else {
		a.NotWorse = a.High < floor
	}
	a.Verdict = report.Unsure
	switch {
	case a.Runs < r.LeastRuns || !attained || math.IsNaN(a.Shift):
		a.NotWorse = false
	case up:
		a.Verdict = towards(!q.Upwards)
	case down:
		a.Verdict = towards(q.Upwards)
	case a.Low > -floor && a.High < floor:
		a.Verdict = report.Same
	}
	if a.Verdict == report.Unsure {
		a.Needs = r.needs(a, q, family)
	}
}

func towards(worse bool) report.Finding {
	if worse {
		return report.Worse
	}
	return report.Better
}

// mostNeeds bounds what is worth saying about how many runs would decide a row.
const mostNeeds = 1000

// needs estimates how many runs of each side decide a row, if what was seen goes on: the
// interval has to become narrower than the way from the estimate to the nearest value that
// matters (or, for a difference that matters, to zero: then the p-value decides), and there
// have to be enough runs for a verdict at all. 0 stands for more than mostNeeds.
func (r Rule) needs(a *Answer, q Question, family int) int {
	size, looks := math.Abs(a.Shift), float64(max(r.Looks, 1))
	least := max(r.LeastRuns, r.enough(q, family, size > q.MinEffect))
	if math.IsNaN(a.Shift) || a.Runs < 2 {
		return least
	}
	spread := q.spread()
	runs := func(doubt, way float64) float64 { // z·s/√n, with the efficiency 3/π of rank tests
		return math.Pow(z(1-doubt/looks)*spread/way, 2) * math.Pi / 3
	}
	n := runs(1-r.Confidence, math.Abs(size-q.MinEffect))
	if size > q.MinEffect {
		alpha := r.Alpha
		if !q.Paired {
			alpha /= float64(max(family, 1))
		}
		n = min(n, runs(alpha, size))
	}
	need := max(n, float64(least), float64(a.Runs+1))
	if need > mostNeeds || math.IsNaN(need) {
		return 0
	}
	return int(math.Ceil(need))
}

// enough returns how many runs of each side it takes until the least p-value there is can
// decide a row. For the same, that is an interval; for a difference, an interval for all rows
// at once, or an adjusted p-value below Alpha.
func (r Rule) enough(q Question, family int, differs bool) int {
	looks := float64(max(r.Looks, 1))
	bound := (1 - r.Confidence) / looks
	if differs {
		alpha := r.Alpha / looks
		if !q.Paired {
			alpha /= float64(max(family, 1))
		}
		bound = max(bound/float64(max(family, 1)), alpha)
	}
	for n := 1; n < mostNeeds; n++ {
		least := math.Ldexp(2, -n)
		if !q.Paired { // 2 of the ways to choose n of 2n
			lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
			least = 2 * math.Exp(2*lg(n)-lg(2*n))
		}
		if least <= bound {
			return n
		}
	}
	return mostNeeds
}

// spread is the standard deviation of what one more run adds: of the differences of pairs,
// or of both sides together.
func (c Contrast) spread() float64 {
	if c.Paired {
		return deviation(differences(c.Base, c.New))
	}
	return math.Hypot(deviation(c.Base), deviation(c.New))
}

func deviation(values []float64) float64 {
	n := float64(len(values))
	if n < 2 {
		return 0
	}
	var sum, squares float64
	for _, x := range values {
		sum += x
	}
	for _, x := range values {
		squares += (x - sum/n) * (x - sum/n)
	}
	return math.Sqrt(squares / (n - 1))
}

// Overall gives the finding of a whole comparison: a regression if there is one in any row,
// else inconclusive if any row is or if there are no rows, else an improvement if there is
// one, else the same.
func Overall(findings []report.Finding) report.Finding {
	seen := map[report.Finding]bool{}
	for _, f := range findings {
		seen[f] = true
	}
	switch {
	case seen[report.Worse]:
		return report.Worse
	case seen[report.Unsure] || len(findings) == 0:
		return report.Unsure
	case seen[report.Better]:
		return report.Better
	}
	return report.Same
}

// Ratio turns a difference of logarithms into a relative change: 0.05 is 5 % more.
func Ratio(shift float64) float64 { return math.Expm1(shift) }
