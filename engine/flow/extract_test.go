package flow

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustExtractor(tb testing.TB, src string) Extractor {
	tb.Helper()
	e, err := ParseExtractor(src)
	if err != nil {
		tb.Fatalf("%s: %v", src, err)
	}
	return e
}

func TestExtractorsFindValues(t *testing.T) {
	resp := respond(
		201, "Location: /orders/7\nlocation: /other\nSet-Cookie: sid=abc; Path=/\nset-cookie: =\nSet-Cookie: q=\"x y\"",
		`{"price": 10.50, "big": 12345678901234567890, "tiny": 1e-7, "neg": -3, "none": null, "ok": false, "list": [null, {"b": "x", "a": [1]}],
		  "text": "token=T1, token=T2 <é>"}`,
	)
	u := testUser(t, map[string]string{"v": "fallback"})
	for _, c := range []struct {
		src, want string
		found     bool
	}{
		{"json $.price", "10.5", true},
		{"json $.big", "12345678901234567890", true},
		{"json $.tiny", "1e-7", true},
		{"json $.neg", "-3", true},
		{"json $.ok", "false", true},
		{"json $.list[1]", `{"a":[1],"b":"x"}`, true},
		{"json $.list[*].b", "x", true},
		{"json $.list[*]", `{"a":[1],"b":"x"}`, true},
		{"json $.text", "token=T1, token=T2 <é>", true},
		{"json $.list[0]", "", false},
		{"json $.none", "", false},
		{"json $.missing", "", false},
		{"json $.missing default {{ v }}!", "fallback!", true},
		{"json $.price default 0", "10.5", true},
		{`json $.none default ""`, "", true},
		{"json $.none default {{ missing }}", "", false},
		{"header Location", "/orders/7", true},
		{"header X", "", false},
		{"cookie sid", "abc", true},
		{"cookie q", "x y", true},
		{"cookie none", "", false},
		{`regex "token=(\w+)"`, "T1", true},
		{`regex token=\w+`, "token=T1", true},
		{`regex token=(Z)?T default x`, "x", true},
		{`regex "nothing" default "a b "`, "a b ", true},
		{`regex nothing`, "", false},
		{"status", "201", true},
	} {
		t.Run(c.src, func(t *testing.T) {
			e := mustExtractor(t, c.src)
			got, found := e.extract(u, &answer{resp: resp})
			if got != c.want || found != c.found {
				t.Errorf("got %q, %v, want %q, %v", got, found, c.want, c.found)
			}
		})
	}
	e := mustExtractor(t, "body")
	if got, ok := e.extract(u, &answer{resp: resp}); got != string(resp.Body) || !ok {
		t.Errorf("body is %q", got)
	}
}

func TestExtractorsAreWrittenTheWayTheyAreRead(t *testing.T) {
	for src, want := range map[string]string{
		" json  $.a[?(@.b == 1)].c":  "json $.a[?(@.b == 1)].c",
		"json $.a default  0 ":       "json $.a default 0",
		`regex a"b\d default x`:      `regex "a\"b\\d" default x`,
		`regex "a\"b\d" default " "`: `regex "a\"b\\d" default " "`,
		"status default {{x}}":       "status default {{ x }}",
		"cookie sid":                 "cookie sid",
	} {
		e := mustExtractor(t, src)
		if got := e.String(); got != want {
			t.Errorf("%s is written %s, want %s", src, got, want)
		}
		if again := mustExtractor(t, want).String(); again != want {
			t.Errorf("%s is written %s", want, again)
		}
	}
	if diff := cmp.Diff([]string{"x"}, mustExtractor(t, "body default {{ x }}").Variables()); diff != "" {
		t.Error(diff)
	}
}

func TestExtractorMistakesHaveAPlace(t *testing.T) {
	for _, c := range []struct {
		src    string
		offset int
		msg    string
	}{
		{"", 0, `unknown source ""`},
		{" xpath //a", 1, `unknown source "xpath"`},
		{"json price", 5, "a JSON path begins with $"},
		{"header", 6, `bad name ""`},
		{"cookie a b", 9, `unexpected "b"`},
		{"header X default", 16, "default without a value"},
		{"header X default {{ 1 }}", 20, `bad name "1"`},
		{`header X default "{{ 1 }}"`, 21, `bad name "1"`},
		{"regex", 5, "no regular expression"},
		{`regex "("`, 6, "missing closing ): `(`"},
		{`regex "a" b`, 10, `unexpected "b"`},
		{"status x", 7, `unexpected "x"`},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := ParseExtractor(c.src)
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok || e.Offset != c.offset || e.Msg != c.msg {
				t.Errorf("got %#v, want %q at %d", err, c.msg, c.offset)
			}
		})
	}
}
