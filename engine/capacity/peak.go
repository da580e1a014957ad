package capacity

import (
	"fmt"
	"math"
)

// NoPeak begins the note that says why a model has no peak.
const NoPeak = "peak not observed: "

// judgePeak sets the peak if the points show one, or else a note that says why not. They
// show it if its interval ends above and throughput was seen to stop growing: the peak lies
// among the concurrencies that were measured, or the most throughput was seen before the
// last of them. Otherwise it would be an extrapolation, and a peak that is only
// extrapolated is too high or too low by tens of per cent as a rule.
func (s *sample) judgePeak(f fitted, m *Model) {
	n, x, _ := f.law.Peak()
	low, high := m.NStarCI[0], m.NStarCI[1]
	smallest, largest := s.n[0], s.largest()
	switch {
	case high == nil:
		m.note(NoPeak+"the points do not bound it from above%s; measure at more than %s", atLeast(low), number(largest))
	case n > largest && s.stillRising():
		m.note(NoPeak+"throughput still grows at %s, the largest concurrency measured; by extrapolation it would lie between %s and %s; measure beyond",
			number(largest), number(*orElse(low, smallest)), number(*high))
	case n < smallest:
		m.note(NoPeak+"throughput falls from the smallest concurrency measured, %s, on; the peak lies at %s or below", number(smallest), number(math.Max(*high, smallest)))
	default:
		m.NStar, m.XStar = &n, &x
		if n > largest {
			m.note("the peak lies beyond the largest concurrency measured, %s: measuring up to %s would settle it", number(largest), number(math.Ceil(1.5*n)))
		}
	}
}

// orElse returns low, or other where there is no bound.
func orElse(low *float64, other float64) *float64 {
	if low == nil {
		return &other
	}
	return low
}

func atLeast(low *float64) string {
	if low == nil {
		return ""
	}
	return fmt.Sprintf(", it may lie anywhere from %s on", number(*low))
}

// stillRising reports whether the most throughput, on average over replicates, was
// measured at the largest concurrency.
func (s *sample) stillRising() bool {
	most, last := 0.0, 0.0
	for _, at := range s.levels {
		sum := 0.0
		for _, x := range s.x[at[0]:at[1]] {
			sum += x
		}
		last = sum / float64(at[1]-at[0])
		most = math.Max(most, last)
	}
	return last == most
}

// explain notes what a reader should know about the parameters and the ranking.
func (f fitted) explain(m *Model) {
	switch m.Kind {
	case KindAmdahl:
		m.note("coherency is at its bound of zero, which leaves Amdahl's law: throughput tends to %s and has no peak", number(f.law.Asymptote()))
	case KindLinear:
		m.note("contention and coherency are at their bounds of zero: throughput grows with concurrency, and the points show no limit")
	}
	if f.law.Alpha == 1 {
		m.note("contention is at its bound of one: everything is done one at a time")
	}
	best := m.Models[0]
	for _, c := range m.Models {
		if c.Kind == m.Kind && best.Kind != m.Kind {
			m.note("%s explains the points as well with fewer parameters: AICc is %.3g lower", lawName(best.Kind), c.Delta)
		}
	}
}

// lawName returns the name of a law within a sentence.
func lawName(kind string) string {
	switch kind {
	case KindLinear:
		return "linear scaling"
	case KindAmdahl:
		return "Amdahl's law"
	}
	return "the universal scalability law"
}

func (m *Model) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}
