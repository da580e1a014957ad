package live

import (
	"math"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
)

// A spread counts durations in buckets that grow by the sixteenth root of two, from a
// microsecond to over an hour: coarse enough to keep hundreds of them, and they merge without
// loss, so a percentile over any span is that of all its requests, to within 5 %.
const (
	perOctave = 16
	octaves   = 32
	buckets   = perOctave * octaves
)

type spread struct {
	n  uint64
	at [buckets]uint32
}

// bucketOf returns the bucket of a duration; the first and the last one are open.
func bucketOf(d time.Duration) int {
	if d <= time.Microsecond {
		return 0
	}
	return min(int(perOctave*math.Log2(float64(d)/float64(time.Microsecond))), buckets-1)
}

// edge returns the lower end of a bucket.
func edge(bucket float64) time.Duration {
	return time.Duration(math.Exp2(bucket/perOctave) * float64(time.Microsecond))
}

func (s *spread) add(h *latency.Histogram) {
	for d, n := range h.Buckets {
		i := bucketOf(d)
		s.at[i] = uint32(min(uint64(s.at[i])+n, math.MaxUint32)) // four thousand million in one bucket: nobody sees the difference
		s.n += n
	}
}

func (s *spread) merge(o *spread) {
	if o.n == 0 {
		return
	}
	for i, n := range o.at {
		s.at[i] += n
	}
	s.n += o.n
}

// quantile returns about the value below which a share q lies, 0 without values.
func (s *spread) quantile(q float64) time.Duration {
	if s.n == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(s.n))), 1)
	var seen uint64
	for i, n := range s.at {
		if seen += uint64(n); seen >= rank {
			return edge(float64(i) + 0.5)
		}
	}
	return edge(buckets)
}

// column is what happened in a span, as much of it as is drawn.
type column struct {
	from, to                         time.Duration
	sent, dropped, completed, failed uint64 // arrivals or passes
	requests, bad                    uint64
	inFlight                         int
	latency, service, lag            spread // of what was answered; lag of all requests of open loads
	cpu, capacity                    time.Duration
}

// columnOf returns the column of a snapshot.
func columnOf(s *engine.Snapshot) *column {
	c := &column{from: s.From, to: s.To, inFlight: s.Health.InFlight, cpu: s.Health.CPU, capacity: s.Health.Capacity}
	for _, stages := range s.Tallies {
		for _, t := range stages {
			c.sent += t.Sent
			c.dropped += t.Dropped
			c.completed += t.Completed
			c.failed += t.Failed
		}
	}
	for _, cell := range s.Cells {
		c.requests += cell.Count()
		if cell.Outcome == engine.Failed || cell.Outcome == engine.Error {
			c.bad += cell.Count()
		}
		if cell.Outcome != engine.Error {
			c.latency.add(&cell.Latency)
			c.service.add(&cell.Service)
		}
		if s.Legend.Loads[cell.Load].Model == "open" {
			c.lag.add(&cell.Lag)
		}
	}
	return c
}

// merge adds what o has seen; the span grows to hold both.
func (c *column) merge(o *column) {
	if c.to == 0 {
		c.from = o.from
	}
	c.from, c.to = min(c.from, o.from), max(c.to, o.to)
	c.sent += o.sent
	c.dropped += o.dropped
	c.completed += o.completed
	c.failed += o.failed
	c.requests += o.requests
	c.bad += o.bad
	c.inFlight = max(c.inFlight, o.inFlight)
	c.latency.merge(&o.latency)
	c.service.merge(&o.service)
	c.lag.merge(&o.lag)
	c.cpu += o.cpu
	c.capacity += o.capacity
}

// offered and achieved are arrivals or passes per second.
func (c *column) offered() float64  { return c.per(c.sent + c.dropped) }
func (c *column) achieved() float64 { return c.per(c.completed + c.failed) }

func (c *column) per(n uint64) float64 {
	if c.to <= c.from {
		return 0
	}
	return float64(n) / (c.to - c.from).Seconds()
}

// window keeps the columns of a run in bounded memory: the last ones as they came, and all of
// them merged by two, four, eight … as the run gets long.
type window struct {
	recent []*column
	all    []*column
	every  int // how many intervals a column of all holds
	held   int // how many the last one of them holds
}

const (
	mostRecent = 320
	mostAll    = 600
)

func (w *window) add(c *column) {
	w.recent = append(w.recent, c)
	if len(w.recent) > mostRecent {
		w.recent = w.recent[1:]
	}
	w.every = max(w.every, 1)
	if len(w.all) == 0 || w.held >= w.every {
		w.all, w.held = append(w.all, &column{}), 0
	}
	w.all[len(w.all)-1].merge(c)
	w.held++
	if len(w.all) <= mostAll {
		return
	}
	half := make([]*column, 0, mostAll/2+1) // the last one, just begun, stays alone: mostAll is even
	for i, c := range w.all {
		if i%2 == 0 {
			half = append(half, c)
		} else {
			half[len(half)-1].merge(c)
		}
	}
	w.all, w.every = half, 2*w.every
}

// span returns the columns that have something to say about a span.
func (w *window) span(from, to time.Duration) []*column {
	from, to = max(from, 0), max(to, 0)
	source := w.all
	if len(w.recent) > 0 && w.recent[0].from <= from {
		source = w.recent
	}
	first := 0
	for first < len(source) && source[first].to <= from {
		first++
	}
	last := first
	for last < len(source) && source[last].from < to {
		last++
	}
	return source[first:last]
}

// fold merges the columns of a span into n of equal length; nil where there is none. A column
// is where its middle lies, and if it is longer than a place it is in all it covers.
func (w *window) fold(from, to time.Duration, n int) []*column {
	places := make([]*column, n)
	owned := make([]bool, n)
	each := float64(to-from) / float64(n)
	if each <= 0 {
		return places
	}
	for _, c := range w.span(from, to) {
		first := int(math.Floor(float64(c.from-from) / each))
		last := int(math.Ceil(float64(c.to-from)/each)) - 1
		if float64(c.to-c.from) < 2*each { // short ones are merged
			first = int(math.Floor((float64(c.from+c.to)/2 - float64(from)) / each))
			last = max(first, last)
			if float64(c.to-c.from) <= each {
				last = first
			}
		}
		for i := max(first, 0); i <= min(last, n-1); i++ {
			switch {
			case places[i] == nil:
				places[i] = c
			case !owned[i]:
				sum := &column{}
				sum.merge(places[i])
				sum.merge(c)
				places[i], owned[i] = sum, true
			default:
				places[i].merge(c)
			}
		}
	}
	return places
}

// lately merges the columns of the last span.
func (w *window) lately(span time.Duration) *column {
	sum := &column{}
	if len(w.recent) == 0 {
		return sum
	}
	to := w.recent[len(w.recent)-1].to
	for i := len(w.recent) - 1; i >= 0 && w.recent[i].from >= to-span-span/100; i-- {
		sum.merge(w.recent[i])
	}
	return sum
}
