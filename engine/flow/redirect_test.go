package flow

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func redirecting(t *testing.T, method string, hops int) *Call {
	t.Helper()
	return prepare(t, &Call{
		Index: 1, HopIndex: 2, Method: method, Redirects: hops, URL: Literal("http://h:1/a/b?q=1"), Body: Literal("x"),
		Header: []HeaderTemplate{
			{"Authorization", Literal("Bearer t")},
			{"Content-Type", Literal("text/plain")},
			{"Cookie", Literal("mine=1")},
			{"X", Literal("1")},
		},
	})
}

func TestRedirectsLeadOn(t *testing.T) {
	all := []Field{{"Authorization", "Bearer t"}, {"Content-Type", "text/plain"}, {"X", "1"}, {"Cookie", "mine=1"}}
	bodiless := []Field{{"Authorization", "Bearer t"}, {"X", "1"}, {"Cookie", "mine=1"}}
	for _, c := range []struct {
		name, method string
		status       int
		location     string
		want         Request
	}{
		{"302 makes a GET of a POST", "POST", 302, "/c", Request{Method: "GET", Scheme: "http", Host: "h:1", Target: "/c", Header: bodiless}},
		{"301 makes a GET of a PUT", "PUT", 301, "c", Request{Method: "GET", Scheme: "http", Host: "h:1", Target: "/a/c", Header: bodiless}},
		{"303 keeps a HEAD", "HEAD", 303, "?z=2#frag", Request{Method: "HEAD", Scheme: "http", Host: "h:1", Target: "/a/b?z=2", Header: all, Body: []byte("x")}},
		{"307 keeps method and body", "POST", 307, "../c d?é", Request{Method: "POST", Scheme: "http", Host: "h:1", Target: "/c%20d?%C3%A9", Header: all, Body: []byte("x")}},
		{"308 keeps them too", "PATCH", 308, "http://H:1/", Request{Method: "PATCH", Scheme: "http", Host: "H:1", Target: "/", Header: all, Body: []byte("x")}},
		{"another host gets no credentials", "POST", 307, "//other/c", Request{Method: "POST", Scheme: "http", Host: "other", Target: "/c", Header: []Field{{"Content-Type", "text/plain"}, {"X", "1"}}, Body: []byte("x")}},
		{"nor does another port", "GET", 302, "http://user:pw@h:2", Request{Method: "GET", Scheme: "http", Host: "h:2", Target: "/", Header: []Field{{"X", "1"}}}},
		{"nor another scheme", "GET", 302, "https://h:1/", Request{Method: "GET", Scheme: "https", Host: "h:1", Target: "/", Header: []Field{{"X", "1"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := redirecting(t, c.method, 3)
			u := testUser(t, nil)
			next, err := call.Redirect(u, rendered(t, call, u), respond(c.status, "location: "+c.location, ""), 2)
			c.want.Index = 2
			if diff := cmp.Diff(&c.want, next, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestWhatDoesNotRedirect(t *testing.T) {
	u := testUser(t, nil)
	for name, c := range map[string]struct {
		hops   int
		status int
		head   string
	}{
		"a call that follows none":     {0, 302, "Location: /"},
		"a good answer":                {3, 200, "Location: /"},
		"an answer that is not new":    {3, 304, "Location: /"},
		"an answer without a location": {3, 302, ""},
	} {
		call := redirecting(t, "GET", c.hops)
		if next, err := call.Redirect(u, rendered(t, call, u), respond(c.status, c.head, ""), 0); next != nil || err != nil {
			t.Errorf("%s leads to %+v, %v", name, next, err)
		}
	}
}

func TestRedirectsThatLeadNowhere(t *testing.T) {
	u := testUser(t, nil)
	call := redirecting(t, "GET", 2)
	req := rendered(t, call, u)
	for _, c := range []struct {
		location string
		hop      int
		want     string
	}{
		{"/", 2, "more than 2 hops"},
		{"ftp://h/", 0, `location "ftp://h/": "ftp" cannot be followed`},
		{"http://h:99999/", 0, `location "http://h:99999/": bad port "99999"`},
		{"http://", 0, `location "http://": no host`},
		{"javascript:alert(1)", 0, `location "javascript:alert(1)": "javascript" cannot be followed`},
		{"http:opaque", 0, `location "http:opaque": no host`},
		{"http://a\x01b/", 0, `location "http://a\x01b/": net/url: invalid control character in URL`},
		{"%zz", 0, `location "%zz": invalid URL escape "%zz"`},
	} {
		next, err := call.Redirect(u, req, respond(302, "Location: "+c.location, ""), c.hop)
		if next != nil || err == nil || err.Error() != c.want {
			t.Errorf("%s leads to %+v, %v, want %s", c.location, next, err, c.want)
		}
	}
}

func TestCookiesOfAHopGoToTheNext(t *testing.T) {
	call := redirecting(t, "POST", 3)
	u := testUser(t, nil)
	req := rendered(t, call, u)
	next, err := call.Redirect(u, req, respond(302, "Location: /home\nSet-Cookie: sid=1; Path=/", ""), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := next.Header[len(next.Header)-1]; got != (Field{"Cookie", "mine=1; sid=1"}) {
		t.Errorf("the next hop sends %v", next.Header)
	}
	next, err = call.Redirect(u, next, respond(302, "Location: /more\nSet-Cookie: sid=2; Path=/", ""), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := next.Header[len(next.Header)-1]; got != (Field{"Cookie", "mine=1; sid=2"}) {
		t.Errorf("the hop behind it sends %v", next.Header)
	}
}
