package knob

import (
	"reflect"
	"slices"
)

// Defaults gives every leaf of the tree that doc points to, and that is still zero, the
// value of its default tag; those in the entries of maps and lists too. It is meant for a
// tree that nobody has set anything in yet.
func Defaults(doc any) { defaults(root(doc), rules{}) }

func defaults(v reflect.Value, r rules) {
	visitor{write: true, leaf: func(_ string, v reflect.Value, r rules) {
		if v.IsZero() {
			v.Set(r.start(v.Type()))
		}
	}}.walk("", v, r)
}

// Clone returns a copy of the tree that shares nothing with it.
func Clone[D any](doc *D) *D {
	c := new(D)
	reflect.ValueOf(c).Elem().Set(clone(reflect.ValueOf(doc).Elem()))
	return c
}

func clone(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch {
	case isLeaf(v.Type()) && v.Kind() != reflect.Slice:
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(clone(v.Field(i)))
			}
		}
	case v.Kind() == reflect.Map && !v.IsNil():
		c.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for entries := v.MapRange(); entries.Next(); {
			c.SetMapIndex(entries.Key(), clone(entries.Value()))
		}
	case v.Kind() == reflect.Slice && !v.IsNil():
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
	}
	return c
}

// keysOf returns the keys of a map in order.
func keysOf(m reflect.Value) []string {
	keys := make([]string, 0, m.Len())
	for _, k := range m.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

// entryOf returns a copy of a map's entry that can be changed; the zero value if there is
// none.
func entryOf(m reflect.Value, key string) reflect.Value {
	entry := reflect.New(m.Type().Elem()).Elem()
	if found := m.MapIndex(reflect.ValueOf(key).Convert(m.Type().Key())); found.IsValid() {
		entry.Set(found)
	}
	return entry
}

// Change is one leaf that differs. A leaf that is only in one of two trees has the text ""
// in the other.
type Change struct {
	Path    string `json:"path"`
	From    string `json:"from"`
	To      string `json:"to"`
	Restart bool   `json:"restart"` // takes effect in new workers only
}

// Diff returns what changes from one tree to another of the same type, in the order of
// the first; what only the second has comes last.
func Diff(from, to any) []Change {
	after := map[string]Setting{}
	rest := Settings(to)
	for _, s := range rest {
		after[s.Path] = s
	}
	var changes []Change
	for _, before := range Settings(from) {
		s, ok := after[before.Path]
		delete(after, before.Path)
		if !ok || s.Value != before.Value {
			changes = append(changes, Change{before.Path, before.Value, s.Value, before.Restart || !ok && before.Fixed})
		}
	}
	for _, s := range rest {
		if _, ok := after[s.Path]; ok {
			changes = append(changes, Change{s.Path, "", s.Value, s.Restart || s.Fixed})
		}
	}
	return changes
}

// Validate holds every leaf of the tree against its bounds and choices, and calls the
// Check() error of every struct in it that has one. Its error is of the type Problems,
// each with the path of the leaf or the struct.
func Validate(doc any) error {
	var problems Problems
	visitor{
		leaf: func(path string, v reflect.Value, r rules) {
			if m := r.judge(v); m != nil {
				problems = append(problems, Problem{Path: path, Msg: m.msg, Hint: m.hint})
			}
		},
		group: func(path string, v reflect.Value) {
			checker, ok := reflect.TypeAssert[interface{ Check() error }](v.Addr())
			if !ok {
				return
			}
			if err := checker.Check(); err != nil {
				problems = append(problems, Problem{Path: path, Msg: err.Error()})
			}
		},
	}.walk("", root(doc), rules{})
	return problems.orNil()
}
