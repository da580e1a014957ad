package html

import (
	"fmt"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
)

// runBanner is the verdict, the reasons to doubt it, and the figures that most people look
// for first.
func runBanner(run *report.Run, t *timeline) Banner {
	b := Banner{Tone: verdictTone(run.Verdict), Word: strings.ToUpper(string(run.Verdict)), Text: because(run)}
	b.Reasons = append(append(b.Reasons, run.Validity.Reasons...), t.missing...)
	requests, failed := countRequests(run)
	b.Facts = []Fact{
		{Name: "Requests", Value: report.FormatCount(requests)},
		{Name: "Failed", Value: report.FormatShare(part(failed, requests)), Tone: alarm(failed > 0)},
	}
	if failed > 0 {
		b.Facts[1].Note = report.FormatCount(failed)
	}
	if requests == 0 {
		b.Facts[1] = Fact{Name: "Failed", Value: "no data"}
	}
	if len(run.Loads) == 1 {
		b.Facts = append(b.Facts, loadFacts(run.Loads[0])...)
	} else {
		for _, l := range run.Loads[:min(len(run.Loads), 4)] {
			b.Facts = append(b.Facts, Fact{Name: "p99, " + l.Name, Value: quantileText(l.Latency, func(q *report.Quantiles) float64 { return q.P99 })})
		}
	}
	b.Facts = append(b.Facts, Fact{Name: "Duration", Value: report.FormatDuration(spanOf(run.DurationS)), Note: endedText(run.Ended)})
	return b
}

func loadFacts(l report.Load) []Fact {
	return []Fact{
		{Name: "Offered", Value: rateText(l.Offered)},
		{Name: "Achieved", Value: rateText(l.Achieved)},
		{Name: "Latency p50", Value: quantileText(l.Latency, func(q *report.Quantiles) float64 { return q.P50 })},
		{Name: "Latency p99", Value: quantileText(l.Latency, func(q *report.Quantiles) float64 { return q.P99 })},
	}
}

func quantileText(q *report.Quantiles, of func(*report.Quantiles) float64) string {
	if q == nil {
		return "no data"
	}
	return ms(of(q))
}

// alarm is the tone of what should not be.
func alarm(when bool) Tone {
	if when {
		return Bad
	}
	return Plain
}

func endedText(e report.Ending) string {
	if e == report.Complete {
		return ""
	}
	return string(e)
}

func verdictTone(v report.Verdict) Tone {
	switch v {
	case report.Pass:
		return Good
	case report.Breach, report.Regression, report.Failed:
		return Bad
	}
	return Warn
}

