package budget

import "fmt"

// SyntaxError is a mistake in the text of a budget.
type SyntaxError struct {
	Offset int    // byte offset in the text
	Msg    string // what is wrong
	Hint   string // what to write instead; may be empty
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("budget, at byte %d: %s", e.Offset, e.Msg) }

type (
	term  struct{}
	value struct{}
)

// Parse understands one budget. The error is a *SyntaxError.
func Parse(src string) (*Budget, error) { panic("unwritten") }

// String returns the budget in canonical form; Parse understands it as the same budget.
func (b *Budget) String() string { panic("unwritten") }

// Metric returns the name of what the budget limits, without clock, selector and stage:
// "p99", "mean", "max", "errors", "rate", "goodput", "dropped" or "count".
func (b *Budget) Metric() string { panic("unwritten") }
