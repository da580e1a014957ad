package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"syscall"

	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
	"plimsoll/targets/knob"
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

// verdictError is how a command ends that showed a run with this verdict; nil for a pass.
func verdictError(v report.Verdict) error {
	codes := map[report.Verdict]int{
		report.Breach: exitBreach, report.Regression: exitRegression, report.Inconclusive: exitInconclusive,
		report.Failed: exitUnreachable, report.Interrupted: exitInterrupted,
	}
	if v == report.Pass {
		return nil
	}
	return withCode(cmp.Or(codes[v], exitInternal), nil)
}

// exitCode returns the code that plimsoll ends with because of err.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	for e := range chain(err) {
		if x, ok := e.(*exitError); ok && x.code != 0 { //nolint:errorlint // chain unwraps
			return x.code
		}
	}
	if i, ok := errors.AsType[*interruption](err); ok {
		return i.exitCode()
	}
	if authorsMistake(err) {
		return exitUsage
	}
	return exitInternal
}

// authorsMistake reports whether err is about something the user wrote.
func authorsMistake(err error) bool {
	_, isProblems := errors.AsType[scenarios.Problems](err)
	_, isValue := errors.AsType[*scenarios.ValueError](err)
	_, isSyntax := errors.AsType[*budget.SyntaxError](err)
	_, isBind := errors.AsType[*budget.BindError](err)
	return isProblems || isValue || isSyntax || isBind || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EISDIR)
}

// complain tells the user about err: a line "error: …" and, where it helps, "hint: …".
// The mistakes in a scenario or a topology come as they are, file:line:col: message, each on its line.
func complain(w io.Writer, err error) {
	if several, ok := err.(joined); ok {
		for _, e := range several.Unwrap() {
			complain(w, e)
		}
		return
	}
	if x, ok := errors.AsType[*exitError](err); err == nil || ok && x.err == nil {
		return
	}
	if problems, ok := errors.AsType[scenarios.Problems](err); ok {
		fmt.Fprintln(w, problems)
		return
	}
	if problems, ok := errors.AsType[knob.Problems](err); ok {
		fmt.Fprintln(w, problems)
		return
	}
	fmt.Fprintf(w, "error: %s\n", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	for _, hint := range hints(err) {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// joined is what errors.Join returns.
type joined interface{ Unwrap() []error }

// chain yields err and all that it wraps, from the outside in.
func chain(err error) iter.Seq[error] {
	return func(yield func(error) bool) { unwrap(err, yield) }
}

func unwrap(err error, yield func(error) bool) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if !yield(err) {
			return false
		}
		if several, ok := err.(joined); ok {
			for _, e := range several.Unwrap() {
				if !unwrap(e, yield) {
					return false
				}
			}
		}
	}
	return true
}

// hints returns what may help against err, the outermost advice first.
func hints(err error) []string {
	var all []string
	for e := range chain(err) {
		hint := ""
		switch e := e.(type) { //nolint:errorlint // chain unwraps
		case *exitError:
			hint = e.hint
		case *scenarios.ValueError:
			hint = e.Hint
		case *budget.SyntaxError:
			hint = e.Hint
		case *budget.BindError:
			hint = e.Hint
		}
		if hint != "" {
			all = append(all, hint)
		}
	}
	return all
}
