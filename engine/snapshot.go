package engine

import (
	"cmp"
	"slices"
	"time"

	"plimsoll/engine/flow"
	"plimsoll/engine/latency"
)

// Snapshot is what happened in a span: an interval, a whole run, or many agents' runs.
// A snapshot merges with a snapshot of the same legend.
type Snapshot struct {
	Legend   *Legend
	From, To time.Duration // offsets from the start of the run
	Cells    []*Cell       // sorted by Key, only those with samples
	Tallies  [][]Tally     // [load][stage]: arrivals and passes
	Health   Health
	Spans    []Span // of what was traced and ended in the span, in no order; at most MaxSpans
	LeftOut  uint64 // spans beyond that, and those that were too many for the recorder
}

// Key says which samples a cell counts.
type Key struct {
	Load, Stage, Request int
	Outcome              Outcome
}

// Compare orders keys by load, stage, request and outcome.
func (k Key) Compare(o Key) int {
	return cmp.Or(k.Load-o.Load, k.Stage-o.Stage, k.Request-o.Request, int(k.Outcome)-int(o.Outcome))
}

// Cell holds the samples of one load, stage, request and outcome.
type Cell struct {
	Key
	Latency, Service, Lag latency.Histogram
	Phases                [flow.NumPhases]latency.Histogram // only samples in which the phase happened
	Codes                 []CodeCount
	Errors                []ErrorCount
	ChecksFailed          []uint64 // per check of the request; nil if none ever failed
	BytesIn, BytesOut     int64
	NewConnections        uint64
}

// CodeCount counts answers of one status.
type CodeCount struct {
	Status int
	N      uint64
}

// ErrorCount counts failures of one kind.
type ErrorCount struct {
	Kind string
	N    uint64
}

// Tally counts arrivals (open) or passes (closed) of one load and stage. An arrival that
// became due was either dropped or sent; one that was sent completed (every request of
// its pass was OK), failed, or was unfinished at the end.
// Planned = Sent + Dropped + what did not fall due before the load was stopped.
type Tally struct {
	Planned, Sent, Dropped, Completed, Failed, Unfinished uint64

	Exhausted uint64        // passes that could not begin, and were not sent: a data source had no more rows
	Busy      time.Duration // integral over time: of arrivals in flight (open), of users (closed)
	Think     time.Duration // the part of Busy spent in think time and pacing
}

// Health is how the generator itself fared.
type Health struct {
	CPU         time.Duration // processor time of this process, user and system
	GC          time.Duration // the part of it spent collecting garbage
	Capacity    time.Duration // processor time that was there to be used: cores × wall time
	Saturated   time.Duration // wall time of the intervals in which less than a tenth of Capacity was left
	OpenFiles   int           // the most seen
	FileLimit   int           // 0: unknown
	InFlight    int           // the most seen at once
	Connections int           // sessions opened
	Users       int           // sessions in use at the end of the span
}

// Add counts one sample.
func (c *Cell) Add(s *Sample) {
	c.Latency.Record(s.End - s.Due)
	c.Service.Record(s.End - s.Start)
	c.Lag.Record(s.Start - s.Due)
	for p, d := range s.Phases {
		if d > 0 {
			c.Phases[p].Record(d)
		}
	}
	if s.Status != 0 {
		c.addCode(s.Status, 1)
	}
	if s.ErrKind != "" {
		c.addError(s.ErrKind, 1)
	}
	for i, rest := 0, s.ChecksFailed; rest != 0; i, rest = i+1, rest>>1 {
		if rest&1 != 0 {
			c.addCheck(i, 1)
		}
	}
	c.BytesIn += s.BytesIn
	c.BytesOut += s.BytesOut
	if s.NewConnection {
		c.NewConnections++
	}
}

func (c *Cell) addCode(status int, n uint64) {
	for i := range c.Codes {
		if c.Codes[i].Status == status {
			c.Codes[i].N += n
			return
		}
	}
	c.Codes = append(c.Codes, CodeCount{status, n})
}

func (c *Cell) addError(kind string, n uint64) {
	for i := range c.Errors {
		if c.Errors[i].Kind == kind {
			c.Errors[i].N += n
			return
		}
	}
	c.Errors = append(c.Errors, ErrorCount{kind, n})
}

func (c *Cell) addCheck(i int, n uint64) {
	for len(c.ChecksFailed) <= i {
		c.ChecksFailed = append(c.ChecksFailed, 0)
	}
	c.ChecksFailed[i] += n
}

