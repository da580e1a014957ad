package flow

import (
	"errors"
	"strings"
	"testing"
)

// placed fails the test unless err is nil or a mistake with a place in the text.
func placed(t *testing.T, src string, err error) (ok bool) {
	t.Helper()
	if err == nil {
		return true
	}
	e, is := errors.AsType[*SyntaxError](err)
	if !is || e.Offset < 0 || e.Offset > len(src) || e.Msg == "" {
		t.Fatalf("%q: error without a place: %#v", src, err)
	}
	return false
}

func FuzzParseTemplate(f *testing.F) {
	for _, s := range []string{
		"", "plain", "{{ a }}", "x{{ a.b c | json }}y", "{{ random -5 5 }}{{ uuid }}{{ user }}{{ pass }}",
		`{{ "{{" }}x`, `{{ "{" }}{{ a }}`, "{{{ a }}", "http://{{ h }}/{{ p }}?{{ q | raw }}", "{{ a | number }}", "{{ `x` }}", "{{ 'x' }}",
	} {
		f.Add(s)
	}
	u := testUser(f, map[string]string{"a": `"`, "b": "1"})
	f.Fuzz(func(t *testing.T, src string) {
		for _, parse := range []func(string) (*Template, error){ParseTemplate, ParseURLTemplate} {
			tm, err := parse(src)
			if !placed(t, src, err) {
				continue
			}
			again, err := parse(tm.String())
			if err != nil || again.String() != tm.String() {
				t.Fatalf("%q is written %q, which is read as %v, %v", src, tm, again, err)
			}
			if text, err := tm.Append(nil, u); err == nil && tm.Fixed() && string(text) != tm.fixedText() {
				t.Fatalf("%q is fixed, and rendered as %q", src, text)
			}
		}
		if body, _, err := JSONBody(src); err == nil && body.Fixed() && !isJSON(body.fixedText()) {
			t.Fatalf("%q became %s", src, body.fixedText())
		}
	})
}

func isJSON(s string) bool {
	_, ok := decodeJSON([]byte(s))
	return ok
}

func FuzzParseCheck(f *testing.F) {
	for _, s := range []string{
		"status == 200", "status in 200,201,3xx", "status<400", "header X-Y not exists", "header Z matches ^a+$", `body == " a\"\\ "`,
		"body.size < 10kB", "json $.id == {{ products.id }}", "json $.items[?(@.a == 'x y')].id exists", "json $..a[1:2] > 3", "latency < 200ms",
		`json $["a"] in 1,2`, "json $[?(@.a =~ /x/)] exists", "json $.a[?(length(@.b) > 1)] exists", "json $[(@.length-1)] == 1",
	} {
		f.Add(s, `{"id": 1, "items": [{"a": "x y", "b": [1]}], "a": [1, 2.5, "3", null, true]}`)
	}
	u := testUser(f, map[string]string{"a": "1"})
	f.Fuzz(func(t *testing.T, src, body string) {
		c, err := ParseCheck(src)
		if !placed(t, src, err) {
			return
		}
		again, err := ParseCheck(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q is written %q, which is read as %q, %v", src, c, again, err)
		}
		a := answer{resp: respond(200, "X-Y: 1", body)}
		if c.holds(u, &a) != again.holds(u, &a) {
			t.Fatalf("%q and %q do not agree", src, c)
		}
	})
}

func FuzzParseExtractor(f *testing.F) {
	for _, s := range []string{
		"json $.price", "json $.x default 0", "header Location", "cookie sid", `regex "token=(\w+)"`, `regex a"b default "x "`,
		"status", `body default "\"{{ a }}\""`, "json $.a[?(@.b > 1)]", "json $..* default {{ a }}",
	} {
		f.Add(s, `{"price": 1.5, "a": [{"b": 2}]}`)
	}
	u := testUser(f, map[string]string{"a": "1"})
	f.Fuzz(func(t *testing.T, src, body string) {
		e, err := ParseExtractor(src)
		if !placed(t, src, err) {
			return
		}
		again, err := ParseExtractor(e.String())
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q is written %q, which is read as %q, %v", src, e, again, err)
		}
		a := answer{resp: respond(200, "Set-Cookie: sid=1", body)}
		v1, ok1 := e.extract(u, &a)
		v2, ok2 := again.extract(u, &a)
		if ok1 != ok2 || v1 != v2 {
			t.Fatalf("%q finds %q, and %q finds %q", src, v1, e, v2)
		}
	})
}

