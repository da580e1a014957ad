package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Problem is one mistake in a scenario and where it stands. Line and Col count from 1;
// both are 0 for a value that did not come from a file (then File says where it came from).
type Problem struct {
	File      string
	Line, Col int
	Msg       string
	Hint      string // what to do about it; may be empty
}

// Error returns "file:line:col: message", with the hint on a line of its own.
func (p Problem) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Msg)
	if p.Line == 0 {
		text = p.File + ": " + p.Msg
	}
	if p.Hint != "" {
		text += "\n  hint: " + p.Hint
	}
	return text
}

// Spot is where something in a scenario was written, for mistakes that only somebody else
// can see. Line and Col are 0 for what did not come from a file, as in a Problem.
type Spot struct {
	File      string
	Line, Col int
}

// Problem returns a mistake at the spot.
func (s Spot) Problem(msg, hint string) Problem {
	return Problem{File: s.File, Line: s.Line, Col: s.Col, Msg: msg, Hint: hint}
}

// Problems are all mistakes of a scenario, in the order of the file.
type Problems []Problem

// Error returns the mistakes, each on its own line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// OrNil returns the sorted mistakes as an error, nil if there are none.
func (ps Problems) OrNil() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.File, b.File))
	})
	return slices.Compact(ps)
}

// Within says of mistakes in which part of the scenario they are, such as a variant.
func (ps Problems) Within(part string) Problems {
	ps = slices.Clone(ps)
	for i := range ps {
		ps[i].Msg = "in " + part + ": " + ps[i].Msg
	}
	return ps
}

// didYouMean returns a hint that names the known word nearest to word, or all known words
// if none is near and they are few.
func didYouMean(word string, known []string) string {
	best, least := "", len(word)/3+2
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) > 0 && len(known) <= 16:
		return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	return ""
}
