package knob

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Problem is one mistake in the settings and where it stands. Line and Col count from 1;
// a value that did not come from a file has no File and no place in it.
type Problem struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	Path string `json:"path,omitempty"` // the setting, or the group that holds it; may be empty
	Msg  string `json:"msg"`
	Hint string `json:"hint,omitempty"` // what to do about it; may be empty
}

// Error returns "file:line:col: path: message", with the hint on a line of its own.
func (p Problem) Error() string {
	text := p.Msg
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.File != "" {
		text = fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, text)
	}
	if p.Hint != "" {
		text += "\n  hint: " + p.Hint
	}
	return text
}

// Problems are all mistakes that were found, in the order of the file or of the tree.
type Problems []Problem

// Error returns the mistakes, each on its own line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// orNil returns the mistakes as an error, nil if there are none.
func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	return slices.Compact(ps)
}

// maxWord bounds the words that are compared with those known.
const maxWord = 200

// DidYouMean returns a hint that names the known word nearest to word, or all known words
// if none is near and they are few.
func DidYouMean(word string, known []string) string {
	if len(word) > maxWord {
		return ""
	}
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
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

func quote(s string) string {
	const longest = 80
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return strconv.Quote(s)
}
