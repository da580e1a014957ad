package knob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on a document: far above what anybody writes by hand, low enough that one made
// to do harm (aliases of aliases of aliases) ends as an error.
const (
	maxText  = 1 << 20
	maxNodes = 100_000
	maxDepth = 64
)

// reader turns YAML into a tree of nodes without aliases and merge keys, and then into
// settings. It collects every mistake that it meets.
type reader struct {
	file     string
	left     int // how many more nodes there may be
	problems Problems
	places   map[string]*yaml.Node // where the groups stand, by path
}

func (d *reader) problem(n *yaml.Node, path, msg, hint string) {
	d.problems = append(d.problems, Problem{d.file, max(n.Line, 1), max(n.Column, 1), path, msg, hint})
}

// parse reads the one document in text; nil if it is empty.
func (d *reader) parse(text []byte) *yaml.Node {
	if len(text) > maxText {
		d.problem(&yaml.Node{}, "", fmt.Sprintf("the document is longer than %d bytes", maxText), "")
		return nil
	}
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.syntax(text, err)
		return nil
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		d.problem(&more, "", "a second YAML document begins here", "one file holds one tree of settings")
		return nil
	case !errors.Is(err, io.EOF):
		d.syntax(text, err)
		return nil
	}
	if isNull(doc.Content[0]) {
		return nil
	}
	return d.expand(doc.Content[0], 0)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntax reports an error of the YAML library, which knows a line at best.
func (d *reader) syntax(text []byte, err error) {
	at := &yaml.Node{Line: 1, Column: 1}
	msg := err.Error()
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ := strconv.Atoi(m[1]) // no line: 0
		at.Line, msg = min(max(line, 1), 1+bytes.Count(text, []byte("\n"))), m[2]
	}
	hint := ""
	switch {
	case strings.Contains(msg, "start any token"):
		hint = "YAML is indented with spaces, not tabs, and a value that begins with @, ` or % needs quotes"
	case strings.Contains(msg, "mapping values are not allowed"):
		hint = "look for a missing quote, or for an indentation that does not fit, here or above"
	case strings.Contains(msg, "did not find expected"):
		hint = "look for a bracket or a quote that is not closed, or an indentation that does not fit, here or above"
	}
	d.problem(at, "", "not valid YAML: "+msg, hint)
}

// expand copies a tree and puts in its place what aliases and merge keys refer to.
func (d *reader) expand(n *yaml.Node, depth int) *yaml.Node {
	d.left--
	if d.left < 0 || depth > maxDepth {
		if d.left > -maxNodes { // said once
			d.left = -maxNodes
			d.problem(n, "", "the document is too large or too deep", "an alias may refer to itself, or to many others")
		}
		return nothing(n)
	}
	if n.Kind == yaml.AliasNode {
		return d.expand(n.Alias, depth+1)
	}
	c := nothing(n)
	c.Kind, c.Style, c.Tag, c.Value = n.Kind, n.Style, n.Tag, n.Value
	if n.Kind == yaml.MappingNode {
		d.expandMapping(c, n, depth)
		return c
	}
	for _, item := range n.Content {
		c.Content = append(c.Content, d.expand(item, depth+1))
	}
	return c
}

// expandMapping copies the pairs of n to c; those that a merge key brings yield to those
// that stand there.
func (d *reader) expandMapping(c, n *yaml.Node, depth int) {
	var merged []*yaml.Node
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], d.expand(n.Content[i+1], depth+1)
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			d.problem(key, "", "a key must be plain text", "")
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case seen[key.Value]:
			d.problem(key, "", quote(key.Value)+" stands here twice", "keep one of the two")
		default:
			seen[key.Value] = true
			c.Content = append(c.Content, key, value)
		}
	}
	for _, m := range merged {
		d.merge(c, m, seen)
	}
}

func (d *reader) merge(c, m *yaml.Node, seen map[string]bool) {
	switch m.Kind {
	case yaml.SequenceNode:
		for _, item := range m.Content {
			d.merge(c, item, seen)
		}
	case yaml.MappingNode:
		for key, value := range pairs(m) {
			if !seen[key.Value] {
				seen[key.Value] = true
				c.Content = append(c.Content, key, value)
			}
		}
	default:
		d.problem(m, "", "<< merges mappings only", "")
	}
}

// pairs yields the keys and values of a mapping.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// nothing returns a null that stands where n stands.
func nothing(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
