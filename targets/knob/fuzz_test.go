package knob_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"plimsoll/targets/knob"
)

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"", "mode: spin\n", "deps: {a: {timeout: 5s, budget: 1.5k/s, pool: {min: 1, max: 2}}}\n", "routes: [{path: /, split: {a: 1}}]\n",
		"x-a: &a {timeout: 5s}\ndeps: {b: *a, c: {<<: [*a]}}\n", "limit: {size: 1GiB, pause: 1}\n", "paths: {allow: [a, 'b,'], laws: [det]}\n",
		"limit: &a {<<: *a}\n", "a: *b\n", "mode: !!binary aGk=\n", "? [a]\n: b\n", "--- |\n a\n", "mode: \"\\xff\"\n", "\xff", "%YAML 9\n",
		"mode: spin\n...\n---\n", "deps: {\"a.b\": {}, '': {}}\n", bomb(),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc := fresh(t)
		err := knob.Decode("fuzz.yaml", []byte(text), doc)
		if err != nil {
			problems, ok := errors.AsType[knob.Problems](err)
			if !ok || len(problems) == 0 {
				t.Fatalf("got %#v, want problems", err)
			}
			lines := 1
			for _, br := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
				lines += strings.Count(text, br)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Line > lines+1 || p.Col < 1 || p.Msg == "" || p.File != "fuzz.yaml" {
					t.Errorf("in %d lines: %#v", lines, p)
				}
			}
			if changes := knob.Diff(fresh(t), doc); len(changes) > 0 {
				t.Errorf("changed %v", changes)
			}
			return
		}
		if err := knob.Validate(doc); err != nil {
			t.Errorf("accepted, but %v", err)
		}
		for _, s := range knob.Settings(doc) {
			if err := knob.Set(doc, s.Path, s.Value); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
		again, err := knob.Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		got := new(tree)
		knob.Defaults(got)
		if err := knob.Decode("again.yaml", again, got); err != nil || len(knob.Diff(doc, got)) > 0 {
			t.Errorf("%v, changed %v in\n%s", err, knob.Diff(doc, got), again)
		}
	})
}

func FuzzSet(f *testing.F) {
	for _, pair := range [][2]string{
		{"deps.pricing.timeout", "5s"},
		{`deps["db v1.0"].pool.max`, "3"},
		{"routes[0].path", "/"},
		{"paths.allow", "[a, *b]"},
		{"paths.allow", "a,b"},
		{"deps[", "x"},
		{"deps[\"", "x"},
		{"a..b", "x"},
		{"routes[99999999999].x", "1"},
		{"cores", "1e400"},
		{"cores", "0x1p3"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, path, text string) {
		doc := fresh(t)
		err := knob.Set(doc, path, text)
		changes := knob.Diff(fresh(t), doc)
		if err != nil {
			if p, ok := errors.AsType[knob.Problem](err); !ok || p.Path != path || p.Msg == "" {
				t.Errorf("got %#v", err)
			}
			if len(changes) > 0 {
				t.Errorf("changed %v", changes)
			}
			return
		}
		s, err := knob.Lookup(doc, path)
		if err != nil || len(changes) > 1 || len(changes) == 1 && (changes[0].Path != s.Path || changes[0].To != s.Value) {
			t.Errorf("changed %v, looked up %+v, %v", changes, s, err)
		}
		if err := knob.Set(doc, s.Path, s.Value); err != nil {
			t.Errorf("set %q again: %v", s.Value, err)
		}
		if again, err := knob.Lookup(doc, path); err != nil || again.Value != s.Value {
			t.Errorf("%q became %q, %v", s.Value, again.Value, err)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"100/s", "1.5k/s", "300/1m", "1e308M/ns", "-5/s", "/s", "5/", "64MiB", "10kB", "-1B", "0.5KiB", "9e18GiB", "B", "NaNB", "Inf/s", "1/0s", "0x1p-2/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again knob.Rate
		if r.UnmarshalText([]byte(text)) == nil {
			if math.IsNaN(float64(r)) || math.IsInf(float64(r), 0) {
				t.Errorf("%q is the rate %v", text, float64(r))
			}
			if back, err := r.MarshalText(); err != nil || again.UnmarshalText(back) != nil || again != r {
				t.Errorf("%v became %q, %v", float64(r), back, float64(again))
			}
		}
		var b, same knob.Bytes
		if b.UnmarshalText([]byte(text)) == nil {
			if back, err := b.MarshalText(); err != nil || same.UnmarshalText(back) != nil || same != b {
				t.Errorf("%d became %q, %d", b, back, same)
			}
		}
	})
}
