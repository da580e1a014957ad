package flow

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// Forget makes the user a new visitor: its cookies are gone. An open load calls it before
// every arrival, because each arrival is somebody new. A row of its own (Unique) stays, so
// that no two arrivals under way at the same time share one.
func (u *User) Forget() { u.jar = nil }

// keepCookies stores the cookies that an answer sets.
func (u *User) keepCookies(req *Request, resp *Response) {
	var cookies []*http.Cookie
	for i := range resp.Header {
		if !isSetCookie(resp.Header[i].Name) {
			continue
		}
		// A line that is not a cookie is ignored, as every browser does.
		if c, err := http.ParseSetCookie(string(resp.Header[i].Value)); err == nil {
			cookies = append(cookies, c)
		}
	}
	if len(cookies) == 0 {
		return
	}
	where := req.url()
	if where == nil {
		return
	}
	if u.jar == nil {
		u.jar, _ = cookiejar.New(nil) // never fails
	}
	u.jar.SetCookies(where, cookies)
}

func isSetCookie(name []byte) bool {
	return len(name) == len("Set-Cookie") && strings.EqualFold(string(name), "Set-Cookie")
}

// withCookies returns the request with the user's cookies for it: the same pointer if
// there are none, else a copy with one Cookie field, in which what the author wrote
// comes first.
func (u *User) withCookies(req *Request) *Request {
	if u.jar == nil {
		return req
	}
	where := req.url()
	if where == nil {
		return req
	}
	var cookies []string
	for _, c := range u.jar.Cookies(where) {
		cookies = append(cookies, c.String())
	}
	if len(cookies) == 0 {
		return req
	}
	out := *req
	out.Fixed = false
	out.Header = make([]Field, 0, len(req.Header)+1)
	for _, f := range req.Header {
		if strings.EqualFold(f.Name, "Cookie") {
			cookies = append([]string{f.Value}, cookies...)
		} else {
			out.Header = append(out.Header, f)
		}
	}
	out.Header = append(out.Header, Field{"Cookie", strings.Join(cookies, "; ")})
	return &out
}

// url returns where the request goes, nil if the library cannot read it.
func (r *Request) url() *url.URL {
	u, err := url.Parse(r.Scheme + "://" + r.Host + r.Target)
	if err != nil {
		return nil
	}
	return u
}
