package text

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
)

// none stands where there is no data.
const none = "–"

func budgets(p *printer, run *report.Run) {
	if len(run.Budgets) == 0 {
		return
	}
	t := table{columns: []column{
		{title: "Budgets", left: true, flex: true},
		{title: "observed"},
		{title: "limit"},
		{title: "margin"},
		{left: true, drop: 1},
	}}
	for _, b := range run.Budgets {
		mark, s := budgetMark(b)
		t.add(cell{mark + " " + clean(b.Expr), s}, cell{quantity(b.Observed, b.Unit), plain},
			cell{rounded(quantity(b.Limit, b.Unit)), plain}, cell{margin(b.Margin), s}, cell{budgetWord(b), s})
	}
	p.line("")
	t.write(p)
	for _, b := range run.Budgets {
		if b.Reason != "" && b.Result != budget.Kept {
			_, s := budgetMark(b)
			p.wrapped("  · ", s, clean(b.Expr+": "+b.Reason))
		}
	}
}

func budgetMark(b budget.Result) (string, style) {
	switch {
	case b.Result == budget.Kept:
		return "  ✓", green
	case b.Result == budget.Broken && b.Level == budget.Fail:
		return "  ✗", red
	case b.Result == budget.Broken:
		return "  !", yellow
	}
	return "  ?", yellow
}

func budgetWord(b budget.Result) string {
	word := string(b.Result)
	if b.Level == budget.Warn {
		word += " (warn)"
	}
	return word
}

// quantity writes a number of a budget in the unit it is given in.
func quantity(x *float64, unit string) string {
	if x == nil {
		return none
	}
	switch unit {
	case "ms":
		return milliseconds(*x)
	case "share":
		return report.FormatShare(*x)
	case "/s":
		return report.FormatNumber(*x) + "/s"
	case "burn":
		return fold(*x)
	}
	return whole(*x)
}

// rounded takes the zeros off the end of a number that somebody chose, as in 50.0ms.
func rounded(s string) string {
	end := strings.LastIndexAny(s, "0123456789") + 1
	if digits := s[:end]; strings.Contains(digits, ".") {
		return strings.TrimRight(strings.TrimRight(digits, "0"), ".") + s[end:]
	}
	return s
}

// mostMargin bounds the margins that are written out: past it only the size counts.
const mostMargin = 9.99

func margin(x *float64) string {
	switch {
	case x == nil:
		return none
	case *x > mostMargin:
		return "> +" + report.FormatShare(mostMargin)
	case *x < -mostMargin:
		return "< " + report.FormatShare(-mostMargin)
	case *x > 0:
		return "+" + report.FormatShare(*x)
	}
	return report.FormatShare(*x)
}

// whole writes a number that is a count without a fraction.
func whole(x float64) string {
	if x < 0 {
		return "-" + whole(-x)
	}
	if x == float64(uint64(x)) {
		return report.FormatCount(uint64(x))
	}
	return report.FormatNumber(x)
}

func loads(p *printer, run *report.Run) {
	t := table{columns: []column{
		{title: "Load", left: true, flex: true},
		{title: "planned"},
		{title: "sent"},
		{title: "completed"},
		{title: "failed"},
		{title: "dropped"},
		{title: "unfinished", drop: 2},
		{title: "not due", drop: 1},
		{title: "offered", drop: 3},
		{title: "achieved", drop: 4},
		{title: "in flight", drop: 6},
		{title: "p99", drop: 5},
	}}
	var unfinished, notDue uint64
	for _, l := range run.Loads {
		t.add(loadRow("  "+clean(l.Name), l.Model, l.Figures, plain)...)
		unfinished += l.Unfinished
		notDue += l.NotDue
		if len(l.Stages) < 2 {
			continue
		}
		for _, g := range l.Stages {
			t.add(loadRow("    "+clean(g.Name), l.Model, g.Figures, dim)...)
		}
	}
	if unfinished == 0 {
		t.hide("unfinished")
	}
	if notDue == 0 {
		t.hide("not due")
	}
	p.line("")
	t.write(p)
}

func loadRow(name, model string, f report.Figures, s style) []cell {
	p99 := none
	if f.Latency != nil {
		p99 = milliseconds(f.Latency.P99)
	}
	planned, offered := none, none // in a closed load the users decide, not the plan
	if model == "open" {
		planned, offered = report.FormatCount(f.Planned), report.FormatNumber(f.Offered)+"/s"
	}
	return []cell{
		{name, s},
		{planned, s},
		{report.FormatCount(f.Sent), s},
		{report.FormatCount(f.Completed), s},
		alarming(f.Failed, red, s), alarming(f.Dropped, yellow, s),
		alarming(f.Unfinished, yellow, s),
		{report.FormatCount(f.NotDue), s},
		{offered, s},
		{report.FormatNumber(f.Achieved) + "/s", s},
		{report.FormatNumber(f.InFlight), s},
		{p99, s},
	}
}

// alarming paints a count that should be zero.
func alarming(n uint64, alarm, calm style) cell {
	if n > 0 {
		return cell{report.FormatCount(n), alarm}
	}
	return cell{"0", calm}
}

