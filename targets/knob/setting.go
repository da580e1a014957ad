// Package knob is the settings of the reference target: a tree of plain structs of which
// every leaf is a knob, with a dotted path, a kind, a default and bounds that its struct
// tags state. A tree is read from YAML, changed by path, compared, and kept in a Store
// that changes it while others read. A leaf is a bool, an integer, a float, a string, a
// time.Duration, a Rate, a Bytes, a list of strings, or a type that reads and writes
// itself as text; structs, maps and lists of structs hold them. A tree of another shape,
// or a tag that makes no sense, is a mistake in the program and panics. The package does
// not know what any setting is for, and it opens no file and no connection.
package knob

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Setting is one leaf of a tree, everything as text that Set reads.
type Setting struct {
	Path    string   `json:"path"`
	Kind    string   `json:"kind"` // bool, int, number, text, choice, duration, rate, size or list
	Value   string   `json:"value"`
	Default string   `json:"default"`
	Min     string   `json:"min,omitempty"` // "": no bound; of text in characters, of a list in items
	Max     string   `json:"max,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Restart bool     `json:"restart"`              // takes effect in new workers only
	Fixed   bool     `json:"fixed_keys,omitempty"` // that its entry of a map comes or goes takes effect in new workers only
	About   string   `json:"about"`
}

// Settings returns every leaf of the tree that doc points to: fields in their order, the
// entries of a map by key, those of a list by index.
func Settings(doc any) []Setting {
	var all []Setting
	visitor{leaf: func(path string, v reflect.Value, r rules) {
		all = append(all, settingOf(path, v, r))
	}}.walk("", root(doc), rules{})
	return all
}

// Lookup returns the setting under the path. Its error is a Problem that names the path.
func Lookup(doc any, path string) (Setting, error) {
	var found Setting
	e := editor{change: func(at string, v reflect.Value, r rules) *mistake {
		found = settingOf(at, v, r)
		return nil
	}}
	_, err := e.edit(root(doc), path)
	return found, err
}

func settingOf(path string, v reflect.Value, r rules) Setting {
	s := Setting{
		Path: path, Kind: kindOf(v.Type(), r), Value: format(v), Default: format(r.start(v.Type())),
		Choices: r.choices, Restart: r.restart, About: r.about, Fixed: r.keys,
	}
	s.Min, s.Max = r.bounds(v.Type())
	return s
}

// rules are what the tags of a field say about the leafs in it.
type rules struct {
	def, low, high string
	choices        []string
	restart        bool
	keys           bool // of a map: only that entries come and go needs a restart
	about          string
}

// field is one field of a struct of settings.
type field struct {
	name   string
	index  int
	inline bool // its own fields stand where it stands
	rules  rules
}

// fieldsOf returns the fields of a struct that settings can stand in.
func fieldsOf(t reflect.Type, above rules) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		all = append(all, field{name: name, index: i, inline: options == "inline", rules: rules{
			def: f.Tag.Get("default"), low: f.Tag.Get("min"), high: f.Tag.Get("max"),
			choices: strings.Fields(f.Tag.Get("oneof")), about: f.Tag.Get("about"),
			restart: f.Tag.Get("restart") == "true" || above.restart,
			keys:    f.Tag.Get("restart") == "keys" || above.keys,
		}})
	}
	return all
}

func (f field) under(path string) string {
	switch {
	case f.inline:
		return path
	case path == "":
		return f.name
	}
	return path + "." + f.name
}

// underKey returns the path of a map's entry: after a dot, or in brackets and quotes if
// the key holds what separates paths.
func underKey(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\"= \t\r\n\\") || strconv.Quote(key) != `"`+key+`"` {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func underIndex(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// root returns the value that doc points to, or a copy of doc itself.
func root(doc any) reflect.Value {
	v := reflect.ValueOf(doc)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		return v.Elem()
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// visitor walks a tree. What it is shown is addressable.
type visitor struct {
	leaf  func(path string, v reflect.Value, r rules)
	group func(path string, v reflect.Value) // a struct, before what is in it; may be nil
	write bool                               // what leaf changes in a map goes back into it
}

func (w visitor) walk(path string, v reflect.Value, r rules) {
	switch t := v.Type(); {
	case isLeaf(t):
		w.leaf(path, v, r)
	case t.Kind() == reflect.Struct:
		if w.group != nil {
			w.group(path, v)
		}
		for _, f := range fieldsOf(t, r) {
			w.walk(f.under(path), v.Field(f.index), f.rules)
		}
	case isMap(t):
		for _, key := range keysOf(v) {
			entry := entryOf(v, key)
			w.walk(underKey(path, key), entry, r)
			if w.write {
				v.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), entry)
			}
		}
	case t.Kind() == reflect.Slice:
		for i := range v.Len() {
			w.walk(underIndex(path, i), v.Index(i), r)
		}
	default:
		panic(fmt.Sprintf("knob: %s: a setting cannot be of type %s", path, t))
	}
}
