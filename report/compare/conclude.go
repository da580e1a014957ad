package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"plimsoll/report"
)

// judge answers the questions of the judged rows as one family, and estimates the others.
func (c *comparing) judge() {
	var judged, shown []Question
	var at [2][]int
	for i, q := range c.questions {
		if c.out.Rows[c.rows[i]].Judged {
			judged, at[0] = append(judged, q), append(at[0], c.rows[i])
		} else {
			shown, at[1] = append(shown, q), append(at[1], c.rows[i])
		}
	}
	answers, family := c.options.Rule.Judge(judged)
	c.out.Family = family
	for i, a := range answers {
		c.fill(&c.out.Rows[at[0][i]], &a, judged[i])
	}
	for i, q := range shown { // each for itself
		alone, _ := c.options.Rule.Judge([]Question{q})
		c.fill(&c.out.Rows[at[1][i]], &alone[0], q)
		c.out.Rows[at[1][i]].PHolm, c.out.Rows[at[1][i]].PJoint = nil, nil
	}
}

// fill writes an answer into its row.
func (c *comparing) fill(row *report.ComparisonRow, a *Answer, q Question) {
	m := named(row.Metric)
	row.Runs, row.Confidence = a.Runs, a.Confidence
	row.Change, row.Low, row.High = finite(m.change(a.Shift)), finite(m.change(a.Low)), finite(m.change(a.High))
	if math.IsInf(a.Low, 0) || math.IsNaN(a.Shift) {
		row.Low, row.High = nil, nil
	}
	if c.within {
		c.fillWithin(row, m, q)
		return
	}
	row.P, row.PHolm, row.PJoint = new(a.P), new(a.PHolm), new(a.PJoint)
	row.Verdict, row.NotWorse, row.Needs = a.Verdict, a.NotWorse, a.Needs
	row.Reason = c.reason(row, m, a)
}

// fillWithin fills a row of two single runs: the difference is that of the whole runs, and
// the interval, of their parts, reaches as far as that.
func (c *comparing) fillWithin(row *report.ComparisonRow, m metric, q Question) {
	row.Runs = 1
	whole := m.scale(*row.New) - m.scale(*row.Base)
	row.Change = finite(m.change(whole))
	if row.Low != nil {
		row.Low, row.High = new(min(*row.Low, *row.Change)), new(max(*row.High, *row.Change))
	}
	row.Verdict = report.Unsure
	row.Needs = max(c.options.LeastRuns, c.options.enough(q, max(c.out.Family, 1), math.Abs(whole) > q.MinEffect))
	row.Reason = fmt.Sprintf("one run each; %s", c.far(row, m))
}

// far says how a difference compares to what matters and to what varies within a run.
func (c *comparing) far(row *report.ComparisonRow, m metric) string {
	matters := math.Abs(m.scaled(*row.Change)) > m.scaled(row.MinEffect)
	switch {
	case !matters:
		return "the difference is no more than matters"
	case row.Low != nil && (m.scaled(*row.Low) > m.scaled(row.MinEffect) || m.scaled(*row.High) < -m.scaled(row.MinEffect)):
		return "the difference is larger than what varies within the runs"
	}
	return "the difference is larger than matters"
}

// scaled is a change on the scale of differences.
func (m metric) scaled(change float64) float64 {
	if m.relative {
		return math.Log1p(change)
	}
	return change
}

func named(name string) metric {
	all := metrics()
	return all[slices.IndexFunc(all, func(m metric) bool { return m.name == name })]
}

func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return new(x)
}

// reason says in numbers what the verdict on a row rests on.
func (c *comparing) reason(row *report.ComparisonRow, m metric, a *Answer) string {
	floor := m.chosen(row.MinEffect)
	switch row.Verdict {
	case report.Worse, report.Better:
		alpha := c.options.Alpha / float64(max(c.options.Looks, 1))
		if a.PJoint < alpha {
			return fmt.Sprintf("more than ±%s, and the adjusted p is %.2g, below %.2g", floor, a.PJoint, alpha)
		}
		return fmt.Sprintf("the interval that holds for all %d rows at once, %s to %s, lies beyond ±%s",
			max(c.out.Family, 1), m.signed(m.change(a.All.Low)), m.signed(m.change(a.All.High)), floor)
	case report.Same:
		return fmt.Sprintf("the interval lies within ±%s", floor)
	}
	switch low, high := m.change(a.Low), m.change(a.High); {
	case a.Runs < c.options.LeastRuns:
		return fmt.Sprintf("%s of each side; it takes %d", plural(a.Runs, "run"), row.Needs)
	case m.scaled(low) > m.scaled(row.MinEffect) || m.scaled(high) < -m.scaled(row.MinEffect):
		return fmt.Sprintf("the interval lies beyond ±%s, but among %d rows chance does that too often: the adjusted p is %.2g%s", floor, max(c.out.Family, 1), a.PJoint, needed(row))
	case row.NotWorse:
		return fmt.Sprintf("no worse than %s, but whether better or the same is open%s", floor, needed(row))
	}
	return fmt.Sprintf("the interval reaches across ±%s%s", floor, needed(row))
}

