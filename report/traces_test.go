package report

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plimsoll/engine"
)

// tracedSnapshot returns a snapshot with spans of n passes of one request each, of which
// the i-th took i microseconds.
func tracedSnapshot(n int) *engine.Snapshot {
	s := engine.NewSnapshot(&engine.Legend{
		Loads:    []engine.LoadLegend{{Name: "users", Model: "open", Stages: []engine.StageLegend{{Name: "calm", To: time.Minute}}}},
		Requests: []engine.RequestLegend{{Name: "home"}},
	})
	for i := range n {
		id := [8]byte{byte(i >> 8), byte(i), 1}
		s.Spans = append(s.Spans,
			engine.Span{ID: id, Method: "GET", URL: "http://shop.test/?token=x", Sample: engine.Sample{Due: time.Second, Start: time.Second, End: time.Second + time.Duration(i)*time.Microsecond, Status: 200}},
			engine.Span{Flow: "f", Sample: engine.Sample{Request: -1}})
	}
	return s
}

// observed gives the snapshots to a log and returns what came of it, and its lines.
func observed(t *testing.T, all ...*engine.Snapshot) (*Traces, []string, []string) {
	t.Helper()
	dir := t.TempDir()
	log, err := CreateTraceLog(dir, all[0].Legend, 0.01, time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if err := log.Observe(s); err != nil {
			t.Fatal(err)
		}
	}
	traces, notes, err := log.Close()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, TraceFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var lines []string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	return traces, notes, lines
}

func TestTracedRequestsAreSavedWithTheirIDs(t *testing.T) {
	s := tracedSnapshot(3)
	s.Spans[0].Own = true
	s.Spans[2].Trace = [16]byte{0xab}
	s.LeftOut = 7
	traces, notes, lines := observed(t, s)
	if traces.Passes != 3 || traces.Requests != 3 || traces.Own != 1 || traces.Lost != 7 || len(lines) != 3 {
		t.Fatalf("%+v, %d lines", traces, len(lines))
	}
	var r TracedRequest
	if err := json.Unmarshal([]byte(lines[1]), &r); err != nil {
		t.Fatal(err)
	}
	if r.TraceID != "ab"+strings.Repeat("0", 30) || r.SpanID != "0001010000000000" || r.Request != "home" || r.Stage != "calm" ||
		r.LatencyMS != 0.001 || !r.Time.Equal(time.Unix(1_800_000_001, 0)) {
		t.Errorf("%+v", r)
	}
	if strings.Contains(lines[1], "token=x") {
		t.Errorf("a secret in %s", lines[1])
	}
	text := strings.Join(notes, "\n")
	for _, want := range []string{"1.00% of passes traced", "2 requests carried a trace id", "1 requests kept the traceparent", "7 records"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestTheSlowestAreKeptOfAllThatWereTraced(t *testing.T) {
	s := tracedSnapshot(mostTraced / 2)
	late := tracedSnapshot(mostTraced)
	traces, _, lines := observed(t, s, late)
	if len(lines) != mostTraced || traces.LeftOut != mostTraced/2 || traces.Requests != mostTraced*3/2 {
		t.Errorf("%d lines, %d left out of %d", len(lines), traces.LeftOut, traces.Requests)
	}
	if len(traces.Slowest) != mostSlowest {
		t.Fatalf("%d slowest", len(traces.Slowest))
	}
	for i, r := range traces.Slowest {
		if want := float64(mostTraced-1-i) / 1000; r.LatencyMS != want {
			t.Errorf("number %d took %v ms, want %v", i, r.LatencyMS, want)
		}
	}
}

func TestATraceLogThatCannotBeWrittenIsSaidAndCountsOn(t *testing.T) {
	s := tracedSnapshot(2)
	log, err := CreateTraceLog(t.TempDir(), s.Legend, 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_ = log.file.Close()
	if err := log.Observe(s); err == nil {
		t.Error("it was written")
	}
	if err := log.Observe(s); err != nil {
		t.Errorf("it is said again: %v", err)
	}
	traces, notes, _ := log.Close()
	if traces.Requests != 4 || !strings.Contains(strings.Join(notes, "\n"), TraceFile+" is incomplete") {
		t.Errorf("%+v, notes %q", traces, notes)
	}
}
