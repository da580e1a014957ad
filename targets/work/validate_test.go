package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// documentWith is a document of four fields in which a text stands for the value of one.
func documentWith(field int, value string) string {
	values := []string{`"text"`, `1001`, `2.25`, `true`}
	values[field] = value
	var parts []string
	for i, v := range values {
		parts = append(parts, fmt.Sprintf(`"field_%05d":%s`, i, v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestDocumentsAreValidIfTheyHoldToTheSchema(t *testing.T) {
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"as it is written":             {documentWith(0, `"text"`), true},
		"with white space":             {" {\n\t\"field_00000\" : \"a\" , \"field_00001\":1,\r\"field_00002\":1,\"field_00003\":false } ", true},
		"in another order":             {`{"field_00003":true,"field_00002":0,"field_00001":0,"field_00000":"a"}`, true},
		"with an escape in a name":     {strings.Replace(documentWith(0, `"a"`), "field_00000", `\u0066ield_00000`, 1), true},
		"a fraction that is whole":     {documentWith(2, `7`), true},
		"a whole number with a point":  {documentWith(1, `7.0`), true},
		"a whole number, exponent":     {documentWith(1, `1e3`), true},
		"less than nothing, which is":  {documentWith(1, `-0`), true},
		"at the upper bound":           {documentWith(1, `1000000`), true},
		"text of 64 characters":        {documentWith(0, `"`+strings.Repeat("é", 64)+`"`), true},
		"text of 64 escapes":           {documentWith(0, `"`+strings.Repeat(`\u00e9`, 64)+`"`), true},
		"text of 64 surrogate pairs":   {documentWith(0, `"`+strings.Repeat(`\ud83d\uDE00`, 64)+`"`), true},
		"a name twice, the last good":  {strings.Replace(documentWith(0, `"a"`), "{", `{"field_00001":"no",`, 1), true},
		"nested, then replaced":        {strings.Replace(documentWith(0, `"a"`), "{", `{"field_00001":{"a":[1]},`, 1), true},
		"a name twice, the last bad":   {strings.Replace(documentWith(0, `"a"`), "}", `,"field_00001":"no"}`, 1), false},
		"text of 65 characters":        {documentWith(0, `"`+strings.Repeat("é", 65)+`"`), false},
		"text of 33 lone surrogates":   {documentWith(0, `"`+strings.Repeat(`\ud83d\ud83d`, 33)+`"`), false},
		"text of 65 bytes not UTF-8":   {documentWith(0, `"`+strings.Repeat("\xff", 65)+`"`), false},
		"empty text":                   {documentWith(0, `""`), false},
		"a number for a text":          {documentWith(0, `1`), false},
		"null for a text":              {documentWith(0, `null`), false},
		"a text for a number":          {documentWith(1, `"1"`), false},
		"a fraction for a whole":       {documentWith(1, `1.5`), false},
		"below the lower bound":        {documentWith(1, `-1`), false},
		"above the upper bound":        {documentWith(2, `1000000.5`), false},
		"larger than any number":       {documentWith(2, `1e999`), false},
		"one more than 64 bits hold":   {documentWith(1, `18446744073709551617`), false},
		"a text for a truth value":     {documentWith(3, `"true"`), false},
		"an object for a text":         {documentWith(0, `{"a":"}"}`), false},
		"an array for a number":        {documentWith(1, `[1]`), false},
		"a field too many":             {strings.Replace(documentWith(0, `"a"`), "}", `,"field_00004":"a"}`, 1), false},
		"another field":                {strings.Replace(documentWith(0, `"a"`), "field_00000", "Field_00000", 1), false},
		"a field too few":              {`{"field_00000":"a","field_00001":1,"field_00002":1}`, false},
		"none":                         {`{}`, false},
		"nothing":                      {``, false},
		"null":                         {`null`, false},
		"an array":                     {`[]`, false},
		"cut short":                    {documentWith(0, `"a"`)[:60], false},
		"something behind it":          {documentWith(0, `"a"`) + "x", false},
		"twice":                        {documentWith(0, `"a"`) + documentWith(0, `"a"`), false},
		"a comma too many":             {strings.Replace(documentWith(0, `"a"`), "}", ",}", 1), false},
		"a comma first":                {strings.Replace(documentWith(0, `"a"`), "{", "{,", 1), false},
		"no colon":                     {strings.Replace(documentWith(0, `"a"`), ":", " ", 1), false},
		"a zero before a number":       {documentWith(1, `01`), false},
		"a plus before a number":       {documentWith(1, `+1`), false},
		"a number without digits":      {documentWith(1, `-`), false},
		"a point without digits":       {documentWith(2, `1.`), false},
		"an exponent without digits":   {documentWith(2, `1e+`), false},
		"a word that is none":          {documentWith(3, `truth`), false},
		"a control character":          {documentWith(0, "\"\n\""), false},
		"an escape that is none":       {documentWith(0, `"\x"`), false},
		"an escape that is not hex":    {documentWith(0, `"\u00g0"`), false},
		"a text that does not end":     {`{"field_00000":"a`, false},
		"an escape that does not end":  {`{"field_00000":"\`, false},
		"a surrogate that has no half": {`{"field_00000":"\ud83d\u"`, false},
	}
	var d Documents
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, how := range []string{"interp", "compiled"} {
				err := d.Validate(how, 4, []byte(test.text))
				if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrInvalid) {
					t.Errorf("%s: %v, want valid: %t\n%s", how, err, test.ok, test.text)
				}
			}
		})
	}
	if err := d.Validate("off", 4, []byte("{")); err != nil {
		t.Errorf("off looked: %v", err)
	}
	if err := d.Validate("ajv", 4, []byte("{}")); err == nil || errors.Is(err, ErrInvalid) {
		t.Errorf("there is no ajv: %v", err)
	}
}

func TestANameThatIsNotKnownIsNotRepeatedAtLength(t *testing.T) {
	var d Documents
	for _, how := range []string{"interp", "compiled"} {
		err := d.Validate(how, 4, []byte(`{"`+strings.Repeat("x", 1<<16)+`":1}`))
		if err == nil || len(err.Error()) > 200 {
			t.Errorf("%s: %.300v", how, err)
		}
	}
	var texts []string
	for _, how := range []string{"interp", "compiled"} {
		texts = append(texts, fmt.Sprint(d.Validate(how, 0, []byte(`{"more":1}`))))
	}
	if texts[0] != texts[1] || !strings.Contains(texts[0], `"more"`) {
		t.Errorf("%q", texts)
	}
}

func TestWhatIsWrittenIsValid(t *testing.T) {
	var d Documents
	for _, n := range []int{0, 1, 50, few, few + 1, MostFields} {
		text, err := d.Encode("cached", n)
		if err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"off", "interp", "compiled"} {
			if err := d.Validate(how, n, text); err != nil {
				t.Errorf("%s of %d fields: %v", how, n, err)
			}
			if err := d.Validate(how, n+1, text); n < MostFields && err == nil && how != "off" {
				t.Errorf("%s: %d fields count as %d", how, n, n+1)
			}
		}
	}
}

// agree fails if the two ways differ.
func agree(t interface{ Fatalf(string, ...any) }, d *Documents, fields int, text []byte) {
	interp, compiled := d.Validate("interp", fields, text), d.Validate("compiled", fields, text)
	if (interp == nil) != (compiled == nil) {
		t.Fatalf("interp: %v\ncompiled: %v\n%q", interp, compiled, text)
	}
}

func TestBothWaysToValidateFindTheSame(t *testing.T) {
	var d Documents
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) string { return string(encoded(s)) }),
		rapid.Map(rapid.Float64(), func(v float64) string { return string(encoded(v)) }),
		rapid.Map(rapid.Int(), func(v int) string { return string(encoded(v)) }),
		rapid.SampledFrom([]string{"true", "false", "null", `{"a":1}`, `[[]]`, `"\ud800"`, `"\ud800\u0041"`, "1e400", "-0.0", "1E2", "0e0", "00"}),
	)
	name := rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 5), func(i int) string { return fmt.Sprintf(`"field_%05d"`, i) }),
		rapid.SampledFrom([]string{`"field_0000\u0030"`, `"fïeld_00000"`, `""`}),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(documentWith(rapid.IntRange(0, 3).Draw(t, "field"), value.Draw(t, "value")))
		for range rapid.IntRange(0, 3).Draw(t, "more fields") {
			more := name.Draw(t, "name") + ":" + value.Draw(t, "value")
			text = append(text[:len(text)-1], ","+more+"}"...)
		}
		for range rapid.IntRange(0, 2).Draw(t, "damage") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[at] = rapid.SampledFrom([]byte("{}[]\",:\\0e.-+ u\n\xff")).Draw(t, "byte")
		}
		agree(t, &d, 4, text)
	})
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func FuzzValidate(f *testing.F) {
	for _, value := range []string{`"text"`, `"\ud83d\ude00\n"`, "\"\xff\"", `-1.5e-7`, `01`, `{"a":[null]}`, `null`} {
		f.Add([]byte(documentWith(0, value)))
		f.Add([]byte(documentWith(1, value)))
	}
	f.Add([]byte(strings.Replace(documentWith(0, `"a"`), "{", `{"field_00001":[`, 1)))
	var d Documents
	f.Fuzz(func(t *testing.T, text []byte) {
		agree(t, &d, 4, text)
		agree(t, &d, 1, text)
	})
}

func TestAScannerCountsCharactersAsDecodingDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{"a", "é", "😀", "\xff", "\xe2\x82", `\n`, `\u0041`, `\ud83d`, `\ude00`, `\uFFFD`}))
		text := `"` + strings.Join(pieces.Draw(t, "pieces"), "") + `"`
		var plain string
		if err := json.Unmarshal([]byte(text), &plain); err != nil {
			t.Fatal(err)
		}
		s := scanner{text: []byte(text)}
		if got, ok := s.str(); !ok || got != utf8.RuneCountInString(plain) || !s.ended() {
			t.Fatalf("%d characters, %t, want %d in %q", got, ok, utf8.RuneCountInString(plain), text)
		}
	})
}

func TestOnlyWhatThereIsCodeForIsCompiled(t *testing.T) {
	flat := func(field any) schema {
		return schema{
			"type": "object", "required": []any{"a"}, "properties": map[string]any{"a": field}, "additionalProperties": false,
		}
	}
	if _, err := compile(flat(schema{"type": "string"})); err != nil {
		t.Error(err)
	}
	open := flat(schema{"type": "string"})
	delete(open, "additionalProperties")
	optional := flat(schema{"type": "string"})
	optional["required"] = []any{}
	for name, s := range map[string]schema{
		"another keyword": flat(schema{"type": "string", "pattern": "^a"}), "a nested object": flat(flat(schema{"type": "string"})),
		"no type": flat(schema{}), "no schema": flat("string"), "further fields": open, "a field that may be missing": optional,
	} {
		if _, err := compile(s); err == nil {
			t.Errorf("%s was compiled", name)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	var d Documents
	text, err := d.Encode("cached", 50)
	if err != nil {
		b.Fatal(err)
	}
	for _, how := range []string{"off", "interp", "compiled"} {
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := d.Validate(how, 50, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
