package budget

import "math"

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
	Observed *float64   `json:"observed"`         // left side, the mean of the runs that count
	Limit    *float64   `json:"limit"`            // right side, likewise
	Left     *ClaimSide `json:"left"`             // what the runs say about the metric on the left
	Right    *ClaimSide `json:"right"`            // about the metric on the right, without factor; nil if there is none
	Pair     *ClaimSide `json:"pair,omitempty"`   // with one variant on both sides: left less right within each run, which is what is judged
	Reason   string     `json:"reason,omitempty"` // why it is inconclusive
}

// ClaimSide is what the runs of a variant say about one metric of a claim.
type ClaimSide struct {
	Metric   string    `json:"metric"`             // with its selectors and its variant
	Values   []float64 `json:"values"`             // of each run that counts
	Interval []float64 `json:"interval,omitempty"` // from and to, with a confidence of 95 %
	Runs     int       `json:"runs"`               // of the variant, with those that do not count
	Lack     string    `json:"lack,omitempty"`     // why the last of these does not
}

// side is what the runs say about one side of a claim.
type side struct {
	runs  []estimate
	of    int    // how many runs there were
	lack  string // why a run said nothing; that of the last one
	doubt string // why what a run says is left open further; that of the last one
}

// Judge rules on each claim by the trials so far. A claim is confirmed if it holds for all
// that the intervals of both sides leave open, refuted if it holds for nothing in them. Two
// metrics of one variant are compared within each run.
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
	r := ClaimResult{Expr: c.String(), Unit: unit, Result: Undecided}
	left, limit := c.collect(&b.left, trials), side{runs: []estimate{exact(b.right.plus.amount())}}
	if ref := b.right.ref; ref != nil { // a number that is only counted has no spread, but the next run another one
		right := c.collect(ref, trials).loosened(b)
		left, limit = left.loosened(b), right.times(b.right.factor, b.right.plus.amount())
		r.Right = right.show(ref.String(), scale)
	}
	r.Left = left.show(b.left.String(), scale)
	r.Observed, r.Limit = left.mean(scale), limit.mean(scale)
	for _, s := range []side{left, limit} {
		if len(s.runs) == 0 {
			r.Reason = s.lack
			return r
		}
	}
	if c.paired() {
		left, limit = left.minus(limit), side{runs: []estimate{exact(0)}}
		r.Pair = left.show(b.difference(), scale)
	}
	if r.Result = b.rule(left, limit); r.Result == Undecided {
		r.Reason = undecided(left, limit)
	}
	return r
}

// paired reports whether both sides are about the same runs.
func (c *Claim) paired() bool {
	ref := c.budget.right.ref
	return ref != nil && ref.variant == c.budget.left.variant
}

// difference is what a pair is judged by, in words of the claim.
func (b *Budget) difference() string {
	if b.right.plus.number == 0 {
		return b.left.String() + " - " + b.right.String()
	}
	return b.left.String() + " - (" + b.right.String() + ")"
}

func undecided(left, limit side) string {
	reason := "what the runs leave open is on both sides of the limit"
	for _, s := range []side{left, limit} {
		if s.doubt != "" {
			return reason + "; " + s.doubt + ", and what took too long may be its own doing"
		}
	}
	return reason
}

// loosened widens the only run of a side whose number has no spread within the run. Figures
// and what is held to be equal are left as they are: they are counted by somebody else.
func (s side) loosened(b *Budget) side {
	if len(s.runs) != 1 || b.op == "==" || b.left.metric.figure || s.runs[0].low != s.runs[0].high {
		return s
	}
	only := s.runs[0]
	wide := lone(only.value)
	only.low, only.high = wide.low, wide.high
	s.runs = []estimate{only}
	return s
}

// rule compares two sides. What holds for the worst of both holds for all between.
func (b *Budget) rule(l, r side) Ruling {
	if b.op == "==" {
		return equal(l, r)
	}
	left, limit := pool(l.runs), pool(r.runs)
	worst, best := b.keeps(left.high, limit.low), b.keeps(left.low, limit.high)
	if b.op[0] == '>' {
		worst, best = b.keeps(left.low, limit.high), b.keeps(left.high, limit.low)
	}
	switch {
	case worst:
		return Confirmed
	case !best:
		return Refuted
	}
	return Undecided
}

// equal rules on ==, which every run has to meet: that they meet it on average would not do.
func equal(l, r side) Ruling {
	ruling := Confirmed
	for _, left := range l.runs {
		for _, limit := range r.runs {
			left, limit := left.widened(), limit.widened()
			switch {
			case left.low > limit.high || left.high < limit.low:
				return Refuted
			case left.low != left.high || limit.low != limit.high:
				ruling = Undecided
			}
		}
	}
	return ruling
}

// collect returns what the trials say about a term. A run counts for both sides of a pair or
// for none.
func (c *Claim) collect(t *term, trials []*Trial) (s side) {
	s.lack = t.String() + ": there was no run of it"
	for _, x := range trials {
		if x.variant != t.variant {
			continue
		}
		s.of++
		if lack := c.lack(x); lack != "" {
			s.lack = lack
			continue
		}
		e, _ := x.estimate(t, c.budget.measure)
		if e.less > 0 || e.more > 0 {
			s.doubt = x.doubt
		}
		s.runs = append(s.runs, e)
	}
	return s
}

// lack says why a run tells nothing about what the claim says of its variant.
func (c *Claim) lack(x *Trial) string {
	for _, t := range c.terms() {
		if t.variant != x.variant {
			continue
		}
		if _, lack := x.estimate(t, c.budget.measure); lack != "" {
			return t.String() + ": " + lack
		}
	}
	return ""
}

// times returns factor × the side + plus.
func (s side) times(factor, plus float64) side {
	runs := s.runs
	s.runs = nil
	for _, r := range runs {
		s.runs = append(s.runs, estimate{
			value: factor*r.value + plus, low: factor*r.low + plus, high: factor*r.high + plus,
			less: factor * r.less, more: factor * r.more,
		})
	}
	return s
}

// minus returns the difference in each run of two sides that are about the same runs.
func (s side) minus(o side) side {
	runs := s.runs
	s.runs = nil
	for i, r := range runs {
		s.runs = append(s.runs, r.minus(o.runs[i]))
	}
	if s.doubt == "" {
		s.doubt = o.doubt
	}
	return s
}

// mean returns what the runs are judged by, nil without any.
func (s side) mean(scale float64) *float64 {
	if len(s.runs) == 0 {
		return nil
	}
	return new(pool(s.runs).value * scale)
}

func (s side) show(name string, scale float64) *ClaimSide {
	out := &ClaimSide{Metric: name, Values: []float64{}, Runs: s.of}
	for _, r := range s.runs {
		out.Values = append(out.Values, r.value*scale)
	}
	if len(s.runs) < s.of {
		out.Lack = s.lack
	}
	if len(s.runs) == 0 {
		return out
	}
	if e := pool(s.runs); !math.IsInf(e.low, 0) && !math.IsInf(e.high, 0) {
		out.Interval = []float64{e.low * scale, e.high * scale}
	}
	return out
}
