package budget

import (
	"slices"

	"plimsoll/engine"
)

// Limits reports whether the left side of the budget bounds a percentile, the mean or the
// maximum of a duration from above: a promise about how long requests take.
func (b *Budget) Limits() bool { return b.measure == duration && b.op[0] == '<' }

// LimitsErrors reports whether the budget bounds how many requests fail.
func (b *Budget) LimitsErrors() bool {
	return b.left.metric.name == "errors" && b.op[0] != '>'
}

// Aborts reports whether the budget stops a run that breaks it.
func (b *Budget) Aborts() bool { return b.action == "abort" }

// About reports whether the left side of the budget is about the request with this index in
// the legend, in one of these loads.
func (b *Budget) About(l *engine.Legend, request int, loads []int) bool {
	s, err := b.left.resolve(l)
	return err == nil && s.requests[request] && slices.ContainsFunc(loads, func(load int) bool { return slices.Contains(s.stages[load], true) })
}
