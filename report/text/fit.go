package text

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"plimsoll/engine/capacity"
	"plimsoll/report"
)

// Fit writes a fitted model with all that shows how far it can be trusted: the peak, what
// the model means, its parameters, the other laws, and each point beside the curve. Rates
// are in the unit of the points.
func Fit(w io.Writer, m *capacity.Model, opt Options) error {
	p := newPrinter(w, opt)
	fitHead(p, m)
	fitParameters(p, m)
	fitRanking(p, m)
	fitPoints(p, m)
	fitNotes(p, m)
	return p.err
}

func fitNotes(p *printer, m *capacity.Model) {
	said := func(note string) bool { return strings.HasPrefix(note, capacity.NoPeak) }
	rest := slices.DeleteFunc(slices.Clone(m.Notes), said)
	if len(rest) == 0 {
		return
	}
	p.section("Notes")
	for _, n := range rest {
		p.wrapped("  · ", plain, clean(n))
	}
}

func fitHead(p *printer, m *capacity.Model) {
	mark, s, what := "NO PEAK SEEN  ", yellow, whyNoPeak(m)
	if m.NStar != nil && m.XStar != nil {
		mark, s = "PEAK  ", green
		what = fmt.Sprintf("throughput %s at concurrency %s", within(*m.XStar, m.XStarCI), within(*m.NStar, m.NStarCI))
	}
	p.wrapped(mark, s, what)
	p.wrapped(strings.Repeat(" ", columnsOf(mark)), plain, inWords(m))
}

// whyNoPeak returns the note that says why no peak was seen.
func whyNoPeak(m *capacity.Model) string {
	for _, n := range m.Notes {
		if why, ok := strings.CutPrefix(n, capacity.NoPeak); ok {
			return clean(why)
		}
	}
	return ""
}

// within writes a number with its interval.
func within(x float64, ci [2]*float64) string {
	from, to := "0", "no bound"
	if ci[0] != nil {
		from = report.FormatNumber(*ci[0])
	}
	if ci[1] != nil {
		to = report.FormatNumber(*ci[1])
	}
	return fmt.Sprintf("%s (95%%: %s to %s)", digits(x), from, to)
}

// inWords says what the parameters mean, in plain words.
func inWords(m *capacity.Model) string {
	parts := []string{"one user alone gets " + digits(m.Gamma)}
	if m.Alpha > 0 {
		parts = append(parts, report.FormatShare(m.Alpha)+" of the work is done one at a time (contention)")
	} else {
		parts = append(parts, "nothing is done one at a time (no contention)")
	}
	if m.Beta > 0 {
		parts = append(parts, "keeping each pair of users in step costs another "+report.FormatShare(m.Beta)+" (coherency)")
	} else {
		parts = append(parts, "keeping users in step costs nothing (no coherency)")
		if limit := m.USL().Asymptote(); !math.IsInf(limit, 1) {
			parts = append(parts, "far beyond the points throughput would tend to "+digits(limit))
		}
	}
	return strings.Join(parts, "; ")
}

// digits writes a number with the digits that a fit is compared by.
func digits(x float64) string {
	if x >= 99999.5 {
		return report.FormatNumber(x)
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

func fitParameters(p *printer, m *capacity.Model) {
	p.line("")
	t := table{columns: []column{
		{title: lawNamed(m.Kind), left: true}, {title: "estimate"}, {title: "std. error"}, {title: "95% from"}, {title: "to"}, {title: "", left: true, drop: 1},
	}}
	student := m.Student()
	for _, r := range []struct {
		name, about string
		value       float64
		se          *float64
	}{
		{"gamma", "throughput of one user", m.Gamma, m.SE.Gamma},
		{"alpha", "contention", m.Alpha, m.SE.Alpha},
		{"beta", "coherency", m.Beta, m.SE.Beta},
	} {
		row := []cell{{text: r.name}, {text: digits(r.value)}}
		if r.se == nil {
			row = append(row, cell{text: "at bound", style: dim}, cell{}, cell{})
		} else {
			row = append(row, cell{text: significant(*r.se, 4)}, cell{text: significant(r.value-student**r.se, 4)}, cell{text: significant(r.value+student**r.se, 4)})
		}
		t.add(append(row, cell{text: r.about, style: dim})...)
	}
	t.write(p)
	spread := "residual standard error " + digits(m.Sigma)
	switch m.Weights {
	case capacity.RelativeWeights:
		spread = "points lie " + report.FormatShare(m.Sigma) + " off the curve"
	case capacity.ReplicateWeights:
		spread = "points lie " + report.FormatNumber(m.Sigma) + " times their own spread off the curve"
	}
	p.wrapped("", plain, fmt.Sprintf("%s at %d concurrencies, weights: %s; %s (%s of freedom)",
		Plural(len(m.Points), "point"), m.Levels, m.Weights, spread, Plural(m.DF, "degree")))
}

func significant(x float64, n int) string { return strconv.FormatFloat(x, 'g', n, 64) }

func lawNamed(kind string) string {
	switch kind {
	case capacity.KindLinear:
		return "linear scaling"
	case capacity.KindAmdahl:
		return "Amdahl's law"
	}
	return "USL"
}

func fitRanking(p *printer, m *capacity.Model) {
	p.line("")
	t := table{columns: []column{{title: "models, best first", left: true}, {title: "ΔAICc"}, {title: "AICc", drop: 1}, {title: "gamma"}, {title: "alpha"}, {title: "beta"}}}
	for _, c := range m.Models {
		t.add(cell{text: lawNamed(c.Kind)}, cell{text: fixed(c.Delta, 2)}, cell{text: fixed(c.AICc, 2), style: dim},
			cell{text: digits(c.Gamma)}, cell{text: digits(c.Alpha)}, cell{text: digits(c.Beta)})
	}
	t.write(p)
}

func fixed(x float64, decimals int) string { return strconv.FormatFloat(x, 'f', decimals, 64) }

func residual(f capacity.FittedPoint) string {
	if math.Abs(f.Residual) < 1e-9*f.Fitted {
		return "0"
	}
	return report.FormatNumber(f.Residual)
}

// mostPoints is how many points are written; longer lists are for machines.
const mostPoints = 60

func fitPoints(p *printer, m *capacity.Model) {
	p.line("")
	t := table{columns: []column{{title: "concurrency"}, {title: "throughput"}, {title: "fitted"}, {title: "residual"}, {title: "of fitted", drop: 1}}}
	for _, f := range m.Points[:min(len(m.Points), mostPoints)] {
		t.add(cell{text: digits(f.Concurrency)}, cell{text: digits(f.Throughput)}, cell{text: digits(f.Fitted)},
			cell{text: residual(f)}, cell{text: fmt.Sprintf("%+.1f%%", 100*f.Residual/f.Fitted), style: dim})
	}
	t.write(p)
	if more := len(m.Points) - mostPoints; more > 0 {
		p.line(fmt.Sprintf("and %d more, which --json has", more))
	}
}
