package budget

import "math"

// judgement is what one stretch of the run, or all of it, says about a budget.
type judgement struct {
	verdict         Verdict
	observed, limit float64 // in the unit of the measure; NaN if unknown
	window          span    // the stretch; empty: all of the run
	slack           float64 // how far inside the limit, as a share of it where it is above 0
	samples         uint64
	reason          string
}

// judge compares both sides over the same stretch; right is nil without a metric there, and
// base without a baseline.
func (b *Budget) judge(left, right *part, base *figure) judgement {
	f := b.left.figure(left, b.measure)
	j := judgement{verdict: Inconclusive, observed: f.value, limit: math.NaN(), samples: f.samples, reason: f.lack}
	j.limit = b.right.plus.amount()
	if b.right.baseline {
		limit, lack := b.right.above(base)
		if lack != "" {
			j.limit, j.reason = math.NaN(), lack
			return j
		}
		j.limit = limit
	}
	if ref := b.right.ref; ref != nil {
		g := ref.figure(right, b.measure)
		j.limit += b.right.factor * g.value
		if g.lack != "" {
			j.reason = "on the right side, " + g.lack
			return j
		}
	}
	switch {
	case f.lack == "":
		j.verdict = Kept
	case b.op[0] == '<' && !math.IsNaN(f.floor) && !b.keeps(f.floor, j.limit):
		j.observed = f.floor
	default:
		return j
	}
	if !b.keeps(j.observed, j.limit) {
		j.verdict, j.reason = Broken, ""
	}
	j.slack = b.slack(j.observed, j.limit)
	return j
}

// fixed returns the limit if it does not depend on the run, NaN if it does.
func (v limit) fixed() float64 {
	if v.constant() {
		return v.plus.amount()
	}
	return math.NaN()
}

func (b *Budget) keeps(observed, limit float64) bool {
	switch b.op {
	case "<":
		return observed < limit
	case "<=":
		return observed <= limit
	case ">":
		return observed > limit
	case ">=":
		return observed >= limit
	default:
		return observed == limit
	}
}

// slack orders judgements of one budget from worst to best.
func (b *Budget) slack(observed, limit float64) float64 {
	d := limit - observed
	switch b.op[0] {
	case '>':
		d = -d
	case '=':
		d = -math.Abs(d)
	}
	if limit > 0 {
		d /= limit
	}
	return d + 0 // not -0
}

// result puts the judgement into the units of reports.
func (b *Budget) result(j judgement) Result {
	unit, factor := b.measure.unit()
	r := Result{
		Expr: b.String(), Metric: b.Metric(), Unit: unit, Level: b.level(),
		Result: j.verdict, Reason: j.reason, Samples: j.samples,
		Observed: known(j.observed * factor), Limit: known(j.limit * factor),
	}
	if j.window.to > 0 {
		r.Window = []float64{j.window.from.Seconds(), j.window.to.Seconds()}
	}
	if j.verdict != Inconclusive && j.limit > 0 {
		r.Margin = new(b.slack(j.observed, j.limit))
	}
	return r
}

func known(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}
