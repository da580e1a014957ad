package scenarios

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// flowSpec is a flow as the author wrote it.
type flowSpec struct {
	node  *yaml.Node
	name  string
	steps []stepSpec
}

// stepSpec is a call or a pause.
type stepSpec struct {
	call  *callSpec
	think *flow.Think
}

// callSpec is one request as the author wrote it: a call whose address is still text,
// because what stands before its path is known when a run is planned. Redirects are −1 if
// the author does not speak of them.
type callSpec struct {
	flow.Call
	node        *yaml.Node // the value of get, post …
	url         string
	contentType string // of the body
	labels      engine.Labels
	uses        []use
}

// use is a variable that a value mentions.
type use struct {
	name string
	node *yaml.Node
}

// calls returns the requests of a flow.
func (f *flowSpec) calls() (calls []*callSpec) {
	for _, s := range f.steps {
		if s.call != nil {
			calls = append(calls, s.call)
		}
	}
	return calls
}

// flows decodes the named flows, or the steps of a single one, which is named main.
func (d *decoder) flows(n *yaml.Node) (flows []*flowSpec) {
	if n.Kind == yaml.SequenceNode {
		return []*flowSpec{d.flow(n, n, "main")}
	}
	d.pairs(n, "flows", func(key, value *yaml.Node) {
		flows = append(flows, d.flow(key, value, d.name(key, "the flow's name")))
	})
	return flows
}

func (d *decoder) flow(key, n *yaml.Node, name string) *flowSpec {
	f := &flowSpec{node: key, name: name}
	before := len(d.problems)
	d.items(n, func(item *yaml.Node) {
		f.steps = append(f.steps, d.step(item))
	})
	if len(f.calls()) == 0 && len(d.problems) == before {
		d.problem(key, "add a step such as  - get: /", "flow %s sends no request", quote(name))
	}
	return f
}

func methods() []string {
	return []string{"get", "post", "put", "patch", "delete", "head", "options"}
}

func (d *decoder) step(n *yaml.Node) stepSpec {
	c := &callSpec{Call: flow.Call{Redirects: -1}}
	var think *flow.Think
	var query, bodies []*yaml.Node
	b := &bodyDecoder{decoder: d, call: c}
	known := fields{
		"name":      func(n *yaml.Node) { c.Name = d.name(n, "the request's name") },
		"headers":   func(n *yaml.Node) { c.Header = append(c.Header, d.headers(n, &c.uses)...) },
		"query":     func(n *yaml.Node) { query = append(query, n) },
		"auth":      func(n *yaml.Node) { c.Header = append(c.Header, d.auth(n, &c.uses)...) },
		"check":     func(n *yaml.Node) { c.Checks = d.checks(n, &c.uses) },
		"extract":   func(n *yaml.Node) { c.Extracts = d.extracts(n, &c.uses) },
		"timeout":   func(n *yaml.Node) { c.Timeout = d.timeouts(n) },
		"redirects": func(n *yaml.Node) { c.Redirects = d.redirects(n) },
		"think":     func(n *yaml.Node) { think = d.think(n) },

		"tier":       func(n *yaml.Node) { c.labels.Tier = d.name(n, "the tier") },
		"dependency": func(n *yaml.Node) { c.labels.Dependency = d.name(n, "the dependency") },
		"owner":      func(n *yaml.Node) { c.labels.Owner = d.name(n, "the owner") },
	}
	for kind, decode := range b.kinds() {
		known[kind] = func(n *yaml.Node) {
			bodies = append(bodies, n)
			decode(n)
		}
	}
	for _, m := range methods() {
		known[m] = func(n *yaml.Node) {
			if c.node != nil {
				d.problem(n, "write two steps", "a step sends one request; this one has %s and %s", strings.ToLower(c.Method), m)
			}
			c.node, c.Method = n, strings.ToUpper(m)
		}
	}
	before := len(d.problems)
	if !d.object(n, "step", known) {
		return stepSpec{}
	}
	switch {
	case think != nil && (c.node != nil || len(n.Content) > 2):
		d.problem(n, "begin a new step with  - ", "a think step holds nothing else")
	case think != nil:
		return stepSpec{think: think}
	case c.node == nil && len(d.problems) > before:
		return stepSpec{} // what was meant to say it has been named
	case c.node == nil:
		d.problem(n, "add  get: /path  or  think: 1s", "the step says not what to do")
		return stepSpec{}
	}
	if len(bodies) > 1 {
		d.problem(bodies[1], "kinds of body: "+strings.Join(slices.Sorted(maps.Keys(b.kinds())), ", "), "a request has one body")
	}
	d.address(c, query)
	return stepSpec{call: c}
}

// address decodes where the call goes; query parameters are put behind it.
func (d *decoder) address(c *callSpec, queries []*yaml.Node) {
	text, ok := d.text(c.node, c.Method)
	if !ok {
		return
	}
	if c.Name == "" {
		c.Name = c.Method + " " + text
		named := *c.node
		named.Value = c.Name
		d.name(&named, "the address, which is also the request's name,")
	}
	d.template(c.node, "the address", &c.uses, flow.ParseURLTemplate)
	if !isAbsolute(text) && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "{{") {
		d.problem(c.node, "write /"+text+" or http://"+text, "an address begins with / or with http:// or https://")
	}
	sign := "?"
	if strings.Contains(text, "?") {
		sign = "&"
	}
	for _, q := range queries {
		d.pairs(q, "query", func(key, value *yaml.Node) {
			d.items(value, func(value *yaml.Node) {
				if d.template(value, "a query parameter", &c.uses, flow.ParseURLTemplate) != nil {
					text += sign + escapeQuery(key.Value) + "=" + escapeQuery(value.Value)
					sign = "&"
				}
			})
		})
	}
	c.url = text
}

