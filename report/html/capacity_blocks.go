package html

import (
	"fmt"
	"math"
	"slices"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
)

// valueCell is a cell with a number as a reader sees it, sorted by its value.
func valueCell(text string, value float64) Cell { return Cell{Text: text, Sort: &value} }

func rateCell(perSecond float64) Cell { return valueCell(rateText(perSecond), perSecond) }

func optionalRateCell(perSecond *float64) Cell {
	if perSecond == nil {
		return Cell{Text: "—", Sort: new(-1.0), Tone: Dim}
	}
	return rateCell(*perSecond)
}

func shareCell(share float64) Cell { return valueCell(report.FormatShare(share), share) }

// pickCells are the percentiles, or dashes where nothing was answered.
func pickCells(q *report.Quantiles, of ...func(*report.Quantiles) float64) (cells []Cell) {
	for _, f := range of {
		if q == nil {
			cells = append(cells, Cell{Text: "—", Sort: new(math.MaxFloat64), Tone: Dim})
			continue
		}
		cells = append(cells, msCell(f(q)))
	}
	return cells
}

func p50(q *report.Quantiles) float64  { return q.P50 }
func p95(q *report.Quantiles) float64  { return q.P95 }
func p99(q *report.Quantiles) float64  { return q.P99 }
func p999(q *report.Quantiles) float64 { return q.P999 }

func verdictCell(verdict string) Cell {
	tones := map[string]Tone{string(search.Pass): Good, string(search.Fail): Bad, string(search.Undecided): Warn, string(search.Invalid): Dim}
	return Cell{Text: verdict, Tone: tones[verdict]}
}

func loadLineBlocks(c *report.Capacity) []Block {
	if len(c.Curve) == 0 {
		return []Block{{Note: &Note{Warn, "No trial counted, so there is no curve."}}}
	}
	t := &Table{Caption: "Latency at each rate, over all valid trials at it", Sortable: true}
	t.Columns = slices.Concat([]Column{{Name: "rate"}}, numeric("achieved", "p50", "p95", "p99", "p99.9", "errors", "trials"), []Column{{Name: "verdict"}})
	for _, p := range c.Curve {
		row := Row{rateCell(p.Rate), rateCell(p.Achieved)}
		row = append(row, pickCells(p.Latency, p50, p95, p99, p999)...)
		t.Rows = append(t.Rows, append(row, shareCell(p.Errors), countCell(uint64(p.Trials)), verdictCell(p.Verdict)))
	}
	return []Block{{Chart: latencyOverLoad(c)}, {Table: t}}
}

func searchBlocks(l *report.LoadLine) []Block {
	if len(l.Trials) == 0 {
		return nil
	}
	return []Block{
		{Text: "The rate doubles until a trial fails. Then the bracket is narrowed by repeated trials in random order, and the lower bound is held in a soak."},
		{Chart: searchOverTime(l)},
	}
}

func trialBlocks(trials []report.LineTrial) []Block {
	if len(trials) == 0 {
		return nil
	}
	t := &Table{Caption: fmt.Sprintf("All %d trials, in the order of time", len(trials)), Folded: true, Sortable: true}
	t.Columns = slices.Concat([]Column{{Name: "at"}, {Name: "kind"}}, numeric("rate", "measured", "offered", "achieved", "p50", "p95", "p99", "errors", "in flight"),
		[]Column{{Name: "verdict"}, {Name: "why it does not count"}})
	for _, r := range trials {
		row := Row{
			valueCell(report.FormatDuration(spanOf(r.AtS)), r.AtS),
			{Text: string(r.Kind)},
			rateCell(r.Rate),
			valueCell(report.FormatDuration(spanOf(r.Seconds)), r.Seconds), rateCell(r.Offered), rateCell(r.Achieved),
		}
		row = append(row, pickCells(r.Latency, p50, p95, p99)...)
		t.Rows = append(t.Rows, append(row, shareCell(r.Errors), valueCell(report.FormatNumber(r.InFlight), r.InFlight),
			verdictCell(string(r.Verdict)), Cell{Text: r.Reason}))
	}
	return []Block{{Table: t}}
}

