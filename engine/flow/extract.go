package flow

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// Extractor finds a value in an answer.
//
//	json $.price            the first value at a JSON path that is not null
//	header Location         the first field of that name
//	cookie sid              a cookie that this answer sets
//	regex "token=(\w+)"     in the body: the first group, or the match if there is none
//	status, body            as text
//
// Each may end in "default" and a template, in quotes if it begins or ends with space:
// what is taken if nothing is found.
type Extractor struct {
	source   source
	arg      string // path, name or regular expression
	path     jp.Expr
	re       *regexp.Regexp
	fallback *Template // nil: none
}

type source int

const (
	fromJSON source = iota
	fromHeader
	fromCookie
	fromRegexp
	fromStatus
	fromBody
)

func sourceNames() []string {
	return []string{"json", "header", "cookie", "regex", "status", "body"}
}

// ParseExtractor compiles an extractor such as "json $.price" or "header Location". An
// error is a *SyntaxError.
func ParseExtractor(src string) (Extractor, error) {
	s := &scanner{src: src}
	s.more()
	start := s.pos
	name := s.word()
	i := slices.Index(sourceNames(), name)
	if i < 0 {
		return Extractor{}, &SyntaxError{
			start, "unknown source " + strconv.Quote(abbreviate(name)),
			"a value comes from json PATH, header NAME, cookie NAME, regex EXPRESSION, status or body",
		}
	}
	e := Extractor{source: source(i)}
	if err := e.parseArgument(s); err != nil {
		return Extractor{}, err
	}
	if err := e.parseDefault(s); err != nil {
		return Extractor{}, err
	}
	return e, nil
}

func (e *Extractor) parseArgument(s *scanner) (err error) {
	s.more()
	at := s.pos
	switch e.source {
	case fromJSON:
		e.arg = s.until("")
		e.path, err = parsePath(e.arg, at)
	case fromHeader, fromCookie:
		if e.arg = s.word(); !isToken(e.arg) {
			return &SyntaxError{at, "bad name " + strconv.Quote(abbreviate(e.arg)), "for example " + sourceNames()[e.source] + " X-Id"}
		}
	case fromRegexp:
		if e.arg = s.expression(); e.arg == "" {
			return &SyntaxError{at, "no regular expression", `for example regex "token=(\w+)"`}
		}
		e.re, err = compileRegexp(e.arg)
		err = shift(err, at)
	}
	return err
}

// expression reads a regular expression: in quotes, or up to a default or the end.
func (s *scanner) expression() string {
	if end := quotedEnd(s.src[s.pos:]); end > 0 {
		text, _ := unquote(s.src[s.pos : s.pos+end])
		s.pos += end
		return text
	}
	start := s.pos
	text, _ := s.rest()
	if i := strings.LastIndex(text, " default "); i >= 0 {
		s.pos = start + i
		text = strings.TrimSpace(text[:i])
	}
	return text
}

func (e *Extractor) parseDefault(s *scanner) (err error) {
	if !s.more() {
		return nil
	}
	at := s.pos
	if word := s.word(); word != "default" {
		return &SyntaxError{at, "unexpected " + strconv.Quote(abbreviate(word)), "only default VALUE can follow"}
	}
	right, offset := s.rest()
	if right == "" {
		return &SyntaxError{offset, "default without a value", `an empty text is written ""`}
	}
	e.fallback, err = parseRight(right, offset)
	return err
}

// String returns the extractor as it could have been written.
func (e Extractor) String() string {
	s := sourceNames()[e.source]
	switch {
	case e.source == fromRegexp:
		s += " " + quote(e.arg)
	case e.arg != "":
		s += " " + e.arg
	}
	if e.fallback != nil {
		s += " default " + quoteIfNeeded(e.fallback.String())
	}
	return s
}

// Variables returns the names that the default value needs.
func (e Extractor) Variables() []string {
	if e.fallback == nil {
		return nil
	}
	return e.fallback.Variables()
}

func (e Extractor) wants() Want {
	switch e.source {
	case fromHeader:
		return wantHeader(e.arg)
	case fromJSON, fromRegexp, fromBody:
		return Want{Body: true}
	}
	return Want{}
}

// extract returns the value that the answer holds, or the default.
func (e *Extractor) extract(u *User, a *answer) (string, bool) {
	if v, ok := e.find(a); ok {
		return v, true
	}
	if e.fallback == nil {
		return "", false
	}
	v, err := e.fallback.text(u)
	return v, err == nil
}

func (e *Extractor) find(a *answer) (string, bool) {
	switch e.source {
	case fromJSON:
		for _, v := range a.find(e.path) {
			if v != nil {
				return string(valueText(v)), true
			}
		}
		return "", false
	case fromHeader:
		for v := range a.resp.values(e.arg) {
			return string(v), true
		}
		return "", false
	case fromCookie:
		return a.cookie(e.arg)
	case fromRegexp:
		return firstGroup(e.re, a.resp.Body)
	case fromStatus:
		return strconv.Itoa(a.resp.Status), true
	}
	return string(a.resp.Body), true
}

func (a *answer) cookie(name string) (string, bool) {
	for v := range a.resp.values("Set-Cookie") {
		if c, err := http.ParseSetCookie(string(v)); err == nil && c.Name == name {
			return c.Value, true
		}
	}
	return "", false
}

func firstGroup(re *regexp.Regexp, body []byte) (string, bool) {
	m := re.FindSubmatch(body)
	if m == nil {
		return "", false
	}
	group := m[min(1, len(m)-1)]
	return string(group), group != nil
}
