package budget

import (
	"fmt"
	"math"

	"plimsoll/engine"
	"plimsoll/engine/latency"
)

// Trial collects what one run of one variant shows of the claims about it. It is not safe
// for concurrent use.
type Trial struct {
	variant string
	terms   map[string]*sum // by the text of the term
	figures map[string]Given
	doubt   string
	void    string
}

// Given is a figure that the target gave, or why it did not.
type Given struct {
	Value float64
	Lack  string
}

// NewTrial returns a trial of the variant in a run with the legend l. The error is a
// *BindError.
func NewTrial(l *engine.Legend, claims []*Claim, variant string) (*Trial, error) {
	x := &Trial{variant: variant, terms: map[string]*sum{}, figures: map[string]Given{}}
	for _, c := range claims {
		for _, t := range c.terms() {
			if t.variant != variant || t.metric.figure || x.terms[t.String()] != nil {
				continue
			}
			sel, err := t.within(l)
			if err != nil {
				return nil, err
			}
			x.terms[t.String()] = &sum{selection: sel}
		}
	}
	return x, nil
}

// Observe takes the next interval of the run. It neither keeps nor changes s.
func (x *Trial) Observe(s *engine.Snapshot) {
	for _, sum := range x.terms {
		sum.part.add(s, sum.selection)
	}
}

// Give takes a figure by its name.
func (x *Trial) Give(name string, g Given) { x.figures[name] = g }

// Doubt says why the generator's own troubles may have shaped the run. What it measured of
// times and rates is then left out; what was counted and what the target says stays.
func (x *Trial) Doubt(why string) { x.doubt = why }

// Void says why the run was not the one that was asked for: nothing of it counts.
func (x *Trial) Void(why string) { x.void = why }

// estimate returns what the run says about a term of its variant.
func (x *Trial) estimate(t *term, m measure) (e estimate, lack string) {
	if x.void != "" {
		return e, x.void
	}
	if t.metric.figure {
		g, known := x.figures[t.metric.name]
		if !known {
			return e, "the target did not give " + t.metric.name
		}
		return exact(g.Value), g.Lack
	}
	p := &x.terms[t.String()].part
	f := t.figure(p, m)
	switch {
	case f.lack != "":
		return e, f.lack
	case t.seen(p) == 0:
		return e, "there were no requests"
	case x.doubt != "" && (m == duration || m == perSecond):
		return e, x.doubt
	}
	return t.spread(p, m, f), ""
}

// spread returns the figure with the interval that chance leaves open within the run: of
// the requests that it rests on, others might have been drawn.
func (t *term) spread(p *part, m measure, f figure) estimate {
	n := float64(f.samples)
	switch {
	case m == share:
		return wilson(f.value, n)
	case t.metric.ppm > 0:
		return rankInterval(&p.times, f.value, float64(t.metric.ppm)/1e6)
	}
	return exact(f.value)
}

// rankInterval is the interval between the values at the ranks that hold the quantile q
// with a confidence of 95 % (binomial, by its normal limit). Where there are too few values
// for such a rank, the interval is open.
func rankInterval(h *latency.Histogram, value, q float64) estimate {
	n := float64(h.Count())
	half := z95 * math.Sqrt(n*q*(1-q))
	e := estimate{value, 0, math.Inf(1)}
	if low := math.Floor(n*q - half); low >= 1 {
		e.low = float64(ranked(h, uint64(low)))
	}
	if high := math.Ceil(n*q + half); high <= n {
		e.high = float64(ranked(h, uint64(high)))
	}
	return e
}

// Ruling says what an experiment comes to about a claim.
type Ruling string

// The rulings. Undecided is a claim of which more runs may tell; it is what an experiment
// ends with if they do not.
const (
	Confirmed Ruling = "confirmed"
	Refuted   Ruling = "refuted"
	Undecided Ruling = "inconclusive"
)

// ClaimResult is what became of one claim, in the units and under the keys of run.json.
type ClaimResult struct {
	Expr     string     `json:"expr"` // canonical text of the claim
	Result   Ruling     `json:"result"`
	Unit     string     `json:"unit"`             // "ms", "share" (0 to 1), "/s" or "count"
	Observed *float64   `json:"observed"`         // left side, the median of the runs
	Limit    *float64   `json:"limit"`            // right side, likewise
	Left     *ClaimSide `json:"left"`             // what the runs say about the metric on the left
	Right    *ClaimSide `json:"right"`            // about the metric on the right, without factor; nil if there is none
	Reason   string     `json:"reason,omitempty"` // why it is inconclusive
}

