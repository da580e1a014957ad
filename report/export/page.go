package export

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// mostPage is how many bytes a page takes at the most; GitHub refuses a summary of a
// mebibyte, and several commands of one step may add to it.
const mostPage = 256 << 10

// page is a Markdown page that does not outgrow its bound: what has no more room is left
// out, and counted.
type page struct {
	b strings.Builder
}

// add writes text if it has room, which a margin is kept of for what says what is left out.
func (p *page) add(text string) bool {
	if p.b.Len()+len(text) > mostPage {
		return false
	}
	p.b.WriteString(text)
	return true
}

// table writes a table with so many rows at the most, and says how many it left out. The
// first row is its head. Columns after the first are aligned to the right if right.
func (p *page) table(rows [][]string, most int, right bool) {
	if len(rows) < 2 {
		return
	}
	rule := make([]string, len(rows[0]))
	for i := range rule {
		rule[i] = "---"
		if right && i > 0 {
			rule[i] = "--:"
		}
	}
	lines := [][]string{rows[0], rule}
	for i, row := range append(lines, rows[1:]...) {
		if i-2 >= most || !p.add("| "+strings.Join(row, " | ")+" |\n") {
			p.left(len(rows)-1-(i-2), "row")
			break
		}
	}
	p.add("\n")
}

// mostPoints is how many points of a list are shown.
const mostPoints = 30

// list writes a list.
func (p *page) list(mark string, points []string) {
	for i, point := range points {
		if i >= mostPoints || !p.add("- "+mark+prose(point)+"\n") {
			p.left(len(points)-i, "more")
			break
		}
	}
	if len(points) > 0 {
		p.add("\n")
	}
}

// left says that something is left out; that always has room.
func (p *page) left(n int, what string) {
	if what == "more" {
		fmt.Fprintf(&p.b, "\n_And %d more, which are left out._\n", n)
		return
	}
	fmt.Fprintf(&p.b, "\n_%s left out._\n", plural(n, what))
}

// name writes a name that somebody chose, as code.
func name(s string) string {
	if s = tame(s); strings.TrimSpace(s) == "" {
		return "_(no name)_"
	}
	return "<code>" + escapeMarkdown(s, "") + "</code>"
}

// prose writes text that may contain names. What would mention a person or an issue is
// broken up by an empty comment.
func prose(s string) string { return escapeMarkdown(shorten(plain(s), mostMessage), "<!-- -->") }

// escapeMarkdown writes every character that means something in Markdown or HTML, or that
// GitHub makes a link of, as an HTML entity, which nothing reads as anything but text. The
// text is of one line.
func escapeMarkdown(s, split string) string {
	var b strings.Builder
	var last rune
	for _, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@' || r == '#':
			fmt.Fprintf(&b, "&#%d;%s", r, split)
		case r == '.' && (last == 'w' || last == 'W'), r < utf8.RuneSelf && strings.ContainsRune("\\`*_{}[]!|~:$^\"'", r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// block writes a block of code that its text cannot end.
func block(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + text + "\n" + fence + "\n\n"
}
