package knob

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// mistake is what is wrong with a value, and what to do about it.
type mistake struct{ msg, hint string }

func isDuration(t reflect.Type) bool { return t == reflect.TypeFor[time.Duration]() }

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) &&
		t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func isMap(t reflect.Type) bool { return t.Kind() == reflect.Map && t.Key().Kind() == reflect.String }

func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String && !isText(t.Elem())
}

func isLeaf(t reflect.Type) bool { return leafKind(t) != "" }

// leafKind returns the kind of a leaf as Setting names it, "" if the type is none.
func leafKind(t reflect.Type) string {
	switch {
	case isDuration(t):
		return "duration"
	case t == reflect.TypeFor[Rate]():
		return "rate"
	case t == reflect.TypeFor[Bytes]():
		return "size"
	case isText(t), t.Kind() == reflect.String:
		return "text"
	case isList(t):
		return "list"
	}
	switch t.Kind() { //nolint:exhaustive // the rest are no leafs
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return ""
}

func kindOf(t reflect.Type, r rules) string {
	kind := leafKind(t)
	if kind == "text" && len(r.choices) > 0 {
		return "choice"
	}
	return kind
}

// format writes a leaf as text that read takes back.
func format(v reflect.Value) string {
	switch t := v.Type(); {
	case isDuration(t):
		return formatDuration(time.Duration(v.Int()))
	case isText(t):
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return ""
		}
		return string(text)
	case isList(t):
		return formatList(v)
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, t.Bits())
	case t.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return v.String()
}

// formatDuration writes 5m where the standard library writes 5m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// formatList writes a, b if that can be read back, else a JSON array.
func formatList(v reflect.Value) string {
	items := make([]string, v.Len())
	plain := true
	for i := range items {
		items[i] = v.Index(i).String()
		plain = plain && items[i] != "" && items[i][0] != '[' && items[i] == strings.TrimSpace(items[i]) && !strings.Contains(items[i], ",")
	}
	if plain {
		return strings.Join(items, ", ")
	}
	text, err := json.Marshal(items)
	if err != nil {
		return ""
	}
	return string(text)
}

// assign gives a leaf a value that is text, if the rules allow it.
func assign(v reflect.Value, r rules, text string) *mistake {
	fresh := reflect.New(v.Type()).Elem()
	if m := read(fresh, text); m != nil {
		return m
	}
	return put(v, fresh, r)
}

// assignItems gives a list its items.
func assignItems(v reflect.Value, r rules, items []string) *mistake {
	return put(v, listOf(v.Type(), items), r)
}

func put(v, fresh reflect.Value, r rules) *mistake {
	if m := r.judge(fresh); m != nil {
		return m
	}
	v.Set(fresh)
	return nil
}

func listOf(t reflect.Type, items []string) reflect.Value {
	list := reflect.New(t).Elem()
	for _, item := range items {
		list.Set(reflect.Append(list, reflect.ValueOf(item).Convert(t.Elem())))
	}
	return list
}

// read parses text into a leaf; bounds are the rules' business.
func read(v reflect.Value, text string) *mistake {
	switch t := v.Type(); {
	case isDuration(t):
		return readDuration(v, text)
	case isText(t):
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return &mistake{err.Error(), unitHint(t, text)}
		}
		return nil
	case isList(t):
		items, ok := splitList(text)
		if !ok {
			return &mistake{quote(text) + " is not a list", "write it as a, b or [a, b]"}
		}
		v.Set(listOf(t, items))
		return nil
	case t.Kind() == reflect.Bool:
		return readBool(v, text)
	case t.Kind() == reflect.String:
		v.SetString(text)
		return nil
	}
	return readNumber(v, text)
}

func readDuration(v reflect.Value, text string) *mistake {
	if _, err := strconv.ParseFloat(text, 64); err == nil { // time.ParseDuration takes "0"
		return &mistake{quote(text) + " has no unit", unitHint(v.Type(), text)}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return &mistake{quote(text) + " is not a duration", "like 250ms, 5s or 1m30s"}
	}
	v.SetInt(int64(d))
	return nil
}

func readBool(v reflect.Value, text string) *mistake {
	switch text {
	case "true", "on":
		v.SetBool(true)
	case "false", "off":
		v.SetBool(false)
	default:
		return &mistake{quote(text) + " is neither on nor off", "write true or on, false or off"}
	}
	return nil
}

func readNumber(v reflect.Value, text string) *mistake {
	bits := v.Type().Bits()
	var err error
	switch {
	case v.CanFloat():
		var n float64
		if n, err = strconv.ParseFloat(text, bits); err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return &mistake{quote(text) + " is not a number", ""}
		}
		v.SetFloat(n)
		return nil
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, bits)
		v.SetInt(n)
	default:
		var n uint64
		n, err = strconv.ParseUint(text, 10, bits)
		v.SetUint(n)
	}
	if err != nil {
		return &mistake{quote(text) + " is not a whole number of a size that fits", ""}
	}
	return nil
}

