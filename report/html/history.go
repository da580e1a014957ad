package html

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"plimsoll/report"
)

// mostTrends bounds how many trends of a series are drawn; the table has them all.
const mostTrends = 40

// mostHistoryRuns bounds how many runs of a series are listed, the newest first.
const mostHistoryRuns = 200

// History writes the page of how saved runs have changed: for each series of runs its change
// points, a table of its trends, a chart of each, and its runs. The link is the relative
// address of a run by its directory, "" if there is none.
func History(w io.Writer, h *report.History, link func(dir string) string) error {
	p := &Page{Title: "History of runs", Kind: "History", Banner: historyBanner(h)}
	for i := range h.Series {
		v := &historyView{HistorySeries: &h.Series[i], id: "series-" + strconv.Itoa(i+1), link: link}
		p.Sections = append(p.Sections, Section{ID: v.id, Title: v.name(), Blocks: v.blocks()})
	}
	p.Sections = append(p.Sections,
		Section{ID: "left-out", Title: "Left out", Blocks: leftOutBlocks(h, link)},
		Section{ID: "notes", Title: "How to read this", Short: "Notes", Blocks: listBlocks(append(historyRules(h), h.Notes...))},
	)
	p.Footer = "This page is complete in itself and asks nothing of a network."
	return Write(w, p)
}

func historyBanner(h *report.History) Banner {
	runs, changes, worse := 0, 0, 0
	for _, s := range h.Series {
		runs += len(s.Runs)
		for _, t := range s.Trends {
			for _, c := range t.Changes {
				changes++
				if c.Effect == "worse" {
					worse++
				}
			}
		}
	}
	b := Banner{Word: "HISTORY", Text: fmt.Sprintf("%d change points in %d trends, %d of them for the worse", changes, h.Tested, worse)}
	if changes == 0 {
		b.Text = fmt.Sprintf("no change point in %d trends", h.Tested)
	}
	b.Facts = []Fact{
		{Name: "Series", Value: report.FormatCount(uint64(len(h.Series)))},
		{Name: "Runs", Value: report.FormatCount(uint64(runs))},
		{Name: "Left out", Value: report.FormatCount(uint64(len(h.LeftOut)))},
		{Name: "Trends with one by chance", Value: "≤ " + report.FormatNumber(h.ByChance), Note: "if nothing ever changed"},
	}
	if h.Since != nil {
		b.Facts = append(b.Facts, Fact{Name: "Since", Value: h.Since.Format(time.DateOnly)})
	}
	if !h.Generated.IsZero() {
		b.Facts = append(b.Facts, Fact{Name: "Made", Value: h.Generated.Format(time.DateTime) + " UTC"})
	}
	if runs == 0 {
		b.Text, b.Tone = "there is no run that counts", Warn
	}
	return b
}

// historyRules says what a change point is.
func historyRules(h *report.History) []string {
	r := h.Rules
	return []string{
		fmt.Sprintf("A change point is where a figure changed to stay: by %s at least, with p of %s at most in Student's t-test, and %d runs on each side at least. Places are found by the energy statistic in windows of %d runs.",
			report.FormatShare(r.LeastEffect), report.FormatNumber(r.Alpha), r.Fewest/2, r.Window),
		"A place is chosen because the two sides differ most there, so its p is smaller than that of a place chosen beforehand.",
		"Runs are in one series if they can be compared: same version of the scenario, same load and settings, same target, same kind of machine.",
	}
}

// historyView is a series on its way to the page.
type historyView struct {
	*report.HistorySeries
	id   string
	link func(string) string
}

func (v *historyView) name() string {
	name := v.Scenario
	if v.Part != "" {
		name += " · " + v.Part
	}
	if v.Quick {
		name += " (quick)"
	}
	return name
}

func (v *historyView) blocks() []Block {
	blocks := []Block{{Facts: []Fact{
		{Name: "Runs", Value: strconv.Itoa(len(v.Runs))},
		{Name: "Version", Value: v.Version, Note: otherVersions(v.HistorySeries)},
		{Name: "Target", Value: cmp.Or(v.Target, "—")},
		{Name: "Generator", Value: v.Machine},
	}}}
	if t := v.changes(); len(t.Rows) > 0 {
		blocks = append(blocks, Block{Table: t})
	}
	blocks = append(blocks, Block{Table: v.trends()})
	for i := range v.Trends {
		if i == mostTrends {
			blocks = append(blocks, Block{Note: &Note{Warn, fmt.Sprintf("There are %d trends; %d are drawn.", len(v.Trends), mostTrends)}})
			break
		}
		if c := v.chart(i); c != nil {
			blocks = append(blocks, Block{Chart: c})
		}
	}
	return append(blocks, Block{Table: v.runs()})
}

