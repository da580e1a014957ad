package budget

import "plimsoll/engine"

// BindError is a name in a budget that the run does not have.
type BindError struct {
	Msg  string // what is wrong
	Hint string // what was probably meant; may be empty
}

func (e *BindError) Error() string { return e.Msg }

// Bind checks that the names in the budget are names of the run. The error is a
// *BindError.
func (b *Budget) Bind(l *engine.Legend) error { panic("unwritten") }
