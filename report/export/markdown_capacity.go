package export

import (
	"fmt"
	"io"
	"strings"

	"plimsoll/engine/search"
	"plimsoll/report"
)

// CapacityMarkdown writes a search as a page for the job summary of a build server: the load
// line, the curve, and the command that makes the search again.
func CapacityMarkdown(w io.Writer, c *report.Capacity) error {
	p := &page{}
	l := &c.LoadLine
	sign := "✅"
	if l.Limit != search.TargetLimited || l.Lower == nil {
		sign = "⚠️"
	}
	p.add(fmt.Sprintf("## %s LOAD LINE: %s\n\n%s\n\n", sign, name(c.Scenario), line(l)))
	p.add(fmt.Sprintf("Promises: %s\n\n", name(c.SLO)))
	about := fmt.Sprintf("%s, %s arrivals, %s", duration(c.DurationS*1e3), prose(c.Arrivals), plural(len(l.Trials), "trial"))
	if c.Target != "" {
		about += ", against " + name(c.Target)
	}
	p.add(about + "\n\n")
	if !c.Finished {
		p.add("⚠️ The search was stopped before its end.\n\n")
	}
	if command := report.Again(c.Command, c.Seed); command != "" {
		p.add("To search again:\n\n" + block("sh", command))
	}
	rows := [][]string{{"Rate", "Verdict", "Trials", "Achieved", "Errors", "p50", "p99", "Max"}}
	for _, at := range c.Curve {
		rows = append(rows, append([]string{
			report.FormatNumber(at.Rate) + "/s", name(at.Verdict), fmt.Sprint(at.Trials), report.FormatNumber(at.Achieved) + "/s", report.FormatShare(at.Errors),
		}, quantiles(at.Latency, false)...))
	}
	if len(rows) > 1 {
		p.add("### Latency against load\n\n")
		p.table(rows, mostRows, true)
	}
	p.scale(c.Scale)
	p.resources(c.Node.Resources)
	if len(c.Notes) > 0 {
		p.add("### Notes\n\n")
		p.list("", c.Notes)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// line says the load line in a sentence.
func line(l *report.LoadLine) string {
	bound := func(x *float64) string { return "**" + report.FormatNumber(*x) + "/s**" }
	var say string
	switch {
	case l.Lower != nil && l.Upper != nil:
		say = "Between " + bound(l.Lower) + " and " + bound(l.Upper)
	case l.Lower != nil:
		say = "At least " + bound(l.Lower)
	case l.Upper != nil:
		say = "Below " + bound(l.Upper)
	default:
		say = "No bound was found"
	}
	if l.Soaked {
		say += "; the lower bound was held in a soak"
	}
	say += " (" + prose(string(l.Limit)) + ")."
	if l.Why != "" {
		say += " What ended the search: " + prose(strings.TrimSuffix(l.Why, ".")) + "."
	}
	return say
}

func (p *page) scale(points []report.ScalePoint) {
	rows := [][]string{{"Setting", "Value", "Lower", "Upper", "Efficiency"}}
	rate := func(x *float64) string {
		if x == nil {
			return "–"
		}
		return report.FormatNumber(*x) + "/s"
	}
	for _, s := range points {
		efficiency := "–"
		if s.Efficiency != nil {
			efficiency = report.FormatShare(*s.Efficiency)
		}
		rows = append(rows, []string{name(s.Setting), name(s.Value), rate(s.Lower), rate(s.Upper), efficiency})
	}
	if len(points) > 0 {
		p.add("### By setting\n\n")
		p.table(rows, mostRows, false)
	}
}

func (p *page) resources(all []report.Resource) {
	rows := [][]string{{"Resource", "In use at the lower bound", "Demand per request", "Fully used at"}}
	for _, r := range all {
		rows = append(rows, []string{name(r.Name), report.FormatShare(r.AtLower), duration(r.DemandMS), report.FormatNumber(r.Saturates) + "/s"})
	}
	if len(all) > 0 {
		p.add("### Resources\n\n")
		p.table(rows, mostRows, true)
	}
}
