package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// prepare makes a call of a URL, "Name: value" headers, checks and extractions.
func prepare(tb testing.TB, c *Call) *Call {
	tb.Helper()
	if c.Method == "" {
		c.Method = "get"
	}
	if err := c.Prepare(); err != nil {
		tb.Fatal(err)
	}
	return c
}

func rendered(tb testing.TB, c *Call, u *User) *Request {
	tb.Helper()
	req, err := c.Render(u)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

func TestACallWithoutVariablesIsRenderedOnce(t *testing.T) {
	c := prepare(t, &Call{
		Index: 3, Method: "post", URL: mustURL(t, "HTTP://h:8080?a=é#part"), Body: Literal("{}"),
		Header: []HeaderTemplate{{"X-A", Literal("1")}}, Timeout: Timeouts{Total: time.Second},
		Checks: []Check{mustCheck(t, "body contains x")},
	})
	a, b := rendered(t, c, testUser(t, nil)), rendered(t, c, testUser(t, nil))
	if a != b {
		t.Error("two users got two requests")
	}
	want := &Request{
		Index: 3, Method: "POST", Scheme: "http", Host: "h:8080", Target: "/?a=%C3%A9", Header: []Field{{"X-A", "1"}},
		Body: []byte("{}"), Fixed: true, Timeout: Timeouts{Total: time.Second}, Want: Want{Body: true},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
}

func TestACallWithVariablesIsFilledIn(t *testing.T) {
	u := testUser(t, map[string]string{"base": "https://H:1", "id": "a/b", "tag": "x y", "text": "\"hi\""})
	body, _, err := JSONBody(map[string]any{"t": "{{ text }}"})
	if err != nil {
		t.Fatal(err)
	}
	header := []HeaderTemplate{{"X-Tag", mustTemplate(t, "{{ tag }}")}, {"X", Literal("1")}}
	for _, c := range []struct {
		name string
		call Call
		want Request
	}{
		{"in the path", Call{URL: mustURL(t, "http://h/p/{{ id }}#x")}, Request{Scheme: "http", Host: "h", Target: "/p/a%2Fb"}},
		{"in a query without a path", Call{URL: mustURL(t, "http://h?{{ id }}")}, Request{Scheme: "http", Host: "h", Target: "/?a%2Fb"}},
		{"in the origin", Call{URL: mustURL(t, "{{ base }}/x")}, Request{Scheme: "https", Host: "H:1", Target: "/x"}},
		{"in the host", Call{URL: mustURL(t, "http://{{ tag | url }}.é/x")}, Request{}},
		{"in a header", Call{URL: mustURL(t, "http://h"), Header: header}, Request{Scheme: "http", Host: "h", Target: "/", Header: []Field{{"X-Tag", "x y"}, {"X", "1"}}}},
		{"in the body", Call{URL: mustURL(t, "http://h"), Body: body}, Request{Scheme: "http", Host: "h", Target: "/", Body: []byte(`{"t":"\"hi\""}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := prepare(t, &c.call)
			req, err := call.Render(u)
			if c.want.Host == "" {
				if err == nil {
					t.Errorf("got %+v, want an error", req)
				}
				return
			}
			c.want.Method = "GET"
			if diff := cmp.Diff(&c.want, req, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if again := rendered(t, call, u); again == req {
				t.Error("two passes share a request that may differ")
			}
		})
	}
}

func TestOneRequestDoesNotChangeTheNext(t *testing.T) {
	c := prepare(t, &Call{URL: mustURL(t, "http://h/{{ n }}"), Body: mustTemplate(t, "{{ n }}"), Header: []HeaderTemplate{{"N", mustTemplate(t, "{{ n }}")}}})
	u := testUser(t, nil)
	u.set("n", "first")
	a := rendered(t, c, u)
	u.set("n", "other")
	rendered(t, c, u)
	if a.Target != "/first" || string(a.Body) != "first" || a.Header[0].Value != "first" {
		t.Errorf("the first request became %+v", a)
	}
}

func TestWhatCannotBeSentIsAnError(t *testing.T) {
	get := func(url string) *Call { return &Call{Method: "GET", URL: mustURL(t, url)} }
	for _, c := range []struct {
		call *Call
		want string
	}{
		{&Call{Method: "GET"}, "url: empty"},
		{get("ftp://h/"), `url: "ftp://h/" does not begin with http:// or https://`},
		{get("/path"), `url: "/path" does not begin with http:// or https://`},
		{get("http:///x"), "url: no host"},
		{get("http://h:/x"), `url: bad port ""`},
		{get("http://h:70000/x"), `url: bad port "70000"`},
		{get("http://h h/x"), `url: bad host "h h"`},
		{get("http://[::1/x"), `url: bad address "[::1"`},
		{get("http://[::1]x/"), `url: bad port "1]x"`},
		{get("http://[h]/"), `url: bad address "[h]"`},
		{get("http://u:p@h/"), "url: a user in the URL is not sent; use basic authentication instead"},
		{get("http://h/a b"), `url: "/a b" has a space or control character in it`},
		{get("http://h/{{ x | raw }}"), `url: "/a\nb" has a space or control character in it`},
		{get("{{ x }}"), `url: "a\nb" does not begin with http:// or https://`},
		{get("http://{{ x }}/"), `url: bad host "a\nb"`},
		{get("http://h/{{ none }}"), "url: variable none has no value"},
		{&Call{Method: "G ET", URL: Literal("http://h")}, `bad method "G ET"`},
		{&Call{Method: "GET", URL: Literal("http://h"), Header: []HeaderTemplate{{"X:", Literal("")}}}, `bad header name "X:"`},
		{&Call{Method: "GET", URL: Literal("http://h"), Header: []HeaderTemplate{{"X", Literal("a\r\nb")}}}, `header X: "a\r\nb" has a control character in it`},
		{&Call{Method: "GET", URL: Literal("http://h"), Header: []HeaderTemplate{{"X", mustTemplate(t, "{{ x }}")}}}, `header X: "a\nb" has a control character in it`},
		{&Call{Method: "GET", URL: Literal("http://h"), Header: []HeaderTemplate{{"content-length", Literal("1")}}}, "header content-length follows from the body and cannot be set"},
		{&Call{Method: "GET", URL: Literal("http://h"), Body: mustTemplate(t, "{{ none }}")}, "body: variable none has no value"},
		{&Call{Method: "GET", URL: Literal("http://h"), Checks: make([]Check, 65)}, "65 checks; at most 64 can be counted"},
	} {
		err := c.call.Prepare()
		if err == nil {
			_, err = c.call.Render(testUser(t, map[string]string{"x": "a\nb"}))
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestHostsOfEveryKindAreFine(t *testing.T) {
	for _, host := range []string{"h", "127.0.0.1:80", "[::1]", "[fe80::1]:8080", "a-b_c.example:65535"} {
		c := &Call{Method: "GET", URL: Literal("http://" + host)}
		if err := c.Prepare(); err != nil || rendered(t, c, testUser(t, nil)).Host != host {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestVerdicts(t *testing.T) {
	type result struct {
		status  int
		checks  []string
		extract string
		want    Verdict
	}
	for name, c := range map[string]result{
		"an answer without checks is good":               {200, nil, "", Verdict{}},
		"a status of 400 is bad":                         {400, nil, "", Verdict{Bad: true}},
		"a status of 404 is good if a check asks for it": {404, []string{"status == 404"}, "", Verdict{}},
		"other checks do not excuse a status of 500":     {500, []string{"body.size < 1GB"}, "", Verdict{Bad: true}},
		"each failed check has its bit":                  {200, []string{"status == 201", "status == 200", "body == x"}, "", Verdict{ChecksFailed: 0b101, Bad: true}},
		"an extraction that finds nothing stops":         {200, nil, "json $.none", Verdict{Bad: true, Stop: true}},
		"a failed check does not stop":                   {200, []string{"status == 201"}, "json $.a", Verdict{ChecksFailed: 1, Bad: true}},
	} {
		t.Run(name, func(t *testing.T) {
			call := &Call{URL: Literal("http://h")}
			for _, src := range c.checks {
				call.Checks = append(call.Checks, mustCheck(t, src))
			}
			if c.extract != "" {
				call.Extracts = []Extract{{"v", mustExtractor(t, c.extract)}}
			}
			u := testUser(t, nil)
			req := rendered(t, prepare(t, call), u)
			got := call.Judge(u, req, respond(c.status, "", `{"a":1}`), time.Second)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExtractedValuesLastForOnePass(t *testing.T) {
	call := prepare(t, &Call{URL: Literal("http://h"), Extracts: []Extract{{"v", mustExtractor(t, "json $.a")}}})
	u := testUser(t, map[string]string{"v": "of all"})
	tm := mustTemplate(t, "{{ v }}{{ pass }}")
	req := rendered(t, call, u)
	for _, text := range []string{"1", "2"} {
		call.Judge(u, req, respond(200, "", `{"a":`+text+`}`), 0)
		if got := render(t, tm, u); got != text+"0" {
			t.Errorf("got %s, want %s0", got, text)
		}
	}
	if err := u.Begin(); err != nil {
		t.Fatal(err)
	}
	if got := render(t, tm, u); got != "of all1" {
		t.Errorf("in the next pass: %s", got)
	}
	if len(u.extracted) != 0 {
		t.Errorf("%d values are still kept", len(u.extracted))
	}
}

func TestCookiesComeBack(t *testing.T) {
	login := prepare(t, &Call{URL: Literal("http://h:1/login")})
	again := prepare(t, &Call{URL: Literal("http://h:1/account/x"), Header: []HeaderTemplate{{"cookie", Literal("mine=1")}, {"X", Literal("2")}}})
	other := prepare(t, &Call{URL: Literal("http://other/")})
	u := testUser(t, nil)
	req := rendered(t, login, u)
	login.Judge(u, req, respond(200, "Set-Cookie: sid=abc; HttpOnly\nset-cookie: deep=1; Path=/account\nSet-Cookie: gone=1; Max-Age=0\nSet-Cookie: safe=1; Secure\nSet-Cookie: ;;;", ""), 0)

	got := rendered(t, again, u)
	want := []Field{{"X", "2"}, {"Cookie", "mine=1; deep=1; sid=abc"}}
	if diff := cmp.Diff(want, got.Header); diff != "" || got.Fixed {
		t.Error(diff, got.Fixed)
	}
	if got := rendered(t, login, u); len(got.Header) != 1 || got.Header[0].Value != "sid=abc" {
		t.Errorf("the path of a cookie counts: %v", got.Header)
	}
	if got := rendered(t, other, u); len(got.Header) > 0 || !got.Fixed {
		t.Errorf("another host got %v", got.Header)
	}
	if fresh := rendered(t, again, testUser(t, nil)); !fresh.Fixed || len(fresh.Header) != 2 {
		t.Errorf("another user got %v", fresh.Header)
	}
	u.Forget()
	if got := rendered(t, login, u); !got.Fixed {
		t.Errorf("a new visitor sent %v", got.Header)
	}
}

func TestAPlainUserIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(User{}); size > 200 {
		t.Errorf("a user has %d bytes", size)
	}
	w := &World{Vars: map[string]string{"a": "b"}}
	c := prepare(t, &Call{URL: Literal("http://h/")})
	users := make([]*User, 10000)
	before := heap()
	for i := range users {
		users[i], _ = NewUser(w, i)
		if err := users[i].Begin(); err != nil {
			t.Fatal(err)
		}
		c.Judge(users[i], rendered(t, c, users[i]), respond(200, "", ""), 0)
	}
	if each := (heap() - before) / uint64(len(users)); each > 500 {
		t.Errorf("a user costs %d bytes", each)
	}
	if strings.TrimSpace(fmt.Sprint(users[9999].id)) != "9999" {
		t.Error("the users have to live until here")
	}
}

func TestThinkTimeIsDrawnFromItsRange(t *testing.T) {
	th := Think{time.Second, 3 * time.Second}
	low, high := th.Max, th.Min
	rng := newRand()
	for range 1000 {
		d := th.Draw(rng)
		low, high = min(low, d), max(high, d)
	}
	if low < th.Min || low > th.Min+20*time.Millisecond || high > th.Max || high < th.Max-20*time.Millisecond {
		t.Errorf("drawn from %s to %s", low, high)
	}
	if d := (Think{time.Second, 0}).Draw(rng); d != time.Second {
		t.Errorf("a fixed pause lasted %s", d)
	}
}