// unitHint says how to write a number with a unit.
func unitHint(t reflect.Type, text string) string {
	if _, err := strconv.ParseFloat(text, 64); err != nil || len(text) > 20 {
		return ""
	}
	switch leafKind(t) {
	case "duration":
		return fmt.Sprintf("write %ss or %sms", text, text)
	case "rate":
		return fmt.Sprintf("write %s/s", text)
	case "size":
		return fmt.Sprintf("write %sB, %skB or %sMiB", text, text, text)
	}
	return ""
}

// splitList reads a, b or [a, b].
func splitList(text string) (items []string, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, true
	}
	if text[0] == '[' {
		return flowList(text)
	}
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items, !slices.Contains(items, "")
}

func flowList(text string) (items []string, ok bool) {
	var doc yaml.Node
	if len(text) > maxText || yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.SequenceNode {
		return nil, false
	}
	for _, n := range doc.Content[0].Content {
		if n.Kind != yaml.ScalarNode || isNull(n) {
			return nil, false
		}
		items = append(items, n.Value)
	}
	return items, true
}

// start returns the value that a leaf has before anybody sets it.
func (r rules) start(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	r.readTag(v, r.def)
	return v
}

// readTag reads a default or a bound; 0 needs no unit there.
func (r rules) readTag(v reflect.Value, text string) {
	if text == "" || text == "0" {
		return
	}
	if m := read(v, text); m != nil {
		panic(fmt.Sprintf("knob: a tag of %q: %s", r.about, m.msg))
	}
}

// bounds returns the least and the most of a leaf, "" for none. What has a unit is not
// below zero unless its tag says so.
func (r rules) bounds(t reflect.Type) (low, high string) {
	low, high = r.low, r.high
	counts := t.Kind() == reflect.String || isList(t)
	for _, bound := range []*string{&low, &high} {
		if *bound != "" && !counts {
			v := reflect.New(t).Elem()
			r.readTag(v, *bound)
			*bound = format(v)
		}
	}
	if low == "" && (isDuration(t) || t == reflect.TypeFor[Rate]() || t == reflect.TypeFor[Bytes]()) {
		low = format(reflect.New(t).Elem())
	}
	return low, high
}

// judge holds a leaf against its bounds and choices. The default is always allowed: a 0
// that stands for "off" need not lie between the bounds.
func (r rules) judge(v reflect.Value) *mistake {
	text := format(v)
	if text == format(r.start(v.Type())) {
		return nil
	}
	if m := r.choose(v, text); m != nil {
		return m
	}
	low, high := r.bounds(v.Type())
	hint := ""
	switch {
	case low != "" && high != "":
		hint = fmt.Sprintf("from %s to %s", low, high)
	case low != "":
		hint = low + " or more"
	case high != "":
		hint = high + " or less"
	}
	what := quote(text)
	if kind := leafKind(v.Type()); kind != "text" && kind != "list" {
		what = text
	}
	switch {
	case low != "" && r.compare(v, low) < 0:
		return &mistake{what + " is less than " + low, hint}
	case high != "" && r.compare(v, high) > 0:
		return &mistake{what + " is more than " + high, hint}
	}
	return nil
}

// choose holds a leaf, or each item of a list, against the choices.
func (r rules) choose(v reflect.Value, text string) *mistake {
	if len(r.choices) == 0 {
		return nil
	}
	items := []string{text}
	if isList(v.Type()) {
		items = items[:0]
		for i := range v.Len() {
			items = append(items, v.Index(i).String())
		}
	}
	for _, item := range items {
		if !slices.Contains(r.choices, item) {
			return &mistake{"unknown value " + quote(item), DidYouMean(item, r.choices)}
		}
	}
	return nil
}

// compare tells on which side of a bound a leaf lies.
func (r rules) compare(v reflect.Value, bound string) int {
	switch t := v.Type(); {
	case t.Kind() == reflect.String || isList(t):
		n, err := strconv.Atoi(bound)
		if err != nil {
			panic(fmt.Sprintf("knob: a tag of %q: a bound of text counts characters, one of a list items", r.about))
		}
		if isList(t) {
			return cmp.Compare(v.Len(), n)
		}
		return cmp.Compare(utf8.RuneCountInString(v.String()), n)
	}
	b := reflect.New(v.Type()).Elem()
	r.readTag(b, bound)
	switch {
	case v.CanInt():
		return cmp.Compare(v.Int(), b.Int())
	case v.CanUint():
		return cmp.Compare(v.Uint(), b.Uint())
	case v.CanFloat():
		return cmp.Compare(v.Float(), b.Float())
	}
	return 0
}
