package text

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"plimsoll/report"
)

// Compare writes how new runs differ from a base: the verdict first and what would decide
// it, then every row, then by how much each part of the distributions moved.
func Compare(w io.Writer, c *report.Comparison, opt Options) error {
	p := newPrinter(w, opt)
	compareHead(p, c)
	compareRows(p, c)
	compareReasons(p, c)
	compareShifts(p, c)
	if len(c.Notes) > 0 {
		p.section("Notes")
		for _, n := range c.Notes {
			p.wrapped("  · ", plain, clean(n))
		}
	}
	if len(opt.Files) > 0 {
		p.line("")
		for _, f := range opt.Files {
			p.line(p.paint(dim, "written to "+clean(f)))
		}
	}
	return p.err
}

func findingStyle(f report.Finding) style {
	switch f {
	case report.Worse:
		return red
	case report.Better, report.Same:
		return green
	}
	return yellow
}

func compareHead(p *printer, c *report.Comparison) {
	mark := strings.ToUpper(string(c.Verdict)) + "  "
	indent := strings.Repeat(" ", columnsOf(mark))
	p.wrapped(mark, findingStyle(c.Verdict), clean(c.Scenario+": "+c.Why))
	if c.Decide != "" {
		p.wrapped(indent, plain, "to decide it: "+clean(c.Decide))
	}
	how := map[string]string{
		report.ByPairs: Plural(c.Pairs, "pair") + " of runs that took turns",
		report.ByRanks: fmt.Sprintf("%d and %d runs, not in pairs", len(c.Base.Runs), len(c.New.Runs)),
		report.Within:  "one run each",
	}[c.Method]
	if c.Stage != "" {
		how = strings.TrimPrefix(how+", stage "+clean(c.Stage), ", ")
	}
	if how != "" {
		p.wrapped(indent, plain, how)
	}
	p.wrapped("base  ", dim, clean(c.Base.Path)+against(c.Base))
	p.wrapped("new   ", dim, clean(c.New.Path)+against(c.New))
	for _, text := range c.Warnings {
		p.wrapped("  ! ", yellow, clean(text))
	}
}

// against names the target of a side if all its runs had the same.
func against(s report.Side) string {
	if len(s.Runs) == 0 || s.Runs[0].Target == "" || slices.ContainsFunc(s.Runs, func(r report.SideRun) bool { return r.Target != s.Runs[0].Target }) {
		return ""
	}
	return " against " + clean(s.Runs[0].Target)
}

// mostUnjudged bounds for how many subjects rows are written that nothing depends on.
const mostUnjudged = 4

