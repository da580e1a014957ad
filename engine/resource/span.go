package resource

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Span takes readings of one source one after the other, and tells how busy its resources
// were from the first to the last. Its zero value is ready to use. It holds no more than
// two readings.
type Span struct {
	first, last time.Time
	took, slack time.Duration // how long the first reading took, and how well both ends are known
	readings    int
	origin      string
	tracks      map[string]*track
	fault       string // why nothing can be told
}

// track follows one resource.
type track struct {
	now   Meter            // as it was read last
	begun map[string]Count // as it was read first
	inUse float64          // sum over the readings
	fault string           // why nothing can be told
}

// What a utilisation may be off by before it counts as wrong.
const (
	mostSlack  = 0.05 // uncertainty of both ends, as a share of the span
	mostDrift  = 0.1  // between the source's clock and ours, as a share of the span
	mostAbove1 = 0.05 // what clocks of 10 ms add; up to there it counts as 1
	leastLooks = 3    // at what is in use now, for an average
)

// Add takes the next reading.
func (s *Span) Add(r Reading) {
	if s.readings++; s.readings == 1 {
		s.first, s.took, s.origin, s.tracks = r.At, r.Took, r.Origin, map[string]*track{}
		for _, m := range r.Meters {
			s.tracks[m.Name] = &track{now: m, begun: maps.Clone(m.Busy), inUse: m.InUse}
		}
	}
	if r.Origin != s.origin && s.fault == "" {
		s.fault = "its counters began anew"
	}
	s.slack = max(s.took, r.Took) / 2
	if s.last = r.At; s.readings == 1 {
		return
	}
	seen := map[string]bool{}
	for _, m := range r.Meters {
		seen[m.Name] = true
		if t := s.tracks[m.Name]; t != nil {
			t.add(m)
		} else {
			s.tracks[m.Name] = &track{now: m, fault: "it was not there at the beginning"}
		}
	}
	for name, t := range s.tracks {
		if !seen[name] {
			t.fail("it was not there all the time")
		}
	}
}

// Fail takes a reading that could not be made: nothing can be told of this span any more.
func (s *Span) Fail(err error) {
	if s.fault == "" {
		s.fault = err.Error()
	}
}

func (t *track) fail(format string, args ...any) {
	if t.fault == "" {
		t.fault = fmt.Sprintf(format, args...)
	}
}

// add takes the next reading of a resource, and notices what does not fit the last.
func (t *track) add(m Meter) {
	if m.Units != t.now.Units {
		t.fail("its units changed from %g to %g", t.now.Units, m.Units)
	}
	for part, was := range t.now.Busy {
		is, there := m.Busy[part]
		switch {
		case !there && m.Busiest:
			delete(t.begun, part)
		case !there:
			t.fail("a part of it is gone")
		case is.Busy < was.Busy-1e-9 || is.Whole < was.Whole-1e-9:
			t.fail("its counter went back, as after a restart")
		}
	}
	if !m.Busiest && len(m.Busy) > len(t.now.Busy) {
		t.fail("a part of it is new")
	}
	t.inUse += m.InUse
	t.now = m
}

// Uses returns how busy the resources were, sorted by name, and a sentence on each of
// which nothing can be told.
func (s *Span) Uses() (uses []Use, notes []string) {
	elapsed := s.last.Sub(s.first)
	switch {
	case s.fault != "":
		return nil, []string{s.fault}
	case s.readings < 2 || elapsed <= 0:
		return nil, []string{"the time was too short for two readings"}
	}
	for _, name := range slices.Sorted(maps.Keys(s.tracks)) {
		t := s.tracks[name]
		u := s.utilisation(t, elapsed)
		if t.fault != "" {
			notes = append(notes, name+": "+t.fault)
			continue
		}
		uses = append(uses, Use{Name: name, Units: t.now.Units, Utilisation: u, Context: t.now.Context})
	}
	return uses, notes
}

// utilisation works out how busy a resource was, or sets its fault.
func (s *Span) utilisation(t *track, elapsed time.Duration) float64 {
	var u float64
	switch {
	case t.fault != "":
		return 0
	case !(t.now.Units > 0) || math.IsInf(t.now.Units, 0):
		t.fail("it has %g units", t.now.Units)
	case t.now.Busy == nil && s.readings < leastLooks:
		t.fail("the time was too short to look at it %d times", leastLooks)
	case t.now.Busy == nil:
		u = t.inUse / float64(s.readings) / t.now.Units
	default:
		u = t.counted(elapsed, s.slack)
	}
	if !(u >= 0 && u <= 1+mostAbove1) {
		t.fail("%g of its %g units would have been in use, so there must be more", u*t.now.Units, t.now.Units)
	}
	return min(u, 1)
}

// counted works out a utilisation from what the counters went up by.
func (t *track) counted(elapsed, slack time.Duration) float64 {
	var busy, whole, most float64
	for part, was := range t.begun {
		is := t.now.Busy[part]
		busy += is.Busy - was.Busy
		whole += is.Whole - was.Whole
		most = max(most, is.Busy-was.Busy)
	}
	if t.now.Busiest {
		busy = most
	}
	there := t.now.Units * elapsed.Seconds()
	if t.clocked() {
		if off := math.Abs(whole - there); off > mostDrift*there+2*slack.Seconds()*t.now.Units || whole <= 0 {
			t.fail("by its own clock %.3g s have passed, and not %.3g s", whole/t.now.Units, elapsed.Seconds())
		}
		return busy / whole
	}
	if slack > time.Duration(mostSlack*float64(elapsed)) {
		t.fail("reading it took up to %v, too long for %v", (2 * slack).Round(time.Millisecond), elapsed.Round(time.Millisecond))
	}
	return busy / there
}

// clocked reports whether the source counts the time, too.
func (t *track) clocked() bool {
	for _, c := range t.now.Busy {
		if c.Whole > 0 {
			return true
		}
	}
	return false
}
