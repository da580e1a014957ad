package cmd

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes are a contract with scripts and build servers.
const (
	exitOK           = 0   // ran, every budget kept
	exitInternal     = 1   // internal error
	exitUsage        = 2   // usage or scenario error; nothing was sent
	exitUnreachable  = 3   // target not reachable, or preflight failed
	exitInconclusive = 4   // the measurement is not valid, or a budget had no or too little data
	exitRegression   = 98  // regression against the baseline
	exitBreach       = 99  // budget or claim broken
	exitInterrupted  = 130 // SIGINT; the partial run is saved and reported
	exitTerminated   = 143 // SIGTERM; likewise
)

// exitMeaning returns what the help says about an exit code.
func exitMeaning(code int) string {
	switch code {
	case exitOK:
		return "done; every budget kept"
	case exitInternal:
		return "internal error"
	case exitUsage:
		return "usage or scenario error; nothing was sent"
	case exitUnreachable:
		return "target not reachable, or preflight failed"
	case exitInconclusive:
		return "inconclusive: the measurement is not valid, or data was missing"
	case exitRegression:
		return "regression against the baseline"
	case exitBreach:
		return "a budget or a claim is broken"
	case exitInterrupted:
		return "interrupted; the partial run is saved and reported"
	default:
		return "terminated; likewise"
	}
}

// exitError is an error that knows the exit code it leads to, or a hint, or both. The
// outermost code in a chain of errors counts.
type exitError struct {
	err  error // nil: everything was said already, only the code counts
	code int   // 0: the error inside knows
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is a mistake on the command line or in a file the author wrote. The hint may
// be empty.
func usageError(hint, format string, args ...any) error {
	return &exitError{err: fmt.Errorf(format, args...), code: exitUsage, hint: hint}
}

// withCode gives err an exit code.
func withCode(code int, err error) error { return &exitError{err: err, code: code} }

// withHint says what may help against err.
func withHint(hint string, err error) error { return &exitError{err: err, hint: hint} }

// exitCode returns the code that plimsoll ends with because of err.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if x, ok := e.(*exitError); ok && x.code != 0 { //nolint:errorlint // this walks the chain itself
			return x.code
		}
	}
	if i, ok := errors.AsType[*interruption](err); ok {
		return i.exitCode()
	}
	return exitInternal
}

// complain tells the user about err: a line "error: …" and, where it helps, "hint: …".
func complain(w io.Writer, err error) {
	if err == nil {
		return
	}
	if x, ok := errors.AsType[*exitError](err); ok && x.err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "error: %s\n", strings.TrimRight(line, "\n"))
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if x, ok := e.(*exitError); ok && x.hint != "" { //nolint:errorlint // this walks the chain itself
			fmt.Fprintf(w, "hint: %s\n", x.hint)
		}
	}
}
