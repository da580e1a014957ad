package shedder

import (
	"time"

	"plimsoll/targets/concurrency"
)

// estimate knows what service has taken of late: in the window that is under way and the
// one before it. The zero value is ready for use.
type estimate struct {
	parts   [2]concurrency.Histogram
	current int
	begun   time.Time // when the current window began

	known   time.Duration // the percentile when it was last worked out
	at      float64       // which percentile that was
	samples uint64        // how many samples it was worked out from
}

// record takes in what a request took.
func (e *estimate) record(took, window time.Duration, now time.Time) {
	e.rotate(window, now)
	e.parts[e.current].Record(took)
}

// rotate forgets what has become too old.
func (e *estimate) rotate(window time.Duration, now time.Time) {
	age := now.Sub(e.begun)
	if age < window {
		return
	}
	if age >= 2*window {
		e.parts[e.current].Reset()
	}
	e.current = 1 - e.current
	e.parts[e.current].Reset()
	e.begun, e.samples = now, 0
}

// percentile returns the percentile of what service took, 0 if nothing is known. It is
// worked out anew when there is a thirtieth more or less to work with.
func (e *estimate) percentile(p float64, window time.Duration, now time.Time) time.Duration {
	e.rotate(window, now)
	n := e.parts[0].Count() + e.parts[1].Count()
	if n == 0 {
		return 0
	}
	if e.samples == 0 || p != e.at || n-e.samples > e.samples/30 {
		e.known, e.at, e.samples = concurrency.Quantile(p/100, &e.parts[0], &e.parts[1]), p, n
	}
	return e.known
}
