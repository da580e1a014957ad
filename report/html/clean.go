package html

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest bounds how much of a text is shown, in characters; a scenario has more room.
const (
	longest    = 200
	longestPre = 200_000
)

// clean makes a text that somebody else wrote fit to be shown: control characters and
// those that turn the direction of writing become visible, and what is too long is cut,
// which is said.
func clean(s string) string { return bounded(printable(s, false), longest) }

// cleanText is clean for text of more lines.
func cleanText(s string) string { return bounded(printable(s, true), longestPre) }

func printable(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'), unicode.IsPrint(r), r == '\u200d': // which joins emoji
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, s)
}

func bounded(s string, most int) string {
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	return string([]rune(s)[:most]) + fmt.Sprintf("… (cut, %d characters)", n)
}

// cleaned returns a copy of the page with every text in it cleaned.
func cleaned(p *Page) *Page {
	out := *p
	out.Title, out.Kind, out.Footer = clean(p.Title), clean(p.Kind), clean(p.Footer)
	out.Banner.Word, out.Banner.Text = clean(p.Banner.Word), sentence(p.Banner.Text)
	out.Banner.Facts, out.Banner.Reasons = cleanFacts(p.Banner.Facts), sentences(p.Banner.Reasons)
	out.Sections = nil
	for _, s := range p.Sections {
		if len(s.Blocks) == 0 {
			continue
		}
		s.Title, s.Short = clean(s.Title), clean(s.Short)
		if s.Short == "" {
			s.Short = s.Title
		}
		blocks := make([]Block, len(s.Blocks))
		for i, b := range s.Blocks {
			blocks[i] = cleanBlock(b)
		}
		s.Blocks = blocks
		out.Sections = append(out.Sections, s)
	}
	return &out
}

// sentence is clean for a sentence of ours that quotes somebody.
func sentence(s string) string { return bounded(printable(s, false), 5*longest) }

func sentences(all []string) (out []string) {
	for _, s := range all {
		out = append(out, sentence(s))
	}
	return out
}

func cleanFacts(all []Fact) (out []Fact) {
	for _, f := range all {
		f.Name, f.Value, f.Note = clean(f.Name), clean(f.Value), sentence(f.Note)
		out = append(out, f)
	}
	return out
}

func cleanBlock(b Block) Block {
	b.Group, b.Heading, b.Text = clean(b.Group), clean(b.Heading), sentence(b.Text)
	b.List, b.Facts, b.Pre = sentences(b.List), cleanFacts(b.Facts), cleanText(b.Pre)
	if b.Note != nil {
		b.Note = &Note{b.Note.Tone, sentence(b.Note.Text)}
	}
	b.Table, b.Chart = cleanTable(b.Table), cleanChart(b.Chart)
	return b
}

func cleanTable(t *Table) *Table {
	if t == nil {
		return nil
	}
	out := *t
	out.Caption, out.Columns, out.Rows = sentence(t.Caption), nil, nil
	for _, c := range t.Columns {
		c.Name = clean(c.Name)
		out.Columns = append(out.Columns, c)
	}
	for _, r := range t.Rows {
		row := make(Row, len(r))
		for i, c := range r {
			c.Text = sentence(c.Text)
			row[i] = c
		}
		out.Rows = append(out.Rows, row)
	}
	return &out
}

func cleanChart(c *Chart) *Chart {
	if c == nil {
		return nil
	}
	out := *c
	out.Title, out.Summary = clean(c.Title), sentence(c.Summary)
	out.X.Label, out.Y.Label = clean(c.X.Label), clean(c.Y.Label)
	out.Series, out.Zones, out.Marks = nil, nil, nil
	for _, s := range c.Series {
		s.Name = clean(s.Name)
		out.Series = append(out.Series, s)
	}
	for _, z := range c.Zones {
		z.Label = clean(z.Label)
		out.Zones = append(out.Zones, z)
	}
	for _, m := range c.Marks {
		m.Label = clean(m.Label)
		out.Marks = append(out.Marks, m)
	}
	return &out
}