func needed(row *report.ComparisonRow) string {
	if row.Needs == 0 {
		return fmt.Sprintf("; more than %d runs of each side would be needed", mostNeeds)
	}
	return fmt.Sprintf("; about %d runs of each side would decide it", row.Needs)
}

// chosen writes a share that somebody chose.
func (m metric) chosen(x float64) string {
	if m.relative {
		return fmt.Sprintf("%.4g%%", 100*x)
	}
	return fmt.Sprintf("%.4g points", 100*x)
}

// spell writes a share without a sign.
func (m metric) spell(x float64) string {
	if m.relative {
		return report.FormatShare(x)
	}
	return report.FormatNumber(100*x) + " points" // percentage points
}

// signed writes a change with its sign.
func (m metric) signed(x float64) string {
	text := m.spell(math.Abs(x))
	switch {
	case x > 0:
		return "+" + text
	case x < 0:
		return "−" + text
	}
	return text
}

// conclude gives the verdict on the whole.
func (c *comparing) conclude() {
	var judged []*report.ComparisonRow
	var findings []report.Finding
	for i := range c.out.Rows {
		if row := &c.out.Rows[i]; row.Judged {
			judged, findings = append(judged, row), append(findings, row.Verdict)
		}
	}
	c.out.Verdict = Overall(findings)
	c.out.Why = c.why(judged)
	if c.out.Verdict == report.Unsure {
		c.out.Decide = c.decision(judged)
	}
}

func (c *comparing) why(judged []*report.ComparisonRow) string {
	if len(judged) == 0 {
		return "there is nothing to judge"
	}
	of := func(f report.Finding) (rows []*report.ComparisonRow) {
		for _, r := range judged {
			if r.Verdict == f {
				rows = append(rows, r)
			}
		}
		return rows
	}
	all := plural(len(judged), "row")
	switch c.out.Verdict {
	case report.Worse:
		return fmt.Sprintf("%d of %s worse: %s", len(of(report.Worse)), all, largest(of(report.Worse)))
	case report.Better:
		return fmt.Sprintf("%d of %s better, none worse: %s", len(of(report.Better)), all, largest(of(report.Better)))
	case report.Same:
		if len(judged) == 1 {
			return "1 row differs by less than matters"
		}
		return fmt.Sprintf("%s differ by less than matters", all)
	}
	open := of(report.Unsure)
	if c.within {
		return "one run of each side decides nothing; the largest difference: " + largest(open)
	}
	worse := 0
	for _, r := range open {
		if !r.NotWorse {
			worse++
		}
	}
	text := fmt.Sprintf("%d of %s open", len(open), all)
	if worse == 0 {
		text += ", none of them for the worse"
	}
	return text
}

// largest names the row with the largest change against what matters for it.
func largest(rows []*report.ComparisonRow) string {
	size := func(r *report.ComparisonRow) float64 {
		if r.Change == nil {
			return -1
		}
		m := named(r.Metric)
		return math.Abs(m.scaled(*r.Change)) / m.scaled(r.MinEffect)
	}
	r := slices.MaxFunc(rows, func(a, b *report.ComparisonRow) int { return cmp.Compare(size(a), size(b)) })
	if r.Change == nil {
		return "no data"
	}
	m := named(r.Metric)
	text := fmt.Sprintf("%s of %s %s", r.Metric, cmp.Or(r.Request, r.Load), m.signed(*r.Change))
	if r.Low != nil {
		text += fmt.Sprintf(" (%s to %s)", m.signed(*r.Low), m.signed(*r.High))
	}
	return text
}

// decision says what would decide an inconclusive comparison.
func (c *comparing) decision(judged []*report.ComparisonRow) string {
	most, endless, lacking := 0, 0, 0
	for _, r := range judged {
		switch {
		case r.Verdict != report.Unsure:
		case r.Change == nil && r.Runs == 0:
			lacking++
		case r.Needs == 0:
			endless++
		default:
			most = max(most, r.Needs)
		}
	}
	var text string
	switch {
	case most > 0 && c.within:
		text = fmt.Sprintf("%d runs of each side, taking turns (more if they vary a lot)", max(most, usual))
	case most > 0:
		text = fmt.Sprintf("about %d runs of each side, taking turns", most)
	}
	add := func(format string, args ...any) {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf(format, args...)
	}
	if endless > 0 {
		add("for %s the difference is so near to what matters that runs hardly will: choose another least effect", plural(endless, "row"))
	}
	if lacking > 0 {
		add("for %s requests are missing: run longer, or do not judge the metric", plural(lacking, "row"))
	}
	return text
}

// usual is how many pairs are a good start.
const usual = 10
