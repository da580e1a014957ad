package export

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"plimsoll/report"
)

// CompareMarkdown writes a comparison as a page for the job summary of a build server: the
// verdict, what would decide it, and a row for all that was judged.
func CompareMarkdown(w io.Writer, c *report.Comparison) error {
	p := &page{}
	sign := map[report.Finding]string{report.Worse: "❌", report.Better: "✅", report.Same: "✅"}
	of := func(f report.Finding) string { return cmp.Or(sign[f], "⚠️") }
	p.add(fmt.Sprintf("## %s %s: %s\n\n%s.\n\n", of(c.Verdict), strings.ToUpper(string(c.Verdict)), name(c.Scenario), prose(c.Why)))
	if c.Decide != "" {
		p.add("To decide it: " + prose(c.Decide) + ".\n\n")
	}
	p.add(fmt.Sprintf("New: %s, %s; base: %s, %s; compared %s.\n\n",
		name(c.New.Path), plural(len(c.New.Runs), "run"), name(c.Base.Path), plural(len(c.Base.Runs), "run"), prose(cmp.Or(c.Method, "not"))))
	p.list("⚠️ ", c.Warnings)
	rows := [][]string{{"Of", "Metric", "Base", "New", "Change", "Interval", "p (adjusted)", "Verdict", "Because"}}
	for _, r := range c.Rows {
		if !r.Judged {
			continue
		}
		interval, adjusted := "–", "–"
		if r.Low != nil && r.High != nil {
			interval = relative(r, r.Low) + " to " + relative(r, r.High)
		}
		if r.PJoint != nil {
			adjusted = report.FormatNumber(*r.PJoint)
		}
		rows = append(rows, []string{
			name(cmp.Or(r.Request, r.Load)), r.Metric, compared(r, r.Base), compared(r, r.New),
			relative(r, r.Change), interval, adjusted, of(r.Verdict) + " " + string(r.Verdict), prose(r.Reason),
		})
	}
	if len(rows) > 1 {
		p.add("### New against base\n\n")
		p.table(rows, mostRows, false)
	}
	if len(c.Notes) > 0 {
		p.add("### Notes\n\n")
		p.list("", c.Notes)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// compared writes a figure of a row in its unit.
func compared(r report.ComparisonRow, x *float64) string {
	switch {
	case x == nil:
		return "–"
	case r.Unit == "ms":
		return duration(*x)
	case r.Unit == "share":
		return report.FormatShare(*x)
	}
	return report.FormatNumber(*x) + r.Unit
}

// relative writes a change with its sign; that of shares in percentage points.
func relative(r report.ComparisonRow, x *float64) string {
	if x == nil {
		return "–"
	}
	sign, unit := "", "%"
	switch {
	case *x > 0:
		sign = "+"
	case *x < 0:
		sign = "−"
	}
	if r.Unit == "share" {
		unit = " points"
	}
	return sign + report.FormatNumber(math.Abs(100**x)) + unit
}
