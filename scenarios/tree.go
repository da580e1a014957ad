package scenarios

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on a scenario: far above what anybody writes by hand, low enough that a file
// made to do harm (aliases of aliases of aliases) ends as an error.
const (
	maxText  = 4 << 20
	maxNodes = 100_000
	maxDepth = 100
)

// tree is a YAML document without aliases and merge keys, ready to be edited and decoded.
type tree struct {
	file     string
	lines    []string
	root     *yaml.Node
	problems Problems              // all mistakes found so far
	origin   map[*yaml.Node]string // which setting a node came from, if not from the file
}

// parseTree reads text. Its error is a mistake that hides what comes after it.
func parseTree(file string, text []byte) (*tree, error) {
	t := &tree{file: file, lines: splitLines(string(text)), origin: map[*yaml.Node]string{}}
	if len(text) > maxText {
		return nil, Problems{{File: file, Line: 1, Col: 1, Msg: "the file is longer than 4 MiB", Hint: "put data into a CSV file and name it under data:"}}
	}
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && isNull(doc.Content[0]) {
		return nil, Problems{{File: file, Line: 1, Col: 1, Msg: "the scenario is empty", Hint: "`plimsoll scenarios show quickstart` prints one to start from"}}
	} else if err != nil {
		return nil, Problems{t.syntax(err)}
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, Problems{{File: file, Line: more.Line, Col: more.Column, Msg: "a second YAML document begins here", Hint: "one file holds one scenario"}}
	case !errors.Is(err, io.EOF):
		return nil, Problems{t.syntax(err)}
	}
	x := &expander{file: file, left: maxNodes}
	t.root, t.problems = x.expand(doc.Content[0], 0), x.problems
	if x.left < 0 {
		return nil, x.problems.OrNil() // the rest is not there
	}
	return t, nil
}

// splitLines splits text where YAML does.
func splitLines(text string) []string {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	return strings.Split(breaks.Replace(text), "\n")
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntax turns an error of the YAML library into a problem.
func (t *tree) syntax(err error) Problem {
	p := Problem{File: t.file, Line: 1, Col: 1, Msg: "not valid YAML: " + err.Error()}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		p.Line = min(max(line, 1), len(t.lines))
		if len(t.lines) < 500 {
			p.Line = t.lastGood() + 1
		}
		p.Msg = "not valid YAML: " + m[2]
	}
	line := t.lines[p.Line-1]
	p.Col = len(line) - len(strings.TrimLeft(line, " ")) + 1
	switch {
	case strings.Contains(line, "\t"):
		p.Hint = "YAML is indented with spaces, not tabs"
	case strings.Contains(line, ": {{"):
		p.Hint = "a value that begins with {{ needs quotes: \"{{ name }}\""
	case strings.Contains(p.Msg, "expected ','"):
		p.Hint = "a bracket is not closed, or a value within { } or [ ] has brackets or commas and needs quotes"
	case strings.Contains(p.Msg, "mapping values are not allowed"):
		p.Hint = "look for a missing quote, or for an indentation that does not fit, here or one line above"
	}
	return p
}

// lastGood returns how many lines from the start can be read. The YAML library says where
// the block began that it could not finish, which may be far above the mistake.
func (t *tree) lastGood() int {
	for n := len(t.lines) - 1; n > 0; n-- {
		if err := yaml.Unmarshal([]byte(strings.Join(t.lines[:n], "\n")), &yaml.Node{}); err == nil {
			return n
		}
	}
	return 0
}

// expander copies a tree and puts in its place what aliases and merge keys refer to.
type expander struct {
	file     string
	left     int
	problems Problems
}

func (x *expander) problem(n *yaml.Node, msg, hint string) {
	x.problems = append(x.problems, Problem{File: x.file, Line: max(n.Line, 1), Col: max(n.Column, 1), Msg: msg, Hint: hint})
}

func (x *expander) expand(n *yaml.Node, depth int) *yaml.Node {
	x.left--
	if x.left < 0 || depth > maxDepth {
		if x.left > -maxNodes { // said once
			x.left = -maxNodes
			x.problem(n, "the scenario is too large or too deep", "an alias may refer to itself, or to many others")
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	}
	if n.Kind == yaml.AliasNode {
		return x.expand(n.Alias, depth+1)
	}
	c := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	if n.Kind == yaml.MappingNode {
		x.expandMapping(c, n, depth)
		return c
	}
	for _, item := range n.Content {
		c.Content = append(c.Content, x.expand(item, depth+1))
	}
	return c
}

// expandMapping copies the pairs of n to c; those that a merge key brings yield to those
// that stand there.
func (x *expander) expandMapping(c, n *yaml.Node, depth int) {
	var merged []*yaml.Node
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], x.expand(n.Content[i+1], depth+1)
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			x.problem(key, "a key must be plain text", "a value that begins with {{ needs quotes: \"{{ name }}\"")
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case seen[key.Value]:
			x.problem(key, quote(key.Value)+" stands here twice", "")
		default:
			seen[key.Value] = true
			c.Content = append(c.Content, key, value)
		}
	}
	for _, m := range merged {
		x.merge(c, m, seen)
	}
}

func (x *expander) merge(c, m *yaml.Node, seen map[string]bool) {
	switch m.Kind {
	case yaml.SequenceNode:
		for _, item := range m.Content {
			x.merge(c, item, seen)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(m.Content); i += 2 {
			if !seen[m.Content[i].Value] {
				seen[m.Content[i].Value] = true
				c.Content = append(c.Content, m.Content[i], m.Content[i+1])
			}
		}
	default:
		x.problem(m, "<< merges mappings only", "")
	}
}

// valueOf returns the value of a key of a mapping, nil if it is not there.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func quote(s string) string {
	const longest = 80
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return strconv.Quote(s)
}
