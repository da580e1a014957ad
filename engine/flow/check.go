package flow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// Check is a condition on an answer.
//
//	status == 200              also != < <= > >=, and classes: status in 200,201,3xx
//	header Content-Type == application/json
//	body contains text         also == != matches
//	body.size < 10kB           after decoding; B kB MB GB KiB MiB GiB, or bytes
//	json $.id == {{ id }}      a JSON path; some value has to fit if there are several
//	latency < 200ms            from when the request was due
//
// Headers and JSON values know all of == != < <= > >= contains matches in exists;
// contains, matches, in and exists can stand after not. The right side is a template, in
// quotes if it begins or ends with space. Two JSON numbers compare as numbers and all
// else as text, except that a number is never less or greater than a text. What is not
// there fits nothing but "not exists".
type Check struct {
	subject subject
	arg     string // name of the header, or path as written
	path    jp.Expr
	not     bool
	op      operator
	want    *Template // nil for exists
	bound   *operand  // of a fixed right side
}

type subject int

const (
	status subject = iota
	header
	body
	bodySize
	jsonPath
	latency
)

func subjectNames() []string {
	return []string{"status", "header", "body", "body.size", "json", "latency"}
}

// operators returns what the subject can be compared by.
func (s subject) operators() []operator {
	switch s {
	case status:
		return []operator{equal, less, atMost, greater, atLeast, in}
	case body:
		return []operator{equal, contains, matches}
	case bodySize:
		return []operator{equal, less, atMost, greater, atLeast}
	case latency:
		return []operator{less, atMost, greater, atLeast}
	}
	return []operator{equal, less, atMost, greater, atLeast, in, contains, matches, exists}
}

type operator int

const (
	equal operator = iota
	less
	atMost
	greater
	atLeast
	in
	contains
	matches
	exists
)

func operatorNames() []string {
	return []string{"==", "<", "<=", ">", ">=", "in", "contains", "matches", "exists"}
}

// ParseCheck compiles a check such as "status == 200". An error is a *SyntaxError.
func ParseCheck(src string) (Check, error) {
	s := &scanner{src: src}
	var c Check
	if err := c.parseSubject(s); err != nil {
		return Check{}, err
	}
	if err := c.parseOperator(s); err != nil {
		return Check{}, err
	}
	right, offset := s.rest()
	if c.op == exists {
		if right != "" {
			return Check{}, &SyntaxError{offset, "unexpected " + strconv.Quote(abbreviate(right)) + " after exists", ""}
		}
		return c, nil
	}
	if right == "" {
		return Check{}, &SyntaxError{offset, "nothing to compare with", `an empty text is written ""`}
	}
	var err error
	if c.want, err = parseRight(right, offset); err != nil {
		return Check{}, err
	}
	if c.want.Fixed() {
		if c.bound, err = c.bind(c.want.fixedText()); err != nil {
			return Check{}, shift(err, offset)
		}
	}
	return c, nil
}

func (c *Check) parseSubject(s *scanner) error {
	s.more()
	start := s.pos
	name := s.until("=!<>")
	i := slices.Index(subjectNames(), name)
	if i < 0 {
		return &SyntaxError{
			start, "unknown subject " + strconv.Quote(abbreviate(name)),
			"a check begins with status, header NAME, body, body.size, json PATH or latency",
		}
	}
	c.subject = subject(i)
	s.more()
	at := s.pos
	switch c.subject {
	case header:
		c.arg = s.until("=!<>")
		if !isToken(c.arg) {
			return &SyntaxError{at, "bad header name " + strconv.Quote(abbreviate(c.arg)), "for example header Content-Type exists"}
		}
	case jsonPath:
		c.arg = s.until("=!<>")
		var err error
		c.path, err = parsePath(c.arg, at)
		return err
	}
	return nil
}

// parsePath compiles a JSON path (RFC 9535, as far as the library follows it).
func parsePath(src string, offset int) (jp.Expr, error) {
	const hint = "for example $.items[0].id"
	if !strings.HasPrefix(src, "$") {
		return nil, &SyntaxError{offset, "a JSON path begins with $", hint}
	}
	path, err := jp.ParseString(src)
	if err != nil {
		// The library ends its messages in " at POSITION in PATH", counted from 1.
		msg := strings.TrimSuffix(err.Error(), " in "+src)
		if i := strings.LastIndex(msg, " at "); i >= 0 {
			if at, err := strconv.Atoi(msg[i+len(" at "):]); err == nil {
				msg, offset = msg[:i], offset+min(max(at-1, 0), len(src))
			}
		}
		return nil, &SyntaxError{offset, "JSON path: " + msg, hint}
	}
	return path, nil
}

func (c *Check) parseOperator(s *scanner) error {
	s.more()
	start := s.pos
	name := s.symbol("=!<>")
	if name == "" {
		name = s.word()
	}
	if name == "not" {
		c.not = true
		name = s.word()
	}
	if name == "!=" && !c.not {
		c.not, name = true, "=="
	} else if i := slices.Index(operatorNames(), name); c.not && i >= 0 && i < int(in) {
		return &SyntaxError{start, "not cannot stand before " + name, "write the opposite operator"}
	}
	i := slices.Index(operatorNames(), name)
	if i < 0 || !slices.Contains(c.subject.operators(), operator(i)) {
		return &SyntaxError{
			start, fmt.Sprintf("%s cannot be compared by %q", subjectNames()[c.subject], abbreviate(name)),
			"it knows " + c.subject.operatorList(),
		}
	}
	c.op = operator(i)
	return nil
}

func (s subject) operatorList() string {
	var names []string
	for _, op := range s.operators() {
		names = append(names, operatorNames()[op])
		if op == equal {
			names = append(names, "!=")
		}
	}
	return strings.Join(names, " ")
}

// String returns the check as it could have been written; reports use it as its name.
func (c Check) String() string {
	words := []string{subjectNames()[c.subject]}
	if c.arg != "" {
		words = append(words, c.arg)
	}
	switch {
	case c.not && c.op == equal:
		words = append(words, "!=")
	case c.not:
		words = append(words, "not", operatorNames()[c.op])
	default:
		words = append(words, operatorNames()[c.op])
	}
	if c.want != nil {
		words = append(words, quoteIfNeeded(c.want.String()))
	}
	return strings.Join(words, " ")
}

// Variables returns the names that the right side of the check needs.
func (c Check) Variables() []string {
	if c.want == nil {
		return nil
	}
	return c.want.Variables()
}

// OnStatus reports whether the check speaks of the status.
func (c Check) OnStatus() bool { return c.subject == status }

// wants says which parts of the answer the check reads.
func (c Check) wants() Want {
	switch c.subject {
	case header:
		return wantHeader(c.arg)
	case body, bodySize, jsonPath:
		return Want{Body: true}
	}
	return Want{}
}

// wantHeader knows that a protocol keeps some fields always.
func wantHeader(name string) Want {
	return Want{Header: !strings.EqualFold(name, "Set-Cookie") && !strings.EqualFold(name, "Location")}
}