func otherVersions(s *report.HistorySeries) string {
	if s.OtherVersions == 0 {
		return ""
	}
	return fmt.Sprintf("%d older with %d runs are not shown", s.OtherVersions, s.OtherRuns)
}

func trendName(t *report.Trend) string { return cmp.Or(t.Request, t.Load) + " " + t.Metric }

func historyValue(unit string, x float64) string {
	switch unit {
	case "ms":
		return ms(x)
	case "share":
		return report.FormatShare(x)
	case "per_s":
		return rateText(x)
	}
	return report.FormatNumber(x)
}

func effectTone(effect string) Tone { return map[string]Tone{"worse": Bad, "better": Good}[effect] }

func changeSize(c *report.ChangePoint) string {
	if c.Ratio == nil {
		return "0 → " + report.FormatShare(c.After)
	}
	return "×" + report.FormatNumber(*c.Ratio)
}

func (v *historyView) changes() *Table {
	t := &Table{Caption: "Change points", Sortable: true, Columns: []Column{
		{Name: "Figure"},
		{Name: "Change"},
		{Name: "Size", Numeric: true},
		{Name: "First run after"},
		{Name: "Last run before"},
		{Name: "Before", Numeric: true},
		{Name: "After", Numeric: true},
		{Name: "p", Numeric: true},
		{Name: "Besides"},
	}}
	for i := range v.Trends {
		r := &v.Trends[i]
		for _, c := range r.Changes {
			size := math.MaxFloat64
			if c.Ratio != nil {
				size = *c.Ratio
			}
			t.Rows = append(t.Rows, Row{
				{Text: trendName(r)},
				{Text: c.Effect, Tone: effectTone(c.Effect)},
				{Text: changeSize(&c), Sort: &size},
				{Text: c.Started.Format("2006-01-02 15:04"), Link: v.link(c.Run)},
				{Text: c.LastBefore, Link: v.link(c.LastBefore)},
				{Text: fmt.Sprintf("%s (%d runs)", historyValue(r.Unit, c.Before), c.RunsBefore), Sort: new(c.Before)},
				{Text: fmt.Sprintf("%s (%d runs)", historyValue(r.Unit, c.After), c.RunsAfter), Sort: new(c.After)},
				{Text: smallP(c.P), Sort: new(c.P)},
				{Text: c.Also},
			})
		}
	}
	return t
}

func smallP(p float64) string {
	if p < 1e-6 {
		return "< 0.000001"
	}
	return report.FormatNumber(p)
}

func (v *historyView) trends() *Table {
	t := &Table{Caption: "Trends", Sortable: true, Columns: []Column{
		{Name: "Load"},
		{Name: "Request"},
		{Name: "Metric"},
		{Name: "Runs", Numeric: true},
		{Name: "Latest", Numeric: true},
		{Name: "Noise", Numeric: true},
		{Name: "Change points", Numeric: true},
		{Name: "About"},
	}}
	for i := range v.Trends {
		r := &v.Trends[i]
		row := Row{{Text: r.Load}, {Text: r.Request}, {Text: r.Metric}, countCell(uint64(len(r.Points)))}
		if n := len(r.Points); n > 0 {
			row = append(row, Cell{Text: historyValue(r.Unit, r.Points[n-1].Value), Sort: new(r.Points[n-1].Value)})
		} else {
			row = append(row, Cell{Text: "—", Sort: new(-1.0), Tone: Dim})
		}
		if r.Noise != nil {
			row = append(row, Cell{Text: "±" + report.FormatShare(*r.Noise), Sort: new(*r.Noise)})
		} else {
			row = append(row, Cell{Text: "—", Sort: new(-1.0), Tone: Dim})
		}
		t.Rows = append(t.Rows, append(row, countCell(uint64(len(r.Changes))), Cell{Text: aboutTrend(r)}))
	}
	return t
}

// aboutTrend says what keeps a trend from being judged, or how soon it shows a change.
func aboutTrend(t *report.Trend) string {
	about := ""
	switch {
	case t.Needs > 0:
		about = fmt.Sprintf("needs %d more runs", t.Needs)
	case t.Drifts:
		about = "neighbouring runs resemble each other: drift looks like change"
	case t.Shows > 0:
		about = fmt.Sprintf("a change of 10%% shows in about %d runs", t.Shows)
	}
	if t.Missing > 0 {
		about += fmt.Sprintf("; %d runs have too few requests for it, or none", t.Missing)
	}
	return about
}

