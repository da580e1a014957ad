package work

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// errNested says that a value is an object or an array.
var errNested = errors.New("the value is nested")

// scanner reads JSON (RFC 8259) from a text. It takes and refuses what encoding/json does,
// and counts characters as they would be after decoding.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) wrong() error { return fmt.Errorf("not JSON of a flat object: at byte %d", s.at) }

// blanks passes over white space.
func (s *scanner) blanks() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take passes over a character, white space before it included, if it comes next.
func (s *scanner) take(c byte) bool {
	if s.blanks(); s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// ended tells whether nothing but white space is left.
func (s *scanner) ended() bool {
	s.blanks()
	return s.at == len(s.text)
}

// name reads a string and returns it as it stands, with its quotes, and whether it has
// anything in it that decoding would change.
func (s *scanner) name() (name []byte, escaped, ok bool) {
	s.blanks()
	from := s.at
	if _, ok = s.str(); !ok {
		return nil, false, false
	}
	name = s.text[from:s.at]
	for _, c := range name {
		escaped = escaped || c == '\\' || c >= utf8.RuneSelf
	}
	return name, escaped, true
}

// scalar reads a value that is not nested.
func (s *scanner) scalar() (v scalar, err error) {
	if s.blanks(); s.at == len(s.text) {
		return v, s.wrong()
	}
	ok := false
	switch c := s.text[s.at]; c {
	case '{', '[':
		return v, errNested
	case '"':
		v.kind = 's'
		v.length, ok = s.str()
	case 't':
		v.kind, ok = 'b', s.word("true")
	case 'f':
		v.kind, ok = 'b', s.word("false")
	case 'n':
		v.kind, ok = 'z', s.word("null")
	default:
		v.kind = 'n'
		v.number, ok = s.number()
	}
	if !ok {
		return v, s.wrong()
	}
	return v, nil
}

func (s *scanner) word(w string) bool {
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

// str reads a string and returns how many characters it has.
func (s *scanner) str() (length int, ok bool) {
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return 0, false
	}
	for s.at++; s.at < len(s.text); length++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return length, true
		case c == '\\':
			if !s.escape() {
				return 0, false
			}
		case c < ' ':
			return 0, false
		case c < utf8.RuneSelf:
			s.at++
		default: // a byte that is not UTF-8 becomes a character of its own
			_, size := utf8.DecodeRune(s.text[s.at:])
			s.at += size
		}
	}
	return 0, false
}

// escape reads an escape, which stands for one character: two halves of a surrogate pair
// do so together.
func (s *scanner) escape() bool {
	if s.at+1 == len(s.text) {
		return false
	}
	switch s.text[s.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at += 2
		return true
	case 'u':
	default:
		return false
	}
	r, ok := s.hex()
	if !ok {
		return false
	}
	s.at += 6
	if !utf16.IsSurrogate(r) {
		return true
	}
	if low, ok := s.hex(); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		s.at += 6
	}
	return true
}

// hex returns what the next six bytes stand for if they are an escape like \u00e9.
func (s *scanner) hex() (r rune, ok bool) {
	if len(s.text)-s.at < 6 || s.text[s.at] != '\\' || s.text[s.at+1] != 'u' {
		return 0, false
	}
	for _, c := range s.text[s.at+2 : s.at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// exact is up to how many digits a whole number is exact in a float64, whatever they are.
const exact = 15

// number reads a number. One that is too large for a float64 is none.
func (s *scanner) number() (float64, bool) {
	from, plain := s.at, true
	negative := s.skip('-')
	first := s.at
	switch {
	case s.skip('0'): // nothing but a point or an exponent may follow
	case s.digits() == 0:
		return 0, false
	}
	whole := s.text[first:s.at]
	if s.skip('.') {
		if plain = false; s.digits() == 0 {
			return 0, false
		}
	}
	if s.skip('e') || s.skip('E') {
		if plain = false; !s.skip('-') {
			s.skip('+')
		}
		if s.digits() == 0 {
			return 0, false
		}
	}
	if !plain || len(whole) > exact || negative {
		v, err := strconv.ParseFloat(string(s.text[from:s.at]), 64)
		return v, err == nil
	}
	n := 0
	for _, c := range whole {
		n = n*10 + int(c-'0')
	}
	return float64(n), true
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() (n int) {
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
		n++
	}
	return n
}
