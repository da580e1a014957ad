package flow

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustCheck(tb testing.TB, src string) Check {
	tb.Helper()
	c, err := ParseCheck(src)
	if err != nil {
		tb.Fatalf("%s: %v", src, err)
	}
	return c
}

// respond makes an answer of a head ("Name: value" lines) and a body.
func respond(status int, head, body string) *Response {
	r := &Response{Status: status, Body: []byte(body)}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(line, ":")
		r.Header = append(r.Header, HeaderField{[]byte(name), []byte(strings.TrimSpace(value))})
	}
	return r
}

func TestChecksHold(t *testing.T) {
	resp := respond(
		204, "content-type: application/json; charset=utf-8\nX-Tag: a1\nX-Tag: b22\nX-N: 10\nEmpty: ",
		`{"id": 5, "name": "Ada", "n": 1.50, "big": 9007199254740993, "none": null, "tags": ["red", "blue"],
		  "items": [{"id": 1, "p": 10}, {"id": 2, "p": 20}], "zip": "007", "ok": true, "o": {"b": 1, "a": 2}, "s p": 1}`,
	)
	u := testUser(t, map[string]string{"id": "5", "re": "^A", "codes": "2xx, 404", "ms": "100ms", "size": "1kB"})
	for src, want := range map[string]bool{
		"status == 204":                            true,
		"status == 2xx":                            true,
		"status == 200":                            false,
		"status != 200":                            true,
		"status != 2xx":                            false,
		"status in 200, 204,3xx":                   true,
		"status in 200,3xx":                        false,
		"status not in 4xx,5xx":                    true,
		"status < 204":                             false,
		"status <= 204":                            true,
		"status > 203":                             true,
		"status >= 205":                            false,
		"status<400":                               true,
		"status in {{ codes }}":                    true,
		"status == {{ id }}":                       false,
		"status == {{ missing }}":                  false,
		"status != {{ missing }}":                  false,
		"header Content-Type contains json":        true,
		"header content-type == application/json":  false,
		"header Content-Type exists":               true,
		"header Empty exists":                      true,
		`header Empty == ""`:                       true,
		"header X-None exists":                     false,
		"header X-None not exists":                 true,
		"header X-None != a":                       false,
		"header X-None not contains a":             false,
		"header X-Tag == b22":                      true,
		"header X-Tag != b22":                      false,
		"header X-Tag matches ^b2+$":               true,
		"header X-Tag not matches ^c":              true,
		"header X-Tag in a1,a2":                    true,
		"header X-N > 9":                           true,
		"header X-N in 3, 10.0":                    true,
		"body contains Ada":                        true,
		"body not contains Bob":                    true,
		`body matches "\"id\": \d"`:                true,
		"body == x":                                false,
		"body != x":                                true,
		"body.size > 200B":                         true,
		"body.size < 0.1kB":                        false,
		"body.size < 1KiB":                         true,
		"body.size < {{ size }}":                   true,
		"body.size != 7":                           true,
		"json $.id == {{ id }}":                    true,
		"json $.id == 5.0":                         true,
		"json $.id == 6":                           false,
		"json $.id != 6":                           true,
		"json $.id == five":                        false,
		"json $.n == 1.5":                          true,
		"json $.n > 1":                             true,
		"json $.n >= 1.5":                          true,
		"json $.name == Ada":                       true,
		`json $.name == "Ada"`:                     true,
		"json $.name < Bob":                        true,
		"json $.name > 3":                          false,
		"json $.name < 3":                          false,
		"json $.name matches {{ re }}":             true,
		"json $.big == 9007199254740993":           true,
		"json $.big == 9007199254740992":           false,
		"json $.zip == 7":                          false,
		"json $.zip == 007":                        true,
		"json $.none == null":                      true,
		"json $.none exists":                       true,
		"json $.none > 3":                          false,
		"json $.missing exists":                    false,
		"json $.missing not exists":                true,
		"json $.missing != 1":                      false,
		"json $.items[0].id exists":                true,
		"json $.items[*].id == 2":                  true,
		"json $.items[*].id != 2":                  false,
		"json $.items[*].id != 3":                  true,
		"json $.items[?(@.id == 2)].p == 20":       true,
		`json $.tags == ["red","blue"]`:            true,
		"json $.tags[1] in red,blue":               true,
		"json $.ok == true":                        true,
		`json $.o == {"a":2,"b":1}`:                true,
		"json $['s p'] == 1":                       true,
		"latency < 200ms":                          true,
		"latency <= 150ms":                         true,
		"latency > 150ms":                          false,
		"latency >= {{ ms }}":                      true,
		"json $.name not in Bob,{{ missing }},Ada": false,
	} {
		c := mustCheck(t, src)
		if got := c.holds(u, &answer{resp: resp, latency: 150 * time.Millisecond}); got != want {
			t.Errorf("%s: %v, want %v", src, got, want)
		}
	}
}

func TestNothingHoldsOfJSONThatIsNone(t *testing.T) {
	for _, text := range []string{
		"", " ", "<html>", `{"a":`, `{"a":1}}`, `{"a":1} x`, "nul", "\xef\xbb", strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
	} {
		a := answer{resp: respond(200, "", text)}
		for _, src := range []string{"json $.a == 1", "json $ exists", "json $.a != 2", "json $..a exists"} {
			c := mustCheck(t, src)
			if c.holds(testUser(t, nil), &a) {
				t.Errorf("%s holds of %.20q", src, text)
			}
		}
	}
}

