package simulate

import (
	"context"
	"errors"
	"time"
)

// Fleet is the nodes that a plan proposes.
type Fleet struct {
	Nodes   int
	Servers int     // of a node
	Service Law     // of one request on a server
	Policy  Policy  // of the balancer
	Rate    float64 // of all nodes, per second
}

// Promise is a quantile of the response time and its bound.
type Promise struct {
	Quantile float64       // 0 to 1, such as 0.99
	Within   time.Duration // what it must not exceed
}

// Effort is how much may be simulated. Zero values stand for the defaults.
type Effort struct {
	Requests     int    // in all, at most; 0 stands for 20 million
	Replications int    // 0 stands for 5
	Seed         uint64 // of all random numbers
}

// Ruling is what simulation says about a promise.
type Ruling string

// The rulings.
const (
	Kept   Ruling = "kept"   // the whole interval of the quantile is within the promise
	Broken Ruling = "broken" // it lies above, or the nodes cannot carry the rate at all
	Open   Ruling = "open"   // the promise lies in the interval: the nodes are just at their limit
)

// Interval is a figure with the interval that chance leaves open, 95 % by Student's t over
// replications.
type Interval struct{ Value, Low, High float64 }

// Confirmation is what was found out about a fleet.
type Confirmation struct {
	Ruling      Ruling
	Response    Interval // the quantile, in seconds
	Utilisation float64  // of the servers, 0 to 1: offered work over what they can do
	Requests    uint64   // simulated, without warm-up
	Simulated   int      // nodes that were simulated: one stands for all if the balancer does not look at load
	Span        time.Duration
	Why         string // one sentence
}

// Confirm says by simulation whether the nodes keep the promise at the rate. With N and
// with N−k nodes it is the answer of two calls. An error is an impossible fleet or a context
// that ended.
func Confirm(ctx context.Context, f Fleet, p Promise, e Effort) (*Confirmation, error) {
	return nil, errors.New("not built yet")
}
