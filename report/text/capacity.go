package text

import (
	"fmt"
	"io"
	"strings"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
)

// Capacity writes what was found out about how much a target carries: the load line first,
// then the latency at each rate, what limits the node, and the model.
func Capacity(w io.Writer, c *report.Capacity, opt Options) error {
	p := newPrinter(w, opt)
	loadLine(p, c)
	curve(p, c.Curve)
	node(p, c)
	outlook(p, c.Node.Outlook)
	scale(p, c.Scale)
	if c.Model != nil {
		model(p, c.Model)
	}
	reservations(p, c)
	if opt.Dir != "" {
		p.line("")
		files := []string{report.CapacityFile, "trials.hlog"}
		if len(c.Scale) > 0 {
			files = files[:1] // each value has a directory of its own
		}
		for i, name := range files {
			label := "           "
			if i == 0 {
				label = "saved in   "
			}
			p.line(p.paint(dim, label+clean(opt.Dir)+"/"+name))
		}
		if c.LoadLine.Lower != nil && c.LoadLine.Limit != search.Inconclusive {
			next(p, "plimsoll plan "+report.Quote(opt.Dir)+" --demand RATE")
		}
	}
	return p.err
}

// loadLine writes the headline.
func loadLine(p *printer, c *report.Capacity) {
	l := &c.LoadLine
	word, s := map[search.Limit]string{
		search.TargetLimited: "LOAD LINE", search.GeneratorLimited: "GENERATOR-LIMITED",
	}[l.Limit], green
	if word == "" {
		word = "INCONCLUSIVE"
	}
	if l.Limit != search.TargetLimited {
		s = yellow
	}
	if l.Lower == nil && l.Limit == search.TargetLimited {
		s = red
	}
	mark := word + "  "
	p.wrapped(mark, s, bounds(l)+", for "+clean(c.SLO))
	indent := strings.Repeat(" ", columnsOf(mark))
	p.wrapped(indent, plain, clean(l.Why))
	about := fmt.Sprintf("%s arrivals, %s, %s", c.Arrivals, Plural(len(l.Trials), "trial"), report.FormatDuration(seconds(c.DurationS)))
	if c.Target != "" {
		about += " against " + clean(c.Target)
	}
	p.wrapped(indent, plain, about)
}

// bounds writes the line with its bounds.
func bounds(l *report.LoadLine) string {
	switch {
	case l.Lower == nil && l.Upper == nil:
		return "not found"
	case l.Lower == nil:
		return "below " + perSecond(*l.Upper)
	case l.Upper == nil || l.Limit == search.GeneratorLimited:
		return "at least " + perSecond(*l.Lower) + held(l)
	}
	return fmt.Sprintf("between %s and %s (%s apart%s)", perSecond(*l.Lower), perSecond(*l.Upper), report.FormatShare(*l.Upper / *l.Lower - 1), heldToo(l))
}

func held(l *report.LoadLine) string {
	if l.Soaked {
		return " (held in a soak)"
	}
	return ""
}

func heldToo(l *report.LoadLine) string {
	if l.Soaked {
		return ", the lower one held in a soak"
	}
	return ""
}

func perSecond(rate float64) string { return report.FormatNumber(rate) + "/s" }

// curve writes latency against load.
func curve(p *printer, points []report.CurvePoint) {
	if len(points) == 0 {
		return
	}
	p.line("")
	t := table{columns: []column{
		{title: "rate"},
		{title: "achieved", drop: 4},
		{title: "p50"},
		{title: "p95", drop: 2},
		{title: "p99"},
		{title: "p99.9", drop: 3},
		{title: "errors"},
		{title: "trials", drop: 1},
		{title: "verdict", left: true},
	}}
	for _, c := range points {
		row := []cell{{text: perSecond(c.Rate)}, {text: perSecond(c.Achieved), style: dim}}
		if q := c.Latency; q != nil {
			for _, ms := range []float64{q.P50, q.P95, q.P99, q.P999} {
				row = append(row, cell{text: millis(ms)})
			}
		} else { // nothing was answered
			none := cell{text: "—", style: dim}
			row = append(row, none, none, none, none)
		}
		s := map[string]style{string(search.Pass): green, string(search.Fail): red}[c.Verdict]
		t.add(append(row, cell{text: report.FormatShare(c.Errors)}, cell{text: fmt.Sprint(c.Trials)}, cell{text: c.Verdict, style: s})...)
	}
	t.write(p)
}

func millis(ms float64) string { return report.FormatDuration(seconds(ms / 1000)) }

