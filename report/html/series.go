package html

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/latency"
	"plimsoll/report"
)

// The bounds of what a page draws, so that it stays small however long a run was.
const (
	mostBuckets = 360 // spans on a time axis, of one load
	mostLoads   = 8   // loads with charts
	mostKinds   = 8   // kinds of error with a line of their own
)

// timeline is the intervals of a run merged into buckets. Histograms are merged before a
// percentile is taken; nothing is averaged.
type timeline struct {
	width     time.Duration // of a bucket
	intervals int           // that were read
	from, to  []float64     // of each bucket, in seconds from the start of the run
	loads     []*loadSeries
	health    healthSeries
	missing   []string // what could not be read, in words
}

// loadSeries is one load in buckets.
type loadSeries struct {
	offered, achieved, goodput []float64                    // per second
	inFlight                   []float64                    // on average
	latency, service           [numShares + 1][]float64     // ms; the last is the maximum
	lag                        []float64                    // p99, ms
	phases                     [flow.NumPhases][2][]float64 // p50 and p99, ms
	errors                     map[string][]uint64
	requests                   []uint64
	heat                       []map[int]uint64 // by row
	allLatency, allService     latency.Histogram
}

// healthSeries is the generator in buckets.
type healthSeries struct{ cpu, gc, files, users, inFlight, lag []float64 }

// numShares is how many percentiles there are over time, besides the maximum.
const numShares = 5

// shares returns the percentiles over time.
func shares() [numShares]float64 { return [...]float64{0.50, 0.90, 0.95, 0.99, 0.999} }

// at returns the middle of each bucket.
func (t *timeline) at() Numbers {
	out := make(Numbers, len(t.from))
	for i := range out {
		out[i] = (t.from[i] + t.to[i]) / 2
	}
	return out
}

// edges returns the starts of the buckets and the end of the last.
func (t *timeline) edges() Numbers {
	if len(t.from) == 0 {
		return nil
	}
	return append(slices.Clone(Numbers(t.from)), t.end())
}

func (t *timeline) end() float64 {
	if len(t.to) == 0 {
		return 0
	}
	return t.to[len(t.to)-1]
}

// readTimeline reads the intervals of a run. What is wrong with them is in missing; the
// rest is there.
func readTimeline(s *report.Saved) *timeline {
	legend := s.Run.Legend.Engine()
	t := &timeline{width: bucketWidth(s, len(legend.Loads))}
	for range legend.Loads {
		t.loads = append(t.loads, &loadSeries{errors: map[string][]uint64{}})
	}
	if s.Dir == "" {
		t.missing = append(t.missing, "the run was not saved with its intervals, so nothing is shown over time")
		return t
	}
	b := &merger{timeline: t, legend: legend}
	for snapshot, err := range s.Intervals() {
		if err != nil {
			t.missing = append(t.missing, lost(err))
			break
		}
		b.add(snapshot)
	}
	b.finish()
	if gap := s.Run.DurationS - t.end(); len(t.missing) > 0 && len(t.from) > 0 && gap > 1.5*b.width.Seconds() {
		t.missing = append(t.missing, fmt.Sprintf("charts end at %s of %s; tables of the whole run hold all of it",
			report.FormatDuration(spanOf(t.end())), report.FormatDuration(spanOf(s.Run.DurationS))))
	}
	return t
}

// lost says in words what an error in reading intervals means.
func lost(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return filepath.Base(e.Path) + " cannot be read (" + e.Err.Error() + "), so nothing is shown over time"
	}
	if errors.Is(err, report.ErrTruncated) {
		return err.Error()
	}
	return "the intervals end early: " + err.Error()
}

// bucketWidth returns how long a bucket is: a whole number of intervals.
func bucketWidth(s *report.Saved, loads int) time.Duration {
	interval := time.Duration(s.Run.IntervalS * float64(time.Second))
	if interval <= 0 {
		interval = time.Second
	}
	most := mostBuckets
	if loads > 3 {
		most = max(3*mostBuckets/min(loads, mostLoads), 1)
	}
	n := max(countLines(filepath.Join(s.Dir, report.CounterFile)), 1)
	return interval * time.Duration((n+most-1)/most)
}

// countLines returns how many lines a file has, 0 if it cannot be read.
func countLines(path string) (n int) {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	buffer := make([]byte, 64<<10)
	for {
		k, err := f.Read(buffer)
		n += bytes.Count(buffer[:k], []byte{'\n'})
		if errors.Is(err, io.EOF) || err != nil {
			return n
		}
	}
}

// merger fills the buckets of a timeline, one after the other.
type merger struct {
	*timeline
	legend *engine.Legend
	bucket *engine.Snapshot // nil: none is begun
	before *engine.Snapshot // the bucket before, until what follows is known to be long enough to stand alone
	index  int64
	cell   engine.Cell // scratch: what of a load was answered
	lag    latency.Histogram
}

func (b *merger) add(s *engine.Snapshot) {
	b.intervals++
	index := int64(s.From / b.width)
	if b.bucket != nil && index != b.index {
		b.close()
	}
	if b.bucket == nil {
		b.bucket, b.index = engine.NewSnapshot(b.legend), index
	}
	b.bucket.Merge(s)
}

