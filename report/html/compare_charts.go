package html

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"plimsoll/report"
)

// mostForest bounds how many intervals are drawn, the judged ones first.
const mostForest = 30

// forest draws the change of each judged row with its interval, one above the other.
func forest(c *report.Comparison) *Chart {
	var rows []*report.ComparisonRow
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Judged && r.Change != nil && len(rows) < mostForest {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	n := float64(len(rows))
	ch := &Chart{
		ID: "forest", Title: "Changes with their intervals", Height: 90 + 30*len(rows),
		X: Axis{Label: "new against base", Unit: Share}, Y: Axis{Label: "row", Min: new(0.0), Max: new(n + 1)},
		Marks: []Mark{{At: 0, Label: "no difference", Bold: true}},
	}
	least, most := 0.0, 0.0
	for i, r := range rows {
		y := n - float64(i)
		ch.Marks = append(ch.Marks, Mark{At: y, Label: rowOfWhat(r), OnY: true, Tone: Dim})
		least, most = min(least, *r.Change), max(most, *r.Change)
		if r.Low != nil && r.High != nil {
			least, most = min(least, *r.Low), max(most, *r.High)
			ch.Series = append(ch.Series, Series{Name: "interval of " + rowOfWhat(r), X: Numbers{*r.Low, *r.High}, Y: Numbers{y, y}, Color: 7, Quiet: true})
		}
	}
	for i, f := range []report.Finding{report.Worse, report.Unsure, report.Better, report.Same} {
		s := Series{Name: string(f), Points: true, Color: []int{1, 3, 2, 0}[i], Marker: []string{"cross", "diamond", "triangle", "circle"}[i]}
		for k, r := range rows {
			if r.Verdict == f {
				s.X, s.Y = append(s.X, *r.Change), append(s.Y, n-float64(k))
			}
		}
		if len(s.X) > 0 {
			ch.Series = append(ch.Series, byX(s))
		}
	}
	margin := max((most-least)*0.08, 0.005)
	ch.X.Min, ch.X.Max = new(least-margin), new(most+margin)
	ch.Summary = fmt.Sprintf("Each line is an interval, with the estimate in it: what lies clear of 0 changed. They reach from %s to %s.", changeText("", least), changeText("", most))
	return ch
}

// mostShiftCharts bounds how many shift functions are drawn.
const mostShiftCharts = 40

// shiftBlocks draw by how much each quantile differs.
func shiftBlocks(c *report.Comparison) (blocks []Block) {
	for i, s := range c.Shifts {
		if i == mostShiftCharts {
			return append(blocks, Block{Text: fmt.Sprintf("%d more are in the comparison's JSON.", len(c.Shifts)-i)})
		}
		ch := &Chart{
			ID: "shift-" + strconv.Itoa(i), Title: "Shift of " + cmp.Or(s.Request, "load "+s.Load),
			X: Axis{Label: "quantile of the latency", Unit: Share}, Y: Axis{Label: "new against base", Unit: Share},
			Marks: []Mark{{At: 0, Label: "no difference", OnY: true, Bold: true}},
		}
		var change, low, high Numbers
		rows := []Row{}
		least, most := 0.0, 0.0
		for _, p := range s.Points {
			ch.Data = append(ch.Data, p.Quantile)
			change, low, high = append(change, p.Change), append(low, orNaN(p.Low)), append(high, orNaN(p.High))
			least, most = min(least, p.Change), max(most, p.Change)
			row := report.ComparisonRow{Unit: "ms"}
			if p.Low != nil && p.High != nil {
				least, most = min(least, *p.Low), max(most, *p.High)
			}
			rows = append(rows, Row{
				{Text: fmt.Sprintf("p%.3g", 100*p.Quantile)},
				unitCell(&p.BaseMS, "ms"), unitCell(&p.NewMS, "ms"),
				changeCell(&row, &p.Change), changeCell(&row, p.Low), changeCell(&row, p.High),
			})
		}
		ch.Y.Min, ch.Y.Max = new(least-0.01-0.05*(most-least)), new(most+0.01+0.05*(most-least))
		ch.Series = []Series{
			{Name: "change", Y: change, Color: 0},
			{Name: "interval, low end", Y: low, Color: 0, Dash: dash(1), Quiet: true},
			{Name: "interval, high end", Y: high, Color: 0, Dash: dash(1), Quiet: true},
		}
		ch.Bands = []Band{{Upper: 2, Lower: 1, Color: 0}}
		ch.Summary = shiftSummary(s.Points)
		blocks = append(blocks, Block{Group: s.Load, Chart: ch}, Block{Group: s.Load, Table: &Table{
			Caption: "Shift of " + cmp.Or(s.Request, "load "+s.Load) + " in figures", Folded: true,
			Columns: append([]Column{{Name: "Quantile"}}, numeric("Base", "New", "Change", "From", "To")...), Rows: rows,
		}})
	}
	return blocks
}

func shiftSummary(points []report.ShiftPoint) string {
	apart := 0
	for _, p := range points {
		if p.Low != nil && (*p.Low > 0 || *p.High < 0) {
			apart++
		}
	}
	first, last := points[0], points[len(points)-1]
	return fmt.Sprintf("p%.3g %s, p%.3g %s; %d of %d intervals are clear of 0. Each interval holds for its own quantile.",
		100*first.Quantile, changeText("", first.Change), 100*last.Quantile, changeText("", last.Change), apart, len(points))
}

// sideBlocks draw each load of both sides.
func sideBlocks(c *report.Comparison) (blocks []Block) {
	for i, k := range c.Curves[:min(len(c.Curves), mostLoads)] {
		for _, ch := range []*Chart{sidesPercentiles(i, k), sidesOverTime(i, k), sidesRates(i, k)} {
			blocks = append(blocks, Block{Group: k.Load, Chart: ch})
		}
	}
	if len(c.Curves) > mostLoads {
		blocks = append(blocks, Block{Text: fmt.Sprintf("%d more loads are not drawn.", len(c.Curves)-mostLoads)})
	}
	return blocks
}

func sidesPercentiles(i int, k report.SidesCurve) *Chart {
	ch := &Chart{
		ID: fmt.Sprintf("sides-percentiles-%d", i), Title: "Latency by percentile", Height: 300,
		X: Axis{Label: "percentile", Unit: Percentile, Log: true}, Y: Axis{Unit: Milliseconds, Log: true},
		Summary: "All runs of a side together; each further nine has as much room as the first. The figures are in the table of shifts.",
	}
	var base, other Numbers
	for j, q := range k.Quantiles {
		if math.IsNaN(k.BaseMS[j]) && math.IsNaN(k.NewMS[j]) {
			continue
		}
		ch.Data = append(ch.Data, 1/(1-q))
		base, other = append(base, positive(k.BaseMS[j])), append(other, positive(k.NewMS[j]))
	}
	ch.Series = []Series{{Name: "base", Y: base, Color: 0}, {Name: "new", Y: other, Color: 1, Dash: dash(1)}}
	return ch
}

func sidesOverTime(i int, k report.SidesCurve) *Chart {
	return &Chart{
		ID: fmt.Sprintf("sides-latency-%d", i), Title: "Latency over time", Sync: "sides", Data: k.AtS,
		X: Axis{Label: "time", Unit: Seconds}, Y: Axis{Unit: Milliseconds, Log: true},
		Summary: "All runs of a side together, at the same time since their start.",
		Series: []Series{
			{Name: "base p50", Y: k.Base.P50MS, Color: 0},
			{Name: "new p50", Y: k.New.P50MS, Color: 1, Dash: dash(1)},
			{Name: "base p99", Y: k.Base.P99MS, Color: 0, Dash: dash(2)},
			{Name: "new p99", Y: k.New.P99MS, Color: 1, Dash: dash(3)},
		},
	}
}

func sidesRates(i int, k report.SidesCurve) *Chart {
	return &Chart{
		ID: fmt.Sprintf("sides-rate-%d", i), Title: "Requests that ended", Sync: "sides", Data: k.AtS,
		X: Axis{Label: "time", Unit: Seconds}, Y: Axis{Unit: PerSecond},
		Summary: "Per second and run, whatever their outcome.",
		Series:  []Series{{Name: "base", Y: k.Base.Rate, Color: 0}, {Name: "new", Y: k.New.Rate, Color: 1, Dash: dash(1)}},
	}
}
