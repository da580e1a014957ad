// Package flow says what one user does: the steps of a flow, the requests they send with
// their variables filled in, what is taken out of an answer, and whether the answer is
// right. It opens no connection and starts nothing, and only cookies look at the clock,
// because they expire. How a request travels is the business of engine/wire, when it is
// due that of engine/arrivals.
package flow

import (
	"math/rand/v2"
	"time"
)

// Flow is the steps that one arrival, or one pass of a user, goes through.
type Flow struct {
	Name  string
	Steps []Step
}

// Step is a call or a pause; exactly one is set.
type Step struct {
	Call  *Call
	Think *Think
}

// Think is a pause between two calls, drawn evenly from Min to Max.
type Think struct{ Min, Max time.Duration }

// Draw returns the length of one pause.
func (t Think) Draw(rng *rand.Rand) time.Duration {
	if t.Max <= t.Min {
		return t.Min
	}
	return t.Min + time.Duration(rng.Int64N(int64(t.Max-t.Min)+1))
}