// close ends a bucket. One that is much shorter than the others, as the time in which the
// last answers come in, belongs to the one before: its rates would be those of a moment.
func (b *merger) close() {
	if b.before != nil && b.bucket.To-b.bucket.From < b.width/2 {
		b.before.Merge(b.bucket)
	} else {
		b.flush()
		b.before = b.bucket
	}
	b.bucket = nil
}

// finish ends the last bucket.
func (b *merger) finish() {
	if b.bucket != nil {
		b.close()
	}
	b.flush()
}

// flush turns the bucket before into a point of each series.
func (b *merger) flush() {
	s := b.before
	if s == nil || s.To <= s.From {
		return
	}
	b.before = nil
	b.from, b.to = append(b.from, s.From.Seconds()), append(b.to, s.To.Seconds())
	b.lag.Reset()
	for i := range b.loads {
		b.load(s, i)
	}
	h := &b.health
	h.cpu = append(h.cpu, ratio(s.Health.CPU, s.Health.Capacity))
	h.gc = append(h.gc, ratio(s.Health.GC, s.Health.Capacity))
	h.files = append(h.files, float64(s.Health.OpenFiles))
	h.users = append(h.users, float64(s.Health.Users))
	h.inFlight = append(h.inFlight, float64(s.Health.InFlight))
	h.lag = append(h.lag, quantile(&b.lag, 0.99))
}

func (b *merger) load(s *engine.Snapshot, i int) {
	l, span := b.loads[i], (s.To - s.From).Seconds()
	b.cell.Reset()
	var requests uint64
	for _, c := range s.Cells {
		if c.Load != i {
			continue
		}
		requests += c.Count()
		l.fail(c, s.Legend, len(b.from)-1)
		if c.Outcome != engine.Error {
			b.cell.Merge(c)
		}
	}
	var t engine.Tally
	for g := range s.Tallies[i] {
		t.Merge(&s.Tallies[i][g])
	}
	l.count("dropped", t.Dropped, len(b.from)-1)
	l.requests = append(l.requests, requests)
	l.offered = append(l.offered, float64(t.Sent+t.Dropped)/span)
	l.achieved = append(l.achieved, float64(t.Completed+t.Failed)/span)
	l.goodput = append(l.goodput, float64(t.Completed)/span)
	l.inFlight = append(l.inFlight, t.Busy.Seconds()/span)
	b.times(l)
	if s.Legend.Loads[i].Model == "open" {
		b.lag.Merge(&b.cell.Lag)
	}
}

// times adds the percentiles of what was answered in the bucket.
func (b *merger) times(l *loadSeries) {
	for k, q := range shares() {
		l.latency[k] = append(l.latency[k], quantile(&b.cell.Latency, q))
		l.service[k] = append(l.service[k], quantile(&b.cell.Service, q))
	}
	l.latency[numShares] = append(l.latency[numShares], quantile(&b.cell.Latency, 1))
	l.service[numShares] = append(l.service[numShares], quantile(&b.cell.Service, 1))
	l.lag = append(l.lag, quantile(&b.cell.Lag, 0.99))
	for p := range b.cell.Phases {
		for k, q := range [...]float64{0.5, 0.99} {
			l.phases[p][k] = append(l.phases[p][k], quantile(&b.cell.Phases[p], q))
		}
	}
	rows := map[int]uint64{}
	b.cell.Latency.Buckets(func(highest time.Duration, n uint64) bool {
		rows[rowOf(highest)] += n
		return true
	})
	l.heat = append(l.heat, rows)
	l.allLatency.Merge(&b.cell.Latency)
	l.allService.Merge(&b.cell.Service)
}

// fail counts what went wrong in a cell.
func (l *loadSeries) fail(c *engine.Cell, legend *engine.Legend, bucket int) {
	switch c.Outcome {
	case engine.OK:
		return
	case engine.Unfinished:
		l.count("unfinished", c.Count(), bucket)
		return
	}
	for _, e := range c.Errors {
		l.count(e.Kind, e.N, bucket)
	}
	for _, code := range c.Codes {
		if code.Status >= 400 {
			l.count("status "+strconv.Itoa(code.Status), code.N, bucket)
		}
	}
	for i, n := range c.ChecksFailed {
		if checks := legend.Requests[c.Request].Checks; i < len(checks) {
			l.count("check "+checks[i], n, bucket)
		}
	}
}

func (l *loadSeries) count(kind string, n uint64, bucket int) {
	if n == 0 {
		return
	}
	have := l.errors[kind]
	for len(have) <= bucket {
		have = append(have, 0)
	}
	have[bucket] += n
	l.errors[kind] = have
}

// rowsPerDecade is how fine a heat map is along y.
const rowsPerDecade = 12

// rowOf returns the row of a heat map for a duration: row 0 begins at 1 ms.
func rowOf(d time.Duration) int {
	return int(math.Floor(rowsPerDecade * math.Log10(float64(max(d, 1))/1e6)))
}

// quantile returns a quantile in milliseconds, NaN without samples.
func quantile(h *latency.Histogram, q float64) float64 {
	if h.Count() == 0 {
		return math.NaN()
	}
	return milliseconds(h.Quantile(q))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}