// Count returns the number of samples in the cell.
func (c *Cell) Count() uint64 { return c.Latency.Count() }

// Merge adds the samples of o to c; the key stays.
func (c *Cell) Merge(o *Cell) {
	c.Latency.Merge(&o.Latency)
	c.Service.Merge(&o.Service)
	c.Lag.Merge(&o.Lag)
	for p := range c.Phases {
		c.Phases[p].Merge(&o.Phases[p])
	}
	for _, n := range o.Codes {
		c.addCode(n.Status, n.N)
	}
	for _, n := range o.Errors {
		c.addError(n.Kind, n.N)
	}
	for i, n := range o.ChecksFailed {
		c.addCheck(i, n)
	}
	c.BytesIn += o.BytesIn
	c.BytesOut += o.BytesOut
	c.NewConnections += o.NewConnections
}

// Reset empties the cell and keeps its memory for the next samples.
func (c *Cell) Reset() {
	c.Latency.Reset()
	c.Service.Reset()
	c.Lag.Reset()
	for p := range c.Phases {
		c.Phases[p].Reset()
	}
	c.Codes, c.Errors, c.ChecksFailed = c.Codes[:0], c.Errors[:0], c.ChecksFailed[:0]
	c.BytesIn, c.BytesOut, c.NewConnections = 0, 0, 0
}

// NewSnapshot returns an empty snapshot of the legend.
func NewSnapshot(l *Legend) *Snapshot {
	s := &Snapshot{Legend: l, Tallies: make([][]Tally, len(l.Loads))}
	for i := range s.Tallies {
		s.Tallies[i] = make([]Tally, max(len(l.Loads[i].Stages), 1))
	}
	return s
}

// Cell returns the cell of k, made if it is not there.
func (s *Snapshot) Cell(k Key) *Cell {
	i, found := slices.BinarySearchFunc(s.Cells, k, func(c *Cell, k Key) int { return c.Compare(k) })
	if !found {
		s.Cells = slices.Insert(s.Cells, i, &Cell{Key: k})
	}
	return s.Cells[i]
}

// Merge adds what o counted; the span grows to hold both. Spans that follow each other
// (intervals of one generator) and spans that lie beside each other (several agents)
// merge the same way: counts, processor time and capacity add up.
func (s *Snapshot) Merge(o *Snapshot) {
	if s.To == 0 {
		s.From = o.From
	}
	s.From, s.To = min(s.From, o.From), max(s.To, o.To)
	for _, c := range o.Cells {
		s.Cell(c.Key).Merge(c)
	}
	for l := range o.Tallies {
		for g := range o.Tallies[l] {
			s.Tallies[l][g].Merge(&o.Tallies[l][g])
		}
	}
	s.Health.merge(&o.Health)
	s.addSpans(o.Spans, o.LeftOut)
}

// addSpans adds as many spans as there is room for, and counts the rest.
func (s *Snapshot) addSpans(spans []Span, leftOut uint64) {
	n := min(len(spans), MaxSpans-len(s.Spans))
	s.Spans = append(s.Spans, spans[:n]...)
	s.LeftOut += leftOut + uint64(len(spans)-n)
}

// Merge adds what o counted.
func (t *Tally) Merge(o *Tally) {
	t.Planned += o.Planned
	t.Sent += o.Sent
	t.Dropped += o.Dropped
	t.Completed += o.Completed
	t.Failed += o.Failed
	t.Unfinished += o.Unfinished
	t.Exhausted += o.Exhausted
	t.Busy += o.Busy
	t.Think += o.Think
}

func (h *Health) merge(o *Health) {
	h.CPU += o.CPU
	h.GC += o.GC
	h.Capacity += o.Capacity
	h.Saturated += o.Saturated
	h.OpenFiles = max(h.OpenFiles, o.OpenFiles)
	h.FileLimit = max(h.FileLimit, o.FileLimit)
	h.InFlight = max(h.InFlight, o.InFlight)
	h.Connections += o.Connections
	h.Users = o.Users
}

// Select returns a cell that holds all samples whose key keep accepts.
func (s *Snapshot) Select(keep func(Key) bool) *Cell {
	sum := &Cell{}
	for _, c := range s.Cells {
		if keep(c.Key) {
			sum.Merge(c)
		}
	}
	return sum
}
