package scenarios

import "go.yaml.in/yaml/v3"

// mapping writes a YAML mapping or list whose values name the key they stand under as
// their origin.
type mapping struct {
	node   *yaml.Node
	origin map[*yaml.Node]string
}

func (m *mapping) scalar(text, origin string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	m.origin[n] = origin
	return n
}

func (m *mapping) put(key, value string) {
	m.node.Content = append(m.node.Content, m.scalar(key, key), m.scalar(value, key))
}

// some puts a value that is not empty.
func (m *mapping) some(key, value string) {
	if value != "" {
		m.put(key, value)
	}
}

// field puts a key that the author chose; a mistake in it is one under the mapping's own.
func (m *mapping) field(key, value string) {
	origin := m.origin[m.node]
	m.node.Content = append(m.node.Content, m.scalar(key, origin), m.scalar(value, origin))
}

// child returns the mapping under a key, made if it is not there.
func (m *mapping) child(key string) *mapping { return m.under(key, yaml.MappingNode) }

// list returns the list under a key, made if it is not there.
func (m *mapping) list(key string) *mapping { return m.under(key, yaml.SequenceNode) }

func (m *mapping) under(key string, kind yaml.Kind) *mapping {
	n := valueOf(m.node, key)
	if n == nil {
		n = &yaml.Node{Kind: kind}
		m.origin[n] = key
		m.node.Content = append(m.node.Content, m.scalar(key, key), n)
	}
	return &mapping{n, m.origin}
}

// item appends a mapping to a list.
func (m *mapping) item() *mapping {
	n := &yaml.Node{Kind: yaml.MappingNode}
	m.origin[n] = m.origin[m.node]
	m.node.Content = append(m.node.Content, n)
	return &mapping{n, m.origin}
}

// add appends text to a list.
func (m *mapping) add(text string) {
	m.node.Content = append(m.node.Content, m.scalar(text, m.origin[m.node]))
}
