package scenarios

import (
	"cmp"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/flow"
)

// bodyDecoder decodes the body of one call, which comes in one of several kinds.
type bodyDecoder struct {
	*decoder
	call *callSpec
}

func (b *bodyDecoder) kinds() fields {
	return fields{"json": b.json, "form": b.form, "multipart": b.multipart, "body": b.raw, "file": b.file}
}

// set makes t the call's body, under a content type unless the author names one.
func (b *bodyDecoder) set(t *flow.Template, contentType string) {
	b.call.Body, b.call.contentType = t, contentType
}

func (b *bodyDecoder) raw(n *yaml.Node) {
	if t := b.template(n, "body", &b.call.uses, flow.ParseTemplate); t != nil {
		b.set(flow.TextBody(t))
	}
}

func (b *bodyDecoder) json(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		b.problem(n, "JSON that is written out as text goes into  body:", "json must be a mapping or a list")
		return
	}
	before := len(b.problems)
	v := b.jsonValue(n)
	if len(b.problems) == before {
		t, contentType, err := flow.JSONBody(v)
		b.report(n, err)
		b.set(t, contentType)
	}
}

// jsonValue turns YAML into what JSON can hold. Text stays text, also where YAML would
// see a date in it.
func (b *bodyDecoder) jsonValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		v := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v[n.Content[i].Value] = b.jsonValue(n.Content[i+1])
		}
		return v
	case yaml.SequenceNode:
		v := make([]any, len(n.Content))
		for i, item := range n.Content {
			v[i] = b.jsonValue(item)
		}
		return v
	}
	return b.jsonScalar(n)
}

func (b *bodyDecoder) jsonScalar(n *yaml.Node) any {
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		if v, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
			return v
		}
	case "!!float":
		v, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			b.problem(n, "put quotes around it if it is text", "JSON has no number %s", n.Value)
			return nil
		}
		return v
	}
	b.template(n, "text", &b.call.uses, flow.ParseTemplate)
	return n.Value
}

func (b *bodyDecoder) form(n *yaml.Node) {
	var list []flow.FormField
	b.pairs(n, "form", func(key, value *yaml.Node) {
		b.items(value, func(value *yaml.Node) {
			if t := b.template(value, "a form field", &b.call.uses, flow.ParseTemplate); t != nil {
				list = append(list, flow.FormField{Name: key.Value, Value: t})
			}
		})
	})
	b.set(flow.FormBody(list))
}

func (b *bodyDecoder) multipart(n *yaml.Node) {
	var parts []flow.Part
	b.items(n, func(item *yaml.Node) {
		if p := b.part(item); p.Value != nil {
			parts = append(parts, p)
		}
	})
	b.set(flow.MultipartBody(parts))
}

func (b *bodyDecoder) part(item *yaml.Node) (p flow.Part) {
	ok := b.object(item, "part", fields{
		"name":     func(n *yaml.Node) { p.Name, _ = b.text(n, "name") },
		"filename": func(n *yaml.Node) { p.FileName, _ = b.text(n, "filename") },
		"type":     func(n *yaml.Node) { p.ContentType, _ = b.text(n, "type") },
		"value":    func(n *yaml.Node) { p.Value = b.template(n, "value", &b.call.uses, flow.ParseTemplate) },
		"file": func(n *yaml.Node) {
			p.Value = flow.Literal(string(b.read(n)))
			p.FileName = cmp.Or(p.FileName, filepath.Base(n.Value))
		},
	})
	if ok && (p.Name == "" || (valueOf(item, "value") == nil) == (valueOf(item, "file") == nil)) {
		b.problem(item, "for instance  {name: photo, file: cat.jpg}", "a part has a name, and either a value or a file")
	}
	return p
}

func (b *bodyDecoder) file(n *yaml.Node) { b.set(flow.FileBody(b.read(n))) }

// maxBody bounds a file that is sent as a body or a part of one: it is held in memory.
const maxBody = 64 << 20

// read returns the content of a file that the scenario names. Without files to look at it
// returns nothing, and notes that the scenario needs them.
func (d *decoder) read(n *yaml.Node) []byte {
	name, ok := d.text(n, "a file's name")
	if !ok {
		return nil
	}
	if d.files == nil {
		d.missing = append(d.missing, name)
		return nil
	}
	f, err := d.files.Open(name)
	if err != nil {
		d.problem(n, d.fileHint(), "open %s: %s", quote(name), cause(err))
		return nil
	}
	defer f.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxBody+1))
	switch {
	case err != nil:
		d.problem(n, d.fileHint(), "read %s: %s", quote(name), cause(err))
	case len(content) > maxBody:
		d.problem(n, "", "%s is larger than 64 MiB", quote(name))
	}
	return content
}

// fileHint says where files are looked for, unless there is no scenario file.
func (d *decoder) fileHint() string {
	if d.lines == nil {
		return ""
	}
	return "files are looked for beside the scenario"
}