// quantileColumns are the columns of latencies; the finer steps go first when it is tight.
func quantileColumns(names ...column) []column {
	return append(names,
		column{title: "p50"}, column{title: "p90", drop: 3}, column{title: "p95", drop: 4},
		column{title: "p99"}, column{title: "p99.9"}, column{title: "max"})
}

func quantileCells(q *report.Quantiles, s style) []cell {
	if q == nil {
		return slices.Repeat([]cell{{none, s}}, 6)
	}
	var cells []cell
	for _, ms := range []float64{q.P50, q.P90, q.P95, q.P99, q.P999, q.Max} {
		cells = append(cells, cell{milliseconds(ms), s})
	}
	return cells
}

// times shows latency and service one below the other, and where requests ended in more
// than one way the latency of each apart.
func times(p *printer, run *report.Run) {
	t := table{columns: quantileColumns(
		column{title: "Latency", left: true, flex: true}, column{left: true}, column{title: "requests", drop: 1})}
	for _, l := range run.Loads {
		t.add(append([]cell{{"  " + clean(l.Name), plain}, {"latency", plain}, {countOf(l.Latency), plain}}, quantileCells(l.Latency, plain)...)...)
		t.add(append([]cell{{}, {"service", plain}, {countOf(l.Service), plain}}, quantileCells(l.Service, plain)...)...)
		_, onlyOK := l.Outcomes["ok"]
		if onlyOK && len(l.Outcomes) == 1 {
			continue
		}
		for _, outcome := range []string{"ok", "failed", "error", "unfinished"} {
			if o, there := l.Outcomes[outcome]; there {
				t.add(append([]cell{{}, {outcome, dim}, {report.FormatCount(o.Count), dim}}, quantileCells(o.Latency, dim)...)...)
			}
		}
	}
	p.line("")
	t.write(p)
}

func countOf(q *report.Quantiles) string {
	if q == nil {
		return "0"
	}
	return report.FormatCount(q.Count)
}

// loadLine begins the lines of a load, with its name if there are several loads, and
// returns how far its requests are indented.
func (t *table) loadLine(run *report.Run, l report.Load) string {
	if len(run.Loads) < 2 || len(l.Requests) == 0 {
		return "  "
	}
	t.add(cell{"  " + clean(l.Name), dim})
	return "    "
}

func requests(p *printer, run *report.Run) {
	t := table{columns: quantileColumns(
		column{title: "Requests", left: true, flex: true}, column{title: "count", drop: 1}, column{title: "failed"})}
	for _, l := range run.Loads {
		indent := t.loadLine(run, l)
		for _, r := range l.Requests {
			t.add(append([]cell{{indent + clean(r.Name), plain}, {report.FormatCount(r.Count), plain}, alarming(r.Failed, red, plain)},
				quantileCells(r.Latency, plain)...)...)
		}
	}
	if len(t.rows) == 0 {
		return
	}
	p.line("")
	t.write(p)
}

// phases shows where the time of an exchange went, over all requests that went through
// a phase. Quantiles of parts do not merge, so each request has its own lines.
func phases(p *printer, run *report.Run) {
	t := table{columns: quantileColumns(
		column{title: "Phases", left: true, flex: true}, column{left: true}, column{title: "count", drop: 1})}
	for _, l := range run.Loads {
		indent := t.loadLine(run, l)
		for _, r := range l.Requests {
			name := indent + clean(r.Name)
			for _, phase := range []string{"dns", "connect", "tls", "first_byte", "body"} {
				if q := r.Phases[phase]; q != nil {
					t.add(append([]cell{{name, plain}, {strings.ReplaceAll(phase, "_", " "), plain}, {countOf(q), plain}}, quantileCells(q, plain)...)...)
					name = ""
				}
			}
		}
	}
	if len(t.rows) == 0 {
		return
	}
	p.line("")
	t.write(p)
}

func generator(p *printer, run *report.Run) {
	v := run.Validity
	p.section("Generator")
	cpu := fmt.Sprintf("processor %s of %s", report.FormatShare(v.CPUShare), Plural(run.Plimsoll.CPUs, "core"))
	parts := []string{cpu, "garbage collection " + report.FormatShare(v.GCShare)}
	if v.Lag != (report.Lag{}) {
		lag := func(us float64) string { return milliseconds(us / 1000) }
		parts = append(parts, fmt.Sprintf("lag p50 %s, p99 %s, max %s", lag(v.Lag.P50), lag(v.Lag.P99), lag(v.Lag.Max)))
	}
	if v.InFlight > 0 { // it is looked at once an interval
		parts = append(parts, fmt.Sprintf("most in flight %s", whole(float64(v.InFlight))))
	}
	parts = append(parts, fmt.Sprintf("sessions %s", whole(float64(v.Sessions))))
	if v.FileLimit > 0 {
		parts = append(parts, fmt.Sprintf("open files %s of %s", whole(float64(v.OpenFiles)), whole(float64(v.FileLimit))))
	}
	for _, line := range wrapParts(parts, p.width-2) {
		p.line("  " + line)
	}
}

// wrapParts joins parts with a dot between them and breaks lines only there.
func wrapParts(parts []string, width int) []string {
	var lines []string
	for _, part := range parts {
		last := len(lines) - 1
		if last >= 0 && columnsOf(lines[last])+3+columnsOf(part) <= width {
			lines[last] += " · " + part
		} else {
			lines = append(lines, part)
		}
	}
	return lines
}
