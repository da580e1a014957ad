package html

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plimsoll/engine/latency"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// Experiment writes the page of an experiment: what it puts to the test and what became of
// each claim first, then the variants side by side, on the same axes. The intervals of its
// runs are read from below the directory of saved; those that are not there are named.
func Experiment(w io.Writer, saved *report.Saved) error {
	return Write(w, experimentPage(saved))
}

func experimentPage(saved *report.Saved) *Page {
	run := saved.Run
	tries := readTries(saved)
	p := &Page{
		Title: run.Scenario, Kind: "Experiment", Banner: claimBanner(run),
		Sections: []Section{
			{ID: "subject", Title: "What it puts to the test", Short: "Subject", Blocks: subjectBlocks(run)},
			{ID: "claims", Title: "Claims", Blocks: claimBlocks(run.Claims)},
			{ID: "variants", Title: "Variants side by side", Short: "Variants", Blocks: variantBlocks(run, tries)},
			{ID: "figures", Title: "Figures of the target", Short: "Figures", Blocks: triedFigures(tries)},
			{ID: "events", Title: "Events", Blocks: happeningBlocks(tries)},
			{ID: "turns", Title: "Order of turns", Short: "Turns", Blocks: turnBlocks(run, tries)},
			{ID: "runs", Title: "Each run", Short: "Runs", Blocks: tryBlocks(tries)},
			{ID: "notes", Title: "Notes", Blocks: listBlocks(slices.Concat(run.Remarks, run.Notes))},
			{ID: "environment", Title: "Environment", Blocks: experimentEnvironment(run)},
			{ID: "scenario", Title: "Scenario", Blocks: scenarioBlocks(saved.Dir, noteOf(run.Source))},
		},
		Footer: "plimsoll " + run.Plimsoll.Version,
	}
	for _, t := range tries {
		for _, m := range t.time.missing {
			p.Banner.Reasons = append(p.Banner.Reasons, t.name()+": "+m)
		}
	}
	return p
}

// try is one run of a variant, in the order of time.
type try struct {
	report.VariantRun
	variant string
	index   int // of the variant
	time    *timeline
	saved   *report.Run // nil: it could not be read
}

func (t *try) name() string { return fmt.Sprintf("%s, run %d", t.variant, t.Number) }

