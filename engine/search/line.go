package search

import (
	"math"
	"slices"
	"time"
)

// Limit is what the search found to bound the load.
type Limit string

// The limits.
const (
	TargetLimited    Limit = "target-limited"    // the target broke a promise above the line
	GeneratorLimited Limit = "generator-limited" // it kept them as far as the generator went
	Inconclusive     Limit = "inconclusive"      // too little is known to say
)

// Line is what is known of the load line.
type Line struct {
	Lower  float64 // highest rate that was seen to hold, per second; 0: none
	Upper  float64 // lowest rate that was seen not to, or that the generator could not make; 0: none
	Limit  Limit
	Soaked bool // the lower bound had a soak, and held in it
}

// Width is how far the bounds lie apart, as a share of the lower one; infinite if one is
// missing.
func (l Line) Width() float64 {
	if l.Lower == 0 || l.Upper == 0 {
		return math.Inf(1)
	}
	return l.Upper/l.Lower - 1
}

// Line returns what is known so far. A bound that has not had its trials yet is given all
// the same, but the line is then inconclusive.
func (s *Search) Line() Line {
	b := s.bracket()
	line := Line{Limit: Inconclusive}
	firm := true
	if l := b.held; l != nil {
		line.Lower, line.Soaked = l.rate, l.held
		firm = l.valid >= s.goal.Trials
	}
	if l := b.broken; l != nil {
		line.Upper = l.rate
		firm = firm && (l.valid >= s.goal.Trials || l.verdict == Invalid)
		// Without a lower bound the line lies below only if nothing below is open.
		firm = firm && (b.held != nil || l.rate == b.loads[0].rate)
	}
	reached := b.held != nil && s.goal.Most > 0 && b.held.rate >= s.goal.Most
	switch {
	case !firm:
	case b.broken != nil && b.broken.verdict == Fail:
		line.Limit = TargetLimited
	case b.held != nil && (reached || b.broken != nil):
		line.Limit = GeneratorLimited
	}
	return line
}

// Left estimates how long the search still takes if every trial decides.
func (s *Search) Left() time.Duration {
	b := s.bracket()
	one := s.measure(max(s.goal.Start, s.Line().Lower)).Length()
	trials := 4 * s.goal.Trials
	if b.held != nil && b.broken != nil {
		halvings := math.Ceil(math.Log2(math.Log(b.broken.rate/b.held.rate) / math.Log1p(s.goal.Width)))
		trials = int(max(halvings, 0)) * s.goal.Trials
		trials += max(s.goal.Trials-b.held.valid, 0) + max(s.goal.Trials-b.broken.valid, 0)
	}
	left := time.Duration(trials) * one
	if _, pending := s.soak(b); pending || b.held == nil {
		left += s.goal.Soak
	}
	return left
}

// Verdict returns what is known of a rate that was tried: Undecided where its verdict only
// leans, or rests on a probe that says too little.
func (s *Search) Verdict(rate float64) Verdict {
	switch l := s.judge(rate); {
	case l.leans:
		return Undecided
	case l.verdict == Pass && l.valid < s.goal.Trials:
		return conclude(pool(s.valid(rate)), s.unrest(rate))
	default:
		return l.verdict
	}
}

// valid returns the trials at a rate that are not invalid.
func (s *Search) valid(rate float64) []Trial {
	return slices.DeleteFunc(s.at(rate), func(t Trial) bool { return t.Verdict == Invalid })
}
