package compare

import (
	"cmp"
	"fmt"

	"plimsoll/report"
)

// Calibrated is a calibration that a comparison goes by.
type Calibrated struct {
	File  string // where it was found
	Pairs int    // that the gate makes at the most; 0: as many as are compared
	*report.Calibration
}

// leastEffect returns up to what a difference does not matter: what was asked for, or what
// this environment can tell, if that is more.
func (c *comparing) leastEffect(s subject, m metric) float64 {
	floor := c.options.MinEffect[m.name]
	if c.options.Calibration == nil {
		return floor
	}
	row := c.options.Calibration.Row(s.load, s.request, m.name)
	if row == nil {
		return floor
	}
	return row.Least(floor, cmp.Or(c.options.Calibration.Pairs, len(c.pairs)))
}

// calibrate says what the calibration does to the comparison, and takes the verdict back
// where it must not be relied on.
func (c *comparing) calibrate() {
	known := c.options.Calibration
	if known == nil {
		return
	}
	out := &report.ComparedBy{
		File: known.File, Measured: known.Measured, Pairs: known.Calibration.Pairs, Alarms: known.Alarms,
		Raised: []report.Raised{}, Refusal: known.Refusal(),
	}
	c.out.Calibration = out
	warnings, notes := known.Fits(c.sets[1].Runs[len(c.sets[1].Runs)-1].Run)
	c.out.Warnings = append(c.out.Warnings, warnings...)
	if c.pairs == nil && !c.within {
		c.warn("the calibration speaks of pairs, and these runs did not take turns: there are more false alarms than it says")
	}
	c.note("%s, by the calibration of %s with %s", known.Says(), known.Measured, plural(known.Calibration.Pairs, "pair"))
	c.out.Notes = append(c.out.Notes, notes...)
	c.raised(out)
	if out.Refusal == "" {
		return
	}
	c.out.Verdict, c.out.Why, c.out.Decide = report.Unsure, "not judged: "+out.Refusal, "a quieter machine, or longer runs; then plimsoll calibrate again"
	for i := range c.out.Rows {
		if r := &c.out.Rows[i]; r.Judged {
			r.Verdict, r.NotWorse, r.Needs, r.Reason = report.Unsure, false, 0, "the environment is not fit for a gate"
		}
	}
}

// raised says of which rows the least effect is another than it was, and which rows the
// calibration does not know.
func (c *comparing) raised(out *report.ComparedBy) {
	unknown, pairs := 0, cmp.Or(c.options.Calibration.Pairs, len(c.pairs))
	for i := range c.out.Rows {
		r := &c.out.Rows[i]
		m, from := named(r.Metric), c.options.MinEffect[r.Metric]
		name, known := fmt.Sprintf("%s of %s", r.Metric, cmp.Or(r.Request, r.Load)), c.options.Calibration.Row(r.Load, r.Request, r.Metric)
		switch {
		case !r.Judged:
			continue
		case known == nil:
			unknown++
			continue
		case known.Blind(from, pairs):
			c.note("%s is noisier here than a gate can make up for: it will mostly be inconclusive", name)
		}
		if r.MinEffect > from {
			out.Raised = append(out.Raised, report.Raised{Load: r.Load, Request: r.Request, Metric: r.Metric, From: from, To: r.MinEffect})
			c.note("least effect of %s raised from %s to %s: what is less is lost in the noise here", name, m.chosen(from), m.chosen(r.MinEffect))
		}
	}
	if len(out.Raised) > 0 {
		c.warn("%s judged by a larger least effect than usual, for the noise here hides the usual one", plural(len(out.Raised), "row"))
	}
	if unknown > 0 {
		c.note("%s not in the calibration, whose least effect is as without it", plural(unknown, "judged row"))
	}
}
