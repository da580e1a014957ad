package text

import (
	"strconv"

	"plimsoll/report"
)

// mostTraces is how many traced requests the summary shows.
const mostTraces = 5

// traces shows the slowest requests that can be looked up in the target's own traces.
func traces(p *printer, run *report.Run) {
	if run.Traces == nil || len(run.Traces.Slowest) == 0 {
		return
	}
	t := table{columns: []column{
		{title: "Slowest traced requests", left: true, flex: true}, {title: "latency"}, {title: "at", drop: 1}, {title: "ended", left: true}, {title: "trace id", left: true},
	}}
	for i, r := range run.Traces.Slowest {
		if i == mostTraces {
			break
		}
		ended, s := strconv.Itoa(r.Status), plain
		if r.Status == 0 {
			ended = clean(r.Error)
			if ended == "" {
				ended = clean(r.Outcome)
			}
		}
		if r.Outcome != "ok" {
			s = red
		}
		t.add(cell{"  " + clean(r.Request), plain}, cell{milliseconds(r.LatencyMS), plain},
			cell{report.FormatDuration(seconds(r.DueS)), plain}, cell{shorten(ended, minFlex+gap), s}, cell{clean(r.TraceID), plain})
	}
	p.line("")
	t.write(p)
}
