package text

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"plimsoll/report"
)

// Calibration writes what the gate can tell in an environment: first whether it may be
// relied on, then the noise of each row and what is lost in it.
func Calibration(w io.Writer, c *report.Calibration, opt Options) error {
	p := newPrinter(w, opt)
	calibrationHeading(p, c)
	calibrationRows(p, c)
	calibrationHints(p, c)
	if len(opt.Files) > 0 {
		p.line("")
		for _, f := range opt.Files {
			p.line(p.paint(dim, "written to "+clean(f)))
		}
	}
	return p.err
}

// Clean comparisons that show that false alarms are rarer than that.
const (
	cleanFor5 = 59
	cleanFor1 = 299
)

func calibrationHeading(p *printer, c *report.Calibration) {
	mark, s := "CALIBRATED  ", green
	if c.Refusal() != "" {
		mark, s = "NOT FIT  ", red
	}
	p.wrapped(mark, s, fmt.Sprintf("%s: %s of the same thing, %s, %d processors", clean(c.Scenario), Plural(c.Pairs, "pair"), clean(c.On.OS), c.On.CPUs))
	if why := c.Refusal(); why != "" {
		p.wrapped("  ! ", red, clean(why)+"; the gate refuses to decide anything here")
	}
	p.section("False alarms")
	a := c.Alarms
	p.wrapped("  ", plain, fmt.Sprintf("%s by re-randomisation, at the most %s: %d of %s comparisons put together from the pairs, sides swapped by chance in blocks of neighbours, found a regression.",
		report.FormatShare(a.Rate), report.FormatShare(a.Bound), a.Alarms, report.FormatCount(uint64(max(a.Drawn, 0)))))
	if a.Independent == 0 {
		p.wrapped("  ", plain, fmt.Sprintf("No independent comparison: one takes %d pairs. %d clean ones show that the rate is below 5%%, %d below 1%%.", c.Gate.First, cleanFor5, cleanFor1))
		return
	}
	p.wrapped("  ", plain, fmt.Sprintf("%d in %s of %d pairs each, at the most %s. %d clean ones show that the rate is below 5%%, %d below 1%%.",
		a.IndependentAlarms, Plural(a.Independent, "independent comparison"), c.Gate.First, report.FormatShare(a.IndependentBound), cleanFor5, cleanFor1))
}

func calibrationRows(p *printer, c *report.Calibration) {
	if len(c.Rows) == 0 {
		return
	}
	columns := []column{
		{title: "noise", left: true}, {title: "typical"}, {title: "run to run", drop: 2}, {title: "in pairs", drop: 1},
	}
	for _, e := range c.Rows[0].Effects {
		columns = append(columns, column{title: fmt.Sprintf("%d pairs", e.Pairs), drop: 3})
	}
	columns[len(columns)-1].drop = 0
	t := table{columns: append(columns, column{title: "least effect"})}
	subject := ""
	for i := range c.Rows {
		r := &c.Rows[i]
		if s := rowSubject(&report.ComparisonRow{Load: r.Load, Request: r.Request}); s != subject {
			subject = s
			t.add(cell{s, bold})
		}
		cells := []cell{
			{"  " + clean(r.Metric), plain},
			{quantity(&r.Typical, clean(r.Unit)), plain},
			{calibratedShare(r, r.CV), plain},
			{calibratedShare(r, r.PairSD), plain},
		}
		for k := range c.Rows[0].Effects {
			text := none
			if k < len(r.Effects) && r.Effects[k].Detects > 0 {
				text = calibratedShare(r, r.Effects[k].Detects)
			}
			cells = append(cells, cell{text, plain})
		}
		style := plain
		if r.LeastEffect > r.Floor {
			style = yellow
		}
		t.add(append(cells, cell{calibratedShare(r, r.LeastEffect), style})...)
	}
	p.line("")
	t.write(p)
	p.wrapped("", dim, "In pairs: the deviation of differences between two runs one after the other. N pairs: the least change that so many find four times in five, if the least effect is the usual one. A change below the least effect is never an alarm.")
}

// calibratedShare writes a share; that of errors in percentage points.
func calibratedShare(r *report.CalibrationRow, x float64) string {
	if r.Metric == "errors" {
		return rounded(report.FormatNumber(100*x) + "pt")
	}
	return rounded(report.FormatShare(x))
}

// calibrationHints says what to make of it.
func calibrationHints(p *printer, c *report.Calibration) {
	var said []string
	for i := range c.Rows {
		r := &c.Rows[i]
		name := fmt.Sprintf("%s of %s", clean(r.Metric), clean(cmp.Or(r.Request, r.Load)))
		most := r.At(math.MaxInt)
		switch {
		case most.Tells == 0 && r.PairSD > 0:
			said = append(said, fmt.Sprintf("%s: %d pairs find nothing among so many rows, whatever the change", name, most.Pairs))
		case r.Blind(r.Floor, most.Pairs):
			said = append(said, fmt.Sprintf("%s: the noise hides changes of less than %s even from %d pairs. Even the largest least effect, %s, is less: expect the gate to be inconclusive, on a quieter machine or with longer runs less so",
				name, calibratedShare(r, most.Tells), most.Pairs, calibratedShare(r, r.LeastEffect)))
		case r.LeastEffect > r.Floor:
			said = append(said, fmt.Sprintf("%s: the noise hides changes of %s even from %d pairs, so with this calibration the gate's least effect is %s. A quieter machine or longer runs would lower it",
				name, calibratedShare(r, r.Floor), most.Pairs, calibratedShare(r, r.LeastEffect)))
		}
		if r.Drift != 0 {
			said = append(said, fmt.Sprintf("%s drifted by %s while this was measured; runs that take turns cancel that, runs that do not would not", name, signedShare(r)))
		}
	}
	if c.Pairs > 1 {
		said = append(said, fmt.Sprintf("deviations from %d pairs are known to about ±%s", c.Pairs, rounded(report.FormatShare(math.Round(100/math.Sqrt(2*float64(c.Pairs-1)))/100))))
	}
	said = append(said, c.Notes...)
	p.section("Notes")
	const most = 20
	for i, n := range slices.Compact(said) {
		if i == most {
			p.line(fmt.Sprintf("  · and %d more; --json has them", len(said)-most))
			break
		}
		p.wrapped("  · ", plain, clean(n))
	}
}

func signedShare(r *report.CalibrationRow) string {
	if r.Drift < 0 {
		return "−" + calibratedShare(r, -r.Drift)
	}
	return "+" + calibratedShare(r, r.Drift)
}
