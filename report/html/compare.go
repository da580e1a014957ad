package html

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"plimsoll/report"
)

// Compare writes the page of how new runs differ from a base: the verdict, a row for each
// metric with its interval drawn, the shift of each part of the distributions, and both sides
// on the same axes.
func Compare(w io.Writer, c *report.Comparison) error { return Write(w, comparePage(c)) }

func comparePage(c *report.Comparison) *Page {
	return &Page{
		Title: c.Scenario, Kind: "Comparison", Banner: compareBanner(c),
		Sections: []Section{
			{ID: "differences", Title: "Differences", Blocks: differenceBlocks(c)},
			{ID: "shift", Title: "Shift of the distributions", Short: "Shift", Blocks: shiftBlocks(c)},
			{ID: "sides", Title: "Both sides on the same axes", Short: "Both sides", Blocks: sideBlocks(c)},
			{ID: "runs", Title: "Runs", Blocks: comparedRuns(c)},
			{ID: "notes", Title: "How to read this", Short: "Notes", Blocks: listBlocks(append(compareRules(c), c.Notes...))},
		},
		Footer: "This page is complete in itself and asks nothing of a network.",
	}
}

func findingTone(f report.Finding) Tone {
	switch f {
	case report.Worse:
		return Bad
	case report.Better, report.Same:
		return Good
	}
	return Warn
}

func compareBanner(c *report.Comparison) Banner {
	b := Banner{Tone: findingTone(c.Verdict), Word: strings.ToUpper(string(c.Verdict)), Text: c.Why, Reasons: c.Warnings}
	how := map[string]string{report.ByPairs: "signed-rank test of pairs", report.ByRanks: "Mann–Whitney test, not in pairs", report.Within: "one run each"}[c.Method]
	b.Facts = []Fact{
		{Name: "Base", Value: plural(len(c.Base.Runs), "run"), Note: c.Base.Path},
		{Name: "New", Value: plural(len(c.New.Runs), "run"), Note: c.New.Path},
	}
	if how != "" {
		b.Facts = append(b.Facts, Fact{Name: "Compared", Value: cmp.Or(c.Stage, "whole runs"), Note: how})
	}
	counts := map[report.Finding]int{}
	for _, r := range c.Rows {
		if r.Judged {
			counts[r.Verdict]++
		}
	}
	for _, f := range []report.Finding{report.Worse, report.Unsure, report.Better, report.Same} {
		if counts[f] > 0 {
			b.Facts = append(b.Facts, Fact{Name: string(f), Value: plural(counts[f], "row"), Tone: findingTone(f)})
		}
	}
	if c.Decide != "" {
		b.Reasons = append([]string{"To decide it: " + c.Decide + "."}, b.Reasons...)
	}
	return b
}

// rowOfWhat names what a row is about.
func rowOfWhat(r *report.ComparisonRow) string { return r.Metric + " of " + cmp.Or(r.Request, r.Load) }

// mostReasons bounds how many rows are reasoned about.
const mostReasons = 60

// rowReasons say what each judged row rests on.
func rowReasons(c *report.Comparison) (list []string) {
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Judged && r.Reason != "" {
			if len(list) == mostReasons {
				return append(list, "… the others are in the comparison's JSON")
			}
			list = append(list, fmt.Sprintf("%s, %s: %s.", rowOfWhat(r), r.Verdict, r.Reason))
		}
	}
	return list
}

func differenceBlocks(c *report.Comparison) (blocks []Block) {
	var judged, shown []Row
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Judged {
			judged = append(judged, differenceRow(r))
		} else {
			shown = append(shown, differenceRow(r))
		}
	}
	columns := []Column{
		{Name: "New against base"},
		{Name: "Base", Numeric: true},
		{Name: "New", Numeric: true},
		{Name: "Change", Numeric: true},
		{Name: "Interval", Numeric: true},
		{Name: "p, adjusted", Numeric: true},
		{Name: "Verdict"},
	}
	if len(judged) > 0 {
		blocks = append(blocks, Block{Table: &Table{Caption: "What the verdict rests on", Sortable: true, Columns: columns, Rows: judged}})
	}
	if f := forest(c); f != nil {
		blocks = append(blocks, Block{Chart: f})
	}
	if reasons := rowReasons(c); len(reasons) > 0 {
		blocks = append(blocks, Block{Heading: "What each row rests on"}, Block{List: reasons})
	}
	if len(shown) > 0 {
		blocks = append(blocks, Block{Table: &Table{Caption: "Also measured, and not judged", Folded: true, Sortable: true, Columns: columns, Rows: shown}})
	}
	return blocks
}

