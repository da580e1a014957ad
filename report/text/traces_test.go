package text

import (
	"bytes"
	"strings"
	"testing"

	"plimsoll/report"
)

func TestTheSlowestTracedRequestsAreListedWithTheirIDs(t *testing.T) {
	id := strings.Repeat("ab", 16)
	run := &report.Run{Traces: &report.Traces{Slowest: []report.TracedRequest{
		{TraceID: id, Request: "bu\x1b[31my\u202e", LatencyMS: 1234, DueS: 2, Status: 503, Outcome: "failed"},
		{TraceID: id, Request: "home", LatencyMS: 200, Error: "timeout", Outcome: "error"},
		{TraceID: id, Request: "home", LatencyMS: 100, Outcome: "unfinished"},
		{TraceID: id, Request: strings.Repeat("long", 1000), LatencyMS: 90, Status: 200, Outcome: "ok"},
		{TraceID: id, Request: "home", LatencyMS: 80, Status: 200, Outcome: "ok"},
		{TraceID: id, Request: "the sixth", LatencyMS: 70, Status: 200, Outcome: "ok"},
	}}}
	var out bytes.Buffer
	p := newPrinter(&out, Options{Width: 80})
	traces(p, run)
	if p.err != nil {
		t.Fatal(p.err)
	}
	golden(t, "traces-80", out.String())
	if strings.ContainsAny(out.String(), "\x1b\u202e") || strings.Contains(out.String(), "sixth") {
		t.Errorf("%s", out.String())
	}
}
