package scenarios

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document reads YAML as an editor hands it to the schema.
func document(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheSchemaAcceptsWhatTheDecoderAccepts(t *testing.T) {
	schema := compiled(t)
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bundled, err := filepath.Glob("library/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(files, bundled, []string{"testdata/everything.yaml"}) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(document(t, text)); err != nil {
				t.Error(err)
			}
			if _, err := Parse(file, text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSchemaRefusesCommonMistakes(t *testing.T) {
	const good = "scenario: s\ntarget: http://h\nflows: [{get: /}]\nload: {rate: 5/s, for: 1s}\n"
	tests := []struct{ name, old, mistake string }{
		{"an unknown key", "load:", "laod:"},
		{"an unknown key of a load", "for:", "during:"},
		{"a rate without a unit", "5/s", "5"},
		{"a duration without a unit", "1s", "1"},
		{"two requests in a step", "get: /", "get: /, post: /"},
		{"no flows", "flows: [{get: /}]\n", ""},
		{"a target without a scheme", "http://h", "h:80"},
	}
	schema := compiled(t)
	if err := schema.Validate(document(t, []byte(good))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := bytes.Replace([]byte(good), []byte(tt.old), []byte(tt.mistake), 1)
			if err := schema.Validate(document(t, bad)); err == nil {
				t.Errorf("the schema accepts\n%s", bad)
			}
			if _, err := Parse("bad", bad); err == nil {
				t.Errorf("the decoder accepts\n%s", bad)
			}
		})
	}
}

func TestTheSchemaKnowsTheKeysThatTheDecoderKnows(t *testing.T) {
	text, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parseTree("everything.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	d := &decoder{tree: tree, visit: func(object string, keys []string) { got[object] = keys }}
	d.scenario()
	d.actions(d.edit("on"))
	if diff := cmp.Diff(got, schemaKeys(t)); diff != "" {
		t.Errorf("keys (-decoder +schema):\n%s", diff)
	}
}

// schemaKeys returns the keys of every object in the schema, sorted.
func schemaKeys(t *testing.T) map[string][]string {
	t.Helper()
	type object struct{ Properties map[string]any }
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{"scenario": slices.Sorted(maps.Keys(schema.Properties))}
	for name, o := range schema.Defs {
		if name == "timeout parts" {
			name = "timeout"
		}
		if o.Properties != nil {
			keys[name] = slices.Sorted(maps.Keys(o.Properties))
		}
	}
	return keys
}
