package html

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"plimsoll/report"
)

func countCell(n uint64) Cell {
	x := float64(n)
	return Cell{Text: report.FormatCount(n), Sort: &x}
}

// someCell is countCell for what most runs have none of: their column is left out.
func someCell(n uint64) Cell {
	if n == 0 {
		return Cell{}
	}
	return countCell(n)
}

func alarmCell(n uint64) Cell {
	c := countCell(n)
	c.Tone = alarm(n > 0)
	return c
}

func figureCell(x float64) Cell { return Cell{Text: report.FormatNumber(x), Sort: &x} }

func msCell(x float64) Cell {
	if math.IsNaN(x) {
		return Cell{Text: "–", Tone: Dim}
	}
	return Cell{Text: ms(x), Sort: &x}
}

// quantileNames are the columns that clockCells fills.
func quantileNames(names ...string) (columns []Column) {
	for _, name := range append(names, "mean", "p50", "p90", "p95", "p99", "p99.9", "max") {
		columns = append(columns, Column{Name: name, Numeric: true})
	}
	return columns
}

func clockCells(q *report.Quantiles) Row {
	if q == nil {
		return slices.Repeat(Row{{Text: "–", Tone: Dim}}, 7)
	}
	var row Row
	for _, x := range []float64{q.Mean, q.P50, q.P90, q.P95, q.P99, q.P999, q.Max} {
		row = append(row, msCell(x))
	}
	return row
}

func countOf(q *report.Quantiles) uint64 {
	if q == nil {
		return 0
	}
	return q.Count
}

// loadBlocks sum the loads and their stages up.
func loadBlocks(run *report.Run) []Block {
	counts := &Table{Caption: "Arrivals (open) or passes (closed)", Columns: append([]Column{{Name: "Load, stage"}, {Name: "span"}},
		numeric("planned", "sent", "completed", "failed", "dropped", "not due", "no data", "unfinished", "offered/s", "achieved/s", "goodput/s", "in flight")...)}
	for _, l := range run.Loads {
		counts.Rows = append(counts.Rows, figureRow(l.Name+" ("+l.Model+")", "", l.Figures))
		for _, g := range l.Stages {
			if len(l.Stages) > 1 {
				span := report.FormatNumber(g.FromS) + " – " + report.FormatNumber(g.ToS) + "s"
				counts.Rows = append(counts.Rows, figureRow("· "+g.Name, span, g.Figures))
			}
		}
	}
	if len(counts.Rows) == 0 {
		return []Block{{Text: "The run had no load."}}
	}
	stages := &Table{Caption: "Latency: from when a request was due to its end", Columns: append([]Column{{Name: "Load, stage"}}, quantileNames("answers")...)}
	for _, l := range run.Loads {
		stages.Rows = append(stages.Rows, append(Row{{Text: l.Name}, countCell(countOf(l.Latency))}, clockCells(l.Latency)...))
		for _, g := range l.Stages {
			if len(l.Stages) > 1 {
				stages.Rows = append(stages.Rows, append(Row{{Text: "· " + g.Name}, countCell(countOf(g.Latency))}, clockCells(g.Latency)...))
			}
		}
	}
	counts.dropEmpty()
	return []Block{{Table: counts}, {Table: stages}}
}

func numeric(names ...string) (columns []Column) {
	for _, name := range names {
		columns = append(columns, Column{Name: name, Numeric: true})
	}
	return columns
}

func figureRow(name, span string, f report.Figures) Row {
	return Row{
		{Text: name},
		{Text: span, Tight: true},
		countCell(f.Planned), countCell(f.Sent), countCell(f.Completed), alarmCell(f.Failed), alarmCell(f.Dropped),
		someCell(f.NotDue), someCell(f.Exhausted), countCell(f.Unfinished), figureCell(f.Offered), figureCell(f.Achieved), figureCell(f.Goodput), figureCell(f.InFlight),
	}
}

// overTime is the table for readers who do not see the charts: some two dozen rows, each
// the figures of one bucket.
func (p *plotter) overTime() *Table {
	const most = 24
	l, t := p.series(), p.time
	step := (len(t.from) + most - 1) / most
	caption := "Figures over time, one row for each bucket"
	if step > 1 {
		caption = fmt.Sprintf("Figures over time, as a sample: one bucket of %s in %d", report.FormatDuration(t.width), step)
	}
	table := &Table{Caption: caption, Folded: true, Columns: numeric("from", "offered/s", "achieved/s", "goodput/s", "in flight", "p50", "p95", "p99", "max")}
	table.Columns[0].Numeric = false
	for i := 0; i < len(t.from); i += step {
		table.Rows = append(table.Rows, Row{
			{Text: report.FormatNumber(t.from[i]) + "s"},
			figureCell(l.offered[i]), figureCell(l.achieved[i]), figureCell(l.goodput[i]), figureCell(l.inFlight[i]),
			msCell(l.latency[0][i]), msCell(l.latency[2][i]), msCell(l.latency[3][i]), msCell(l.latency[numShares][i]),
		})
	}
	return table
}

