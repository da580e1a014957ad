package live

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// longest bounds how much is looked at of text that others wrote, in characters: no line
// shows more.
const longest = 400

// clean makes text that others wrote harmless for a terminal, and bounds its length: control
// characters, escape sequences and marks that turn the direction of writing show as a
// replacement, and what only changes how the character before it looks is left out, as
// terminals do not agree on how wide that is.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > longest {
			b.WriteRune('…')
			break
		}
		switch {
		case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r), r == '\u200d':
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return b.String()
}

// columns returns how many columns of a terminal s takes; it may hold colours.
func columns(s string) int {
	n, inside := 0, false
	for _, r := range s {
		switch {
		case inside:
			inside = r != 'm'
		case r >= ' ' && r < 0x7f, r >= 0x2500 && r < 0x2600, r >= 0x2800 && r < 0x2900: // text, boxes and blocks, braille
			n++
		case r == '\x1b':
			inside = true // nothing but colours gets here
		default:
			return ansi.StringWidth(s) // which takes twenty times as long
		}
	}
	return n
}

// fit cuts s to a width, and fills it up with spaces.
func fit(s string, width int) string {
	n := columns(s)
	if n > width {
		s = ansi.Truncate(s, width, "…")
		n = columns(s)
	}
	return s + spaces(width-n)
}

// cut is fit without filling up.
func cut(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	return ansi.Truncate(s, width, "…")
}

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }

// right puts s at the right end of a width.
func right(s string, width int) string { return spaces(width-columns(s)) + cut(s, width) }

// apart puts left at the beginning of a width and right at its end; the right one wins.
func apart(left, right string, width int) string {
	right = cut(right, width)
	room := width - columns(right)
	if right != "" && room > 0 {
		room--
		right = " " + right
	}
	return fit(left, room) + right
}

// joined joins as many parts as a width has room for; the first one is cut if it must be.
func joined(parts []string, separator string, width int) string {
	line := ""
	for i, part := range parts {
		next := line + separator + part
		if i == 0 {
			next = part
		}
		if columns(next) > width {
			if i == 0 {
				return cut(part, width)
			}
			break
		}
		line = next
	}
	return line
}

// wrapped breaks text between words into at most n lines of a width.
func wrapped(text string, width, n int) []string {
	if width < 1 || n < 1 {
		return nil
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = cut(word, width)
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	lines = append(lines, line)
	if len(lines) > n {
		lines = lines[:n]
		lines[n-1] = cut(lines[n-1]+" …", width)
	}
	return lines
}
