package scenarios

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// set changes one value of the tree. The setting is "path=value", where path is made of
// keys and list positions, such as load[0].stages[1].rate, and value is YAML. A list can
// also be entered by the name of an item: load.shoppers.rate. Keys that are missing at
// the end of the path are added. "path?=value" only gives a value to what has none.
func (t *tree) set(setting string) *Problem {
	path, text, found := strings.Cut(setting, "=")
	path, weak := strings.CutSuffix(path, "?")
	name := "--set " + setting
	fail := func(msg, hint string) *Problem { return &Problem{File: name, Msg: msg, Hint: hint} }
	if !found || path == "" {
		return fail("a setting is path=value", "for instance load[0].rate=200/s")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return fail("the value is not valid YAML", "")
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	if len(doc.Content) > 0 {
		value = doc.Content[0]
	}
	x := &expander{file: name, left: maxNodes}
	value = x.expand(value, 0)
	if len(x.problems) > 0 {
		return fail(x.problems[0].Msg, x.problems[0].Hint)
	}
	t.mark(value, name)
	if weak && t.has(path) {
		return nil
	}
	return t.put(path, value, fail)
}

// mark notes that n and all below came from a setting.
func (t *tree) mark(n *yaml.Node, name string) {
	t.origin[n] = name
	for _, c := range n.Content {
		t.mark(c, name)
	}
}

// trace says of a node that was made that it came from where value did.
func (t *tree) trace(made, value *yaml.Node) {
	if origin, ok := t.origin[value]; ok {
		t.origin[made] = origin
		return
	}
	made.Line, made.Column = value.Line, value.Column
}

// keysOf splits a path. What comes after target.set is one key, the path of a knob.
func keysOf(path string) []string {
	if knob, ok := strings.CutPrefix(path, "target.set."); ok && knob != "" {
		return []string{"target", "set", knob}
	}
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// has reports whether the scenario gives a value to a path.
func (t *tree) has(path string) bool {
	n := t.root
	for _, key := range keysOf(path) {
		slot := find(n, key)
		if slot < 0 {
			return false
		}
		n = n.Content[slot]
	}
	return !isNull(n)
}

func (t *tree) put(path string, value *yaml.Node, fail func(msg, hint string) *Problem) *Problem {
	keys := keysOf(path)
	if len(keys) == 0 {
		return fail("the path is empty", "for instance load[0].rate=200/s")
	}
	n := t.root
	for i, key := range keys {
		slot := find(n, key)
		last := i == len(keys)-1
		switch {
		case slot >= 0 && last:
			n.Content[slot] = value
		case slot >= 0:
			n = n.Content[slot]
		case n.Kind != yaml.MappingNode:
			return fail(quote(key)+" is not there", "look at the file: `plimsoll scenarios show` prints it")
		default:
			child := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			if last {
				child = value
			}
			k := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
			for _, made := range []*yaml.Node{k, child} {
				t.trace(made, value)
			}
			n.Content = append(n.Content, k, child)
			n = child
		}
	}
	return nil
}

// find returns the index in n.Content of a key's value, of the item at a position, or of
// the item with that name; -1 if there is none.
func find(n *yaml.Node, key string) int {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return i + 1
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
			return i
		}
		for i, item := range n.Content {
			if name := valueOf(item, "name"); item.Kind == yaml.MappingNode && name != nil && name.Value == key {
				return i
			}
		}
	}
	return -1
}
