package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// JSONBody builds a JSON document from null, bool, string, number, []any and
// map[string]any values; keys come out sorted. Strings and keys are templates, and the
// values in them are escaped. A string stays a string, unless it is a single expression
// with a filter: "{{ n | number }}" becomes a number without quotes and "{{ x | raw }}"
// whatever JSON the value holds. A *SyntaxError is wrapped with the path to the string;
// its offset counts from the start of the string.
func JSONBody(v any) (body *Template, contentType string, err error) {
	body, err = jsonValue(v)
	return body, "application/json", err
}

func jsonValue(v any) (*Template, error) {
	switch v := v.(type) {
	case string:
		return jsonString(v)
	case []any:
		return jsonArray(v)
	case map[string]any:
		return jsonObject(v)
	}
	text, err := json.Marshal(v)
	return Literal(string(text)), err
}

func jsonString(s string) (*Template, error) {
	t, err := ParseTemplate(s)
	if err != nil {
		return nil, err
	}
	if len(t.parts) == 1 && t.parts[0].stated && t.parts[0].filter != toURL {
		return t, nil
	}
	if slices.ContainsFunc(t.parts, func(p part) bool { return p.stated && p.filter == toJSON }) {
		return nil, &SyntaxError{0, "the filter json writes a whole string", "values inside a JSON string are escaped without it"}
	}
	return Concat(Literal(`"`), t.within(toJSONText), Literal(`"`)), nil
}

func jsonArray(v []any) (*Template, error) {
	parts := []*Template{Literal("[")}
	for i, e := range v {
		if i > 0 {
			parts = append(parts, Literal(","))
		}
		t, err := jsonValue(e)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		parts = append(parts, t)
	}
	return Concat(append(parts, Literal("]"))...), nil
}

func jsonObject(v map[string]any) (*Template, error) {
	parts := []*Template{Literal("{")}
	for i, k := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			parts = append(parts, Literal(","))
		}
		key, err := ParseTemplate(k)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", k, err)
		}
		value, err := jsonValue(v[k])
		if err != nil {
			return nil, fmt.Errorf(".%s: %w", k, err)
		}
		parts = append(parts, Literal(`"`), key.within(toJSONText), Literal(`":`), value)
	}
	return Concat(append(parts, Literal("}"))...), nil
}

// FormField is a field of a form; its value is a template parsed by ParseTemplate.
type FormField struct {
	Name  string
	Value *Template
}

// FormBody builds an application/x-www-form-urlencoded body.
func FormBody(fields []FormField) (body *Template, contentType string) {
	var parts []*Template
	for i, f := range fields {
		if i > 0 {
			parts = append(parts, Literal("&"))
		}
		name := string(appendPercent(nil, f.Name))
		parts = append(parts, Literal(name+"="), f.Value.within(toURL))
	}
	return Concat(parts...), "application/x-www-form-urlencoded"
}

// Part is a part of a multipart/form-data body: a field, or with a FileName a file.
type Part struct {
	Name        string
	Value       *Template // a file's content as Literal(string(bytes)), or a template
	FileName    string    // empty: a field
	ContentType string    // empty: none for a field, application/octet-stream for a file
}

// MultipartBody builds a multipart/form-data body (RFC 7578). The boundary follows from
// the parts, so the same parts make the same body.
func MultipartBody(parts []Part) (body *Template, contentType string) {
	boundary := boundaryOf(parts)
	var pieces []*Template
	for _, p := range parts {
		pieces = append(pieces, Literal("--"+boundary+"\r\n"+p.head()+"\r\n"), p.Value, Literal("\r\n"))
	}
	pieces = append(pieces, Literal("--"+boundary+"--\r\n"))
	return Concat(pieces...), "multipart/form-data; boundary=" + boundary
}

// boundaryOf returns a text that no part knew of when it was written.
func boundaryOf(parts []Part) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%q %q %q %q\n", p.Name, p.FileName, p.ContentType, p.Value.String())
	}
	return "plimsoll-" + hex.EncodeToString(h.Sum(nil)[:16])
}

func (p *Part) head() string {
	// Names are escaped as browsers do it (WHATWG HTML, multipart/form-data encoding).
	escape := strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22").Replace
	s := `Content-Disposition: form-data; name="` + escape(p.Name) + `"`
	kind := p.ContentType
	if p.FileName != "" {
		s += `; filename="` + escape(p.FileName) + `"`
		if kind == "" {
			kind = "application/octet-stream"
		}
	}
	if kind != "" {
		s += "\r\nContent-Type: " + kind
	}
	return s + "\r\n"
}

// TextBody is a body of plain text.
func TextBody(t *Template) (body *Template, contentType string) {
	return t, "text/plain; charset=utf-8"
}

// FileBody is a body that is sent as it is, whatever looks like a variable in it.
func FileBody(content []byte) (body *Template, contentType string) {
	return Literal(string(content)), "application/octet-stream"
}

// BasicAuth returns the value of an Authorization header for a user and a password
// (RFC 7617).
func BasicAuth(user, password *Template) *Template {
	plain := Concat(user, Literal(":"), password)
	encoded := &Template{parts: []part{{kind: basicAuth, sub: plain}}}
	if plain.Fixed() {
		text, _ := encoded.Append(nil, nil) // a fixed template needs no user
		encoded = Literal(string(text))
	}
	return Concat(Literal("Basic "), encoded)
}

// BearerAuth returns the value of an Authorization header for a token (RFC 6750).
func BearerAuth(token *Template) *Template { return Concat(Literal("Bearer "), token) }
