package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/flow"
)

// Header is a field of an HTTP call that is made beside the load.
type Header struct{ Name, Value string }

// Outside the flows there is no user: what is done to a target and asked of it can mention
// variables under vars, and no columns of data. The decoder looks at the templates, and a
// filler fills them in when the run is planned.

// mention decodes text outside the flows in which variables may stand.
func (d *decoder) mention(n *yaml.Node, what string, parse func(string) (*flow.Template, error)) string {
	text, _ := d.text(n, what)
	if t, err := parse(text); err != nil {
		d.report(n, err)
	} else {
		note(&d.outside, n, t.Variables())
	}
	return text
}

func (d *decoder) headersOutside(n *yaml.Node) (headers []Header) {
	d.pairs(n, "headers", func(key, value *yaml.Node) {
		if !isToken(key.Value) {
			d.problem(key, "", "%s is not a header name", quote(key.Value))
		}
		d.items(value, func(value *yaml.Node) {
			headers = append(headers, Header{key.Value, d.mention(value, "a header's value", flow.ParseTemplate)})
		})
	})
	return headers
}

// bodyOutside decodes a body as JSON.
func (d *decoder) bodyOutside(n *yaml.Node) []byte {
	text := d.jsonOf(n)
	if t, err := jsonTemplate(text); err != nil {
		d.report(n, err)
	} else {
		note(&d.outside, n, t.Variables())
	}
	return text
}

// jsonTemplate takes the strings in JSON for templates.
func jsonTemplate(text []byte) (*flow.Template, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // none loses a digit
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	t, _, err := flow.JSONBody(v)
	return t, err
}

// checkOutside sees that somebody sets the variables that are mentioned outside the flows.
func (d *decoder) checkOutside(s *Scenario) {
	vars := map[string]bool{}
	for _, v := range s.vars {
		vars[v.name] = true
	}
	for _, u := range d.outside {
		if !vars[u.name] {
			at := max(strings.Index(u.node.Value, u.name), 0)
			d.problemAt(u.node, at, didYouMean(u.name, slices.Sorted(maps.Keys(vars))), "%s is not in vars", quote(u.name))
		}
	}
}

// checkAddress accepts where an HTTP call can go: a path of the reference target, or what
// checkTarget accepts, with a query.
func checkAddress(text string) error {
	if !strings.Contains(text, "{{") && strings.ContainsAny(text, " \t\r\n") {
		return valueError("a space is written %20", "the address %s has white space in it", quote(text))
	}
	if isAbsolutePath(text) {
		return nil
	}
	text, _, _ = strings.Cut(text, "?")
	return checkTarget(text)
}

func isAbsolutePath(address string) bool { return strings.HasPrefix(address, "/") }

// filler puts the values of variables in.
type filler struct{ user *flow.User }

func newFiller(vars map[string]string) (*filler, error) {
	user, err := flow.NewUser(&flow.World{Vars: vars}, 0)
	return &filler{user}, err
}

func (f *filler) text(src string, parse func(string) (*flow.Template, error)) (string, error) {
	t, err := parse(src)
	if err != nil {
		return "", err
	}
	text, err := t.Append(nil, f.user)
	return string(text), err
}

func (f *filler) address(src string) (string, error) {
	text, err := f.text(src, flow.ParseURLTemplate)
	if err != nil {
		return "", err
	}
	return text, checkAddress(text)
}

func (f *filler) headers(src []Header) (filled []Header, err error) {
	for _, h := range src {
		if h.Value, err = f.text(h.Value, flow.ParseTemplate); err != nil {
			return nil, err
		}
		if strings.ContainsAny(h.Value, "\r\n\x00") {
			return nil, valueError("", "the header %s would end within its value", h.Name)
		}
		filled = append(filled, h)
	}
	return filled, nil
}

func (f *filler) body(a Action) ([]byte, error) {
	parse := func(src string) (*flow.Template, error) { return flow.ParseTemplate(src) }
	if a.JSON {
		parse = func(src string) (*flow.Template, error) { return jsonTemplate([]byte(src)) }
	}
	text, err := f.text(string(a.Body), parse)
	return []byte(text), err
}

func (f *filler) action(a Action) (Action, error) {
	var err error
	if a.Method != "" {
		if a.URL, err = f.address(a.URL); err != nil {
			return a, err
		}
	}
	if a.Header, err = f.headers(a.Header); err != nil {
		return a, err
	}
	if a.Body != nil {
		if a.Body, err = f.body(a); err != nil {
			return a, err
		}
	}
	a.Run = slices.Clone(a.Run)
	for i := range a.Run {
		if a.Run[i], err = f.text(a.Run[i], flow.ParseTemplate); err != nil {
			return a, err
		}
	}
	return a, nil
}

// fill puts the variables into what is done to the target and asked of it.
func (p *Plan) fill(s *Scenario, do []Action, vars map[string]string) error {
	f, err := newFiller(vars)
	if err != nil {
		return err
	}
	for _, a := range do {
		filled, err := f.action(a)
		if err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		p.Do = append(p.Do, filled)
	}
	for _, e := range s.Events {
		if e.Action, err = f.action(e.Action); err != nil {
			return fmt.Errorf("event %s: %w", e, err)
		}
		p.Events = append(p.Events, e)
	}
	for _, g := range s.Figures {
		if g.Get, err = f.address(g.Get); err == nil {
			g.Header, err = f.headers(g.Header)
		}
		if err != nil {
			return fmt.Errorf("figure %s: %w", g.Name, err)
		}
		p.Figures = append(p.Figures, g)
	}
	return nil
}