func (p *plotter) percentileTable() *Table {
	f, ok := p.figures()
	if !ok || f.Latency == nil {
		return nil
	}
	t := &Table{Caption: "The three clocks", Columns: append([]Column{{Name: "Clock"}}, quantileNames("requests")...)}
	for _, clock := range []struct {
		name string
		q    *report.Quantiles
	}{{"latency: due to end", f.Latency}, {"service: start to end", f.Service}, {"lag: due to start", f.Lag}} {
		if clock.q == f.Lag && f.Model == "closed" {
			continue // a user is never late
		}
		t.Rows = append(t.Rows, append(Row{{Text: clock.name}, countCell(countOf(clock.q))}, clockCells(clock.q)...))
	}
	for _, name := range []string{"ok", "failed", "error", "unfinished"} {
		if o, there := f.Outcomes[name]; there && len(f.Outcomes) > 1 {
			t.Rows = append(t.Rows, append(Row{{Text: "latency of " + name}, countCell(o.Count)}, clockCells(o.Latency)...))
		}
	}
	return t
}

// mostRequests bounds the rows of a table of requests.
const mostRequests = 200

// requestTable is how long each request took.
func (p *plotter) requestTable() *Table {
	t := &Table{Caption: "Latency of each request; a click on a heading sorts", Sortable: true, Columns: []Column{{Name: "Request"}}}
	t.Columns = append(append(t.Columns, numeric("count", "failed", "share")...), quantileNames()...)
	return p.eachRequest(t, func(r report.Request) Row {
		share := part(r.Failed, r.Count)
		return append(Row{{Text: r.Name}, countCell(r.Count), alarmCell(r.Failed), {Text: report.FormatShare(share), Sort: &share}}, clockCells(r.Latency)...)
	})
}

// outcomeTable is how each request ended.
func (p *plotter) outcomeTable() *Table {
	t := &Table{Caption: "How each request ended", Sortable: true, Columns: []Column{{Name: "Request"}, {Name: "codes"}, {Name: "errors"}, {Name: "checks failed"}}}
	t = p.eachRequest(t, func(r report.Request) Row {
		return Row{{Text: r.Name}, {Text: tally(r.Codes)}, {Text: tally(r.Errors)}, {Text: failedChecks(r.Checks)}}
	})
	if t != nil {
		t.dropEmpty()
	}
	return t
}

// eachRequest adds a row for each request to t, and returns nil if there are none.
func (p *plotter) eachRequest(t *Table, row func(report.Request) Row) *Table {
	f, ok := p.figures()
	if !ok || len(f.Requests) == 0 {
		return nil
	}
	for i, r := range f.Requests {
		if i == mostRequests {
			t.Caption += fmt.Sprintf("; %d of %d requests are shown, the rest is in run.json", mostRequests, len(f.Requests))
			break
		}
		t.Rows = append(t.Rows, row(r))
	}
	return t
}

// dropEmpty removes the columns in which no row says anything.
func (t *Table) dropEmpty() {
	for i := len(t.Columns) - 1; i > 0; i-- {
		if slices.ContainsFunc(t.Rows, func(r Row) bool { return r[i].Text != "" }) {
			continue
		}
		t.Columns = slices.Delete(t.Columns, i, i+1)
		for k := range t.Rows {
			t.Rows[k] = slices.Delete(t.Rows[k], i, i+1)
		}
	}
}

// tally writes counts by name, most frequent first; some names, and how many more.
func tally(counts map[string]uint64) string {
	const most = 6
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	var parts []string
	for i, name := range names {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		parts = append(parts, bounded(name, 60)+" × "+report.FormatCount(counts[name]))
	}
	return strings.Join(parts, ", ")
}

func failedChecks(checks map[string]report.Check) string {
	failed := map[string]uint64{}
	for name, c := range checks {
		if c.Failed > 0 {
			failed[name] = c.Failed
		}
	}
	if len(failed) == 0 && len(checks) > 0 {
		return "none of " + report.FormatCount(uint64(len(checks)))
	}
	return tally(failed)
}

