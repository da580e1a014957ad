package flow

import (
	"errors"
	"strings"
	"unicode"
)

// scanner reads the words of a check or an extractor.
type scanner struct {
	src string
	pos int
}

// more skips space and reports whether anything is left.
func (s *scanner) more() bool {
	s.pos = len(s.src) - len(trimLeft(s.src[s.pos:]))
	return s.pos < len(s.src)
}

// until reads up to the first byte, outside brackets and quotes in brackets, that is
// space or one of stop.
func (s *scanner) until(stop string) string {
	s.more()
	start, depth, quote := s.pos, 0, byte(0)
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; {
		case quote != 0:
			switch c {
			case '\\':
				s.pos = min(s.pos+1, len(s.src)-1)
			case quote:
				quote = 0
			}
		case depth > 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '[' || c == '(':
			depth++
		case (c == ']' || c == ')') && depth > 0:
			depth--
		case depth == 0 && (isSpace(c) || strings.IndexByte(stop, c) >= 0):
			return s.src[start:s.pos]
		}
	}
	return s.src[start:]
}

// word reads up to the next space.
func (s *scanner) word() string {
	s.more()
	start := s.pos
	for s.pos < len(s.src) && !isSpace(s.src[s.pos]) {
		s.pos++
	}
	return s.src[start:s.pos]
}

// symbol reads a run of the given bytes.
func (s *scanner) symbol(of string) string {
	start := s.pos
	for s.pos < len(s.src) && strings.IndexByte(of, s.src[s.pos]) >= 0 {
		s.pos++
	}
	return s.src[start:s.pos]
}

// rest reads what is left, without the space around it, and its offset.
func (s *scanner) rest() (string, int) {
	s.more()
	start := s.pos
	s.pos = len(s.src)
	return strings.TrimRightFunc(s.src[start:], unicode.IsSpace), start
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// unquote takes the quotes off a text that stands in them. In quotes, \" and \\ stand for
// a quote and a backslash; every other backslash stands for itself, so that regular
// expressions stay readable.
func unquote(s string) (string, bool) {
	end := quotedEnd(s)
	if end == 0 || end != len(s) {
		return s, false
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1]), true
}

// quotedEnd returns where the quoted text that s begins with ends, 0 if there is none.
func quotedEnd(s string) int {
	if !strings.HasPrefix(s, `"`) {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// quote is the reverse of unquote.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// quoteIfNeeded quotes what would not be read back as it is.
func quoteIfNeeded(s string) string {
	if s == "" || strings.HasPrefix(s, `"`) || strings.TrimFunc(s, unicode.IsSpace) != s {
		return quote(s)
	}
	return s
}

// parseRight compiles the text on the right of an operator, which may stand in quotes.
func parseRight(s string, offset int) (*Template, error) {
	text, quoted := unquote(s)
	if quoted {
		offset++
	}
	t, err := ParseTemplate(text)
	return t, shift(err, offset)
}

// shift moves the offset of a *SyntaxError.
func shift(err error, by int) error {
	if e, ok := errors.AsType[*SyntaxError](err); ok {
		return &SyntaxError{e.Offset + by, e.Msg, e.Hint}
	}
	return err
}
