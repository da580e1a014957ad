package engine

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"

	"plimsoll/engine/flow"
)

// Tracing says which passes are traced. Each request of a traced pass carries a
// traceparent field (W3C Trace Context), so that it can be found in the target's own
// traces, and leaves a Span. Which passes are chosen is decided before they begin (head
// sampling), by the seed; the ids are new in every run.
type Tracing struct {
	Share float64 // of the passes, 0 to 1
	Seed  uint64
}

// MaxSpans is how many spans a snapshot holds; of more than that it only has the number.
const MaxSpans = 10_000

// shardSpans is how many spans a shard of the recorder holds until it is cut.
const shardSpans = 4096

// maxSpanURL is how many bytes of an address a span keeps.
const maxSpanURL = 1024

// Span is the record of a traced pass, or of one request in it.
type Span struct {
	Trace  [16]byte
	ID     [8]byte
	Parent [8]byte // the span of the pass; zero in the pass itself
	Flow   string  // of a pass; empty in a request
	Method string  // of a request; empty in a pass
	URL    string  // of a request: scheme, host and target as sent, at most 1 KiB; it may hold secrets
	Own    bool    // the scenario wrote a traceparent of its own: Trace and ID are from there
	Sample         // of a pass: when it was due, began and ended, and how; its Request is -1
}

// tracer traces the passes of one worker.
type tracer struct {
	limit uint64 // of the top 63 bits of a draw, from which on a pass is not traced
	draw  rand.PCG
	on    bool // the pass under way is traced
	pass  Span // under way
	call  Span // the request of it that is under way
}

// tracersOwn keeps these draws apart from those that choose flows with the same seed.
const tracersOwn = 0xd1b54a32d192ed03

// newTracer returns the tracer of a worker, nil if nothing is traced.
func newTracer(t *Tracing, load, id int) *tracer {
	if t == nil || t.Share <= 0 {
		return nil
	}
	const whole = 1 << 63
	limit := uint64(whole)
	if t.Share < 1 {
		limit = uint64(t.Share * whole)
	}
	return &tracer{limit: limit, draw: *rand.NewPCG(t.Seed^tracersOwn, uint64(load)<<32|uint64(id))}
}

// chosen decides whether the pass that begins is traced.
func (t *tracer) chosen() bool {
	t.on = t.draw.Uint64()>>1 < t.limit
	return t.on
}

// begin starts the trace of a pass.
func (t *tracer) begin(flow string) {
	t.pass = Span{Flow: flow, ID: newSpanID()}
	low, high := newSpanID(), newSpanID()
	copy(t.pass.Trace[:8], high[:])
	copy(t.pass.Trace[8:], low[:])
}

// newSpanID returns a random id, which is never zero.
func newSpanID() (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], max(rand.Uint64(), 1))
	return id
}

// tracePass takes the steps of a pass that was chosen and keeps their spans.
func (w *worker) tracePass(f *flow.Flow, stage int, due time.Duration) passResult {
	w.tracer.begin(f.Name)
	start := w.run.now()
	res := w.steps(f, stage, due)
	s := &w.tracer.pass
	s.Sample = Sample{Load: w.load, Stage: stage, Request: -1, Due: due, Start: start, End: max(res.end, start), Outcome: res.outcome}
	if due < 0 {
		s.Due = start
	}
	w.run.rec.trace(w.id, s)
	w.tracer.on = false
	return res
}

// traceRequest keeps the span of a request that ended.
func (w *worker) traceRequest(m *Sample) {
	w.tracer.call.Sample = *m
	w.run.rec.trace(w.id, &w.tracer.call)
}

// sign begins the span of a request and returns the request with its traceparent field.
// One that has such a field from its author stays as it is.
func (t *tracer) sign(req *flow.Request) *flow.Request {
	t.call = Span{Trace: t.pass.Trace, ID: newSpanID(), Parent: t.pass.ID, Method: req.Method, URL: spanURL(req)}
	for _, f := range req.Header {
		if strings.EqualFold(f.Name, traceparent) {
			t.call.Own = true
			t.call.Trace, t.call.ID = parseTraceparent(f.Value)
			return req
		}
	}
	out := *req
	out.Fixed = false
	out.Header = append(make([]flow.Field, 0, len(req.Header)+1), req.Header...)
	out.Header = append(out.Header, flow.Field{Name: traceparent, Value: t.call.traceparent()})
	return &out
}

// traceparent is the field's name in W3C Trace Context, which wants it in lower case.
const traceparent = "traceparent"

// traceparent returns the field's value: version 00, trace, span, and the flag that says
// that the caller has recorded it.
func (s *Span) traceparent() string {
	b := append(make([]byte, 0, 55), "00-"...)
	b = hex.AppendEncode(b, s.Trace[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, s.ID[:])
	return string(append(b, "-01"...))
}

// parseTraceparent returns the ids in a field's value, zero where it is not a valid one.
func parseTraceparent(v string) (trace [16]byte, id [8]byte) {
	if len(v) < 55 || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return trace, id
	}
	_, errTrace := hex.Decode(trace[:], []byte(v[3:35]))
	_, errID := hex.Decode(id[:], []byte(v[36:52]))
	if errTrace != nil || errID != nil {
		return [16]byte{}, [8]byte{}
	}
	return trace, id
}

func spanURL(req *flow.Request) string {
	url := req.Scheme + "://" + req.Host + req.Target
	if len(url) > maxSpanURL {
		url = strings.Clone(url[:maxSpanURL])
	}
	return url
}
