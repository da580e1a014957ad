// Package resource tells how busy the resources of a target were between two moments:
// processors, stations, pools, files. It reads counters where the target or its machine
// keeps them (the reference target's admin API, a metrics page of Prometheus, Linux's
// /proc), and makes utilisations of their differences; what it cannot tell for sure it
// leaves out, and says why. It does not decide when to read, and fits no law to what it
// read.
package resource

import (
	"context"
	"errors"
	"time"
)

// Watch is where the counters of some resources can be read.
type Watch interface {
	// Read reads all counters once. It takes a few seconds at the most, and is not for
	// concurrent use. After an error the next call tries again.
	Read(ctx context.Context) (Reading, error)
}

// What is wrong with a source that answers.
var (
	ErrContent = errors.New("that is no metrics page") // it is something else
	ErrNothing = errors.New("nothing on the page tells how busy something is")
)

// Reading is what the counters of one source showed at one moment.
type Reading struct {
	At     time.Time     // middle of the reading
	Took   time.Duration // how long the reading took: the moment is known no better
	Origin string        // of the counters: where it differs they began anew
	Meters []Meter
	Notes  []string // what could not be read, one sentence each
}

// Meter is what was read of one resource: counters of use, or how much is in use now.
type Meter struct {
	Name  string
	Units float64          // how many there are: servers, processors, connections
	Busy  map[string]Count // counters, by part; their sum is that of the resource. nil: InUse
	InUse float64          // units in use at the moment

	Busiest bool // the busiest part counts, and not the sum
	Context bool // tells something of the surroundings that is not used up by requests alone
}

// Count is the use of a part since some moment in the past.
type Count struct {
	Busy  float64 // unit-seconds in use
	Whole float64 // unit-seconds there were, by the clock that Busy goes by; 0 where nobody counts them
}

// Use is how busy a resource was over a span.
type Use struct {
	Name        string
	Units       float64
	Utilisation float64 // 0 to 1
	Context     bool    // as in Meter
}

// one is the count of a resource that has no parts.
func one(busy, whole float64) map[string]Count {
	return map[string]Count{"": {Busy: busy, Whole: whole}}
}

// timed fills in when a reading that began at this moment was made.
func (r *Reading) timed(began time.Time) {
	r.Took = time.Since(began)
	r.At = began.Add(r.Took / 2)
}
