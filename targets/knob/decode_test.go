package knob_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

func TestADocumentLiesOverAnother(t *testing.T) {
	doc := fresh(t)
	const text = `
x-slow: &slow {timeout: 5s, pool: {max: 3}}
mode: spin
deps:
  pricing: {budget: 5/s}
  search: &search
    <<: *slow
    timeout: 6s
  users: *search
routes:
  - {path: /only, weight: 7}
paths: {allow: []}
limit: {pause: 0s}
`
	if err := knob.Decode("over.yaml", []byte(text), doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range knob.Diff(fresh(t), doc) {
		got[c.Path] = c.To
	}
	want := map[string]string{
		"mode": "spin", "deps.pricing.budget": "5/s", "paths.allow": "",
		"routes[0].path": "/only", "routes[0].weight": "7", "routes[1].path": "", "routes[1].weight": "",
		"routes[1].split.canary": "", "routes[1].split.catalog": "",
	}
	for _, name := range []string{"search", "users"} {
		want["deps."+name+".timeout"] = "6s"
		want["deps."+name+".budget"] = "100/s"
		want["deps."+name+".pool.min"] = "1"
		want["deps."+name+".pool.max"] = "3"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "~", "---\n"} {
		if err := knob.Decode("empty.yaml", []byte(empty), doc); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestEveryMistakeHasAPlace(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"all at once", `mode: spni
deps:
  pricing:
    timeout: 5
    timeot: 5s
    budget: [1]
  new: {pool: 3}
limit: {size: 2GiB}
`, `f:1:7: mode: unknown value "spni"
  hint: did you mean "spin"?
f:4:14: deps.pricing.timeout: "5" has no unit
  hint: write 5s or 5ms
f:5:5: deps.pricing: unknown key "timeot"
  hint: did you mean "timeout"?
f:6:13: deps.pricing.budget: must be one value, of the kind rate
f:7:15: deps.new.pool: must be a group of settings
  hint: write it as  key: value
f:8:15: limit.size: 2GiB is more than 1GiB
  hint: from 0B to 1GiB`},
		{"a key that is there twice", "mode: spin\nlimit: {size: 1B, size: 2B}\nmode: sleep\n", `f:2:19: "size" stands here twice
  hint: keep one of the two
f:3:1: "mode" stands here twice
  hint: keep one of the two`},
		{"an unknown key at the top", "modes: spin\n", "f:1:1: unknown key \"modes\"\n  hint: did you mean \"mode\"?"},
		{"an x- key below the top", "limit: {x-a: 1}\n", "f:1:9: limit: unknown key \"x-a\"\n  hint: known: size, pause"},
		{"a list that is none", "paths: {allow: page}\n", "f:1:16: paths.allow: must be a list\n  hint: write it as [a, b]"},
		{"items that are no text", "paths: {allow: [a, [b], ~]}\n", "f:1:20: paths.allow[1]: must be text\nf:1:25: paths.allow[2]: must be text"},
		{"structs that are no list", "routes: {path: /}\n", "f:1:9: routes: must be a list\n  hint: write each item after a dash"},
		{"a mistake in an item", "routes:\n  - path: /\n  - weight: 101\n", "f:3:13: routes[1].weight: 101 is more than 100\n  hint: 100 or less"},
		{"no value", "mode:\ndeps: {pricing: ~}\n", `f:1:6: mode: has no value
  hint: leave the key out, or give it a value
f:2:17: deps.pricing: has no value
  hint: leave the key out, or give it a value`},
		{"a map that is none", "deps: [a]\n", "f:1:7: deps: must be a mapping\n  hint: write it as  name: {key: value}"},
		{"a name that is none", "deps: {\"a\\nb\": {}}\n", "f:1:8: deps: \"a\\nb\" is no name\n  hint: a name is printable text on one line, of 200 characters at the most"},
		{"a key that is no text", "[a]: 1\n", "f:1:1: a key must be plain text"},
		{"a check", "deps:\n  pricing:\n    pool: {min: 30}\n", "f:3:5: deps.pricing.pool: min is more than max"},
		{"a check of a new item in one line", "deps: {b: {pool: {min: 3, max: 2}}}\n", "f:1:12: deps.b.pool: min is more than max"},
		{"a list at the top", "- a\n", "f:1:1: must be a group of settings\n  hint: write it as  key: value"},
		{"a second document", "mode: spin\n---\nmode: spin\n", "f:2:1: a second YAML document begins here\n  hint: one file holds one tree of settings"},
		{"a tab", "limit:\n\tsize: 1B\n", "f:2:1: not valid YAML: found character that cannot start any token\n  hint: YAML is indented with spaces, not tabs, and a value that begins with @, ` or % needs quotes"},
		{"a bracket", "paths: {allow: [a}\n", "f:1:1: not valid YAML: did not find expected ',' or ']'\n  hint: look for a bracket or a quote that is not closed, or an indentation that does not fit, here or above"},
		{"a merge of no mapping", "limit: {<<: 5}\n", "f:1:13: << merges mappings only"},
		{"an alias of itself", "limit: &a {<<: *a}\n", ""},
		{"a bomb", bomb(), ""},
		{"too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), ""},
		{"too long", "#" + strings.Repeat("x", 1<<20), "f:1:1: the document is longer than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := fresh(t)
			err := knob.Decode("f", []byte(test.text), doc)
			if err == nil {
				t.Fatal("no error")
			}
			if _, ok := errors.AsType[knob.Problems](err); !ok {
				t.Errorf("got a %T", err)
			}
			if test.want == "" {
				if !strings.Contains(err.Error(), "the document is too large or too deep") {
					t.Errorf("got %s", err)
				}
			} else if err.Error() != test.want {
				t.Errorf("got\n%s\nwant\n%s", err, test.want)
			}
			if !reflect.DeepEqual(doc, fresh(t)) {
				t.Error("the tree changed")
			}
		})
	}
}

// bomb is a document that aliases make large.
func bomb() string {
	var b strings.Builder
	b.WriteString("x-0: &a0 [x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		n := string(rune('0' + i))
		next := string(rune('1' + i))
		b.WriteString("x-" + next + ": &a" + next + " [" + strings.Repeat("*a"+n+", ", 8) + "]\n")
	}
	return b.String()
}

func TestWhatIsEncodedIsReadBack(t *testing.T) {
	doc := fresh(t)
	doc.Paths.Allow = []string{"", "a, b", "# no"}
	doc.Listen.Addr = "on"
	doc.Listen.On = false
	text, err := knob.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := &tree{Note: "kept"}
	knob.Defaults(got)
	if err := knob.Decode("again.yaml", text, got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if changes := knob.Diff(doc, got); len(changes) > 0 {
		t.Errorf("changed %v in\n%s", changes, text)
	}
}
