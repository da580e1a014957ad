package report

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// TraceFile holds the traced requests of a run, one a line, each a TracedRequest.
const TraceFile = "traces.jsonl"

// Bounds of what is kept of traced requests.
const (
	mostTraced  = 10_000 // lines of TraceFile
	mostSlowest = 10     // in run.json
)

// Traces says what was traced: passes chosen before they began, by the seed, whose
// requests carried their trace's id to the target.
type Traces struct {
	Share    float64         `json:"share"` // of the passes
	Passes   uint64          `json:"passes"`
	Requests uint64          `json:"requests"`
	Own      uint64          `json:"own,omitempty"`      // requests with a traceparent of the scenario's own, which was left alone
	LeftOut  uint64          `json:"left_out,omitempty"` // requests that are not in TraceFile, as they were too many
	Lost     uint64          `json:"lost,omitempty"`     // passes and requests of which only the number is known
	Slowest  []TracedRequest `json:"slowest"`            // of all that were traced, by latency
}

// TracedRequest is a request that can be found in the target's own traces.
type TracedRequest struct {
	TraceID   string             `json:"trace_id"`
	SpanID    string             `json:"span_id"`
	Own       bool               `json:"own,omitempty"` // the ids are of the scenario's own traceparent
	Load      string             `json:"load"`
	Stage     string             `json:"stage,omitempty"`
	Request   string             `json:"request"`
	Method    string             `json:"method"`
	URL       string             `json:"url"` // through RedactURL
	Time      time.Time          `json:"time"`
	DueS      float64            `json:"due_s"` // this and the next two from the start of the run
	StartS    float64            `json:"start_s"`
	EndS      float64            `json:"end_s"`
	LatencyMS float64            `json:"latency_ms"`
	Outcome   string             `json:"outcome"`
	Status    int                `json:"status,omitempty"`
	Error     string             `json:"error,omitempty"`
	PhasesMS  map[string]float64 `json:"phases_ms,omitempty"`
}

// TraceLog writes TraceFile as the run goes. It is not safe for concurrent use.
type TraceLog struct {
	legend  *engine.Legend
	file    *os.File
	started time.Time
	written int
	sum     Traces
	broken  error
}

// CreateTraceLog makes the file in the directory of a run that begins.
func CreateTraceLog(dir string, legend *engine.Legend, share float64, started time.Time) (*TraceLog, error) {
	file, err := os.Create(filepath.Join(dir, TraceFile))
	if err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	return &TraceLog{legend: legend, file: file, started: started, sum: Traces{Share: share, Slowest: []TracedRequest{}}}, nil
}

// Observe adds what an interval traced. The first error is returned; after it nothing
// more is written, and counted all the same.
func (t *TraceLog) Observe(s *engine.Snapshot) error {
	t.sum.Lost += s.LeftOut
	var text []byte
	rested := time.Now()
	for i := range s.Spans {
		line, err := t.add(&s.Spans[i])
		if err != nil {
			return err
		}
		text = append(text, line...)
		if time.Since(rested) > stretch {
			engine.Yield()
			rested = time.Now()
		}
	}
	if len(text) == 0 || t.broken != nil {
		return nil //nolint:nilerr // it was returned when it happened
	}
	_, err := t.file.Write(text)
	if err != nil {
		t.broken = fmt.Errorf("save traced requests: %w", err)
	}
	return t.broken
}

// add counts a span and returns its line, nil if there is none for it.
func (t *TraceLog) add(s *engine.Span) ([]byte, error) {
	if s.Request < 0 {
		t.sum.Passes++
		return nil, nil
	}
	t.sum.Requests++
	if s.Own {
		t.sum.Own++
	}
	room := t.written < mostTraced
	if !room {
		t.sum.LeftOut++
	}
	slow := t.isSlow(s)
	if !room && !slow {
		return nil, nil
	}
	request := t.request(s)
	if slow {
		t.keep(request)
	}
	if !room {
		return nil, nil
	}
	t.written++
	line, err := json.Marshal(request)
	return append(line, '\n'), err
}

func (t *TraceLog) isSlow(s *engine.Span) bool {
	n := len(t.sum.Slowest)
	return n < mostSlowest || inMS(s.End-s.Due) > t.sum.Slowest[n-1].LatencyMS
}

// keep puts a request among the slowest, and the least slow of them out.
func (t *TraceLog) keep(r TracedRequest) {
	t.sum.Slowest = append(t.sum.Slowest, r)
	slices.SortStableFunc(t.sum.Slowest, func(a, b TracedRequest) int { return cmp.Compare(b.LatencyMS, a.LatencyMS) })
	t.sum.Slowest = t.sum.Slowest[:min(len(t.sum.Slowest), mostSlowest)]
}

func inMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (t *TraceLog) request(s *engine.Span) TracedRequest {
	load := t.legend.Loads[s.Load]
	r := TracedRequest{
		TraceID: hex.EncodeToString(s.Trace[:]), SpanID: hex.EncodeToString(s.ID[:]), Own: s.Own,
		Load: load.Name, Request: t.legend.Requests[s.Request].Name, Method: s.Method, URL: RedactURL(s.URL),
		Time: t.started.Add(s.Start), DueS: s.Due.Seconds(), StartS: s.Start.Seconds(), EndS: s.End.Seconds(),
		LatencyMS: inMS(s.End - s.Due), Outcome: s.Outcome.String(), Status: s.Status, Error: s.ErrKind,
	}
	if s.Stage < len(load.Stages) {
		r.Stage = load.Stages[s.Stage].Name
	}
	for p, d := range s.Phases {
		if d > 0 {
			if r.PhasesMS == nil {
				r.PhasesMS = map[string]float64{}
			}
			r.PhasesMS[flow.Phase(p).String()] = inMS(d)
		}
	}
	return r
}

// Close ends the file and returns what was traced, and what a reader should know of it.
func (t *TraceLog) Close() (*Traces, []string, error) {
	sum := &t.sum
	notes := []string{fmt.Sprintf("%s of passes traced, chosen by the seed before they began: %s requests carried a trace id, and %s has %s of them",
		FormatShare(sum.Share), FormatCount(sum.Requests-sum.Own), TraceFile, FormatCount(uint64(t.written)))}
	if sum.Own > 0 {
		notes = append(notes, fmt.Sprintf("traces: %s requests kept the traceparent that the scenario gives them", FormatCount(sum.Own)))
	}
	if sum.Lost > 0 {
		notes = append(notes, fmt.Sprintf("traces: %s records of passes and requests were too many for an interval, and only counted", FormatCount(sum.Lost)))
	}
	if t.broken != nil {
		notes = append(notes, fmt.Sprintf("%s is incomplete: %v", TraceFile, t.broken))
	}
	if err := t.file.Close(); err != nil {
		return sum, notes, errors.Join(t.broken, fmt.Errorf("save traced requests: %w", err))
	}
	return sum, notes, nil
}
