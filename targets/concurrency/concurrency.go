// Package concurrency holds the algorithms by which a service finds out how many requests
// it should work on at a time: AIMD, Vegas and Gradient2 as Netflix concurrency-limits has
// them, the gradient controller of Envoy, and the windows that Netflix averages samples
// over. Admission control, which refuses a share of requests instead, is here as formulas.
// The package counts no request in flight, holds no queue and refuses nothing itself.
package concurrency

import (
	"fmt"
	"time"
)

// Limit is an algorithm that follows what requests took with a limit on how many may be
// under way at a time. All in this package may be used by many goroutines at once.
type Limit interface {
	// Limit returns how many requests may be under way now, at least 1.
	Limit() int
	// OnSample tells of a request that has ended.
	OnSample(s Sample)
}

// Sample is what a limit learns from one request.
type Sample struct {
	Start    time.Time     // when the request got its place
	RTT      time.Duration // how long it kept it
	InFlight int           // how many were under way at its start, itself included
	Dropped  bool          // it was lost to overload: a timeout, or a refusal further down
}

// end returns when the request was over.
func (s Sample) end() time.Time { return s.Start.Add(s.RTT) }

// checkBounds tells whether a lower and an upper bound leave something between them.
func checkBounds(lower string, low int, upper string, high int) error {
	if low > high {
		return fmt.Errorf("%s %d is above %s %d", lower, low, upper, high)
	}
	return nil
}
