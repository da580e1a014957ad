package simulate

import (
	"time"

	"plimsoll/engine/latency"
)

// defaultSpans is into how many spans a case is cut that does not say.
const defaultSpans = 200

// Outcome is what happened when a case was played once.
type Outcome struct {
	Spans  []*Span // in order, without gaps
	Events uint64
}

// Span is what happened in a span of time. What ends within it counts in it, whenever it
// began.
type Span struct {
	From, To time.Duration
	Arrivals uint64            // first tries
	Attempts uint64            // first tries and retries
	Good     uint64            // asks that got their answer in time
	Failed   Failures          // asks that ended without one, by what ended their last try
	Tries    Failures          // tries that ended without an answer
	Response latency.Histogram // of good asks, from their arrival to their answer: retries and waits included
	Waiting  int               // tries in queues at the end
	Busy     []time.Duration   // of the servers of each node, those that ended in the span
}

// Failures counts what ended without an answer.
type Failures struct {
	TimedOut uint64 // the client gave up
	Refused  uint64 // the queue was full (429)
	Lost     uint64 // the node went down, or none was up
}

// Sum returns all failures.
func (f Failures) Sum() uint64 { return f.TimedOut + f.Refused + f.Lost }

type failure uint8

const (
	timedOut failure = iota
	refused
	lost
)

func (f *Failures) count(why failure) {
	switch why {
	case timedOut:
		f.TimedOut++
	case refused:
		f.Refused++
	case lost:
		f.Lost++
	}
}

func (f *Failures) merge(o Failures) {
	f.TimedOut += o.TimedOut
	f.Refused += o.Refused
	f.Lost += o.Lost
}

// Seconds returns how long the span is.
func (s *Span) Seconds() float64 { return (s.To - s.From).Seconds() }

// Between returns all spans that lie between two moments as one.
func (o *Outcome) Between(from, to time.Duration) *Span {
	all := &Span{From: -1}
	for _, s := range o.Spans {
		if s.From >= from && s.To <= to {
			all.merge(s)
		}
	}
	all.From = max(all.From, 0)
	return all
}

func (s *Span) merge(o *Span) {
	if s.From < 0 {
		s.From = o.From
		s.Busy = make([]time.Duration, len(o.Busy))
	}
	s.To = o.To
	s.Arrivals += o.Arrivals
	s.Attempts += o.Attempts
	s.Good += o.Good
	s.Failed.merge(o.Failed)
	s.Tries.merge(o.Tries)
	s.Response.Merge(&o.Response)
	s.Waiting = o.Waiting
	for i, b := range o.Busy {
		s.Busy[i] += b
	}
}
