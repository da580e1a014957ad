// Package budget is the language of promises about a run, such as
//
//	p99(product)[peak] < 200ms over 10s after 5s abort
//
// Parse understands one, Bind holds its names against the run's, and a Watch judges it
// from interval snapshots, while the run goes on or when it is read back from disk. No
// data, or too little, is never a kept promise: it is inconclusive. The package does not
// decide what a broken budget means for the run, its exit code or its report.
package budget

import (
	"time"
)

// Budget is one parsed promise. It is never changed after Parse made it.
type Budget struct {
	left   term
	op     string // < <= > >= ==
	right  value
	over   time.Duration // 0: cumulative
	after  time.Duration
	action string // "", "warn" or "abort"
}