// ClaimSide is what the runs of a variant say about one metric of a claim.
type ClaimSide struct {
	Metric   string    `json:"metric"`             // with its selectors and its variant
	Values   []float64 `json:"values"`             // of each run that has one
	Interval []float64 `json:"interval,omitempty"` // from and to, with a confidence of 95 %
}

// Judge rules on each claim by the trials so far. A claim is confirmed if it holds for all
// that the intervals of both sides leave open, refuted if it holds for nothing in them.
func Judge(claims []*Claim, trials []*Trial) []ClaimResult {
	results := make([]ClaimResult, 0, len(claims))
	for _, c := range claims {
		results = append(results, c.judge(trials))
	}
	return results
}

func (c *Claim) judge(trials []*Trial) ClaimResult {
	b := c.budget
	unit, scale := b.measure.unit()
	left, limit := c.collect(&b.left, trials), side{runs: []estimate{exact(b.right.plus.amount())}}
	r := ClaimResult{Expr: c.String(), Unit: unit, Result: Undecided}
	if ref := b.right.ref; ref != nil {
		right := c.collect(ref, trials)
		r.Right = right.show(ref.String(), scale)
		limit = right.times(b.right.factor, b.right.plus.amount())
	}
	r.Left = left.show(b.left.String(), scale)
	r.Observed, r.Limit = known(left.median()*scale), known(limit.median()*scale)
	for i, s := range []side{left, limit} {
		if len(s.runs) == 0 {
			r.Reason = fmt.Sprintf("%s: %s", c.terms()[i], s.lack)
			return r
		}
	}
	if b.right.ref != nil { // a number that is only counted has no spread, but the next run another one
		left, limit = left.loosened(b), limit.loosened(b)
	}
	r.Result = b.rule(pool(left.runs), pool(limit.runs))
	if r.Result == Undecided {
		r.Reason = "what the runs leave open is on both sides of the limit"
	}
	return r
}

// loosened widens the only run of a side whose number has no spread within the run. Figures
// and what is held to be equal are left as they are: they are counted by somebody else.
func (s side) loosened(b *Budget) side {
	if len(s.runs) > 1 || b.op == "==" || b.left.metric.figure || s.runs[0].low != s.runs[0].high {
		return s
	}
	return side{runs: []estimate{lone(s.runs[0].value)}}
}

// rule compares two estimates. What holds for the worst of both holds for all between.
func (b *Budget) rule(left, limit estimate) Ruling {
	var worst, best bool
	switch b.op[0] {
	case '<':
		worst, best = b.keeps(left.high, limit.low), b.keeps(left.low, limit.high)
	case '>':
		worst, best = b.keeps(left.low, limit.high), b.keeps(left.high, limit.low)
	default:
		worst = left == limit && left.low == left.high
		best = left.low <= limit.high && limit.low <= left.high
	}
	switch {
	case worst:
		return Confirmed
	case !best:
		return Refuted
	}
	return Undecided
}

// collect returns what the trials say about a term.
func (c *Claim) collect(t *term, trials []*Trial) (s side) {
	s.lack = "there was no run of it"
	for _, x := range trials {
		if x.variant != t.variant {
			continue
		}
		if e, lack := x.estimate(t, c.budget.measure); lack != "" {
			s.lack = lack
		} else {
			s.runs = append(s.runs, e)
		}
	}
	return s
}

// times returns factor × the side + plus.
func (s side) times(factor, plus float64) side {
	scaled := side{lack: s.lack}
	for _, r := range s.runs {
		scaled.runs = append(scaled.runs, estimate{factor*r.value + plus, factor*r.low + plus, factor*r.high + plus})
	}
	return scaled
}

func (s side) show(name string, scale float64) *ClaimSide {
	out := &ClaimSide{Metric: name, Values: []float64{}}
	for _, r := range s.runs {
		out.Values = append(out.Values, r.value*scale)
	}
	if len(s.runs) == 0 {
		return out
	}
	if e := pool(s.runs); !math.IsInf(e.high, 0) {
		out.Interval = []float64{e.low * scale, e.high * scale}
	}
	return out
}