// because says in one sentence what the verdict rests on.
func because(run *report.Run) string {
	failing, broken, unsettled := run.Promises()
	requests, failed := countRequests(run)
	switch {
	case run.Verdict == report.Interrupted:
		return "the run was stopped; this is what was measured until then"
	case run.Verdict == report.Failed:
		return "the target never answered"
	case run.Verdict == report.Breach:
		return fmt.Sprintf("%d of %s broken", broken, plural(failing, "budget"))
	case !run.Validity.Valid && broken > 0:
		return plural(broken, "budget") + " broken, but the measurement is not valid"
	case !run.Validity.Valid:
		return "the measurement is not valid"
	case run.Verdict == report.Inconclusive:
		return plural(unsettled, "budget") + " had too little data"
	case failing > 0:
		return plural(failing, "budget") + " kept, and the measurement is valid"
	case failed > 0:
		return fmt.Sprintf("the measurement is valid; no budget was set, and %s of %s requests failed", report.FormatCount(failed), report.FormatCount(requests))
	}
	return "the measurement is valid; no budget was set"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func countRequests(run *report.Run) (n, failed uint64) {
	for _, l := range run.Loads {
		for _, r := range l.Requests {
			n, failed = n+r.Count, failed+r.Failed
		}
	}
	return n, failed
}

func part(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// validityBlocks say whether the measurement can be trusted, and what that rests on.
func validityBlocks(run *report.Run) []Block {
	v := run.Validity
	blocks := []Block{{Note: &Note{Good, "Yes: the generator kept up, what was planned was sent, and the counts agree with each other."}}}
	if !v.Valid {
		blocks = []Block{{Note: &Note{Warn, "No, not as it stands:"}}, {List: v.Reasons}}
	}
	if len(v.LimitedBy) > 0 {
		blocks = append(blocks, Block{Text: "The generator shaped the numbers by: " + strings.Join(v.LimitedBy, ", ") + "."})
	}
	facts := []Fact{
		{Name: "Processor time", Value: report.FormatShare(v.CPUShare), Note: "of " + plural(run.Plimsoll.CPUs, "core")},
		{Name: "Garbage collection", Value: report.FormatShare(v.GCShare)},
	}
	if v.Lag != (report.Lag{}) {
		facts = append(facts, Fact{Name: "Lag p99", Value: ms(v.Lag.P99 / 1000), Note: "p50 " + ms(v.Lag.P50/1000) + ", max " + ms(v.Lag.Max/1000)})
	}
	facts = append(facts, Fact{Name: "Most in flight", Value: whole(v.InFlight)}, Fact{Name: "Sessions", Value: whole(v.Sessions)})
	if v.FileLimit > 0 {
		facts = append(facts, Fact{Name: "Open files", Value: whole(v.OpenFiles), Note: "of " + whole(v.FileLimit)})
	}
	blocks = append(blocks, Block{Facts: facts})
	if len(v.Little) > 0 {
		t := &Table{Caption: "Little's law: passes in flight as counted, and as rate and latency say", Columns: []Column{{Name: "Load"}, {Name: "counted", Numeric: true}, {Name: "rate × time", Numeric: true}}}
		for _, l := range v.Little {
			t.Rows = append(t.Rows, Row{{Text: l.Load}, {Text: report.FormatNumber(l.InFlight)}, {Text: report.FormatNumber(l.RateXTime)}})
		}
		blocks = append(blocks, Block{Table: t})
	}
	return blocks
}

// budgetBlocks show what was promised.
func budgetBlocks(run *report.Run) []Block {
	if len(run.Budgets) == 0 {
		return []Block{{Text: "No budget was set, so nothing was promised that could be broken."}}
	}
	t := &Table{Caption: "What was promised, and what came out", Sortable: true, Columns: []Column{
		{Name: "Budget"},
		{Name: "Observed", Numeric: true},
		{Name: "Limit", Numeric: true},
		{Name: "Margin", Numeric: true},
		{Name: "Result"},
		{Name: "Level"},
		{Name: "Samples", Numeric: true},
		{Name: "Remarks"},
	}}
	for _, b := range run.Budgets {
		margin := Cell{Text: "–"}
		if b.Margin != nil {
			margin = Cell{Text: report.FormatShare(*b.Margin), Sort: b.Margin}
		}
		t.Rows = append(t.Rows, Row{
			{Text: b.Expr, Code: true},
			unitCell(b.Observed, b.Unit), unitCell(b.Limit, b.Unit), margin,
			{Text: string(b.Result), Tone: resultTone(b)},
			{Text: string(b.Level)},
			countCell(b.Samples),
			{Text: budgetRemark(b)},
		})
	}
	t.dropEmpty()
	return []Block{{Table: t}}
}

func resultTone(b budget.Result) Tone {
	switch {
	case b.Result == budget.Kept:
		return Good
	case b.Result == budget.Broken && b.Level == budget.Fail:
		return Bad
	}
	return Warn
}

func budgetRemark(b budget.Result) string {
	var parts []string
	if b.Reason != "" {
		parts = append(parts, b.Reason)
	}
	if len(b.Window) == 2 {
		parts = append(parts, fmt.Sprintf("worst window %ss to %ss", report.FormatNumber(b.Window[0]), report.FormatNumber(b.Window[1])))
	}
	if b.At > 0 {
		parts = append(parts, "broken since "+report.FormatNumber(b.At)+"s")
	}
	if b.Aborted {
		parts = append(parts, "ended the run")
	}
	return strings.Join(parts, "; ")
}

// unitCell writes a figure of a budget in its unit.
func unitCell(x *float64, unit string) Cell {
	if x == nil {
		return Cell{Text: "no data", Tone: Dim}
	}
	text := report.FormatNumber(*x)
	switch unit {
	case "ms":
		text = ms(*x)
	case "share":
		text = report.FormatShare(*x)
	case "/s":
		text = rateText(*x)
	}
	return Cell{Text: text, Sort: x}
}