func modelBlocks(c *report.Capacity) []Block {
	m := c.Model
	if m == nil {
		return nil
	}
	blocks := []Block{{Chart: scalability(m)}, {Table: parameters(m)}, {Table: ranking(m)}, {Table: fittedPoints(m)}}
	if len(m.Notes) > 0 {
		blocks = append(blocks, Block{List: m.Notes})
	}
	return blocks
}

func lawName(kind string) string {
	switch kind {
	case capacity.KindLinear:
		return "linear scaling"
	case capacity.KindAmdahl:
		return "Amdahl's law"
	}
	return "universal scalability law"
}

// modelSummary says what there is to see in the chart of the model.
func modelSummary(m *capacity.Model) string {
	text := fmt.Sprintf("%s: one user alone gets %s, contention %s, coherency %s", lawName(m.Kind), rateText(m.Gamma), report.FormatShare(m.Alpha), report.FormatShare(m.Beta))
	if m.NStar != nil && m.XStar != nil {
		text += fmt.Sprintf("; peak of %s%s at %s users%s", rateText(*m.XStar), intervalText(m.XStarCI), report.FormatNumber(*m.NStar), intervalText(m.NStarCI))
	} else {
		text += "; no peak was seen"
	}
	return text + ". The band is a 95 % confidence interval, pointwise."
}

func intervalText(ci [2]*float64) string {
	switch {
	case ci[0] == nil && ci[1] == nil:
		return ""
	case ci[0] == nil:
		return fmt.Sprintf(" (95 %%: up to %s)", report.FormatNumber(*ci[1]))
	case ci[1] == nil:
		return fmt.Sprintf(" (95 %%: %s or more)", report.FormatNumber(*ci[0]))
	}
	return fmt.Sprintf(" (95 %%: %s to %s)", report.FormatNumber(*ci[0]), report.FormatNumber(*ci[1]))
}

