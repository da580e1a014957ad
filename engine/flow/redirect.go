package flow

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Redirect returns the next hop of an answer that sends the user elsewhere, nil if it
// does not or the call follows no more hops (hop counts those done). 301, 302 and 303
// lead to a GET without body (a HEAD stays one), 307 and 308 keep method and body. To
// another host, neither credentials nor cookies of the author's go along. A hop that
// would be one too many or leads nowhere is an error.
func (c *Call) Redirect(u *User, req *Request, resp *Response, hop int) (*Request, error) {
	if c.Redirects == 0 || !isRedirect(resp.Status) {
		return nil, nil
	}
	location, ok := "", false
	for v := range resp.values("Location") {
		location, ok = string(v), true
		break
	}
	if !ok {
		return nil, nil // the answer is all there is
	}
	if hop >= c.Redirects {
		return nil, fmt.Errorf("more than %d hops", c.Redirects)
	}
	u.keepCookies(req, resp)
	next, err := hopTo(req, location)
	if err != nil {
		return nil, fmt.Errorf("location %q: %w", abbreviate(location), err)
	}
	next.Index, next.Fixed = c.HopIndex, false
	if !keepsMethod(resp.Status) && req.Method != http.MethodHead {
		next.Method, next.Body = http.MethodGet, nil
	}
	if next.Header, err = c.hopHeader(u, req, next); err != nil {
		return nil, err
	}
	return u.withCookies(next), nil
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return true
	}
	return keepsMethod(status)
}

func keepsMethod(status int) bool {
	return status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
}

// hopTo returns the request with its place changed to the location, which may be
// relative.
func hopTo(req *Request, location string) (*Request, error) {
	base := req.url()
	if base == nil {
		return nil, fmt.Errorf("cannot be resolved against %q", abbreviate(req.Target))
	}
	where, err := base.Parse(location)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	if where.Scheme != "http" && where.Scheme != "https" {
		return nil, fmt.Errorf("%q cannot be followed", where.Scheme)
	}
	if err := validHost(where.Host); err != nil {
		return nil, err
	}
	next := new(*req)
	next.Scheme, next.Host = where.Scheme, where.Host
	next.Target, err = cleanTarget(where.RequestURI())
	return next, err
}

// hopHeader returns the fields of the next hop, without the user's cookies.
func (c *Call) hopHeader(u *User, req, next *Request) ([]Field, error) {
	moved := !strings.EqualFold(next.Host, req.Host) || next.Scheme != req.Scheme
	bodiless := next.Body == nil
	header := slices.DeleteFunc(slices.Clone(req.Header), func(f Field) bool {
		switch http.CanonicalHeaderKey(f.Name) {
		case "Cookie":
			return true
		case "Authorization", "Proxy-Authorization", "Host":
			return moved
		case "Content-Type", "Content-Encoding", "Content-Language":
			return bodiless
		}
		return false
	})
	if moved {
		return header, nil
	}
	// The Cookie field of req holds the user's cookies too, so the author's is made anew.
	for _, h := range c.Header {
		if strings.EqualFold(h.Name, "Cookie") {
			own, err := renderHeader([]HeaderTemplate{h}, u)
			return append(header, own...), err
		}
	}
	return header, nil
}
