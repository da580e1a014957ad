package export

import (
	"net/url"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/report"
)

// spansEach is how many spans a message has at most.
const spansEach = 1000

// spans returns messages with what an interval traced. Requests with a traceparent of
// the scenario's own are left out: their spans are somebody else's.
func (r *resource) spans(s *engine.Snapshot, l *engine.Legend, started time.Time) (messages [][]byte) {
	scope := &tracepb.ScopeSpans{Scope: r.scope}
	send := func() {
		if len(scope.Spans) > 0 {
			messages = append(messages, message(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
				Resource: r.about, ScopeSpans: []*tracepb.ScopeSpans{scope},
			}}}))
			scope = &tracepb.ScopeSpans{Scope: r.scope}
			engine.Yield()
		}
	}
	for i := range s.Spans {
		one := &s.Spans[i]
		if one.Own {
			continue
		}
		if scope.Spans = append(scope.Spans, span(one, l, started)); len(scope.Spans) == spansEach {
			send()
		}
	}
	send()
	return messages
}

// sampledFlag is the flag of W3C Trace Context that says that the trace is recorded.
const sampledFlag = 1

// span returns a pass as an internal span from when it was due, and a request as a client
// span within it, from when it was sent.
func span(s *engine.Span, l *engine.Legend, started time.Time) *tracepb.Span {
	at := func(d time.Duration) uint64 { return nanos(started.Add(d)) }
	load := l.Loads[s.Load]
	out := &tracepb.Span{
		TraceId: s.Trace[:], SpanId: s.ID[:], Flags: sampledFlag,
		StartTimeUnixNano: at(s.Start), EndTimeUnixNano: at(s.End),
		Attributes: []*commonpb.KeyValue{text("plimsoll.load", label(load.Name)), text("plimsoll.outcome", s.Outcome.String())},
	}
	if s.Stage < len(load.Stages) {
		out.Attributes = append(out.Attributes, text("plimsoll.stage", label(load.Stages[s.Stage].Name)))
	}
	out.Attributes = append(out.Attributes, float("plimsoll.lag", (s.Start-s.Due).Seconds()))
	if s.Request < 0 {
		out.Name, out.Kind = label(s.Flow), tracepb.Span_SPAN_KIND_INTERNAL
		out.StartTimeUnixNano = at(s.Due)
		out.Status = status(s, "")
		return out
	}
	out.ParentSpanId = s.Parent[:]
	request := label(l.Requests[s.Request].Name)
	out.Name, out.Kind = label(s.Method+" "+request), tracepb.Span_SPAN_KIND_CLIENT
	kind := s.ErrKind
	if kind == "" && s.Status >= 400 {
		kind = strconv.Itoa(s.Status)
	}
	out.Attributes = append(out.Attributes, text("plimsoll.request", request))
	out.Attributes = append(out.Attributes, exchange(s, kind)...)
	out.Status = status(s, kind)
	out.Events = phases(s, at)
	return out
}

// exchange returns the attributes of the semantic conventions for HTTP clients.
func exchange(s *engine.Span, kind string) []*commonpb.KeyValue {
	all := []*commonpb.KeyValue{
		text("http.request.method", label(s.Method)),
		text("url.full", plain(report.RedactURL(s.URL))),
	}
	if u, err := url.Parse(s.URL); err == nil {
		all = append(all, text("server.address", label(u.Hostname())))
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		if n, err := strconv.Atoi(port); err == nil {
			all = append(all, whole("server.port", int64(n)))
		}
	}
	if s.Status != 0 {
		all = append(all, whole("http.response.status_code", int64(s.Status)))
	}
	if kind != "" {
		all = append(all, text("error.type", label(kind)))
	}
	return append(all, whole("plimsoll.bytes_in", s.BytesIn), whole("plimsoll.bytes_out", s.BytesOut))
}

func status(s *engine.Span, kind string) *tracepb.Status {
	switch {
	case s.Outcome == engine.OK:
		return nil
	case kind == "":
		kind = s.Outcome.String()
	}
	return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: label(kind)}
}

// phases returns when each phase of a call ended, as events.
func phases(s *engine.Span, at func(time.Duration) uint64) (events []*tracepb.Span_Event) {
	now := s.Start
	for _, p := range []flow.Phase{flow.DNS, flow.Connect, flow.TLS} {
		if s.Phases[p] > 0 {
			now += s.Phases[p]
			events = append(events, &tracepb.Span_Event{Name: p.String(), TimeUnixNano: at(min(now, s.End))})
		}
	}
	if s.Phases[flow.FirstByte] > 0 {
		first := max(s.End-s.Phases[flow.Body], s.Start)
		events = append(events, &tracepb.Span_Event{Name: flow.FirstByte.String(), TimeUnixNano: at(first)})
	}
	return events
}
