package budget

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// forever is the end of a stage that has none.
const forever = time.Duration(math.MaxInt64)

// span is from one offset to another.
type span struct{ from, to time.Duration }

func (s span) length() time.Duration { return s.to - s.from }

// overlap returns what s and o share; its length is 0 or less if they share nothing.
func (s span) overlap(o span) span { return span{max(s.from, o.from), min(s.to, o.to)} }

// spans are in order and do not touch each other.
type spans []span

// with returns the spans and the one from … to, joined where they touch.
func (s spans) with(from, to time.Duration) spans {
	all := append(slices.Clone(s), span{from, to})
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := all[:1]
	for _, x := range all[1:] {
		last := &joined[len(joined)-1]
		if x.from > last.to {
			joined = append(joined, x)
			continue
		}
		last.to = max(last.to, x.to)
	}
	return joined
}

// and returns what lies in both.
func (s spans) and(o spans) (both spans) {
	for _, a := range s {
		for _, b := range o {
			if x := a.overlap(b); x.length() > 0 {
				both = append(both, x)
			}
		}
	}
	return both
}

// within returns how much of x the spans cover.
func (s spans) within(x span) (covered time.Duration) {
	for _, y := range s {
		covered += max(y.overlap(x).length(), 0)
	}
	return covered
}

// at returns the index of the last span that x reaches into, and the part that lies in
// it; -1 if there is none.
func (s spans) at(x span) (int, span) {
	for i, y := range slices.Backward(s) {
		if y = y.overlap(x); y.length() > 0 {
			return i, y
		}
	}
	return -1, span{}
}
