package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/flow"
	"plimsoll/report/budget"
)

// decoder walks a tree and collects every mistake that it meets.
type decoder struct {
	*tree
	files   fs.FS                              // where to look for files; nil: nowhere
	variant string                             // which one is read; empty: the scenario itself
	outside []use                              // variables that are mentioned outside the flows
	missing []string                           // files that were not looked at, there being nowhere
	visit   func(object string, keys []string) // for the test that holds the schema against the code; may be nil
}

// fields says what to do with the value of each key that an object may have.
type fields map[string]func(*yaml.Node)

func (d *decoder) problem(n *yaml.Node, hint, format string, args ...any) {
	d.problemAt(n, 0, hint, format, args...)
}

// problemAt reports a mistake at a byte offset into a scalar's value.
func (d *decoder) problemAt(n *yaml.Node, offset int, hint, format string, args ...any) {
	d.problems = append(d.problems, d.spot(n, offset).Problem(fmt.Sprintf(format, args...), hint))
}

// spot returns where the byte at offset of a scalar's value comes from.
func (d *decoder) spot(n *yaml.Node, offset int) Spot {
	if origin, ok := d.origin[n]; ok {
		return Spot{File: origin}
	}
	line, col := d.position(n, offset)
	return Spot{File: d.file, Line: line, Col: col}
}

// spots adds where the keys of a mapping stand, and those of the mappings in it, each
// under its path.
func (d *decoder) spots(n *yaml.Node, under string, into map[string]Spot) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		path := under + n.Content[i].Value
		into[path] = d.spot(n.Content[i], 0)
		d.spots(n.Content[i+1], path+".", into)
	}
}

// position returns where the byte at offset of a scalar's value stands in the file, or
// where the value begins if escapes or folding make that unclear.
func (d *decoder) position(n *yaml.Node, offset int) (line, col int) {
	line, col = max(n.Line, 1), max(n.Column, 1)
	if n.Kind != yaml.ScalarNode || offset <= 0 || offset > len(n.Value) {
		return line, col
	}
	before := n.Value[:offset]
	row := strings.Count(before, "\n")
	text := strings.Split(n.Value, "\n")[row]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	at, start := line+row, col
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		at++
		if at > len(d.lines) {
			return line, col
		}
		start = strings.Index(d.lines[at-1], text) + 1
	case row > 0:
		return line, col
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		start++
	}
	if start < 1 || at > len(d.lines) || !strings.HasPrefix(skip(d.lines[at-1], start-1), text) {
		return line, col
	}
	return at, start + utf8.RuneCountInString(before)
}

// skip returns s without its first n characters.
func skip(s string, n int) string {
	for ; n > 0 && s != ""; n-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return s
}

// object decodes a mapping; what names it in messages and in the schema.
func (d *decoder) object(n *yaml.Node, what string, known fields) bool {
	names := slices.Sorted(maps.Keys(known))
	if d.visit != nil {
		d.visit(what, names)
	}
	if n.Kind != yaml.MappingNode {
		d.problem(n, didYouMean("", names), "%s must be a mapping", what)
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		decode, ok := known[key.Value]
		if extension := n == d.root && strings.HasPrefix(key.Value, "x-"); extension {
			continue // a place for anchors, as in other YAML formats
		}
		if !ok {
			d.problem(key, didYouMean(key.Value, names), "unknown key %s in %s", quote(key.Value), what)
			continue
		}
		decode(value)
	}
	return true
}

// pairs decodes a mapping whose keys the author chose, in the author's order.
func (d *decoder) pairs(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, "write it as  key: value", "%s must be a mapping", what)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		each(n.Content[i], n.Content[i+1])
	}
}

// items decodes a list; a single value is a list of one.
func (d *decoder) items(n *yaml.Node, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		each(n)
		return
	}
	for _, item := range n.Content {
		each(item)
	}
}

// text returns the value of a scalar that is not null.
func (d *decoder) text(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0:
		d.problem(n, "a value that begins with { or {{ needs quotes", "%s must be text", what)
		return "", false
	case n.Kind != yaml.ScalarNode:
		d.problem(n, "", "%s must be text", what)
		return "", false
	case isNull(n):
		d.problem(n, "", "%s has no value", what)
		return "", false
	}
	return n.Value, true
}

// maxName bounds the names that stand in reports, in characters.
const maxName = 200

// name returns a name that reports can print on one line.
func (d *decoder) name(n *yaml.Node, what string) string {
	s, ok := d.text(n, what)
	switch {
	case !ok:
	case strings.TrimSpace(s) == "":
		d.problem(n, "", "%s is empty", what)
	case utf8.RuneCountInString(s) > maxName:
		d.problem(n, "", "%s is longer than %d characters", what, maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		d.problem(n, "names are printable text on one line", "%s has a control character", what)
	}
	return s
}

// value decodes a scalar with one of the Parse functions.
func value[T any](d *decoder, n *yaml.Node, what string, parse func(string) (T, error)) (v T) {
	s, ok := d.text(n, what)
	if !ok {
		return v
	}
	v, err := parse(s)
	d.report(n, err)
	return v
}

// report adds an error about n's value, at its place in the value if it has one; nil is
// none.
func (d *decoder) report(n *yaml.Node, err error) {
	if err == nil {
		return
	}
	offset := 0
	if bad, ok := errors.AsType[*flow.SyntaxError](err); ok {
		offset = bad.Offset
	}
	hint := hintOf(err)
	if bad, ok := errors.AsType[*budget.SyntaxError](err); ok {
		offset, err = bad.Offset, errors.New(bad.Msg)
	}
	d.problemAt(n, offset, hint, "%s", err)
}

// hintOf returns the hint that comes with an error.
func hintOf(err error) string {
	switch bad := err.(type) { //nolint:errorlint // these come unwrapped
	case *ValueError:
		return bad.Hint
	case *flow.SyntaxError:
		return bad.Hint
	case *budget.BindError:
		return bad.Hint
	case *budget.SyntaxError:
		return bad.Hint
	}
	return ""
}

func (d *decoder) duration(n *yaml.Node, what string) time.Duration {
	return value(d, n, what, ParseDuration)
}

// span decodes a duration that must not be zero.
func (d *decoder) span(n *yaml.Node, what string) time.Duration {
	before := len(d.problems)
	v := d.duration(n, what)
	if v == 0 && len(d.problems) == before {
		d.problem(n, "", "%s must be longer than zero", what)
	}
	return v
}

func (d *decoder) integer(n *yaml.Node, what string, least, most int64) int64 {
	return value(d, n, what, func(s string) (int64, error) {
		v, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
		switch {
		case err == nil && v >= least && v <= most:
			return v, nil
		case most == math.MaxInt64:
			return least, valueError("", "%s must be a whole number, at least %d", what, least)
		}
		return least, valueError("", "%s must be a whole number from %d to %d", what, least, most)
	})
}

func (d *decoder) boolean(n *yaml.Node, what string) bool {
	return value(d, n, what, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, valueError("write true or false", "%s must be true or false", what)
		}
		return s == "true", nil
	})
}

func (d *decoder) oneOf(n *yaml.Node, what string, names ...string) string {
	return value(d, n, what, func(s string) (string, error) {
		if !slices.Contains(names, s) {
			return "", valueError(didYouMean(s, names), "unknown %s %s", what, quote(s))
		}
		return s, nil
	})
}