// FuzzFeeds holds the ways to read a file against each other: what is read in order is
// what the index finds.
func FuzzFeeds(f *testing.F) {
	f.Add("a,b\n1,2\n\"3\n\",4\n\n5,\"\"\"\"\r\n")
	f.Add("\ufeffa\r\n1\r\n")
	f.Add("{\"a\":1}\n\n{\"a\":\"x\"}")
	f.Add("a\n\"1\n2")
	f.Fuzz(func(t *testing.T, text string) {
		type open = func(Pick) (*Feed, error)
		for _, open := range []open{
			func(p Pick) (*Feed, error) { return OpenCSV("f", strings.NewReader(text), int64(len(text)), p) },
			func(p Pick) (*Feed, error) {
				return OpenJSONLines("f", strings.NewReader(text), int64(len(text)), p)
			},
		} {
			random, err := open(Random)
			if err != nil {
				continue
			}
			once, err := open(Once)
			if err != nil {
				t.Fatalf("%q can be picked at random only: %v", text, err)
			}
			for i := range random.index.rows {
				want, err := once.take(nil)
				if err != nil {
					t.Fatalf("%q: row %d of %d: %v", text, i, random.index.rows, err)
				}
				got, err := random.rowAt(i)
				if err != nil || strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(random.columns) {
					t.Fatalf("%q: row %d is %q, %v, want %q", text, i, got, err, want)
				}
			}
			if _, err := once.take(nil); !errors.Is(err, ErrExhausted) {
				t.Fatalf("%q has more rows than the index: %v", text, err)
			}
		}
	})
}

// FuzzRequest sends any value through every place of a request: none of them may break
// out of its place.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"", "a b", "\r\nX: y", "/../?#", "é\x00", "host:80", "@evil", "h/x"} {
		f.Add(s)
	}
	calls := []*Call{
		{Method: "GET", URL: mustURL(f, "http://h/{{ v }}?{{ v }}#{{ v }}")},
		{Method: "GET", URL: mustURL(f, "http://h/{{ v | raw }}?{{ v | raw }}")},
		{Method: "GET", URL: mustURL(f, "http://{{ v }}/")},
		{Method: "GET", URL: mustURL(f, "{{ v }}")},
		{Method: "GET", URL: Literal("http://h"), Header: []HeaderTemplate{{"V", mustTemplate(f, "{{ v }}")}}},
	}
	for _, c := range calls {
		prepare(f, c)
	}
	f.Fuzz(func(t *testing.T, v string) {
		u := testUser(t, map[string]string{"v": v})
		for _, c := range calls {
			req, err := c.Render(u)
			if err != nil {
				continue
			}
			if strings.ContainsFunc(req.Host+req.Target, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || req.Target[0] != '/' ||
				strings.ContainsAny(req.Host, "/?#@") || req.Host == "" {
				t.Fatalf("%q became %s %s", v, req.Host, req.Target)
			}
			for _, h := range req.Header {
				if strings.ContainsAny(h.Value, "\r\n\x00") {
					t.Fatalf("header %q", h.Value)
				}
			}
		}
	})
}

// FuzzRedirect follows any location.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{"/", "", "//h", "http://h:1/x", "\r\nX: y", "http://[::1]:80", "?", "#", "http://é/ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, location string) {
		c := prepare(t, &Call{URL: Literal("http://h/a?b"), Redirects: 1})
		u := testUser(t, nil)
		resp := &Response{Status: 302, Header: []HeaderField{{[]byte("Location"), []byte(location)}}}
		next, err := c.Redirect(u, rendered(t, c, u), resp, 0)
		if err != nil {
			return
		}
		if validHost(next.Host) != nil || next.Scheme != "http" && next.Scheme != "https" || next.Target[0] != '/' ||
			strings.ContainsFunc(next.Target, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Fatalf("%q leads to %+v", location, next)
		}
	})
}
