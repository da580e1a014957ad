// Package arrivals says when work becomes due: a schedule is a rising sequence of offsets
// from the start of a load. A shape of load is its cumulative count Λ(t); the schedule is
// the inverse of Λ, at 0, 1, 2 … for even arrivals and at the points of a unit-rate
// process for random ones, so that ramps and fractions of an arrival are exact. Every
// schedule can be walked again and then gives the same times. The package holds no clock
// and does not wait, send or drop anything.
package arrivals

import (
	"iter"
	"time"
)

// Schedule is the times at which work is due, as offsets in order; two may be equal.
type Schedule = iter.Seq[time.Duration]

// Slice returns every n-th arrival of s, beginning with the i-th (0 ≤ i < n). The n
// slices of a schedule have no arrival in common and add up to the whole.
func Slice(s Schedule, i, n int) Schedule {
	return func(yield func(time.Duration) bool) {
		wait := i
		for t := range s {
			if wait > 0 {
				wait--
				continue
			}
			if !yield(t) {
				return
			}
			wait = n - 1
		}
	}
}

// After returns s moved to begin at offset.
func After(offset time.Duration, s Schedule) Schedule {
	return func(yield func(time.Duration) bool) {
		for t := range s {
			if !yield(offset + t) {
				return
			}
		}
	}
}

// Concat returns the schedules one after the other. They are not moved: use After to let
// each begin where the one before it ends.
func Concat(schedules ...Schedule) Schedule {
	return func(yield func(time.Duration) bool) {
		for _, s := range schedules {
			for t := range s {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// Burst returns n arrivals at once, again after every period until d is over; the first
// burst is at 0. A period that is not positive means a single burst.
func Burst(n int, every, d time.Duration) Schedule {
	return func(yield func(time.Duration) bool) {
		for t := time.Duration(0); t < d; t += every {
			for range n {
				if !yield(t) {
					return
				}
			}
			if every <= 0 || every >= d-t {
				return
			}
		}
	}
}
