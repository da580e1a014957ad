package flow

// Check is a condition on an answer.
type Check struct{}

// ParseCheck compiles a check such as "status == 200". An error is a *SyntaxError.
func ParseCheck(src string) (Check, error) { panic("unwritten") }

// String returns the check as it could have been written; reports use it as its name.
func (c Check) String() string { panic("unwritten") }

// Variables returns the names that the right side of the check needs.
func (c Check) Variables() []string { panic("unwritten") }

// OnStatus reports whether the check speaks of the status.
func (c Check) OnStatus() bool { panic("unwritten") }