// chart draws a trend over the number of the run, with the mean between change points.
func (v *historyView) chart(i int) *Chart {
	t := &v.Trends[i]
	if len(t.Points) < 2 {
		return nil
	}
	first, last := v.Runs[0].Started.Format(time.DateOnly), v.Runs[len(v.Runs)-1].Started.Format(time.DateOnly)
	c := &Chart{
		ID: v.id + "-" + strconv.Itoa(i+1), Title: trendName(t), Height: 200, Sync: v.id,
		X: Axis{Label: "run, from " + first + " to " + last, Min: new(0.5), Max: new(float64(len(v.Runs)) + 0.5)},
		Y: Axis{Unit: map[string]Unit{"ms": Milliseconds, "share": Share, "per_s": PerSecond}[t.Unit]},
	}
	at, values := make(Numbers, len(v.Runs)), make(Numbers, len(v.Runs))
	for j := range at {
		at[j], values[j] = float64(j+1), math.NaN()
	}
	for _, p := range t.Points {
		values[p.Run] = p.Value
	}
	c.Data = at
	c.Series = []Series{{Name: t.Metric, Y: values, Points: true}}
	for k := range t.Changes {
		c.Marks = append(c.Marks, Mark{
			At: float64(t.Points[t.Changes[k].At].Run) + 0.5, Label: changeSize(&t.Changes[k]) + " " + t.Changes[k].Started.Format("01-02"),
			Tone: effectTone(t.Changes[k].Effect),
		})
	}
	if len(t.Changes) > 0 {
		c.Series = append(c.Series, Series{Name: "mean", Y: levels(t, len(v.Runs)), Color: 1, Dash: dash(1), Step: true})
	}
	c.Summary = chartSummary(t)
	return c
}

// levels are the means between change points, by run.
func levels(t *report.Trend, runs int) Numbers {
	all := make(Numbers, runs)
	for j := range all {
		all[j] = math.NaN()
	}
	change := 0
	for i, p := range t.Points {
		for change < len(t.Changes) && t.Changes[change].At <= i {
			change++
		}
		if change == 0 {
			all[p.Run] = t.Changes[0].Before
		} else {
			all[p.Run] = t.Changes[change-1].After
		}
	}
	return all
}

func chartSummary(t *report.Trend) string {
	lastPoint := t.Points[len(t.Points)-1].Value
	text := fmt.Sprintf("%d runs; the latest is %s.", len(t.Points), historyValue(t.Unit, lastPoint))
	switch {
	case t.Needs > 0:
		return text + fmt.Sprintf(" It takes %d more to look for change points.", t.Needs)
	case len(t.Changes) == 0:
		return text + " No change point."
	}
	for _, c := range t.Changes {
		text += fmt.Sprintf(" %s (%s) since %s.", changeSize(&c), c.Effect, c.Started.Format(time.DateOnly))
	}
	return text
}

func (v *historyView) runs() *Table {
	t := &Table{Caption: "Runs, the newest first", Folded: true, Columns: []Column{{Name: "Started"}, {Name: "Directory"}, {Name: "Verdict"}, {Name: "plimsoll"}}}
	if len(v.Runs) > mostHistoryRuns {
		t.Caption = fmt.Sprintf("The newest %d of %d runs", mostHistoryRuns, len(v.Runs))
	}
	for i := len(v.Runs) - 1; i >= max(len(v.Runs)-mostHistoryRuns, 0); i-- {
		r := v.Runs[i]
		t.Rows = append(t.Rows, Row{{Text: r.Started.Format(time.DateTime)}, {Text: r.Dir, Link: v.link(r.Dir)}, {Text: string(r.Verdict)}, {Text: r.Plimsoll}})
	}
	return t
}

func leftOutBlocks(h *report.History, link func(string) string) []Block {
	if len(h.LeftOut) == 0 {
		return nil
	}
	t := &Table{Caption: "Runs that are in no series, and why", Columns: []Column{{Name: "Directory"}, {Name: "Scenario"}, {Name: "Reason"}}}
	for i, l := range h.LeftOut {
		if i == mostHistoryRuns {
			t.Caption = fmt.Sprintf("The first %d of %d runs that are in no series, and why", mostHistoryRuns, len(h.LeftOut))
			break
		}
		t.Rows = append(t.Rows, Row{{Text: l.Dir, Link: link(l.Dir)}, {Text: l.Scenario}, {Text: l.Reason}})
	}
	return []Block{{Table: t}}
}
