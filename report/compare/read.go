package compare

import (
	"errors"
	"fmt"
	"math"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report"
)

// subject is what a row speaks of: a load, or a request in it.
type subject struct{ load, request string }

// measured is a run in numbers, by subject.
type measured struct {
	figures map[subject]*figures
	span    time.Duration
	note    string // what is missing
}

// figures are what one run saw of a subject.
type figures struct {
	times      latency.Histogram   // latency of what was answered, and of what was unfinished at its age
	summary    *report.Quantiles   // instead of times, if the intervals cannot be read
	count, bad uint64              // requests; bad are all that were not answered well
	goodput    float64             // per second; NaN for a request
	blocks     []latency.Histogram // times, by when in the run
	ended      []uint64            // requests by when in the run
}

// mostBlocks bounds in how many parts of equal length a run is cut.
const mostBlocks = 60

// cutting is how runs are cut into parts, the same for all that are compared: each part is
// a whole number of intervals.
type cutting struct {
	width time.Duration
	count int
}

// cutFor returns the parts of the longest of the runs.
func cutFor(runs []*report.Saved) cutting {
	var span, interval time.Duration
	for _, s := range runs {
		span = max(span, seconds(s.Run.DurationS))
		interval = max(interval, seconds(s.Run.IntervalS))
	}
	if interval <= 0 {
		interval = time.Second
	}
	intervals := max((span+mostBlocks*interval-1)/(mostBlocks*interval), 1) // a part has
	width := time.Duration(int64(interval) * int64(intervals))
	return cutting{width, int(max((span+width-1)/width, 1))}
}

