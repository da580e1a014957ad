package http1

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"plimsoll/engine/flow"
)

// message is a request as it goes on the wire.
type message struct {
	head  []byte // with the body joined on, if that saves a write
	body  []byte // what is still to be sent after head
	close bool   // the request says that its connection ends with it
	bare  bool   // the answer has no body: HEAD
}

// Up to these lengths a body is copied behind its head, as that is cheaper than a second
// write; a session's own copy stays short, for there may be thousands.
const (
	sharedJoin = 64 << 10
	ownJoin    = 8 << 10
)

// join takes the body along: within head if it is no longer than limit.
func (m *message) join(body []byte, limit int) {
	m.body = body
	if len(body) <= limit {
		m.head, m.body = append(m.head, body...), nil
	}
}

// render writes the head of req over m's. Names keep their case and fields their order;
// Host comes first unless the author put it elsewhere.
func (m *message) render(req *flow.Request, lastOnConnection bool) error {
	if err := sound(req); err != nil {
		return err
	}
	set := authored(req.Header)
	b := append(m.head[:0], req.Method...)
	b = append(b, ' ')
	b = append(b, req.Target...)
	b = append(b, " HTTP/1.1\r\n"...)
	if !set.host {
		b = appendField(b, "Host", req.Host)
	}
	for _, f := range req.Header {
		b = appendField(b, f.Name, f.Value)
	}
	if !set.agent {
		b = appendField(b, "User-Agent", "plimsoll")
	}
	if !set.length && (len(req.Body) > 0 || expectsBody(req.Method)) {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(req.Body)), 10)
		b = append(b, "\r\n"...)
	}
	if lastOnConnection && !set.connection {
		b = appendField(b, "Connection", "close")
	}
	m.head = append(b, "\r\n"...)
	m.close = lastOnConnection || set.close
	m.bare = req.Method == "HEAD"
	return nil
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// expectsBody reports whether a request without a body has to say so (RFC 9110, 8.6).
func expectsBody(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH"
}

// authoredFields are the fields that the author wrote and we therefore do not.
type authoredFields struct{ host, agent, length, connection, close bool }

func authored(header []flow.Field) (set authoredFields) {
	for _, f := range header {
		switch len(f.Name) {
		case len("Host"):
			set.host = set.host || strings.EqualFold(f.Name, "Host")
		case len("User-Agent"): // and Connection
			set.agent = set.agent || strings.EqualFold(f.Name, "User-Agent")
			if strings.EqualFold(f.Name, "Connection") {
				set.connection = true
				set.close = set.close || hasToken([]byte(f.Value), "close")
			}
		case len("Content-Length"):
			set.length = set.length || strings.EqualFold(f.Name, "Content-Length")
		case len("Transfer-Encoding"):
			set.length = set.length || strings.EqualFold(f.Name, "Transfer-Encoding")
		}
	}
	return set
}

// sound refuses what would put words of its own on the wire: a value that was filled in
// must never end a line.
func sound(req *flow.Request) error {
	switch {
	case !isToken(req.Method):
		return fmt.Errorf("method %q is not a word", req.Method)
	case req.Target == "" || !isVisible(req.Target):
		return fmt.Errorf("target %q is empty or has blanks or control characters in it", req.Target)
	case req.Host == "" || !isVisible(req.Host):
		return fmt.Errorf("host %q is empty or has blanks or control characters in it", req.Host)
	case req.Scheme != "http" && req.Scheme != "https":
		return fmt.Errorf("scheme %q is neither http nor https", req.Scheme)
	}
	for _, f := range req.Header {
		if !isToken(f.Name) {
			return fmt.Errorf("header name %q is not a word", f.Name)
		}
		if strings.IndexByte(f.Value, '\n') >= 0 || strings.IndexByte(f.Value, '\r') >= 0 || strings.IndexByte(f.Value, 0) >= 0 {
			return errors.New("header " + f.Name + " has a line break in it")
		}
	}
	return nil
}

func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