func parameters(m *capacity.Model) *Table {
	t := &Table{Caption: "Parameters of the " + lawName(m.Kind), Columns: append([]Column{{Name: "parameter"}}, numeric("estimate", "standard error", "95 % from", "to")...)}
	student := m.Student()
	for _, p := range []struct {
		name  string
		value float64
		se    *float64
		write func(float64) string
	}{
		{"throughput of one user (gamma)", m.Gamma, m.SE.Gamma, rateText},
		{"contention (alpha)", m.Alpha, m.SE.Alpha, report.FormatNumber},
		{"coherency (beta)", m.Beta, m.SE.Beta, report.FormatNumber},
	} {
		row := Row{{Text: p.name}, {Text: p.write(p.value)}}
		if p.se == nil {
			row = append(row, Cell{Text: "at its bound", Tone: Dim}, Cell{Text: "—", Tone: Dim}, Cell{Text: "—", Tone: Dim})
		} else {
			row = append(row, Cell{Text: p.write(*p.se)}, Cell{Text: p.write(p.value - student**p.se)}, Cell{Text: p.write(p.value + student**p.se)})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func ranking(m *capacity.Model) *Table {
	t := &Table{Caption: "Laws that were fitted, the best first", Folded: true, Columns: append([]Column{{Name: "law"}}, numeric("ΔAICc", "gamma", "alpha", "beta")...)}
	for _, c := range m.Models {
		t.Rows = append(t.Rows, Row{
			{Text: lawName(c.Kind)},
			{Text: report.FormatNumber(c.Delta)},
			{Text: report.FormatNumber(c.Gamma)},
			{Text: report.FormatNumber(c.Alpha)},
			{Text: report.FormatNumber(c.Beta)},
		})
	}
	return t
}

func fittedPoints(m *capacity.Model) *Table {
	t := &Table{Caption: "Measured throughput beside the model", Folded: true, Sortable: true, Columns: append([]Column{{Name: "users at a time"}}, numeric("measured", "model", "off")...)}
	for _, p := range m.Points {
		off := 0.0
		if p.Fitted > 0 {
			off = p.Residual / p.Fitted
		}
		t.Rows = append(t.Rows, Row{
			valueCell(report.FormatNumber(p.Concurrency), p.Concurrency), rateCell(p.Throughput), rateCell(p.Fitted), valueCell(fmt.Sprintf("%+.1f%%", 100*off), off),
		})
	}
	return t
}

func nodeBlocks(c *report.Capacity) (blocks []Block) {
	n := &c.Node
	if s := n.Service; s != nil {
		blocks = append(blocks, Block{Facts: []Fact{
			{Name: "Service time", Value: ms(s.MeanMS), Note: "mean, at the lowest load"},
			{Name: "Squared coefficient of variation", Value: report.FormatNumber(s.SCV), Note: "1 is that of an exponential law"},
			{Name: "Requests", Value: report.FormatCount(s.Count), Note: "that this rests on"},
		}})
	}
	if len(n.Resources) == 0 {
		return blocks
	}
	t := &Table{Caption: "What was watched, the scarcest first", Sortable: true, Columns: append([]Column{{Name: "resource"}}, numeric("units", "demand", "at the lower bound", "saturates at")...)}
	t.Columns = append(t.Columns, Column{Name: "from"})
	for _, r := range n.Resources {
		t.Rows = append(t.Rows, Row{
			{Text: r.Name}, valueCell(report.FormatNumber(r.Units), r.Units), msCell(r.DemandMS), shareCell(r.AtLower), rateCell(r.Saturates), {Text: r.Source},
		})
	}
	text := n.Resources[0].Name + " saturates first."
	if c.Bottleneck() == nil {
		text = fmt.Sprintf("None of it explains the line: users got through less than %s, where %s would saturate.", rateText(n.Resources[0].Saturates), n.Resources[0].Name)
	}
	return append(blocks, Block{Table: t}, Block{Text: text})
}

func outlookSummary(o *report.Outlook) string {
	text := fmt.Sprintf("%s queue for %s (Allen–Cunneen, for screening), which saturates at %s", o.Law, o.Resource, rateText(o.Saturates))
	if o.Off != nil {
		text += fmt.Sprintf("; at the measured rates that hold it is off by %+.0f%% in the median", 100**o.Off)
	}
	return text + "."
}

func outlookBlocks(o *report.Outlook) []Block {
	if o == nil || len(o.Points) == 0 {
		return nil
	}
	t := &Table{Caption: "Mean latency, expected and measured", Sortable: true, Columns: append([]Column{{Name: "rate"}}, numeric("busy", "expected", "measured")...)}
	for _, p := range o.Points {
		measured := Cell{Text: "—", Sort: new(-1.0), Tone: Dim}
		if p.MeasuredMS != nil {
			measured = msCell(*p.MeasuredMS)
		}
		t.Rows = append(t.Rows, Row{rateCell(p.Rate), shareCell(p.Utilisation), msCell(p.MeanMS), measured})
	}
	return []Block{{Chart: expectation(o)}, {Table: t}}
}

func scaleBlocks(points []report.ScalePoint) (blocks []Block) {
	if len(points) == 0 {
		return nil
	}
	if ch := scaling(points); ch != nil {
		blocks = append(blocks, Block{Chart: ch})
	}
	t := &Table{Caption: "The load line under each value", Sortable: true, Columns: append([]Column{{Name: points[0].Setting}}, numeric("lower", "upper", "each", "efficiency")...)}
	t.Columns = append(t.Columns, Column{Name: "limit"})
	for _, p := range points {
		efficiency := Cell{Text: "—", Sort: new(-1.0), Tone: Dim}
		if p.Efficiency != nil {
			efficiency = shareCell(*p.Efficiency)
		}
		t.Rows = append(t.Rows, Row{{Text: p.Value, Code: true}, optionalRateCell(p.Lower), optionalRateCell(p.Upper), optionalRateCell(p.Each), efficiency, {Text: string(p.Limit)}})
	}
	return append(blocks, Block{Table: t})
}
