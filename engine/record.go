package engine

import (
	"runtime"
	"sync/atomic"
)

// recorder counts samples while others go on recording. It holds a few shards, each with
// its own histograms, and a worker claims one for the few nanoseconds of an update: first
// its own, and if that is taken the next. So nobody waits, even for a worker that the
// system stopped in the middle of an update, and nothing is allocated once the
// histograms have met their values.
type recorder struct {
	legend *Legend
	offset []int // per load, where its cells begin in a table
	cells  int
	shards []shard
}

type shard struct {
	taken atomic.Bool
	now   *table
	spare *table
	_     [40]byte // a shard to a cache line
}

// table is the counts of one shard and span: cells by (load, stage, request, outcome),
// made when first needed.
type table struct {
	cells   []*Cell
	tallies [][]Tally
	spans   []Span
	leftOut uint64 // spans beyond shardSpans
}

func newRecorder(l *Legend) *recorder {
	r := &recorder{legend: l, offset: make([]int, len(l.Loads))}
	for i, load := range l.Loads {
		r.offset[i] = r.cells
		r.cells += max(len(load.Stages), 1) * len(l.Requests) * int(NumOutcomes)
	}
	r.shards = make([]shard, 2*runtime.GOMAXPROCS(0))
	for i := range r.shards {
		r.shards[i].now, r.shards[i].spare = r.newTable(), r.newTable()
	}
	return r
}

func (r *recorder) newTable() *table {
	return &table{cells: make([]*Cell, r.cells), tallies: NewSnapshot(r.legend).Tallies}
}

// claim returns a shard that is the caller's until release.
func (r *recorder) claim(home int) *shard {
	for i := uint(home); ; i++ {
		s := &r.shards[i%uint(len(r.shards))]
		if s.taken.CompareAndSwap(false, true) {
			return s
		}
		if i%64 == 63 {
			runtime.Gosched() // all were taken: let their holders run
		}
	}
}

func (s *shard) release() { s.taken.Store(false) }

// add counts a sample; home is any number that differs between workers.
func (r *recorder) add(home int, m *Sample) {
	at := r.offset[m.Load] + (m.Stage*len(r.legend.Requests)+m.Request)*int(NumOutcomes) + int(m.Outcome)
	s := r.claim(home)
	c := s.now.cells[at]
	if c == nil {
		c = &Cell{Key: Key{m.Load, m.Stage, m.Request, m.Outcome}}
		s.now.cells[at] = c
	}
	c.Add(m)
	s.release()
}

// tally adds counts of arrivals or passes.
func (r *recorder) tally(home, load, stage int, t *Tally) {
	s := r.claim(home)
	s.now.tallies[load][stage].Merge(t)
	s.release()
}

// trace keeps a span.
func (r *recorder) trace(home int, span *Span) {
	s := r.claim(home)
	if len(s.now.spans) < shardSpans {
		s.now.spans = append(s.now.spans, *span)
	} else {
		s.now.leftOut++
	}
	s.release()
}

// cut returns what was counted since the cut before. One goroutine cuts at a time. All
// shards are taken within a moment: what follows from something counted in one of them
// may be counted in another.
func (r *recorder) cut() *Snapshot {
	for i := range r.shards {
		s := &r.shards[i]
		for !s.taken.CompareAndSwap(false, true) {
			runtime.Gosched()
		}
		s.now, s.spare = s.spare, s.now
		s.release()
	}
	out := NewSnapshot(r.legend)
	for i := range r.shards {
		Yield()
		r.shards[i].spare.drain(out)
	}
	return out
}

// drain adds the table to the snapshot and empties it.
func (t *table) drain(out *Snapshot) {
	for _, c := range t.cells {
		if c != nil && c.Count() > 0 {
			out.Cell(c.Key).Merge(c)
			c.Reset()
		}
	}
	for l := range t.tallies {
		for g := range t.tallies[l] {
			out.Tallies[l][g].Merge(&t.tallies[l][g])
		}
		clear(t.tallies[l])
	}
	out.addSpans(t.spans, t.leftOut)
	clear(t.spans)
	t.spans, t.leftOut = t.spans[:0], 0
}
