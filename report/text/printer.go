package text

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"plimsoll/report"
)

// style is how a piece of text is painted.
type style int

const (
	plain style = iota
	bold
	dim
	green
	yellow
	red
)

// printer writes lines of a width, in colour if wanted, and keeps the first error.
type printer struct {
	w     io.Writer
	width int
	color bool
	err   error
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s+"\n")
	}
}

// paint puts the escape codes of a style around s.
func (p *printer) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	code := [...]string{bold: "1", dim: "2", green: "32", yellow: "33", red: "31"}[s]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// wrapped writes text over as many lines as it needs, the first one behind mark and all
// of them indented by its width.
func (p *printer) wrapped(mark string, s style, text string) {
	indent := columnsOf(mark)
	for i, line := range wrap(text, max(p.width-indent, minFlex)) {
		if i == 0 {
			p.line(p.paint(s, mark) + line)
		} else {
			p.line(strings.Repeat(" ", indent) + line)
		}
	}
}

// wrap breaks text between words into lines of a width; a word that is wider is cut.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = shorten(word, width)
		switch {
		case line == "":
			line = word
		case columnsOf(line)+1+columnsOf(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// columnsOf returns how many columns of a terminal s takes.
func columnsOf(s string) int { return displaywidth.String(s) }

// shorten cuts the middle out of s so that it fits into width columns; the beginning and
// the end of a name tell more than its middle.
func shorten(s string, width int) string {
	if columnsOf(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	tail := (width - 1) / 2
	head := displaywidth.TruncateString(s, width-tail-1, "")
	var end []string
	for clusters := displaywidth.StringGraphemes(s); clusters.Next(); {
		end = append(end, clusters.Value())
	}
	first, room := len(end), tail
	for first > 0 && columnsOf(end[first-1]) <= room {
		first--
		room -= columnsOf(end[first])
	}
	return head + "…" + strings.Join(end[first:], "")
}

// clean makes text that others wrote harmless for a terminal: control characters, escape
// sequences and marks that turn the direction of writing show as a replacement.
func clean(s string) string { return report.Printable(s) }

// section begins a part of the summary that has no table.
func (p *printer) section(title string) {
	p.line("")
	p.line(p.paint(bold, title))
}
