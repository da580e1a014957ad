package flow

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const braceHint = `two literal braces are written {{ "{{" }}`

// ParseTemplate compiles text in which {{ name }} stands for a variable; values are
// inserted as they are unless a filter says otherwise. An error is a *SyntaxError.
func ParseTemplate(src string) (*Template, error) { return parseTemplate(src, nil) }

// ParseURLTemplate compiles a URL, or its path and query: values that stand behind the
// start of the path are percent-encoded unless they say {{ name | raw }}. An error is a
// *SyntaxError.
func ParseURLTemplate(src string) (*Template, error) {
	return parseTemplate(src, func(before string) filter {
		if behindOrigin(before) {
			return toURL
		}
		return raw
	})
}

// behindOrigin reports whether a URL that begins like this has come to its path or query.
func behindOrigin(url string) bool {
	i := strings.IndexAny(url, "/?#")
	if i > 0 && url[i-1] == ':' && strings.HasPrefix(url[i:], "//") {
		return strings.ContainsAny(url[i+2:], "/?#")
	}
	return i >= 0
}

// parseTemplate compiles src. place, if there is one, says how values are inserted that
// follow the given text, in which each expression before is a single x.
func parseTemplate(src string, place func(before string) filter) (*Template, error) {
	t := &Template{}
	var before strings.Builder
	for pos := 0; pos < len(src); {
		n := strings.Index(src[pos:], "{{")
		if n < 0 {
			t.add(part{text: src[pos:]})
			break
		}
		t.add(part{text: src[pos : pos+n]})
		before.WriteString(src[pos : pos+n])
		p, end, err := parseExpression(src, pos+n)
		if err != nil {
			return nil, err
		}
		if p.kind == literal {
			before.WriteString(p.text)
		} else {
			if place != nil && !p.stated {
				p.filter = place(before.String())
			}
			before.WriteByte('x')
		}
		t.add(p)
		pos = end
	}
	return t, nil
}

// parseExpression reads the expression that opens at offset and returns where it ends.
func parseExpression(src string, offset int) (p part, end int, err error) {
	inner := offset + len("{{")
	start := inner + len(src[inner:]) - len(trimLeft(src[inner:]))
	if quoted, err := strconv.QuotedPrefix(src[start:]); err == nil {
		rest := trimLeft(src[start+len(quoted):])
		if after, ok := strings.CutPrefix(rest, "}}"); ok {
			text, err := strconv.Unquote(quoted)
			return part{text: text}, len(src) - len(after), err
		}
	}
	n := strings.Index(src[inner:], "}}")
	if n < 0 {
		return p, 0, &SyntaxError{offset, `"{{" without "}}"`, braceHint}
	}
	end = inner + n + len("}}")
	if start >= inner+n {
		return p, 0, &SyntaxError{offset, "empty expression", braceHint}
	}
	value, name, filtered := strings.Cut(src[start:inner+n], "|")
	if p, err = parseValue(strings.TrimSpace(value), start); err != nil {
		return p, 0, err
	}
	if filtered {
		if p.filter, err = parseFilter(name, start+len(value)+1, p.kind); err != nil {
			return p, 0, err
		}
		p.stated = true
	}
	return p, end, nil
}

func parseFilter(s string, offset int, k kind) (filter, error) {
	offset += len(s) - len(trimLeft(s))
	name := strings.TrimSpace(s)
	i := slices.Index(filterNames(), name)
	if i < 0 || filter(i) == toJSONText {
		return 0, &SyntaxError{offset, "unknown filter " + strconv.Quote(name), "the filters are raw, url, json and number"}
	}
	if filter(i) == toNumber && k == uuid {
		return 0, &SyntaxError{offset, "a uuid is not a number", ""}
	}
	return filter(i), nil
}

// parseValue reads what stands before the filter.
func parseValue(s string, offset int) (part, error) {
	words := strings.Fields(s)
	switch {
	case s == "user":
		return part{kind: userID}, nil
	case s == "pass":
		return part{kind: passNumber}, nil
	case s == "uuid":
		return part{kind: uuid}, nil
	case len(words) > 0 && words[0] == "random":
		return parseRandom(words[1:], offset)
	}
	name, col, dotted := strings.Cut(s, ".")
	if err := checkName(name, offset); err != nil {
		return part{}, err
	}
	if !dotted {
		return part{kind: variable, text: name}, nil
	}
	if col == "" || strings.IndexFunc(col, notInColumn) >= 0 || strings.TrimSpace(col) != col {
		return part{}, &SyntaxError{offset + len(name) + 1, "bad column name " + strconv.Quote(col), ""}
	}
	return part{kind: column, text: name, column: col}, nil
}

func parseRandom(args []string, offset int) (part, error) {
	bad := &SyntaxError{offset, "random wants two whole numbers, the smaller first", "for example {{ random 1 100 }}"}
	if len(args) != 2 {
		return part{}, bad
	}
	low, err1 := strconv.ParseInt(args[0], 10, 64)
	high, err2 := strconv.ParseInt(args[1], 10, 64)
	if err1 != nil || err2 != nil || low > high {
		return part{}, bad
	}
	return part{kind: random, min: low, max: high}, nil
}

// CheckName reports, as a *SyntaxError, what keeps name from naming a variable or a data
// source: it is not made of letters, digits, "_" and "-", or it is a built-in.
func CheckName(name string) error { return checkName(name, 0) }

func checkName(name string, offset int) error {
	switch name {
	case "":
		return &SyntaxError{offset, "empty name", ""}
	case "user", "pass", "uuid", "random":
		return &SyntaxError{offset, name + " is a built-in", "choose another name"}
	}
	if i := strings.IndexFunc(name, notInName); i >= 0 {
		return &SyntaxError{
			offset + i, "bad name " + strconv.Quote(name),
			`a name is made of letters, digits, "_" and "-"`,
		}
	}
	if c := name[0]; c == '-' || c >= '0' && c <= '9' {
		return &SyntaxError{offset, "bad name " + strconv.Quote(name), "a name begins with a letter"}
	}
	return nil
}

func notInName(r rune) bool {
	return r == unicode.ReplacementChar || r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// notInColumn is wider: the header of a file is often not its user's to change.
func notInColumn(r rune) bool { return r == '"' || r == '{' || r == '}' || !unicode.IsPrint(r) }

func trimLeft(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }
