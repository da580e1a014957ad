package budget

import (
	"strings"
	"time"

	"plimsoll/engine"
)

// suspects are the samples of a selection whose outcome may be the generator's own doing, in
// a run that it limited. A generator that is short of time makes requests late, not wrong, so
// only what was cut off or refused for the time it took is suspect; and of that no more than
// requests began late.
type suspects struct {
	timed [engine.NumOutcomes]uint64 // what only time made of it
	late  uint64                     // requests that began late
}

// lateFrom is the lag from which a request began late enough to end differently.
const lateFrom = 10 * time.Millisecond

// add counts what s saw of the selection. Users that wait for their turn have no lag, so
// nothing clears the requests of a closed load: all of them count as late.
func (x *suspects) add(s *engine.Snapshot, sel *selection) {
	for _, c := range s.Cells {
		if !sel.holds(c.Key) {
			continue
		}
		x.timed[c.Outcome] += timed(c, s.Legend.Requests[c.Request].Checks)
		if s.Legend.Loads[c.Load].Model == "closed" {
			x.late += c.Count()
			continue
		}
		c.Lag.Buckets(func(highest time.Duration, n uint64) bool {
			if highest >= lateFrom {
				x.late += n
			}
			return true
		})
	}
}

// timed returns how many samples of a cell are at most in it for the time that they took.
func timed(c *engine.Cell, checks []string) (n uint64) {
	switch c.Outcome {
	case engine.Unfinished:
		return c.Count()
	case engine.Error:
		for _, e := range c.Errors {
			if e.Kind == engine.ErrTimeout || e.Kind == engine.ErrFirstByteTimeout || e.Kind == engine.ErrConnectTimeout {
				n += e.N
			}
		}
	case engine.Failed:
		var otherwise uint64 // failed a check that is not about time
		for i, failed := range c.ChecksFailed {
			if i < len(checks) && strings.HasPrefix(checks[i], "latency") {
				n += failed
			} else {
				otherwise = max(otherwise, failed)
			}
		}
		n = min(n, c.Count()-min(otherwise, c.Count()))
	}
	return n
}

// shift returns by how much the suspects may have lowered or raised what is counted.
func (t *term) shift(p *part, x *suspects) (raised, lowered float64) {
	if t.metric.name == "dropped" {
		return float64(min(p.dropped, x.late)), 0
	}
	population := t.population()
	var inside, outside uint64
	for o, n := range x.timed {
		if population[o] {
			inside += n
		} else {
			outside += n
		}
	}
	if population[engine.OK] { // what was not in time would have been ok
		return 0, float64(min(outside, x.late))
	}
	return float64(min(inside, x.late)), 0
}

// doubted leaves open what the suspects would have changed about a share or a number.
func (t *term) doubted(e estimate, p *part, m measure, x *suspects) estimate {
	raised, lowered := t.shift(p, x)
	if m != share {
		e.less, e.more = raised, lowered
		return e
	}
	n := float64(p.total())
	if t.metric.name == "dropped" {
		n = float64(p.due)
	}
	e.less = e.low - wilson(max(e.value-raised/n, 0), n).low
	return e
}
