package budget

import "plimsoll/engine"

// Watch judges budgets from the interval snapshots of one run. It is not safe for
// concurrent use.
type Watch struct{}

// NewWatch returns a watch over budgets in a run with the legend l. The error is a
// *BindError.
func NewWatch(l *engine.Legend, budgets []*Budget) (*Watch, error) { panic("unwritten") }

// Observe takes the next interval of the run, in order. It neither keeps nor changes s.
func (w *Watch) Observe(s *engine.Snapshot) { panic("unwritten") }

// Broken returns the first budget with abort that broke, nil if none did.
func (w *Watch) Broken() *Result { panic("unwritten") }

// Results returns what became of each budget so far, in the order given to NewWatch.
func (w *Watch) Results() []Result { panic("unwritten") }
