package html

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
)

// mostSLOs bounds the rows of the table of error budgets.
const mostSLOs = 50

// sloBlocks show what became of the error budgets. Their gates stand among the budgets.
func sloBlocks(run *report.Run) []Block {
	if len(run.SLOs) == 0 {
		return nil
	}
	t := &Table{Caption: "Promises over a window of production, and how fast their error budgets were spent", Columns: []Column{
		{Name: "SLO"},
		{Name: "Good shall be"},
		{Name: "Requests", Numeric: true},
		{Name: "Not good", Numeric: true},
		{Name: "Share", Numeric: true},
		{Name: "Burn", Numeric: true},
		{Name: "at the end", Numeric: true},
		{Name: "Budget used", Numeric: true},
		{Name: "The rest lasts"},
		{Name: "Cost"},
	}}
	for i, e := range run.SLOs {
		if i == mostSLOs {
			t.Caption += fmt.Sprintf("; the first %d of %d, the rest is in run.json", mostSLOs, len(run.SLOs))
			break
		}
		bad := Cell{Text: "no data", Tone: Dim}
		if e.Events > 0 {
			bad = Cell{Text: report.FormatShare(part(e.Bad, e.Events))}
		}
		t.Rows = append(t.Rows, Row{
			{Text: e.Name},
			{Text: sloPromise(e)},
			countCell(e.Events), alarmCell(e.Bad), bad, burnCell(e.Burn), burnCell(e.BurnNow),
			{Text: report.FormatShare(e.Consumed), Tone: alarm(e.Consumed >= 1)},
			sloRest(e),
			{Text: sloCost(e)},
		})
	}
	t.dropEmpty()
	blocks := []Block{{Table: t}, {Text: "A burn of 1× spends exactly the whole error budget in the window."}}
	if scales := sloScales(run); scales != "" {
		blocks[1].Text += " " + scales
	}
	return blocks
}

// sloPromise writes an objective such that it is never rounded to all.
func sloPromise(e budget.ErrorBudget) string {
	text := strconv.FormatFloat(math.Round(e.Objective*1e11)/1e9, 'f', -1, 64) + "%"
	if len(e.Requests) > 0 {
		text += " of " + bounded(strings.Join(e.Requests, ", "), longest)
	}
	if e.WithinMS > 0 {
		text += ", within " + ms(e.WithinMS)
	}
	return text + ", over " + report.FormatLong(e.WindowS)
}

func burnCell(x *float64) Cell {
	if x == nil {
		return Cell{Text: "–", Tone: Dim}
	}
	return Cell{Text: report.FormatNumber(*x) + "×", Sort: x}
}

// sloRest says how long the rest of the error budget lasts.
func sloRest(e budget.ErrorBudget) Cell {
	switch {
	case e.Exhausted > 0:
		return Cell{Text: "gone " + report.FormatLong(e.Exhausted) + " into the run", Tone: Bad}
	case e.BurnNow == nil:
		return Cell{Text: "no data", Tone: Dim}
	case e.Forecast == nil:
		return Cell{Text: "it burned nothing at the end"}
	}
	return Cell{Text: report.FormatLong(*e.Forecast)}
}

// sloCost is what the requests that were not good cost, and what the error budget is worth.
func sloCost(e budget.ErrorBudget) string {
	if e.Cost == nil {
		return ""
	}
	price, err := budget.ParsePrice(e.Cost.Price)
	if err != nil {
		return ""
	}
	return price.Money(report.FormatNumber(e.Cost.Amount)) + " of " + price.Money(report.FormatNumber(e.Cost.Budget)) + ", at " + e.Cost.Price
}

// sloScales says how much of production a second of the run stood for.
func sloScales(run *report.Run) string {
	for _, e := range run.SLOs {
		if e.Scale > 1 {
			return "In " + bounded(e.Name, longest) + " a second of the run stands for " + report.FormatLong(e.Scale) + " of production."
		}
	}
	return ""
}