// escapeQuery percent-encodes the text between variables.
func escapeQuery(text string) string {
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		b.WriteString(url.QueryEscape(before))
		if !found {
			break
		}
		end := closing(rest)
		b.WriteString("{{" + rest[:end])
		text = rest[end:]
	}
	return b.String()
}

// closing returns the offset behind the braces that end a variable; those within quotes
// do not.
func closing(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(s[i:], "}}"):
			return i + len("}}")
		}
	}
	return len(s)
}

func isAbsolute(address string) bool {
	return strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://")
}

// template parses a scalar as a template and notes the variables in it.
func (d *decoder) template(n *yaml.Node, what string, uses *[]use, parse func(string) (*flow.Template, error)) *flow.Template {
	text, ok := d.text(n, what)
	if !ok {
		return nil
	}
	t, err := parse(text)
	if err != nil {
		d.report(n, err)
		return nil
	}
	note(uses, n, t.Variables())
	return t
}

// note keeps that a value mentions variables.
func note(uses *[]use, n *yaml.Node, variables []string) {
	for _, v := range variables {
		*uses = append(*uses, use{v, n})
	}
}

func (d *decoder) headers(n *yaml.Node, uses *[]use) (headers []flow.HeaderTemplate) {
	d.pairs(n, "headers", func(key, value *yaml.Node) {
		if !isToken(key.Value) {
			d.problem(key, "", "%s is not a header name", quote(key.Value))
		}
		d.items(value, func(value *yaml.Node) {
			if t := d.template(value, "a header's value", uses, flow.ParseTemplate); t != nil {
				headers = append(headers, flow.HeaderTemplate{Name: key.Value, Value: t})
			}
		})
	})
	return headers
}

// isToken tells whether s can name a header field (RFC 9110, 5.6.2).
func isToken(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	return s != "" && strings.Trim(s, letters) == ""
}

func (d *decoder) auth(n *yaml.Node, uses *[]use) []flow.HeaderTemplate {
	var value *flow.Template
	d.object(n, "auth", fields{
		"bearer": func(n *yaml.Node) {
			if t := d.template(n, "bearer", uses, flow.ParseTemplate); t != nil {
				value = flow.BearerAuth(t)
			}
		},
		"basic": func(n *yaml.Node) {
			user, password := flow.Literal(""), flow.Literal("")
			d.object(n, "basic", fields{
				"user":     func(n *yaml.Node) { user = d.template(n, "user", uses, flow.ParseTemplate) },
				"password": func(n *yaml.Node) { password = d.template(n, "password", uses, flow.ParseTemplate) },
			})
			if user != nil && password != nil {
				value = flow.BasicAuth(user, password)
			}
		},
	})
	if len(n.Content) > 2 {
		d.problem(n, "", "auth is either basic or bearer")
	}
	if value == nil {
		return nil
	}
	return []flow.HeaderTemplate{{Name: "Authorization", Value: value}}
}

// maxChecks is how many checks a request can have: each has a bit in its sample.
const maxChecks = 64

func (d *decoder) checks(n *yaml.Node, uses *[]use) (checks []flow.Check) {
	d.items(n, func(item *yaml.Node) {
		text, ok := d.text(item, "a check")
		if !ok {
			return
		}
		c, err := flow.ParseCheck(text)
		if err != nil {
			d.report(item, err)
			return
		}
		note(uses, item, c.Variables())
		checks = append(checks, c)
		if len(checks) == maxChecks+1 {
			d.problem(item, "", "a request has %d checks at most", maxChecks)
		}
	})
	return checks
}

func (d *decoder) extracts(n *yaml.Node, uses *[]use) (extracts []flow.Extract) {
	d.pairs(n, "extract", func(key, value *yaml.Node) {
		d.identifier(key, "a variable")
		text, ok := d.text(value, "what to extract")
		if !ok {
			return
		}
		x, err := flow.ParseExtractor(text)
		d.report(value, err)
		if err == nil {
			note(uses, value, x.Variables())
			extracts = append(extracts, flow.Extract{Name: key.Value, From: x})
		}
	})
	return extracts
}

func (d *decoder) timeouts(n *yaml.Node) (t flow.Timeouts) {
	if n.Kind == yaml.ScalarNode {
		t.Total = d.span(n, "timeout")
		return t
	}
	d.object(n, "timeout", fields{
		"connect":    func(n *yaml.Node) { t.Connect = d.span(n, "connect") },
		"first_byte": func(n *yaml.Node) { t.FirstByte = d.span(n, "first_byte") },
		"total":      func(n *yaml.Node) { t.Total = d.span(n, "total") },
	})
	return t
}

func (d *decoder) redirects(n *yaml.Node) int { return int(d.integer(n, "redirects", 0, 50)) }

func (d *decoder) think(n *yaml.Node) *flow.Think {
	t := &flow.Think{}
	if text, ok := d.text(n, "think"); ok {
		var err error
		t.Min, t.Max, err = ParseDurationRange(text)
		d.report(n, err)
	}
	return t
}

// identifier checks a name that templates can mention.
func (d *decoder) identifier(n *yaml.Node, what string) {
	if err := flow.CheckName(n.Value); err != nil {
		d.problem(n, hintOf(err), "name of %s: %s", what, err)
	}
}