// node writes what limits the node.
func node(p *printer, c *report.Capacity) {
	n := &c.Node
	if n.Service == nil && len(n.Resources) == 0 {
		return
	}
	p.section("Node")
	if s := n.Service; s != nil {
		p.wrapped("service time  ", plain, fmt.Sprintf("mean %s, squared coefficient of variation %s, at the lowest load (%s requests)",
			millis(s.MeanMS), report.FormatNumber(s.SCV), report.FormatCount(s.Count)))
	}
	if len(n.Resources) == 0 {
		return
	}
	t := table{columns: []column{
		{title: "resource", left: true, flex: true}, {title: "units", drop: 1}, {title: "demand"}, {title: "at the lower bound"}, {title: "saturates at"}, {title: "from", left: true, drop: 2},
	}}
	for _, r := range n.Resources {
		t.add(cell{text: clean(r.Name)}, cell{text: report.FormatNumber(r.Units)}, cell{text: millis(r.DemandMS)},
			cell{text: report.FormatShare(r.AtLower)}, cell{text: perSecond(r.Saturates)}, cell{text: r.Source, style: dim})
	}
	t.write(p)
	first := n.Resources[0]
	if c.Bottleneck() == nil {
		p.wrapped("", plain, fmt.Sprintf("None of it explains the line: users got through less than %s, where %s would saturate.",
			perSecond(first.Saturates), clean(first.Name)))
		return
	}
	p.wrapped("", plain, fmt.Sprintf("%s saturates first.", clean(first.Name)))
}

// outlook writes the latency to expect at loads that were not tried.
func outlook(p *printer, o *report.Outlook) {
	if o == nil || len(o.Points) == 0 {
		return
	}
	p.section("Expected at other loads")
	t := table{columns: []column{{title: "rate"}, {title: "busy"}, {title: "mean latency"}}}
	for _, at := range o.Points {
		if at.MeasuredMS == nil {
			t.add(cell{text: perSecond(at.Rate)}, cell{text: report.FormatShare(at.Utilisation)}, cell{text: millis(at.MeanMS)})
		}
	}
	t.write(p)
	text := fmt.Sprintf("%s queue for %s (Allen–Cunneen, for screening)", o.Law, clean(o.Resource))
	if o.Off != nil {
		text += fmt.Sprintf("; at the measured rates that hold it is off by %+.0f%% in the median", 100**o.Off)
	}
	p.wrapped("", plain, text+".")
}

// scale writes the line under each value of a setting.
func scale(p *printer, points []report.ScalePoint) {
	if len(points) == 0 {
		return
	}
	p.section("Scale")
	t := table{columns: []column{
		{title: points[0].Setting}, {title: "lower"}, {title: "upper"}, {title: "each"}, {title: "efficiency"}, {title: "limit", left: true, drop: 1},
	}}
	rate := func(x *float64) cell {
		if x == nil {
			return cell{text: "—", style: dim}
		}
		return cell{text: perSecond(*x)}
	}
	for _, s := range points {
		efficiency := cell{text: "—", style: dim}
		if s.Efficiency != nil {
			efficiency = cell{text: report.FormatShare(*s.Efficiency)}
		}
		t.add(cell{text: clean(s.Value)}, rate(s.Lower), rate(s.Upper), rate(s.Each), efficiency, cell{text: string(s.Limit), style: dim})
	}
	t.write(p)
}

// model writes the scalability model in a few lines.
func model(p *printer, m *capacity.Model) {
	p.section("Model")
	p.wrapped("", plain, fmt.Sprintf("%s: gamma %s/s, alpha %s (contention), beta %s (coherency)",
		m.Kind, report.FormatNumber(m.Gamma), report.FormatNumber(m.Alpha), report.FormatNumber(m.Beta)))
	if m.NStar != nil && m.XStar != nil {
		p.line(fmt.Sprintf("peak of %s at %s users%s", perSecond(*m.XStar), report.FormatNumber(*m.NStar), interval(m.NStarCI)))
	}
	for _, n := range m.Notes {
		p.wrapped("  ", plain, clean(n))
	}
}

func interval(ci [2]*float64) string {
	if ci[0] == nil {
		return ""
	}
	if ci[1] == nil {
		return " (95%: " + report.FormatNumber(*ci[0]) + " or more)"
	}
	return fmt.Sprintf(" (95%%: %s to %s)", report.FormatNumber(*ci[0]), report.FormatNumber(*ci[1]))
}

// reservations writes what a reader should know besides.
func reservations(p *printer, c *report.Capacity) {
	if len(c.Notes) == 0 {
		return
	}
	p.section("Notes")
	for _, n := range c.Notes {
		p.wrapped("  · ", plain, clean(n))
	}
}