// at returns the part in which a span lies.
func (c cutting) at(from, to time.Duration) int {
	return min(max(int((from+(to-from)/2)/c.width), 0), c.count-1)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// reader says what of a run is read.
type reader struct {
	stage    string // only this stage, unless it is ""
	requests bool   // requests are cut into blocks, too, not only loads
	cut      cutting
}

// read takes the numbers of a run from its intervals, or else from its summary.
func (r reader) read(saved *report.Saved) (*measured, error) {
	m := &measured{figures: map[subject]*figures{}, span: seconds(saved.Run.DurationS)}
	err := r.intervals(saved, m)
	switch {
	case errors.Is(err, report.ErrTruncated):
		m.note = fmt.Sprintf("%s: %v", saved.Dir, err)
	case err != nil && r.stage != "":
		return nil, fmt.Errorf("%s: stage %s: %w", saved.Dir, r.stage, err)
	case err != nil:
		m.figures = map[subject]*figures{}
		m.summary(saved.Run)
		m.note = fmt.Sprintf("%s: only its summary can be read: %v", saved.Dir, err)
	}
	r.goodput(saved.Run, m)
	return m, nil
}

// at returns the figures of a subject, made if they are not there.
func (m *measured) at(s subject) *figures {
	f := m.figures[s]
	if f == nil {
		f = &figures{goodput: math.NaN()}
		m.figures[s] = f
	}
	return f
}

func (r reader) intervals(saved *report.Saved, m *measured) error {
	legend := saved.Run.Legend.Engine()
	for snapshot, err := range saved.Intervals() {
		if err != nil {
			return err
		}
		block := r.cut.at(snapshot.From, snapshot.To)
		for _, c := range snapshot.Cells {
			load := legend.Loads[c.Load]
			if r.stage != "" && (c.Stage >= len(load.Stages) || load.Stages[c.Stage].Name != r.stage) {
				continue
			}
			whole, one := m.at(subject{load: load.Name}), m.at(subject{load.Name, legend.Requests[c.Request].Name})
			whole.add(c)
			whole.addBlock(c, block, r.cut.count)
			one.add(c)
			if r.requests {
				one.addBlock(c, block, r.cut.count)
			}
		}
	}
	return nil
}

func (f *figures) add(c *engine.Cell) {
	f.count += c.Count()
	if c.Outcome != engine.OK {
		f.bad += c.Count()
	}
	if c.Outcome != engine.Error {
		f.times.Merge(&c.Latency)
	}
}

func (f *figures) addBlock(c *engine.Cell, block, count int) {
	if f.blocks == nil {
		f.blocks, f.ended = make([]latency.Histogram, count), make([]uint64, count)
	}
	f.ended[block] += c.Count()
	if c.Outcome != engine.Error {
		f.blocks[block].Merge(&c.Latency)
	}
}

// summary takes the numbers from run.json.
func (m *measured) summary(run *report.Run) {
	for _, l := range run.Loads {
		whole := m.at(subject{load: l.Name})
		whole.summary = l.Latency
		for _, r := range l.Requests {
			one := m.at(subject{l.Name, r.Name})
			one.summary, one.count, one.bad = r.Latency, r.Count, r.Count-r.OK
			whole.count += one.count
			whole.bad += one.bad
		}
	}
}

func (r reader) goodput(run *report.Run, m *measured) {
	for _, l := range run.Loads {
		rates := l.Rates
		if r.stage != "" {
			rates = report.Rates{}
			for _, g := range l.Stages {
				if g.Name == r.stage {
					rates = g.Rates
				}
			}
		}
		if rates.SpanS > 0 {
			m.at(subject{load: l.Name}).goodput = rates.Goodput
		}
	}
}

// metric is one figure that is compared.
type metric struct {
	name     string
	quantile float64 // of the latency; 0 if it is none
	unit     string
	relative bool // compared as a ratio
	upwards  bool // more is better
}

func metrics() []metric {
	return []metric{
		{name: "p50", quantile: 0.5, unit: "ms", relative: true},
		{name: "p90", quantile: 0.9, unit: "ms", relative: true},
		{name: "p95", quantile: 0.95, unit: "ms", relative: true},
		{name: "p99", quantile: 0.99, unit: "ms", relative: true},
		{name: "p99.9", quantile: 0.999, unit: "ms", relative: true},
		{name: "mean", unit: "ms", relative: true},
		{name: "errors", unit: "share"},
		{name: "goodput", unit: "/s", relative: true, upwards: true},
	}
}

// value returns the metric of a run, NaN without data. The subject may be missing.
func (f *figures) value(m metric) float64 {
	switch {
	case f == nil || f.count == 0:
		return math.NaN()
	case m.name == "errors":
		return float64(f.bad) / float64(f.count)
	case m.name == "goodput":
		return f.goodput
	case f.times.Count() > 0 && m.name == "mean":
		return milliseconds(f.times.Mean())
	case f.times.Count() > 0:
		return milliseconds(f.times.Quantile(m.quantile))
	case f.summary != nil:
		q := f.summary
		return map[string]float64{"p50": q.P50, "p90": q.P90, "p95": q.P95, "p99": q.P99, "p99.9": q.P999, "mean": q.Mean}[m.name]
	}
	return math.NaN()
}

// samples returns how many requests the metric rests on.
func (f *figures) samples(m metric) uint64 {
	switch {
	case f == nil:
		return 0
	case m.unit != "ms":
		return f.count
	case f.times.Count() > 0 || f.summary == nil:
		return f.times.Count()
	}
	return f.summary.Count
}

// needs returns how many requests a run must have for the metric to be more than their
// maximum.
func (m metric) needs() uint64 {
	if m.quantile == 0 {
		return 1
	}
	return uint64(math.Ceil(1/(1-m.quantile) - 1e-9))
}

// scale brings a value onto the scale on which differences are taken: logarithms of what is
// compared as a ratio. A ratio with zero has no meaning, and is NaN.
func (m metric) scale(x float64) float64 {
	if !m.relative {
		return x
	}
	if x <= 0 {
		return math.NaN()
	}
	return math.Log(x)
}

// change brings a difference on that scale back.
func (m metric) change(shift float64) float64 {
	if m.relative {
		return Ratio(shift)
	}
	return shift
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
