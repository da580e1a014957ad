package text

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
)

// experiment writes what an experiment came to: the claims first, then the numbers of each
// variant, what happened meanwhile, and what it is about.
func experiment(p *printer, run *report.Run, brief bool) {
	claims(p, run.Claims)
	if brief {
		return
	}
	variants(p, run.Variants)
	for _, v := range run.Variants {
		if len(v.Runs) > 0 {
			last := v.Runs[len(v.Runs)-1]
			timeline(p, fmt.Sprintf("Events of %s (run %d)", clean(v.Name), last.Number), last.Events)
		}
	}
	subject(p, run)
}

// claimed says in one sentence what an experiment's verdict rests on.
func claimed(run *report.Run) string {
	counts := map[budget.Ruling]int{}
	for _, c := range run.Claims {
		counts[c.Result]++
	}
	switch {
	case run.Verdict == report.Interrupted:
		return "this is what was measured until then"
	case counts[budget.Refuted] > 0:
		return fmt.Sprintf("%d of %s refuted", counts[budget.Refuted], Plural(len(run.Claims), "claim"))
	case run.Verdict == report.Breach:
		return "a budget was broken in a run"
	case counts[budget.Undecided] > 0:
		return fmt.Sprintf("%d of %s not decided after %s", counts[budget.Undecided], Plural(len(run.Claims), "claim"), Plural(run.Rounds, "round"))
	}
	return Plural(len(run.Claims), "claim") + " confirmed"
}

// claims writes each claim in full, and below it what was seen: the means of the runs that
// count, and which do not. Unless it is confirmed, what each run says follows.
func claims(p *printer, results []budget.ClaimResult) {
	p.section("Claims")
	for _, c := range results {
		mark, s := claimMark(c.Result)
		p.wrapped(mark+" ", s, clean(c.Expr))
		word := string(c.Result)
		if c.Observed != nil && c.Limit != nil {
			word += fmt.Sprintf(": observed %s, limit %s%s", quantity(c.Observed, c.Unit), rounded(quantity(c.Limit, c.Unit)), averaged(c))
		}
		for _, line := range wrap(word, p.width-4) {
			p.line("    " + p.paint(s, line))
		}
		if c.Reason != "" {
			p.wrapped("    ", plain, clean(c.Reason))
		}
		for _, line := range uncounted(c) {
			p.wrapped("    ", yellow, clean(line))
		}
		if c.Result == budget.Confirmed {
			continue
		}
		for _, side := range []*budget.ClaimSide{c.Left, c.Right, c.Pair} {
			if side != nil && len(side.Values) > 0 {
				p.wrapped("    ", dim, clean(side.Metric)+": "+sideValues(side, c.Unit))
			}
		}
	}
}

// averaged says what the numbers are that a claim is decided by, if there were several runs.
func averaged(c budget.ClaimResult) string {
	for _, side := range []*budget.ClaimSide{c.Left, c.Right} {
		if side != nil && len(side.Values) > 1 {
			return " (mean of the runs)"
		}
	}
	return ""
}

// uncounted says of each variant how many of its runs a claim rests on, if not on all.
func uncounted(c budget.ClaimResult) (lines []string) {
	for _, side := range []*budget.ClaimSide{c.Left, c.Right} {
		if side == nil || len(side.Values) == 0 || len(side.Values) == side.Runs {
			continue
		}
		verb := "count"
		if len(side.Values) == 1 {
			verb = "counts"
		}
		line := fmt.Sprintf("%d of %s %s; %s", len(side.Values), Plural(side.Runs, "run"), verb, side.Lack)
		if !slices.Contains(lines, line) { // both sides may be about one variant
			lines = append(lines, line)
		}
	}
	return lines
}

func claimMark(r budget.Ruling) (string, style) {
	switch r {
	case budget.Confirmed:
		return "  ✓", green
	case budget.Refuted:
		return "  ✗", red
	}
	return "  ?", yellow
}

// sideValues lists what each run says, and the interval of them all.
func sideValues(s *budget.ClaimSide, unit string) string {
	var values []string
	for _, v := range s.Values {
		values = append(values, quantity(&v, unit))
	}
	text := strings.Join(values, ", ")
	if len(s.Interval) == 2 && s.Interval[0] != s.Interval[1] {
		text += fmt.Sprintf("  (95 %% of it between %s and %s)", quantity(&s.Interval[0], unit), quantity(&s.Interval[1], unit))
	}
	return text
}

// variants writes the numbers of every run of every variant.
func variants(p *printer, all []report.Variant) {
	t := table{columns: []column{
		{title: "Variants", left: true, flex: true},
		{title: "sent"},
		{title: "failed"},
		{title: "dropped", drop: 3},
		{title: "goodput"},
		{title: "p50", drop: 4},
		{title: "p95", drop: 5},
		{title: "p99"},
		{title: "max", drop: 2},
	}}
	for _, v := range all {
		t.add(cell{"  " + clean(v.Name+settings(v.Settings)), bold})
		for _, r := range v.Runs {
			t.variantRun(r)
		}
	}
	p.line("")
	t.write(p)
}

// variantRun adds the lines of one run: its loads, their stages, and the figures.
func (t *table) variantRun(r report.VariantRun) {
	for _, l := range r.Loads {
		name := fmt.Sprintf("    run %d", r.Number)
		if len(r.Loads) > 1 {
			name += " " + clean(l.Name)
		}
		t.add(variantRow(name, l.Figures)...)
		if len(l.Stages) == 1 {
			continue
		}
		for _, stage := range l.Stages {
			t.add(variantRow("      "+clean(stage.Name), stage.Figures)...)
		}
	}
	if parts := figureParts(r.Figures); len(parts) > 0 {
		t.add(cell{"      " + strings.Join(parts, " · "), dim})
	}
}

// settings lists what a variant sets.
func settings(set map[string]string) string {
	var parts []string
	for path, value := range set {
		parts = append(parts, path+"="+value)
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "  " + strings.Join(parts, " ")
}

func variantRow(name string, f report.Figures) []cell {
	row := []cell{
		{name, plain},
		{report.FormatCount(f.Sent), plain},
		alarming(f.Failed+f.Unfinished, red, dim), alarming(f.Dropped, yellow, dim),
		{report.FormatNumber(f.Goodput) + "/s", plain},
	}
	q := f.Latency
	if q == nil {
		return append(row, cell{none, dim}, cell{none, dim}, cell{none, dim}, cell{none, dim})
	}
	for _, x := range []float64{q.P50, q.P95, q.P99, q.Max} {
		row = append(row, cell{milliseconds(x), plain})
	}
	return row
}

// subject writes what the experiment is about and what it puts to the test.
func subject(p *printer, run *report.Run) {
	if run.About == "" && run.Article == nil {
		return
	}
	p.section("What it shows")
	p.wrapped("  ", plain, clean(run.About))
	if a := run.Article; a != nil {
		p.wrapped("  ", plain, clean(fmt.Sprintf("The article, section %s: “%s”", a.Section, a.Says)))
		if a.Theory != "" {
			p.wrapped("  ", plain, clean("Expected: "+strings.Join(strings.Fields(a.Theory), " ")))
		}
	}
}
