package budget

import (
	"math"

	"plimsoll/engine"
	"plimsoll/engine/latency"
)

// Trial collects what one run of one variant shows of the claims about it. It is not safe
// for concurrent use.
type Trial struct {
	variant string
	terms   map[string]*sight // by the text of the term
	figures map[string]Given
	doubt   string
	void    string
}

// sight is what a run has shown of a term.
type sight struct {
	selection *selection
	part      part
	suspects  suspects
}

// Given is a figure that the target gave, or why it did not.
type Given struct {
	Value float64
	Lack  string
}

// NewTrial returns a trial of the variant in a run with the legend l. The error is a
// *BindError.
func NewTrial(l *engine.Legend, claims []*Claim, variant string) (*Trial, error) {
	x := &Trial{variant: variant, terms: map[string]*sight{}, figures: map[string]Given{}}
	for _, c := range claims {
		for _, t := range c.terms() {
			if t.variant != variant || t.metric.figure || x.terms[t.String()] != nil {
				continue
			}
			sel, err := t.within(l)
			if err != nil {
				return nil, err
			}
			x.terms[t.String()] = &sight{selection: sel}
		}
	}
	return x, nil
}

// Observe takes the next interval of the run. It neither keeps nor changes s.
func (x *Trial) Observe(s *engine.Snapshot) {
	for _, seen := range x.terms {
		seen.part.add(s, seen.selection)
		seen.suspects.add(s, seen.selection)
	}
}

// Give takes a figure by its name.
func (x *Trial) Give(name string, g Given) { x.figures[name] = g }

// Doubt says why the generator's own troubles may have shaped the run. What it measured of
// times and rates is then left out. Shares and numbers stay, and leave open what requests
// that began late may have come to otherwise. What the target says stays as it is.
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
	seen := x.terms[t.String()]
	p := &seen.part
	f := t.figure(p, m)
	switch {
	case f.lack != "":
		return e, f.lack
	case t.seen(p) == 0:
		return e, "there were no requests"
	case x.doubt != "" && (m == duration || m == perSecond):
		return e, x.doubt
	}
	e = t.spread(p, m, f)
	if x.doubt != "" {
		e = t.doubted(e, p, m, &seen.suspects)
	}
	return e, ""
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
	e := estimate{value: value, high: math.Inf(1)}
	if low := math.Floor(n*q - half); low >= 1 {
		e.low = float64(ranked(h, uint64(low)))
	}
	if high := math.Ceil(n*q + half); high <= n {
		e.high = float64(ranked(h, uint64(high)))
	}
	return e
}
