package flow

import "errors"

// ErrExhausted says that a data source picked by unique or once has no row left.
var ErrExhausted = errors.New("no rows left")

// SyntaxError is a mistake in the text of a template, check, extractor or name.
type SyntaxError struct {
	Offset int    // in bytes, from the start of the text that was given
	Msg    string // what is wrong
	Hint   string // what to write instead; may be empty
}

func (e *SyntaxError) Error() string { return e.Msg }
