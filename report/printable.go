package report

import (
	"strings"
	"unicode"
)

// Printable makes text that others wrote harmless to show: control characters, escape
// sequences and marks that turn the direction of writing show as a replacement, and white
// space is a blank. It does not bound the length.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r), r == '\u200d': // which joins emoji
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, s)
}
