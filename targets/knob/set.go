package knob

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// Set gives the leaf under the path, in the tree that doc points to, the value that text
// says. It makes no entries of maps or lists. Its error is a Problem that names the path,
// and leaves the tree as it was.
func Set(doc any, path, text string) error {
	_, err := set(root(doc), path, text)
	return err
}

// set is Set for a value from JSON too, and returns the path as Settings writes it.
func set(tree reflect.Value, path string, value any) (string, error) {
	e := editor{write: true, change: func(_ string, v reflect.Value, r rules) *mistake {
		if items, ok := value.([]any); ok && isList(v.Type()) {
			texts := make([]string, len(items))
			for i, item := range items {
				text, m := textOf(item)
				if m != nil {
					return m
				}
				texts[i] = text
			}
			return assignItems(v, r, texts)
		}
		text, m := textOf(value)
		if m != nil {
			return m
		}
		return assign(v, r, text)
	}}
	return e.edit(tree, path)
}

// textOf writes a scalar of JSON as text.
func textOf(value any) (string, *mistake) {
	switch x := value.(type) {
	case string:
		return x, nil
	case bool:
		return strconv.FormatBool(x), nil
	case json.Number:
		return x.String(), nil
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), nil
	case int:
		return strconv.Itoa(x), nil
	case nil:
		return "", &mistake{"has no value", ""}
	}
	return "", &mistake{"is one value, not a list and not an object", "write true, a number, or text such as \"5s\""}
}

// editor goes down one path of a tree and shows change the leaf that it leads to.
type editor struct {
	change func(path string, v reflect.Value, r rules) *mistake
	write  bool   // what change does in a map goes back into it
	at     string // the path of the leaf, once it is found
}

// edit returns the path as Settings writes it.
func (e *editor) edit(tree reflect.Value, path string) (string, error) {
	steps, ok := split(path)
	m := &mistake{"no such setting", ""}
	if ok {
		m = e.descend("", tree, rules{}, steps)
	}
	if m == nil {
		return e.at, nil
	}
	if e.at == "" { // no leaf was found
		m.hint = hintFor(tree, path)
	}
	return "", Problem{Path: path, Msg: m.msg, Hint: m.hint}
}

// hintFor says which setting may have been meant by a path that leads to none.
func hintFor(tree reflect.Value, path string) string {
	var known []string
	visitor{leaf: func(at string, _ reflect.Value, _ rules) { known = append(known, at) }}.walk("", tree, rules{})
	for _, k := range known {
		if rest, ok := strings.CutPrefix(k, path); ok && path != "" && (rest[0] == '.' || rest[0] == '[') {
			return "name a setting in it, like " + k
		}
	}
	return DidYouMean(path, known)
}

// step is one part of a path: a name, or an index if the name is empty.
type step struct {
	name    string
	index   int
	indexed bool
}

// split takes a path apart: a.b, a[0].b, a["b.c"].d.
func split(path string) (steps []step, ok bool) {
	for first := true; path != "" || first; first = false {
		var s step
		if s, path, ok = cut(path, first); !ok {
			return nil, false
		}
		steps = append(steps, s)
	}
	return steps, true
}

// cut takes the first step off a path; all but the first of a path begin with a dot.
func cut(path string, first bool) (s step, rest string, ok bool) {
	if inside, ok := strings.CutPrefix(path, "["); ok {
		return bracket(inside)
	}
	if !first {
		if path, ok = strings.CutPrefix(path, "."); !ok {
			return s, "", false
		}
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	s.name = path[:end]
	return s, path[end:], s.name != ""
}

// bracket reads 0] or "key"] and returns what comes after it.
func bracket(path string) (s step, rest string, ok bool) {
	if quoted, err := strconv.QuotedPrefix(path); err == nil {
		s.name, err = strconv.Unquote(quoted)
		rest, ok = strings.CutPrefix(path[len(quoted):], "]")
		return s, rest, ok && err == nil
	}
	digits, rest, ok := strings.Cut(path, "]")
	n, err := strconv.ParseUint(digits, 10, 31)
	return step{index: int(n), indexed: true}, rest, ok && err == nil
}

func (e *editor) descend(path string, v reflect.Value, r rules, steps []step) *mistake {
	t := v.Type()
	switch {
	case isLeaf(t) && len(steps) == 0:
		e.at = path
		return e.change(path, v, r)
	case isLeaf(t):
		return &mistake{"no such setting", ""}
	case len(steps) == 0:
		return &mistake{"is a group of settings", ""}
	case t.Kind() == reflect.Struct && !steps[0].indexed:
		return e.field(path, v, r, steps)
	case isMap(t) && !steps[0].indexed:
		key := reflect.ValueOf(steps[0].name).Convert(t.Key())
		if !v.MapIndex(key).IsValid() {
			break
		}
		entry := entryOf(v, steps[0].name)
		m := e.descend(underKey(path, steps[0].name), entry, r, steps[1:])
		if e.write {
			v.SetMapIndex(key, entry)
		}
		return m
	case t.Kind() == reflect.Slice && steps[0].indexed && steps[0].index < v.Len():
		return e.descend(underIndex(path, steps[0].index), v.Index(steps[0].index), r, steps[1:])
	}
	return &mistake{"no such setting", ""}
}

// field goes on in the field that the first step names, here or in one that is inline.
func (e *editor) field(path string, v reflect.Value, r rules, steps []step) *mistake {
	for _, f := range fieldsOf(v.Type(), r) {
		if f.inline {
			if m := e.descend(path, v.Field(f.index), f.rules, steps); m == nil || e.at != "" {
				return m
			}
		} else if f.name == steps[0].name {
			return e.descend(f.under(path), v.Field(f.index), f.rules, steps[1:])
		}
	}
	return &mistake{"no such setting", ""}
}
