package flow

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSONBodiesEscapeValuesAndKeepTypes(t *testing.T) {
	u := testUser(t, map[string]string{"s": "a\"b\\\n\u2028é\xff", "n": "12.5", "obj": `{"x":[1]}`, "k": `ke"y`})
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"scalars", []any{nil, true, 1, int64(-2), uint64(3), 1.5, json.Number("1e9"), "x"}, `[null,true,1,-2,3,1.5,1e9,"x"]`},
		{"keys are sorted", map[string]any{"b": 1, "a": map[string]any{}, "c": []any{}}, `{"a":{},"b":1,"c":[]}`},
		{"a string stays a string", "{{ n }}", `"12.5"`},
		{"text around a value", "<{{ s }}\">", "\"<a\\\"b\\\\\\n\u2028é\ufffd\\\">\""},
		{"a number without quotes", "{{ n | number }}", `12.5`},
		{"a number inside a string", "n={{ n | number }}", `"n=12.5"`},
		{"a value that is JSON itself", map[string]any{"o": "{{ obj | raw }}"}, `{"o":{"x":[1]}}`},
		{"json is what a string does anyway", "{{ n | json }}", `"12.5"`},
		{"an encoded URL in a string", "{{ k | url }}", `"ke%22y"`},
		{"keys are templates", map[string]any{"{{ k }}": 1}, `{"ke\"y":1}`},
		{"the user's number", map[string]any{"u": "{{ user | number }}"}, `{"u":7}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, kind, err := JSONBody(c.v)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, body, u)
			if got != c.want || kind != "application/json" || !json.Valid([]byte(got)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestJSONBodiesRefuseMistakes(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{map[string]any{"a": []any{1, "{{ x"}}, `.a: [1]: "{{" without "}}"`},
		{map[string]any{"a{{": 1}, `key "a{{": "{{" without "}}"`},
		{"x{{ y | json }}", "the filter json writes a whole string"},
	} {
		_, _, err := JSONBody(c.v)
		if _, ok := errors.AsType[*SyntaxError](err); !ok || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.v, err, c.want)
		}
	}
	if _, _, err := JSONBody(func() {}); err == nil {
		t.Error("a function is no JSON")
	}
}

func TestFormBodiesAreReadBackByTheStandardLibrary(t *testing.T) {
	u := testUser(t, map[string]string{"v": "a&b=c d+é", "w": "x%20y"})
	body, kind := FormBody([]FormField{
		{"a b", mustTemplate(t, "1 + {{ v }}")}, {"c", Literal("")}, {"c", mustTemplate(t, "{{ w | raw }}")},
	})
	got, err := url.ParseQuery(render(t, body, u))
	want := url.Values{"a b": {"1 + a&b=c d+é"}, "c": {"", "x y"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || kind != "application/x-www-form-urlencoded" {
		t.Error(diff, err, kind)
	}
}

func TestMultipartBodiesAreReadBackByTheStandardLibrary(t *testing.T) {
	u := testUser(t, map[string]string{"v": "value"})
	file := "\x00{{ not a variable }}\r\n--\xff"
	parts := []Part{
		{Name: "field\"\r\n", Value: mustTemplate(t, "<{{ v }}>")},
		{Name: "file", FileName: "a b.bin", Value: Literal(file)},
		{Name: "typed", FileName: "é.csv", ContentType: "text/csv", Value: Literal("a,b")},
	}
	body, kind := MultipartBody(parts)
	again, sameKind := MultipartBody(parts)
	if kind != sameKind || again.String() != body.String() {
		t.Error("the same parts made another body")
	}
	_, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(strings.NewReader(render(t, body, u)), params["boundary"])
	var got [][4]string
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(p)
		got = append(got, [4]string{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(content)})
	}
	want := [][4]string{
		{"field%22%0D%0A", "", "", "<value>"},
		{"file", "a b.bin", "application/octet-stream", file},
		{"typed", "é.csv", "text/csv", "a,b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlainBodies(t *testing.T) {
	if body, kind := FileBody([]byte("{{ x }}\x00")); !body.Fixed() || body.fixedText() != "{{ x }}\x00" || kind != "application/octet-stream" {
		t.Error("a file is sent as it is")
	}
	if body, kind := TextBody(mustTemplate(t, "{{ x }}")); body.Fixed() || kind != "text/plain; charset=utf-8" {
		t.Error("a text has variables")
	}
}

func TestCredentials(t *testing.T) {
	u := testUser(t, map[string]string{"name": "Aladdin", "word": "open sesame"})
	const want = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" // RFC 7617, section 2
	varied := BasicAuth(mustTemplate(t, "{{ name }}"), mustTemplate(t, "{{ word }}"))
	if got := render(t, varied, u); got != want || varied.Fixed() {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff([]string{"name", "word"}, varied.Variables()); diff != "" {
		t.Error(diff)
	}
	fixed := BasicAuth(Literal("Aladdin"), Literal("open sesame"))
	if got := render(t, fixed, nil); got != want || !fixed.Fixed() {
		t.Errorf("got %s", got)
	}
	req := &http.Request{Header: http.Header{"Authorization": {want}}}
	if name, word, ok := req.BasicAuth(); !ok || name != "Aladdin" || word != "open sesame" {
		t.Error(name, word, ok)
	}
	if got := render(t, BearerAuth(mustTemplate(t, "{{ name }}")), u); got != "Bearer Aladdin" {
		t.Errorf("got %s", got)
	}
}