// readTries reads the runs of all variants.
func readTries(saved *report.Saved) (all []*try) {
	for i, v := range saved.Run.Variants {
		for _, r := range v.Runs {
			t := &try{VariantRun: r, variant: v.Name, index: i, time: &timeline{}}
			if saved.Dir == "" || !filepath.IsLocal(r.Dir) {
				t.time.missing = []string{"it was not saved with its intervals, so nothing is shown over time"}
			} else if s, err := report.Open(filepath.Join(saved.Dir, r.Dir)); err != nil {
				t.time.missing = []string{"it cannot be read, so nothing is shown over time: " + err.Error()}
			} else {
				t.saved, t.time = s.Run, readTimeline(s)
			}
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b *try) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// claimBanner says what became of the claims.
func claimBanner(run *report.Run) Banner {
	tone := map[report.Verdict]Tone{report.Pass: Good, report.Breach: Bad, report.Failed: Bad}[run.Verdict]
	if tone == Plain {
		tone = Warn
	}
	counts := map[budget.Ruling]int{}
	for _, c := range run.Claims {
		counts[c.Result]++
	}
	text := fmt.Sprintf("%d of %d claims confirmed", counts[budget.Confirmed], len(run.Claims))
	if run.Article != nil {
		text += " about: “" + run.Article.Says + "”"
	}
	runs := 0
	for _, v := range run.Variants {
		runs += len(v.Runs)
	}
	b := Banner{Tone: tone, Word: strings.ToUpper(string(run.Verdict)), Text: text, Reasons: slices.Clone(run.Validity.Reasons)}
	for _, r := range []budget.Ruling{budget.Confirmed, budget.Refuted, budget.Undecided} {
		b.Facts = append(b.Facts, Fact{Name: strings.ToUpper(string(r)[:1]) + string(r)[1:], Value: fmt.Sprint(counts[r]), Note: "claims", Tone: claimTone(r, counts[r])})
	}
	b.Facts = append(b.Facts,
		Fact{Name: "Variants", Value: fmt.Sprint(len(run.Variants))},
		Fact{Name: "Runs", Value: fmt.Sprint(runs), Note: "in " + plural(run.Rounds, "round")},
		Fact{Name: "Duration", Value: report.FormatDuration(spanOf(run.DurationS))},
	)
	if run.Ended == report.Stopped {
		b.Reasons = append(b.Reasons, "the experiment was interrupted: this is what was measured until then")
	}
	return b
}

func claimTone(r budget.Ruling, n int) Tone {
	switch {
	case n == 0:
		return Dim
	case r == budget.Confirmed:
		return Good
	case r == budget.Refuted:
		return Bad
	}
	return Warn
}

func subjectBlocks(run *report.Run) (blocks []Block) {
	if a := run.Article; a != nil {
		blocks = append(blocks, Block{Heading: "The article, section " + a.Section, Text: "“" + a.Says + "”"})
		if a.Theory != "" {
			blocks = append(blocks, Block{Text: "Expected: " + strings.Join(strings.Fields(a.Theory), " ")})
		}
		if len(a.Requirements) > 0 {
			blocks = append(blocks, Block{Text: "Requirements: " + strings.Join(a.Requirements, ", ")})
		}
	}
	if run.About != "" {
		blocks = append(blocks, Block{Text: run.About})
	}
	return blocks
}

// claimBlocks lists the claims, and below them what the runs say on each side.
func claimBlocks(claims []budget.ClaimResult) []Block {
	if len(claims) == 0 {
		return nil
	}
	t := &Table{Caption: "Claims, and the means of the runs that count", Columns: []Column{{Name: "claim"}, {Name: "result"}, {Name: "observed", Numeric: true}, {Name: "limit", Numeric: true}, {Name: "why"}}}
	sides := &Table{Caption: "What each run says", Folded: true, Columns: []Column{{Name: "metric"}, {Name: "runs that count", Numeric: true}, {Name: "values"}, {Name: "95 % interval"}, {Name: "why others do not count"}}}
	for _, c := range claims {
		t.Rows = append(t.Rows, Row{
			{Text: c.Expr, Code: true},
			{Text: rulingText(c.Result), Tone: claimTone(c.Result, 1)},
			{Text: inUnit(c.Observed, c.Unit)},
			{Text: inUnit(c.Limit, c.Unit)},
			{Text: c.Reason},
		})
		for _, s := range []*budget.ClaimSide{c.Left, c.Right, c.Pair} {
			if s != nil {
				sides.Rows = append(sides.Rows, sideRow(s, c.Unit))
			}
		}
	}
	return []Block{{Table: t}, {Table: sides}}
}

func rulingText(r budget.Ruling) string {
	switch r {
	case budget.Confirmed:
		return "✓ " + string(r)
	case budget.Refuted:
		return "✗ " + string(r)
	}
	return "? " + string(r)
}

func sideRow(s *budget.ClaimSide, unit string) Row {
	var values []string
	for _, v := range s.Values {
		values = append(values, inUnit(&v, unit))
	}
	interval := ""
	if len(s.Interval) == 2 {
		interval = inUnit(&s.Interval[0], unit) + " to " + inUnit(&s.Interval[1], unit)
	}
	return Row{{Text: s.Metric, Code: true}, {Text: fmt.Sprintf("%d of %d", len(s.Values), s.Runs)}, {Text: strings.Join(values, ", ")}, {Text: interval}, {Text: s.Lack}}
}

// inUnit writes a number in the unit of a budget or a claim.
func inUnit(x *float64, unit string) string {
	if x == nil {
		return "—"
	}
	switch unit {
	case "ms":
		return ms(*x)
	case "share":
		return report.FormatShare(*x)
	case "/s":
		return rateText(*x)
	}
	return report.FormatNumber(*x)
}

// triedFigures lists what the target said of itself, a column for each run.
func triedFigures(tries []*try) []Block {
	names := map[string]bool{}
	for _, t := range tries {
		for name := range t.Figures {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	table := &Table{Caption: "Figures after each run", Columns: []Column{{Name: "figure"}}}
	for _, t := range tries {
		table.Columns = append(table.Columns, Column{Name: t.name(), Numeric: true})
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row := Row{{Text: name, Code: true}}
		for _, t := range tries {
			cell := Cell{Text: "—", Tone: Dim}
			if x, ok := t.Figures[name]; ok {
				cell = valueCell(report.FormatNumber(x), x)
			}
			row = append(row, cell)
		}
		table.Rows = append(table.Rows, row)
	}
	return []Block{{Table: table}}
}

// mostHappenings bounds the events that are listed of a run.
const mostHappenings = 200

func happeningBlocks(tries []*try) []Block {
	table := &Table{Caption: "What happened while the load ran", Folded: true, Sortable: true, Columns: []Column{{Name: "at"}, {Name: "run"}, {Name: "what"}, {Name: "by"}, {Name: "error"}}}
	left := 0
	for _, t := range tries {
		for i, e := range t.Events {
			if i >= mostHappenings {
				left++
				continue
			}
			table.Rows = append(table.Rows, Row{
				valueCell(report.FormatDuration(spanOf(e.AtS)), e.AtS), {Text: t.name()}, {Text: e.Text}, {Text: e.By}, {Text: e.Error, Tone: Bad},
			})
		}
	}
	if len(table.Rows) == 0 {
		return nil
	}
	blocks := []Block{{Table: table}}
	if left > 0 {
		blocks = append(blocks, Block{Text: fmt.Sprintf("%s more events are in the files of the runs.", report.FormatCount(uint64(left)))})
	}
	return blocks
}

// turnBlocks lists the runs in the order in which they were made.
func turnBlocks(run *report.Run, tries []*try) []Block {
	table := &Table{Caption: "Runs, in the order of time", Sortable: true, Columns: []Column{{Name: "run"}, {Name: "variant"}, {Name: "settings"}, {Name: "started"}, {Name: "verdict"}, {Name: "valid"}, {Name: "saved in"}}}
	for _, t := range tries {
		valid := Cell{Text: "yes"}
		if !t.Validity.Valid {
			valid = Cell{Text: "no: " + strings.Join(t.Validity.Reasons, "; "), Tone: Warn}
		}
		table.Rows = append(table.Rows, Row{
			valueCell(fmt.Sprint(t.Number), float64(t.Number)),
			{Text: t.variant},
			{Text: settingsText(run.Variants[t.index].Settings), Code: true},
			{Text: t.Started.UTC().Format(time.TimeOnly)},
			{Text: string(t.Verdict)},
			valid,
			{Text: t.Dir, Code: true},
		})
	}
	return []Block{{Text: "A round is " + strings.Join(run.Order, ", ") + ". Variants take turns, so that a drift of the target or of the machine does not look like an effect of a setting."}, {Table: table}}
}

func settingsText(set map[string]string) string {
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, path+"="+set[path])
	}
	return strings.Join(parts, " ")
}

// tryBlocks hold each run's loads, stages and requests, folded.
func tryBlocks(tries []*try) (blocks []Block) {
	for _, t := range tries {
		table := &Table{Caption: fmt.Sprintf("Run %d: %s, %s", t.Number, t.variant, t.Verdict), Folded: true, Sortable: true}
		table.Columns = slices.Concat([]Column{{Name: "load"}, {Name: "part"}}, numeric("count", "failed", "p50", "p95", "p99", "p99.9"))
		for _, l := range t.Loads {
			table.Rows = append(table.Rows, partRow(l.Name, "all", l.Sent, l.Failed+l.Unfinished, l.Latency))
			if len(l.Stages) > 1 {
				for _, s := range l.Stages {
					table.Rows = append(table.Rows, partRow(l.Name, "stage "+s.Name, s.Sent, s.Failed+s.Unfinished, s.Latency))
				}
			}
			for _, r := range l.Requests {
				table.Rows = append(table.Rows, partRow(l.Name, "request "+r.Name, r.Count, r.Failed+r.Unfinished, r.Latency))
			}
		}
		if len(table.Rows) > 0 {
			blocks = append(blocks, Block{Table: table})
		}
	}
	return blocks
}

func partRow(load, part string, count, failed uint64, q *report.Quantiles) Row {
	bad := countCell(failed)
	if failed > 0 {
		bad.Tone = Bad
	}
	return append(Row{{Text: load}, {Text: part}, countCell(count), bad}, pickCells(q, p50, p95, p99, p999)...)
}

func experimentEnvironment(run *report.Run) []Block {
	facts := []Fact{
		{Name: "Started", Value: run.Started.UTC().Format(time.DateTime) + " UTC"},
		{Name: "Seed", Value: fmt.Sprint(run.Seed)},
		{Name: "plimsoll", Value: run.Plimsoll.Version, Note: run.Plimsoll.Go},
		{Name: "Generator", Value: run.Plimsoll.OS, Note: fmt.Sprintf("%d processors", run.Plimsoll.CPUs)},
	}
	if run.Target != "" {
		facts = append(facts, Fact{Name: "Target", Value: run.Target})
	}
	if run.Source.SHA256 != "" {
		note := "of the file, SHA-256"
		if run.Source.Quick {
			note += "; in its quick form"
		}
		if run.Source.Changed {
			note += "; values in it were replaced"
		}
		facts = append(facts, Fact{Name: "Scenario", Value: run.Source.SHA256[:min(12, len(run.Source.SHA256))], Note: note})
	}
	blocks := []Block{{Facts: facts}}
	if len(run.Command) > 0 {
		blocks = append(blocks, Block{Heading: "Command", Pre: strings.Join(run.Command, " ")})
	}
	return blocks
}

// merged returns the latency of a load over all runs of a variant, and whether all of them
// could be read.
func merged(tries []*try, variant, load int) (h *latency.Histogram, complete bool) {
	h, complete = &latency.Histogram{}, true
	for _, t := range tries {
		if t.index != variant {
			continue
		}
		if load >= len(t.time.loads) || len(t.time.missing) > 0 {
			complete = false
			continue
		}
		h.Merge(&t.time.loads[load].allLatency)
	}
	return h, complete
}
