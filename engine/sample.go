package engine

import (
	"time"

	"plimsoll/engine/flow"
)

// Outcome is how a request ended.
type Outcome uint8

// The outcomes. OK and Failed were answered; Error got no complete answer; Unfinished
// was still under way at the end of the grace period and counts at its age.
const (
	OK Outcome = iota
	Failed
	Error
	Unfinished
	NumOutcomes
)

// String returns the outcome's name in reports, budgets and files.
func (o Outcome) String() string {
	return [...]string{"ok", "failed", "error", "unfinished"}[o]
}

// Sample is the record of one request. Times are offsets from the start of the run:
// latency = End−Due (what a user felt), service = End−Start (what the target took), lag =
// Start−Due (what the generator added). In a closed loop Due = Start.
type Sample struct {
	Load, Stage, Request int
	Due, Start, End      time.Duration
	Outcome              Outcome
	Status               int    // 0 without an answer
	ErrKind              string // why there was none: one of the Err constants
	ChecksFailed         uint64 // bit i: check i of the request failed
	BytesIn, BytesOut    int64
	NewConnection        bool
	Phases               flow.Phases
}
