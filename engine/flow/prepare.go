package flow

import (
	"errors"
	"fmt"
	"strings"
)

// maxChecks is how many bits Verdict.ChecksFailed has.
const maxChecks = 64

// prepared is what Prepare works out once.
type prepared struct {
	shared   *Request  // the request itself, if nothing in it varies
	common   Request   // what is the same in every request
	target   *Template // path and query, if they vary and the origin does not
	header   []Field   // nil if a value varies
	body     []byte    // nil if it varies
	onStatus bool      // a check speaks of the status
}

// Prepare works out, once, what does not change from call to call. It returns an error
// if the call can never be sent.
func (c *Call) Prepare() error {
	if len(c.Checks) > maxChecks {
		return fmt.Errorf("%d checks; at most %d can be counted", len(c.Checks), maxChecks)
	}
	method := strings.ToUpper(c.Method)
	if !isToken(method) {
		return fmt.Errorf("bad method %q", c.Method)
	}
	c.prepared = prepared{common: Request{
		Index: c.Index, Method: method, Timeout: c.Timeout, Want: c.wants(),
	}}
	for i := range c.Checks {
		c.prepared.onStatus = c.prepared.onStatus || c.Checks[i].OnStatus()
	}
	if err := c.prepareURL(); err != nil {
		return during("url", err)
	}
	if err := c.prepareHeader(); err != nil {
		return err
	}
	p := &c.prepared
	if c.Body != nil && c.Body.Fixed() {
		p.body = []byte(c.Body.fixedText())
		p.common.Body = p.body
	}
	if c.URL.Fixed() && p.header != nil && (c.Body == nil || p.body != nil) {
		p.shared = new(p.common)
		p.shared.Fixed = true
	}
	return nil
}

// wants says which parts of the answer somebody reads.
func (c *Call) wants() Want {
	var w Want
	for i := range c.Checks {
		w = w.or(c.Checks[i].wants())
	}
	for i := range c.Extracts {
		w = w.or(c.Extracts[i].From.wants())
	}
	return w
}

func (w Want) or(o Want) Want { return Want{w.Header || o.Header, w.Body || o.Body} }

func (c *Call) prepareURL() error {
	p := &c.prepared
	if c.URL == nil || len(c.URL.parts) == 0 {
		return errors.New("empty")
	}
	first := c.URL.parts[0]
	if !c.URL.Fixed() && (first.kind != literal || !behindOrigin(first.text)) {
		return nil // where it goes is known when it is rendered
	}
	var rest string
	var err error
	if p.common.Scheme, p.common.Host, rest, err = splitURL(first.text); err != nil {
		return err
	}
	if c.URL.Fixed() {
		p.common.Target, err = cleanTarget(rest)
		return err
	}
	p.target = &Template{parts: append([]part{{text: rest}}, c.URL.parts[1:]...)}
	return nil
}

func (p *prepared) renderURL(req *Request, url *Template, u *User) error {
	if req.Target != "" {
		return nil
	}
	if p.target != nil {
		text, err := p.target.text(u)
		if err != nil {
			return err
		}
		req.Target, err = cleanTarget(text)
		return err
	}
	text, err := url.text(u)
	if err != nil {
		return err
	}
	var rest string
	if req.Scheme, req.Host, rest, err = splitURL(text); err != nil {
		return err
	}
	req.Target, err = cleanTarget(rest)
	return err
}

func (c *Call) prepareHeader() error {
	fixed := true
	for _, h := range c.Header {
		switch {
		case !isToken(h.Name):
			return fmt.Errorf("bad header name %q", h.Name)
		case strings.EqualFold(h.Name, "Content-Length"), strings.EqualFold(h.Name, "Transfer-Encoding"):
			return fmt.Errorf("header %s follows from the body and cannot be set", h.Name)
		}
		fixed = fixed && h.Value.Fixed()
	}
	if !fixed {
		return nil
	}
	var err error
	c.prepared.header, err = renderHeader(c.Header, nil)
	c.prepared.common.Header = c.prepared.header
	return err
}

// renderHeader fills in header fields; u may be nil if all are fixed.
func renderHeader(header []HeaderTemplate, u *User) ([]Field, error) {
	fields := make([]Field, len(header))
	for i, h := range header {
		v, err := h.Value.text(u)
		if err == nil {
			err = validValue(v)
		}
		if err != nil {
			return nil, during("header "+h.Name, err)
		}
		fields[i] = Field{h.Name, v}
	}
	return fields, nil
}

func during(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
