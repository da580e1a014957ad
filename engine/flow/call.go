package flow

import "time"

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

// Prepare works out, once, what does not change from call to call. It returns an error
// if the call can never be sent.
func (c *Call) Prepare() error { panic("unwritten") }

// Render fills in the user's variables. A call without variables returns the same
// pointer every time, unless the user has cookies to send.
func (c *Call) Render(u *User) (*Request, error) { panic("unwritten") }

// Judge runs the checks and the extractions of an answered call and keeps its cookies.
func (c *Call) Judge(u *User, req *Request, resp *Response, latency time.Duration) Verdict {
	panic("unwritten")
}

// Redirect returns the next hop of an answer that sends the user elsewhere, nil if it
// does not or the call follows no more hops (hop counts those done).
func (c *Call) Redirect(u *User, req *Request, resp *Response, hop int) (*Request, error) {
	panic("unwritten")
}
