package search

import (
	"math"
	"slices"
)

// bracket is what is known of the line: the loads, and which of them are its bounds.
type bracket struct {
	loads        []load // rising
	lower, upper *load  // the highest that passed below the lowest that failed, or that the generator could not make
	held, broken *load  // the same, of those that do not only lean; one that was soaked stays the bound
	next         *load  // the highest above such a bound that would be it, had it been soaked
}

// bracket judges every load that has been tried. As in RFC 9971 the upper bound is the
// lowest load that failed, and the lower bound the highest below it that passed: where
// trials contradict each other, the line is taken to be lower.
func (s *Search) bracket() bracket {
	var rates []float64
	for _, t := range s.trials {
		if !slices.Contains(rates, t.Rate) {
			rates = append(rates, t.Rate)
		}
	}
	slices.Sort(rates)
	var b bracket
	for _, rate := range rates {
		b.loads = append(b.loads, s.judge(rate))
	}
	for i := range b.loads {
		l := &b.loads[i]
		if b.upper == nil {
			switch l.verdict {
			case Fail, Invalid:
				b.upper = l
			case Pass:
				b.lower = l
			case Undecided:
			}
		}
		if b.broken == nil {
			switch {
			case l.sure(Fail), l.verdict == Invalid:
				b.broken = l
			case l.sure(Pass) && (l.soaked || b.held == nil || !b.held.soaked):
				b.held, b.next = l, nil
			case l.sure(Pass):
				b.next = l
			}
		}
	}
	return b
}

// wanting returns the loads that have not had their trials and are worth them: one that has
// begun; the middle of the bracket; the bounds, once the bracket is so narrow that they
// are worth a closer look, or if there is only one.
func (b bracket) wanting(g Goal) (all []load) {
	short := func(l load) bool { return l.valid < g.Trials && l.verdict != Invalid && !l.tired }
	for _, l := range b.loads {
		if short(l) && !l.probed {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		for _, rate := range b.middle(g.Width) {
			all = append(all, load{rate: rate})
		}
	}
	if b.lower == nil || b.upper == nil || b.upper.rate < worthALook*b.lower.rate {
		for _, l := range []*load{b.lower, b.upper} {
			if l != nil && short(*l) && l.probed {
				all = append(all, *l)
			}
		}
	}
	return all
}

// worthALook is the ratio of the bounds below which they are no longer likely to be left
// behind.
const worthALook = 1.5

// middle returns the rates that part a bracket which is wider than width: its geometric
// middle, or the two thirds of one that is worth a closer look, whose trials then take
// turns.
func (b bracket) middle(width float64) (rates []float64) {
	if b.lower == nil || b.upper == nil {
		return nil
	}
	ratio := b.upper.rate / b.lower.rate
	if ratio-1 <= width*1.001 {
		return nil
	}
	parts := 2.0
	if ratio < worthALook && ratio-1 > 2*width {
		parts = 3
	}
	for i := 1.0; i < parts; i++ {
		rate := round(b.lower.rate * math.Pow(ratio, i/parts))
		if !slices.ContainsFunc(b.loads, func(l load) bool { return l.rate == rate }) {
			rates = append(rates, rate)
		}
	}
	return rates
}

// tighten returns the rate at which another trial brings the bounds that are sure closer:
// of the loads between them, which only lean, the lowest may yet become the lower bound and
// the highest the upper one, and the one with fewer trials comes first. Where it lies too
// far from the bound, a load between the two is better. A bound that is not known yet is
// as far away as can be.
func (b bracket) tighten(g Goal) (float64, bool) {
	low, high := 0.0, math.Inf(1)
	if b.held != nil {
		low = b.held.rate
	}
	if b.broken != nil {
		high = b.broken.rate
	}
	if high/low-1 <= g.Width*1.001 {
		return 0, false
	}
	var between []load
	for _, l := range b.loads {
		if l.rate > low && l.rate < high && l.leans {
			between = append(between, l)
		}
	}
	if len(between) == 0 {
		return 0, false
	}
	first, last := between[0], between[len(between)-1]
	switch {
	case low > 0 && first.rate/low > 1+2*g.Width:
		return round(math.Sqrt(first.rate * low)), true
	case b.broken != nil && high/last.rate > 1+2*g.Width:
		return round(math.Sqrt(last.rate * high)), true
	case first.valid <= last.valid:
		return first.rate, true
	}
	return last.rate, true
}