func differenceRow(r *report.ComparisonRow) Row {
	verdict := Cell{Text: string(r.Verdict), Tone: findingTone(r.Verdict), Tight: true}
	if !r.Judged {
		verdict = Cell{Text: "not judged", Tone: Dim, Tight: true}
	}
	p := Cell{Text: "–"}
	if r.PJoint != nil {
		p = valueCell(report.FormatNumber(*r.PJoint), *r.PJoint)
	}
	return Row{
		{Text: rowOfWhat(r), Code: true}, unitCell(r.Base, r.Unit), unitCell(r.New, r.Unit), changeCell(r, r.Change), intervalCell(r), p, verdict,
	}
}

// intervalCell is sorted by the width of the interval.
func intervalCell(r *report.ComparisonRow) Cell {
	if r.Low == nil || r.High == nil {
		return Cell{Text: "–"}
	}
	c := valueCell(changeText(r.Unit, *r.Low)+" to "+changeText(r.Unit, *r.High), *r.High-*r.Low)
	c.Tight = true
	return c
}

// changeCell writes a difference of a row.
func changeCell(r *report.ComparisonRow, x *float64) Cell {
	if x == nil {
		return Cell{Text: "–"}
	}
	return valueCell(changeText(r.Unit, *x), *x)
}

// changeText writes a difference with its sign; that of shares in percentage points.
func changeText(unit string, x float64) string {
	text := report.FormatShare(math.Abs(x))
	if unit == "share" {
		text = report.FormatNumber(100*math.Abs(x)) + " points"
	}
	switch {
	case x > 0:
		return "+" + text
	case x < 0:
		return "−" + text
	}
	return text
}

func comparedRuns(c *report.Comparison) []Block {
	t := &Table{Caption: "The runs that were compared", Sortable: true, Columns: []Column{{Name: "Run"}, {Name: "Side"}, {Name: "Started"}, {Name: "Target"}, {Name: "plimsoll"}}}
	for i, s := range []report.Side{c.Base, c.New} {
		for _, r := range s.Runs {
			t.Rows = append(t.Rows, Row{
				{Text: r.Dir, Code: true},
				{Text: []string{"base", "new"}[i]},
				{Text: r.Started.UTC().Format("2006-01-02 15:04:05 UTC"), Tight: true},
				{Text: cmp.Or(r.Target, "–"), Code: true},
				{Text: cmp.Or(r.Version, "–")},
			})
		}
	}
	return []Block{{Table: t}}
}

// compareRules say how the verdict comes about.
func compareRules(c *report.Comparison) []string {
	share := func(x float64) string { return fmt.Sprintf("%.4g%%", 100*x) }
	rules := []string{
		"A change is the Hodges–Lehmann estimate over the runs, new against base; its interval has a confidence of " + share(1-(1-c.Confidence)/float64(max(c.Looks, 1))) + ".",
		fmt.Sprintf("A row is a regression or an improvement if the change is more than matters, and either p, adjusted for all of %s, is below %.4g or the interval that holds for all rows at once lies beyond what matters. It is the same if its interval lies within what matters. Anything else is inconclusive.",
			plural(c.Family, "row"), c.Alpha/float64(max(c.Looks, 1))),
		"A run is the unit of all this, as requests within a run share what the machine did meanwhile.",
	}
	if c.Method == report.Within {
		rules[0] = "With one run on each side a change is that of the whole runs, and its interval says how it varies between ten parts of them: not how much the next run would differ."
	}
	return rules
}
