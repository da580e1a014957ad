package budget

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
)

// part is what a stretch of the run saw of a selection.
type part struct {
	counts       [engine.NumOutcomes]uint64
	due, dropped uint64            // arrivals
	times        latency.Histogram // of the selection's clock and outcomes
	active       time.Duration     // how long the selected stages ran in it
}

// add counts what s saw of the selection.
func (p *part) add(s *engine.Snapshot, sel *selection) {
	for _, c := range s.Cells {
		if !sel.holds(c.Key) {
			continue
		}
		p.counts[c.Outcome] += c.Count()
		if sel.clock != noClock && sel.outcomes[c.Outcome] {
			p.times.Merge(sel.clock.of(c))
		}
	}
	for l := range s.Tallies {
		for g, t := range s.Tallies[l] {
			if sel.stages[l][g] {
				p.due += t.Sent + t.Dropped
				p.dropped += t.Dropped
			}
		}
	}
	p.active += sel.active.within(span{s.From, s.To})
}

func (p *part) merge(o *part) {
	for i, n := range o.counts {
		p.counts[i] += n
	}
	p.due += o.due
	p.dropped += o.dropped
	p.times.Merge(&o.times)
	p.active += o.active
}

// reset empties the part and keeps its memory.
func (p *part) reset() {
	p.times.Reset()
	*p = part{times: p.times}
}

// requests counts those of the given outcomes.
func (p *part) requests(outcomes [engine.NumOutcomes]bool) (n uint64) {
	for o, wanted := range outcomes {
		if wanted {
			n += p.counts[o]
		}
	}
	return n
}

// total counts the requests of every outcome.
func (p *part) total() (n uint64) {
	for _, k := range p.counts {
		n += k
	}
	return n
}

// figure is the value of a metric, and how far it can be trusted.
type figure struct {
	value   float64 // in the unit of the measure; NaN without data
	floor   float64 // what it would at least be with enough data; NaN if unknown
	samples uint64
	lack    string // why there is no value, or not enough data for one
}

func lacking(format string, args ...any) figure {
	return figure{value: math.NaN(), floor: math.NaN(), lack: fmt.Sprintf(format, args...)}
}

// seen returns how many things the figure could be about: none of them is no data.
func (t *term) seen(p *part) uint64 {
	if t.metric.name == "dropped" {
		return p.due
	}
	return p.total()
}

// figure works out the metric.
func (t *term) figure(p *part, m measure) figure {
	if t.metric.clock != noClock {
		return t.time(p)
	}
	n := p.requests(t.population())
	switch t.metric.name {
	case "errors":
		if p.total() == 0 {
			return lacking("there were no requests")
		}
		return exactly(float64(n)/float64(p.total()), p.total())
	case "dropped":
		if m != share {
			return exactly(float64(p.dropped), p.due)
		}
		if p.due == 0 {
			return lacking("no arrival was due")
		}
		return exactly(float64(p.dropped)/float64(p.due), p.due)
	case "count":
		return exactly(float64(n), n)
	default:
		if p.active <= 0 {
			return lacking("the load was not running")
		}
		return exactly(float64(n)/p.active.Seconds(), n)
	}
}

func exactly(value float64, samples uint64) figure {
	return figure{value: value, floor: math.NaN(), samples: samples}
}

// time works out a figure of the histogram.
func (t *term) time(p *part) figure {
	n := p.times.Count()
	switch {
	case p.total() == 0:
		return lacking("there were no requests")
	case n == 0 && t.metric.clock >= dnsClock:
		return lacking("no request had a %s phase", t.metric.clock)
	case n == 0:
		return lacking("none of the %s had the outcome %s", requests(p.total()), t.outcomeNames())
	case t.metric.name == "mean":
		return exactly(float64(p.times.Sum())/float64(n), n)
	case t.metric.name == "max":
		return exactly(float64(p.times.Max()), n)
	default:
		return percentile(&p.times, t.metric)
	}
}

// outcomeNames lists the outcomes that the metric is about.
func (t *term) outcomeNames() string {
	var names []string
	for o, wanted := range t.population() {
		if wanted {
			names = append(names, engine.Outcome(o).String())
		}
	}
	return strings.Join(names, " or ")
}

// percentile is the ⌈n·q⌉-th smallest of n values. Below 1/(1−q) values it would only be
// their maximum, and says nothing about the share 1−q. What can be said then is its
// floor: the value it would have if all the values that are missing were small.
func percentile(h *latency.Histogram, m metric) figure {
	const whole = 1_000_000
	n, beyond := h.Count(), whole-m.ppm
	f := exactly(float64(ranked(h, divideUp(n*m.ppm, whole))), n)
	need := divideUp(whole, beyond)
	if n >= need {
		return f
	}
	f.lack = fmt.Sprintf("%s needs at least %s, there %s", m, requests(need), were(n))
	if fromTop := need - divideUp(need*m.ppm, whole); n > fromTop {
		f.floor = float64(ranked(h, n-fromTop))
	}
	return f
}

// ranked returns the k-th smallest value. Half a rank less keeps the rounding of q·n from
// reaching the next one.
func ranked(h *latency.Histogram, k uint64) time.Duration {
	return h.Quantile((float64(k) - 0.5) / float64(h.Count()))
}

func divideUp(a, b uint64) uint64 { return (a + b - 1) / b }

func requests(n uint64) string {
	if n == 1 {
		return "1 request"
	}
	return thousands(n) + " requests"
}

func were(n uint64) string {
	if n == 1 {
		return "was 1"
	}
	return "were " + thousands(n)
}

// thousands writes n with commas.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