// compareRows writes the table, a subject after the other.
func compareRows(p *printer, c *report.Comparison) {
	if len(c.Rows) == 0 {
		return
	}
	var subjects []string
	for i := range c.Rows {
		if s := rowSubject(&c.Rows[i]); !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	interval := rounded(report.FormatShare(1-(1-c.Confidence)/float64(max(c.Looks, 1)))) + " interval"
	if c.Method == report.Within {
		interval = "within the runs"
	}
	t := table{columns: []column{
		{title: "new against base", left: true},
		{title: "base"},
		{title: "new"},
		{title: "change"},
		{title: interval, drop: 1},
		{title: "p adj.", drop: 2},
		{left: true},
	}}
	for _, s := range subjects {
		t.add(cell{s, bold})
		for i := range c.Rows {
			row := &c.Rows[i]
			if rowSubject(row) == s && (row.Judged || len(subjects) <= mostUnjudged) {
				t.add(rowCells(row)...)
			}
		}
	}
	p.line("")
	t.write(p)
	if len(subjects) > mostUnjudged {
		p.wrapped("", dim, "What is not judged is left out here; --json has it.")
	}
}

func rowSubject(r *report.ComparisonRow) string {
	if r.Request == "" {
		return "load " + clean(r.Load)
	}
	return clean(r.Request) + " (" + clean(r.Load) + ")"
}

func rowCells(r *report.ComparisonRow) []cell {
	s, word := plain, string(r.Verdict)
	mark := map[report.Finding]string{report.Worse: "✗ ", report.Better: "✓ ", report.Same: "✓ "}[r.Verdict]
	verdict := cell{cmp.Or(mark, "? ") + word, findingStyle(r.Verdict)}
	if !r.Judged {
		s, verdict = dim, cell{"not judged", dim}
	}
	span := none
	if r.Low != nil && r.High != nil {
		span = rowChange(r, r.Low) + " … " + rowChange(r, r.High)
	}
	p := none
	if r.PJoint != nil {
		p = report.FormatNumber(*r.PJoint)
	}
	return []cell{
		{"  " + r.Metric, s},
		{quantity(r.Base, r.Unit), s},
		{quantity(r.New, r.Unit), s},
		{rowChange(r, r.Change), s},
		{span, s},
		{p, dim},
		verdict,
	}
}

// rowChange writes a difference with its sign; that of shares in percentage points.
func rowChange(r *report.ComparisonRow, x *float64) string {
	if x == nil {
		return none
	}
	text := change(*x)
	if r.Metric == "errors" {
		return strings.TrimSuffix(text, "%") + "pt"
	}
	return text
}

// mostTimes bounds the relative differences that are written out.
const mostTimes = 1000

// change writes a relative difference to a tenth of a percent, or less if it is large.
func change(x float64) string {
	sign := "+"
	if x < 0 {
		sign = "−"
	}
	switch size := math.Abs(100 * x); {
	case size < 0.005:
		return "0%"
	case size < 0.95:
		return fmt.Sprintf("%s%.2f%%", sign, size)
	case size < 99.95:
		return fmt.Sprintf("%s%.1f%%", sign, size)
	case x < mostTimes:
		return sign + report.FormatNumber(size) + "%"
	}
	return "over ×" + report.FormatNumber(mostTimes)
}

// compareReasons says what each row rests on that is not plainly the same.
func compareReasons(p *printer, c *report.Comparison) {
	const most = 12
	var rows []*report.ComparisonRow
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Judged && r.Verdict != report.Same {
			rows = append(rows, r)
		}
	}
	rank := func(r *report.ComparisonRow) int {
		return slices.Index([]report.Finding{report.Worse, report.Unsure, report.Better}, r.Verdict)
	}
	slices.SortStableFunc(rows, func(a, b *report.ComparisonRow) int { return rank(a) - rank(b) })
	if len(rows) > 0 {
		p.line("")
	}
	for i, r := range rows {
		if i == most {
			p.line(fmt.Sprintf("  · and %d more; --json has them", len(rows)-most))
			break
		}
		p.wrapped("  · ", findingStyle(r.Verdict), fmt.Sprintf("%s of %s: %s", r.Metric, clean(cmp.Or(r.Request, r.Load)), clean(r.Reason)))
	}
}

// mostShifts bounds how many shift plots are written.
const mostShifts = 3

// compareShifts draws by how much latency differs at each quantile: where the bar of an
// interval is clear of the line in the middle, that part of the distribution moved.
func compareShifts(p *printer, c *report.Comparison) {
	for i, s := range c.Shifts {
		if i == mostShifts {
			p.line("")
			p.line(p.paint(dim, fmt.Sprintf("and %s more; --json has them", Plural(len(c.Shifts)-i, "shift plot"))))
			return
		}
		title := "Shift of the latency of load " + clean(s.Load)
		if s.Request != "" {
			title = "Shift of the latency of " + clean(s.Request)
		}
		p.line("")
		p.line(p.paint(bold, shorten(title+", at each of its quantiles", p.width)))
		shiftPlot(p, s.Points)
	}
}

func shiftPlot(p *printer, points []report.ShiftPoint) {
	reach := 0.01 // a hundredth, so that nothing looks like nothing
	for _, at := range points {
		reach = max(reach, math.Abs(at.Change))
		if at.Low != nil {
			reach = max(reach, math.Abs(*at.Low), math.Abs(*at.High))
		}
	}
	half := max((min(p.width, 100)-18)/2, 8)
	column := func(x float64) int { return half + int(math.Round(x/reach*float64(half))) }
	for _, at := range points {
		line := []rune(strings.Repeat(" ", 2*half+1))
		line[half] = '┊'
		if at.Low != nil {
			for i := column(*at.Low); i <= column(*at.High); i++ {
				line[i] = '─'
			}
		}
		line[column(at.Change)] = '●'
		s := plain
		if at.Low != nil && (*at.Low > 0 || *at.High < 0) {
			s = bold
		}
		label := fmt.Sprintf("  p%-3.3g %8s  ", 100*at.Quantile, change(at.Change))
		p.line(strings.TrimRight(label+p.paint(s, strings.TrimRight(string(line), " ")), " "))
	}
	scale := change(-reach) + strings.Repeat(" ", max(2*half+1-columnsOf(change(-reach))-columnsOf(change(reach)), 1)) + change(reach)
	p.line(p.paint(dim, strings.Repeat(" ", 16)+scale))
}
