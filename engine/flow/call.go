package flow

import (
	"time"
)

// Call is one named request of a flow, compiled: templates parsed, checks and extractions
// understood. It is shared by all users and safe for concurrent use once Prepare returned.
type Call struct {
	Index     int // index into the plan's request names
	Name      string
	Method    string
	URL       *Template // absolute
	Header    []HeaderTemplate
	Body      *Template // nil: none
	Timeout   Timeouts
	Redirects int // how many hops to follow; 0: none
	HopIndex  int // the request name that followed hops count under
	Checks    []Check
	Extracts  []Extract

	prepared prepared
}

// HeaderTemplate is a header field to send.
type HeaderTemplate struct {
	Name  string
	Value *Template
}

// Extract takes a value out of an answer and keeps it as a variable of the user.
type Extract struct {
	Name string
	From Extractor
}

// Verdict is what Judge found out about an answer.
type Verdict struct {
	ChecksFailed uint64 // bit i: check i failed
	Bad          bool   // the request counts as failed: a check failed, an extraction found nothing, or the status is 400 or more and no check speaks of the status
	Stop         bool   // later steps cannot be done: an extraction found nothing
}

// Render fills in the user's variables. A call without variables returns the same
// pointer every time, unless the user has cookies to send.
func (c *Call) Render(u *User) (*Request, error) {
	p := &c.prepared
	if p.shared != nil {
		return u.withCookies(p.shared), nil
	}
	req := new(p.common)
	if err := p.renderURL(req, c.URL, u); err != nil {
		return nil, during("url", err)
	}
	if p.header == nil {
		var err error
		if req.Header, err = renderHeader(c.Header, u); err != nil {
			return nil, err
		}
	}
	if p.body == nil && c.Body != nil {
		var err error
		if req.Body, err = c.Body.Append(make([]byte, 0, c.Body.size()), u); err != nil {
			return nil, during("body", err)
		}
	}
	return u.withCookies(req), nil
}

// Judge keeps the cookies of an answered call and runs its checks and extractions.
func (c *Call) Judge(u *User, req *Request, resp *Response, latency time.Duration) Verdict {
	u.keepCookies(req, resp)
	var v Verdict
	a := answer{resp: resp, latency: latency}
	for i := range c.Checks {
		if !c.Checks[i].holds(u, &a) {
			v.ChecksFailed |= 1 << i
		}
	}
	for i := range c.Extracts {
		x := &c.Extracts[i]
		if value, ok := x.From.extract(u, &a); ok {
			u.set(x.Name, value)
		} else {
			v.Stop = true
		}
	}
	v.Bad = v.ChecksFailed != 0 || v.Stop || resp.Status >= 400 && !c.prepared.onStatus
	return v
}