// errorTable counts what went wrong in a load by kind. Statuses count where the request
// failed with them sometimes.
func (p *plotter) errorTable() *Table {
	f, ok := p.figures()
	if !ok {
		return nil
	}
	counts := map[string]uint64{}
	var requests uint64
	for _, r := range f.Requests {
		requests += r.Count
		for kind, n := range r.Errors {
			counts[kind] += n
		}
		for code, n := range r.Codes {
			if r.Failed > 0 && code >= "400" {
				counts["status "+code] += n
			}
		}
		for name, c := range r.Checks {
			counts["check "+name] += c.Failed
		}
		counts["unfinished"] += r.Unfinished
	}
	counts["dropped"] += f.Dropped
	maps.DeleteFunc(counts, func(_ string, n uint64) bool { return n == 0 })
	if len(counts) == 0 {
		return nil
	}
	t := &Table{Caption: "What went wrong; a request can be in several rows", Sortable: true, Columns: append([]Column{{Name: "Kind"}}, numeric("count", "share of requests")...)}
	for _, kind := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	}) {
		if len(t.Rows) == mostRequests {
			t.Caption += fmt.Sprintf("; the %d most frequent of %d kinds", mostRequests, len(counts))
			break
		}
		share := part(counts[kind], requests)
		t.Rows = append(t.Rows, Row{{Text: kind}, countCell(counts[kind]), {Text: report.FormatShare(share), Sort: &share}})
	}
	return t
}

func (p *plotter) phaseTable() *Table {
	f, ok := p.figures()
	if !ok {
		return nil
	}
	t := &Table{Caption: "Where the time of an exchange went", Sortable: true, Columns: append([]Column{{Name: "Request"}, {Name: "Phase"}}, quantileNames("count")...)}
	for i, r := range f.Requests {
		if i == mostRequests/2 {
			t.Caption += fmt.Sprintf("; the first %d of %d requests", i, len(f.Requests))
			break
		}
		for _, phase := range []string{"dns", "connect", "tls", "first_byte", "body"} {
			if q := r.Phases[phase]; q != nil {
				t.Rows = append(t.Rows, append(Row{{Text: r.Name}, {Text: strings.ReplaceAll(phase, "_", " ")}, countCell(q.Count)}, clockCells(q)...))
			}
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	t.Folded = len(t.Rows) > 20
	return t
}

func generatorBlocks(run *report.Run, t *timeline) (blocks []Block) {
	if len(t.from) == 0 {
		return nil
	}
	for _, c := range generatorCharts(run, t) {
		blocks = append(blocks, Block{Chart: c})
	}
	return blocks
}

func saidBlocks(run *report.Run) []Block {
	if len(run.Figures) == 0 {
		return nil
	}
	var facts []Fact
	for _, name := range slices.Sorted(maps.Keys(run.Figures)) {
		facts = append(facts, Fact{Name: name, Value: report.FormatNumber(run.Figures[name])})
	}
	return []Block{{Facts: facts}}
}

// eventBlocks list what happened while the run went on; the numbers are those of the marks
// in the charts.
func eventBlocks(events []report.Happening) []Block {
	if len(events) == 0 {
		return nil
	}
	t := &Table{Caption: "The numbers stand beside the broken lines of the charts", Columns: []Column{{Name: "No."}, {Name: "at", Numeric: true}, {Name: "by"}, {Name: "what"}, {Name: "error"}}}
	for i, e := range events {
		if i == mostEvents {
			t.Caption += fmt.Sprintf("; the first %d of %d", mostEvents, len(events))
			break
		}
		text := e.Text
		if e.Waited {
			text += " (waited for something that the target never said)"
		}
		t.Rows = append(t.Rows, Row{{Text: whole(i + 1)}, {Text: report.FormatNumber(e.AtS) + "s"}, {Text: e.By}, {Text: text}, {Text: e.Error, Tone: Bad}})
	}
	return []Block{{Table: t}}
}

func environmentBlocks(run *report.Run, t *timeline) []Block {
	b := run.Plimsoll
	rows := [][2]string{
		{"About", run.About},
		{"Target", report.RedactURL(run.Target)},
		{"Started", run.Started.Format(time.RFC3339)},
		{"Duration", report.FormatDuration(spanOf(run.DurationS)) + ", " + string(run.Ended)},
		{"Command", strings.Join(run.Command, " ")},
		{"Seed", fmt.Sprint(run.Seed)},
		{"plimsoll", b.Version},
		{"Go", b.Go},
		{"System", b.OS},
		{"Processors", whole(b.CPUs)},
		{"Scenario file", sourceText(run.Source)},
	}
	if len(t.from) > 0 {
		rows = append(rows, [2]string{"Charts", fmt.Sprintf("%s intervals of %s, merged into %s of %s; percentiles are taken from merged histograms",
			whole(t.intervals), report.FormatDuration(spanOf(run.IntervalS)), plural(len(t.from), "bucket"), report.FormatDuration(t.width))})
	}
	table := &Table{Caption: "What ran, where, and how", Columns: []Column{{Name: "What"}, {Name: "Value"}}}
	for _, r := range rows {
		if r[1] != "" {
			table.Rows = append(table.Rows, Row{{Text: r[0]}, {Text: r[1], Code: r[0] == "Command"}})
		}
	}
	return []Block{{Table: table}}
}

func sourceText(s report.Source) string {
	if s.SHA256 == "" {
		return ""
	}
	text := "sha256 " + s.SHA256
	if s.Quick {
		text += ", its quick form"
	}
	if s.Changed {
		text += ", with values replaced for this run"
	}
	return text
}