func TestPathsMeetUnexpectedValues(t *testing.T) {
	for _, path := range []string{"$[?(@.a > 1)]", "$[?(@.a == [1])]", "$[5:1:-2]", "$[?(@.a =~ /x/)]", "$..a", "$[*].a.b"} {
		c := mustCheck(t, "json "+path+" exists")
		for _, text := range []string{"null", "1", "[]", "{}", `[{"a":[1]},{"a":{}},{"a":null},{"a":"["}]`, `{"a":null}`} {
			c.holds(nil, &answer{resp: respond(200, "", text)}) // it must not panic
		}
	}
}

func TestABodyIsDecodedOnce(t *testing.T) {
	a := answer{resp: respond(200, "", `{"a": 1}`)}
	c := mustCheck(t, "json $.a == 1")
	if !c.holds(nil, &a) {
		t.Fatal("a is 1")
	}
	a.resp.Body = []byte("something else")
	if !c.holds(nil, &a) {
		t.Error("the body was decoded again")
	}
}

func TestChecksAreWrittenTheWayTheyAreRead(t *testing.T) {
	for src, want := range map[string]string{
		" status==200":                         "status == 200",
		"status  in 200,3xx ":                  "status in 200,3xx",
		"header X not exists":                  "header X not exists",
		`body == " x "`:                        `body == " x "`,
		`body == "x"`:                          "body == x",
		`body == "\"x\""`:                      `body == "\"x\""`,
		`body matches \d+\.\w`:                 `body matches \d+\.\w`,
		"json $.a[?(@.b == 'x y')]!={{ z }}":   "json $.a[?(@.b == 'x y')] != {{ z }}",
		"json $.id not contains {{  z|json }}": "json $.id not contains {{ z | json }}",
		"body.size<10kB":                       "body.size < 10kB",
		"latency < 1.5s":                       "latency < 1.5s",
	} {
		c := mustCheck(t, src)
		if got := c.String(); got != want {
			t.Errorf("%s is written %s, want %s", src, got, want)
		}
		if again := mustCheck(t, want).String(); again != want {
			t.Errorf("%s is written %s", want, again)
		}
	}
}

func TestChecksSayWhatTheyNeed(t *testing.T) {
	c := mustCheck(t, "json $.id == {{ data.id }}-{{ x }}")
	if diff := cmp.Diff([]string{"data.id", "x"}, c.Variables()); diff != "" {
		t.Error(diff)
	}
	for src, want := range map[string]Want{
		"status == 200":        {},
		"latency < 1s":         {},
		"header X exists":      {Header: true},
		"header LOCATION == /": {},
		"body contains x":      {Body: true},
		"body.size < 1":        {Body: true},
		"json $ exists":        {Body: true},
	} {
		c := mustCheck(t, src)
		if got := c.wants(); got != want {
			t.Errorf("%s wants %+v", src, got)
		}
		if c.OnStatus() != strings.HasPrefix(src, "status") {
			t.Errorf("%s: OnStatus is %v", src, c.OnStatus())
		}
	}
}

func TestCheckMistakesHaveAPlace(t *testing.T) {
	for _, c := range []struct {
		src    string
		offset int
		msg    string
	}{
		{"", 0, `unknown subject ""`},
		{" state == 200", 1, `unknown subject "state"`},
		{"status", 6, `status cannot be compared by ""`},
		{"status = 200", 7, `status cannot be compared by "="`},
		{"status contains 2", 7, `status cannot be compared by "contains"`},
		{"status ==", 9, "nothing to compare with"},
		{"status == 20", 10, `bad status "20"`},
		{"status == 6000", 10, `bad status "6000"`},
		{"status == 22xx", 10, `bad status "22xx"`},
		{"status < 4xx", 9, "a class of statuses is not one number"},
		{"status in 200,,300", 10, `bad status ""`},
		{"status == 200,201", 10, `bad status "200,201"`},
		{"status not < 400", 7, "not cannot stand before <"},
		{"header == x", 7, `bad header name ""`},
		{"header a:b == x", 7, `bad header name "a:b"`},
		{"header X exists now", 16, `unexpected "now" after exists`},
		{"body < 10kB", 5, `body cannot be compared by "<"`},
		{"body.size < 10 parsecs", 12, `bad size "10 parsecs"`},
		{"body.size < -1", 12, `bad size "-1"`},
		{"body matches (", 13, "missing closing ): `(`"},
		{"body == {{ x", 8, `"{{" without "}}"`},
		{`body == "a{{ 1 }}"`, 13, `bad name "1"`},
		{"json id == 5", 5, "a JSON path begins with $"},
		{"json $[ == 5", 8, "JSON path: parse error"},
		{"json $.a[?(@.b % 2)] == 5", 15, "JSON path: '' is not a valid operation"},
		{"latency < 200", 10, `bad duration "200"`},
		{"latency == 2ms", 8, `latency cannot be compared by "=="`},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := ParseCheck(c.src)
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok || e.Offset != c.offset || e.Msg != c.msg {
				t.Errorf("got %#v, want %q at %d", err, c.msg, c.offset)
			}
		})
	}
}

func TestNumbersCompareExactly(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		order int
		ok    bool
	}{
		{"1", "1.0", 0, true},
		{"-2", "1e1", -1, true},
		{"123456789012345678901234567890", "123456789012345678901234567891", -1, true},
		{strings.Repeat("9", 200), "1", 1, true},
		{"1e999", "1e998", 0, false},
		{"01", "1", 0, false},
	} {
		order, ok := compareNumbers(c.a, c.b)
		if ok != c.ok || ok && order != c.order {
			t.Errorf("%s against %s: %d, %v", c.a, c.b, order, ok)
		}
	}
}
