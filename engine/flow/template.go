package flow

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Template is text with variables in it, compiled. It is immutable and safe for
// concurrent use.
//
// {{ name }} stands for a variable or an extracted value and {{ data.column }} for a
// column of the user's row. {{ user }} is the user's number and {{ pass }} that of its
// pass, both from 0; {{ uuid }} is a random UUID and {{ random 1 100 }} an integer from 1
// to 100, both drawn from the user's own source. {{ "{{" }} writes two braces.
//
// A value is inserted in the way its place needs (percent-encoded in a path or query,
// escaped in a JSON string), or as a filter says: {{ name | raw }} as it is, url
// percent-encoded, json as a quoted JSON string, number unquoted and only if it is a
// JSON number.
type Template struct{ parts []part }

// part is a piece of a template: literal text or something to fill in.
type part struct {
	kind     kind
	text     string // the literal text, or the name of the variable or data source
	column   string
	min, max int64     // of a random number
	sub      *Template // what is to be encoded
	filter   filter
	stated   bool // the author wrote the filter
}

type kind int

const (
	literal kind = iota
	variable
	column
	userID
	passNumber
	uuid
	random
	basicAuth // sub in base64
)

// Literal returns the template that always renders as s.
func Literal(s string) *Template {
	t := &Template{}
	t.add(part{text: s})
	return t
}

// Concat returns a template that renders its parts one after the other.
func Concat(parts ...*Template) *Template {
	t := &Template{}
	for _, p := range parts {
		for i := range p.parts {
			t.add(p.parts[i])
		}
	}
	return t
}

// add appends a part; literals that meet become one.
func (t *Template) add(p part) {
	last := len(t.parts) - 1
	switch {
	case p.kind != literal, p.text != "" && (last < 0 || t.parts[last].kind != literal):
		t.parts = append(t.parts, p)
	case p.text != "":
		t.parts[last].text += p.text
	}
}

// Fixed reports whether the template renders the same for every user and pass.
func (t *Template) Fixed() bool {
	return !slices.ContainsFunc(t.parts, func(p part) bool { return p.kind != literal })
}

// Variables returns the names the template needs, as written ("price", "products.id"),
// each once, without the built-ins.
func (t *Template) Variables() []string {
	var names []string
	for i := range t.parts {
		switch p := &t.parts[i]; p.kind {
		case variable, column:
			names = append(names, p.name())
		case basicAuth:
			names = append(names, p.sub.Variables()...)
		}
	}
	return unrepeated(names)
}

func unrepeated(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// Append appends the rendered text to dst. It fails when a variable has no value.
func (t *Template) Append(dst []byte, u *User) ([]byte, error) {
	for i := range t.parts {
		p := &t.parts[i]
		if p.kind == literal {
			dst = append(dst, p.text...)
			continue
		}
		var err error
		if dst, err = p.append(dst, u); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// fixedText returns what a fixed template renders as.
func (t *Template) fixedText() string {
	if len(t.parts) == 0 {
		return ""
	}
	return t.parts[0].text
}

// text renders the template in the user's scratch space, then as a string.
func (t *Template) text(u *User) (string, error) {
	if t.Fixed() {
		return t.fixedText(), nil
	}
	var err error
	if u.scratch, err = t.Append(u.scratch[:0], u); err != nil {
		return "", err
	}
	return string(u.scratch), nil
}

// size is a guess at how long the rendered text is.
func (t *Template) size() int {
	n := 0
	for i := range t.parts {
		n += max(len(t.parts[i].text), 16)
	}
	return n
}

func (p *part) append(dst []byte, u *User) ([]byte, error) {
	switch p.kind {
	case variable, column:
		s, ok := u.value(p)
		if !ok {
			return dst, fmt.Errorf("variable %s has no value", p.name())
		}
		dst, err := p.filter.append(dst, s)
		if err != nil {
			return dst, fmt.Errorf("variable %s: %w", p.name(), err)
		}
		return dst, nil
	case basicAuth:
		plain, err := p.sub.Append(nil, u)
		if err != nil {
			return dst, err
		}
		return base64.StdEncoding.AppendEncode(dst, plain), nil
	}
	// The other built-ins are made of characters that need no escaping anywhere.
	if p.filter == toJSON {
		dst = append(dst, '"')
		return append(p.appendBuiltin(dst, u), '"'), nil
	}
	return p.appendBuiltin(dst, u), nil
}

func (p *part) appendBuiltin(dst []byte, u *User) []byte {
	switch p.kind {
	case userID:
		return strconv.AppendInt(dst, int64(u.id), 10)
	case passNumber:
		return strconv.AppendInt(dst, int64(u.pass), 10)
	case uuid:
		return appendUUID(dst, &u.rng)
	}
	// The span is counted without a sign, so that it holds every pair of bounds.
	span := uint64(p.max) - uint64(p.min) + 1
	if span == 0 {
		return strconv.AppendInt(dst, int64(u.rng.Uint64()), 10)
	}
	return strconv.AppendInt(dst, int64(uint64(p.min)+u.rng.Uint64N(span)), 10)
}

// String returns the template as it could have been written.
func (t *Template) String() string {
	var b strings.Builder
	for i := range t.parts {
		if p := &t.parts[i]; p.kind == literal {
			b.WriteString(escapeBraces(p.text, i+1 < len(t.parts)))
		} else {
			b.WriteString("{{ " + p.expression() + " }}")
		}
	}
	return b.String()
}

// escapeBraces writes literal text so that no brace in it begins an expression; more
// says that an expression follows.
func escapeBraces(s string, more bool) string {
	pieces := strings.Split(s, "{{")
	if last := &pieces[len(pieces)-1]; more && strings.HasSuffix(*last, "{") {
		*last = strings.TrimSuffix(*last, "{") + `{{ "{" }}`
	}
	return strings.Join(pieces, `{{ "{{" }}`)
}

func (p *part) expression() string {
	s := p.name()
	switch p.kind {
	case userID:
		s = "user"
	case passNumber:
		s = "pass"
	case uuid:
		s = "uuid"
	case random:
		s = fmt.Sprintf("random %d %d", p.min, p.max)
	case basicAuth:
		s = "base64 of " + strconv.Quote(p.sub.String())
	}
	if p.stated {
		s += " | " + p.filter.String()
	}
	return s
}

func (p *part) name() string {
	if p.kind == column {
		return p.text + "." + p.column
	}
	return p.text
}

// within returns the template for another place: its literal text and the values without
// a filter of their own are escaped by f.
func (t *Template) within(f filter) *Template {
	out := &Template{}
	for _, p := range t.parts {
		switch {
		case p.kind == literal:
			text, _ := f.append(nil, p.text) // fails for numbers only
			p.text = string(text)
		case !p.stated:
			p.filter = f
		}
		out.add(p)
	}
	return out
}
