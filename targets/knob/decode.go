package knob

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Decode reads YAML over what the tree that into points to holds, so that one document may
// lie over another: keys that are not there keep their values, the entries of maps are
// added to, lists are replaced. New entries and items begin with the defaults. Keys of the
// topmost mapping that begin with x- are passed over; they are a place for anchors.
//
// Its error is of the type Problems and holds every mistake with its place in the file;
// the tree is then as it was. When every value is good, the Check methods of the tree are
// called too.
func Decode[D any](file string, text []byte, into *D) error {
	d := &reader{file: file, left: maxNodes, places: map[string]*yaml.Node{}}
	n := d.parse(text)
	doc := Clone(into)
	if n != nil && d.left >= 0 {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); {
			if strings.HasPrefix(n.Content[i].Value, "x-") {
				n.Content = slices.Delete(n.Content, i, i+2)
			} else {
				i += 2
			}
		}
		d.value(n, "", reflect.ValueOf(doc).Elem(), rules{})
	}
	if len(d.problems) == 0 && n != nil {
		d.check(n, doc)
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	if err := d.problems.orNil(); err != nil {
		return err
	}
	*into = *doc
	return nil
}

// Encode writes the tree as YAML that Decode reads into an equal one.
func Encode(doc any) ([]byte, error) { return yaml.Marshal(doc) }

// check validates the whole and places what it finds at the group that stands nearest.
func (d *reader) check(n *yaml.Node, doc any) {
	found, ok := Validate(doc).(Problems) //nolint:errorlint // that is what it returns
	if !ok {
		return
	}
	for _, p := range found {
		at, path := n, p.Path
		for path != "" {
			if place, ok := d.places[path]; ok {
				at = place
				break
			}
			path = path[:max(strings.LastIndexAny(path, ".["), 0)]
		}
		d.problem(at, p.Path, p.Msg, p.Hint)
	}
}

func (d *reader) value(n *yaml.Node, path string, v reflect.Value, r rules) {
	t := v.Type()
	switch {
	case isNull(n):
		d.problem(n, path, "has no value", "leave the key out, or give it a value")
	case isList(t):
		d.list(n, path, v, r)
	case isLeaf(t):
		d.leaf(n, path, v, r)
	case t.Kind() == reflect.Struct:
		d.group(n, path, v, r)
	case isMap(t):
		d.entries(n, path, v, r)
	case t.Kind() == reflect.Slice:
		d.items(n, path, v, r)
	}
}

func (d *reader) leaf(n *yaml.Node, path string, v reflect.Value, r rules) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, path, "must be one value, of the kind "+kindOf(v.Type(), r), "")
		return
	}
	if m := assign(v, r, n.Value); m != nil {
		d.problem(n, path, m.msg, m.hint)
	}
}

func (d *reader) list(n *yaml.Node, path string, v reflect.Value, r rules) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, path, "must be a list", "write it as [a, b]")
		return
	}
	items := make([]string, 0, len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode || isNull(item) {
			d.problem(item, underIndex(path, i), "must be text", "")
			continue
		}
		items = append(items, item.Value)
	}
	if m := assignItems(v, r, items); m != nil {
		d.problem(n, path, m.msg, m.hint)
	}
}

// group decodes a mapping into a struct.
func (d *reader) group(n *yaml.Node, path string, v reflect.Value, r rules) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, path, "must be a group of settings", "write it as  key: value")
		return
	}
	known := map[string]func(key, value *yaml.Node){}
	var names []string
	flat(v, r, func(f field, v reflect.Value) {
		names = append(names, f.name)
		known[f.name] = func(key, value *yaml.Node) {
			d.places[f.under(path)] = key
			d.value(value, f.under(path), v, f.rules)
		}
	})
	for key, value := range pairs(n) {
		decode, ok := known[key.Value]
		if !ok {
			d.problem(key, path, "unknown key "+quote(key.Value), DidYouMean(key.Value, names))
			continue
		}
		decode(key, value)
	}
}

// flat shows the fields of a struct and of those that are inline in it.
func flat(v reflect.Value, r rules, show func(f field, v reflect.Value)) {
	for _, f := range fieldsOf(v.Type(), r) {
		if f.inline {
			flat(v.Field(f.index), f.rules, show)
		} else {
			show(f, v.Field(f.index))
		}
	}
}

// entries decodes a mapping whose keys the author chose.
func (d *reader) entries(n *yaml.Node, path string, v reflect.Value, r rules) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, path, "must be a mapping", "write it as  name: {key: value}")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for key, value := range pairs(n) {
		if !isName(key.Value) {
			d.problem(key, path, quote(key.Value)+" is no name", "a name is printable text on one line, of 200 characters at the most")
			continue
		}
		at := reflect.ValueOf(key.Value).Convert(v.Type().Key())
		entry := entryOf(v, key.Value)
		if !v.MapIndex(at).IsValid() {
			defaults(entry, r)
		}
		d.places[underKey(path, key.Value)] = key
		d.value(value, underKey(path, key.Value), entry, r)
		v.SetMapIndex(at, entry)
	}
}

// items decodes a list of structs, which replaces the one that was there.
func (d *reader) items(n *yaml.Node, path string, v reflect.Value, r rules) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, path, "must be a list", "write each item after a dash")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.places[underIndex(path, i)] = item
		defaults(v.Index(i), r)
		d.value(item, underIndex(path, i), v.Index(i), r)
	}
}

func isName(s string) bool {
	return strings.TrimSpace(s) != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxWord &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
