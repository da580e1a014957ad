package html

import (
	"strconv"

	"plimsoll/report"
)

// traceBlocks show the slowest requests that can be looked up in the target's own traces.
func traceBlocks(run *report.Run) []Block {
	if run.Traces == nil || len(run.Traces.Slowest) == 0 {
		return nil
	}
	t := &Table{Caption: "Of those that were traced; the target's own traces have them by their id", Columns: []Column{
		{Name: "Request"},
		{Name: "Load"},
		{Name: "Latency", Numeric: true},
		{Name: "due", Numeric: true},
		{Name: "began", Numeric: true},
		{Name: "Ended"},
		{Name: "Trace id"},
	}}
	for _, r := range run.Traces.Slowest {
		ended := Cell{Text: r.Error}
		switch {
		case r.Status != 0:
			ended.Text = strconv.Itoa(r.Status)
		case r.Error == "":
			ended.Text = r.Outcome
		}
		ended.Tone = alarm(r.Outcome != "ok")
		t.Rows = append(t.Rows, Row{
			{Text: r.Request},
			{Text: r.Load},
			msCell(r.LatencyMS),
			{Text: report.FormatNumber(r.DueS) + "s"},
			{Text: report.FormatNumber(r.StartS) + "s"},
			ended,
			{Text: r.TraceID, Code: true},
		})
	}
	return []Block{{Table: t}}
}
