package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// scalar is a value that is neither object nor array, as it stands in a text.
type scalar struct {
	kind   byte    // the first of: string, number, boolean (true or false), z for null
	length int     // of a string, in characters
	number float64 // of a number
}

// check tells whether a value is as its schema wants it.
type check func(scalar) bool

// checks are a schema of flat objects that no other fields are allowed in, made into code:
// which fields there have to be, and a function for each.
type checks struct {
	schema schema
	names  []string
	of     []check
	at     map[string]int // by name
}

// compile makes a schema into checks. The error names what they cannot do: other keywords
// and types than those of flat documents, fields that may be missing, and further ones.
func compile(s schema) (*checks, error) {
	required, _ := s["required"].([]any)
	properties, _ := s["properties"].(map[string]any)
	if s["type"] != "object" || s["additionalProperties"] != false || len(required) != len(properties) {
		return nil, errors.New("compile a schema: it is not that of an object whose fields are all known and required")
	}
	c := &checks{schema: s, at: make(map[string]int, len(required))}
	made := map[string]check{} // a function serves all fields with the same schema
	for i, n := range required {
		name, _ := n.(string)
		of, ok := properties[name].(schema)
		if !ok {
			return nil, fmt.Errorf("compile a schema: %v has none", n)
		}
		key := fmt.Sprint(of)
		if made[key] == nil {
			f, err := compileField(of)
			if err != nil {
				return nil, fmt.Errorf("compile the schema of %s: %w", name, err)
			}
			made[key] = f
		}
		c.names, c.of = append(c.names, name), append(c.of, made[key])
		c.at[name] = i
	}
	return c, nil
}

func compileField(s schema) (check, error) {
	least, most := bound(s, "minimum", math.Inf(-1)), bound(s, "maximum", math.Inf(1))
	shortest, longest := bound(s, "minLength", 0), bound(s, "maxLength", math.MaxInt32)
	for keyword := range s {
		switch keyword {
		case "type", "minimum", "maximum", "minLength", "maxLength":
		default:
			return nil, fmt.Errorf("there is no code for %s", keyword)
		}
	}
	switch s["type"] {
	case "string":
		from, to := int(math.Ceil(shortest)), int(math.Floor(longest))
		return func(v scalar) bool { return v.kind == 's' && v.length >= from && v.length <= to }, nil
	case "number":
		return func(v scalar) bool { return v.kind == 'n' && v.number >= least && v.number <= most }, nil
	case "integer":
		return func(v scalar) bool {
			return v.kind == 'n' && v.number >= least && v.number <= most && v.number == math.Trunc(v.number)
		}, nil
	case "boolean":
		return func(v scalar) bool { return v.kind == 'b' }, nil
	}
	return nil, fmt.Errorf("there is no code for the type %v", s["type"])
}

func bound(s schema, keyword string, otherwise float64) float64 {
	if v, ok := s[keyword].(float64); ok {
		return v
	}
	return otherwise
}

// few is up to how many fields the notes about them take no allocation.
const few = 256

// What is noted of a field. The last of several with one name is the one that counts, as
// when decoding.
const (
	missing byte = iota
	good
	bad
)

// run reads the text once and checks each value where it stands; nothing is decoded. Only
// a text with something nested in it, which documents never have, is decoded and held
// against the schema: a field of the same name may come later and take its place.
func (c *checks) run(text []byte) error {
	var room [few]byte
	notes := room[:]
	if len(c.of) > few {
		notes = make([]byte, len(c.of))
	}
	notes = notes[:len(c.of)]
	s := scanner{text: text}
	err := c.scan(&s, notes)
	if errors.Is(err, errNested) {
		return interpret(c.schema, text)
	}
	if err != nil {
		return err
	}
	for i, note := range notes {
		switch note {
		case missing:
			return fmt.Errorf("the document has no %s", c.names[i])
		case bad:
			return fmt.Errorf("%s is not of the type or within the bounds that it has to be", c.names[i])
		}
	}
	return nil
}

// scan reads an object and notes of each field whether it is good.
func (c *checks) scan(s *scanner, notes []byte) error {
	if !s.take('{') {
		return s.wrong()
	}
	for i := 0; !s.take('}'); i++ {
		if i > 0 && !s.take(',') {
			return s.wrong()
		}
		name, escaped, ok := s.name()
		if !ok || !s.take(':') {
			return s.wrong()
		}
		at, known := c.find(name, escaped, i)
		if !known {
			return fmt.Errorf("the document has a field %.64q that it should not have", name[1:len(name)-1])
		}
		value, err := s.scalar()
		if err != nil {
			return err
		}
		notes[at] = bad
		if c.of[at](value) {
			notes[at] = good
		}
	}
	if !s.ended() {
		return s.wrong()
	}
	return nil
}

// find returns which field the i-th of a text is: as a rule the i-th of the schema.
func (c *checks) find(name []byte, escaped bool, i int) (at int, known bool) {
	if escaped {
		var plain string
		if json.Unmarshal(name, &plain) != nil { // with the quotes around it
			return 0, false
		}
		at, known = c.at[plain]
		return at, known
	}
	name = name[1 : len(name)-1]
	if i < len(c.names) && c.names[i] == string(name) {
		return i, true
	}
	at, known = c.at[string(name)]
	return at, known
}
