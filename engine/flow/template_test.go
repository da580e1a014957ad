package flow

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testUser is a user with variables, in its first pass.
func testUser(tb testing.TB, vars map[string]string, feeds ...*Feed) *User {
	tb.Helper()
	u, err := NewUser(&World{Vars: vars, Feeds: feeds, Seed: 1}, 7)
	if err != nil {
		tb.Fatal(err)
	}
	if err := u.Begin(); err != nil {
		tb.Fatal(err)
	}
	return u
}

func mustTemplate(tb testing.TB, src string) *Template {
	tb.Helper()
	tm, err := ParseTemplate(src)
	if err != nil {
		tb.Fatalf("%s: %v", src, err)
	}
	return tm
}

func mustURL(tb testing.TB, src string) *Template {
	tb.Helper()
	tm, err := ParseURLTemplate(src)
	if err != nil {
		tb.Fatalf("%s: %v", src, err)
	}
	return tm
}

func render(tb testing.TB, tm *Template, u *User) string {
	tb.Helper()
	b, err := tm.Append(nil, u)
	if err != nil {
		tb.Fatalf("%s: %v", tm, err)
	}
	return string(b)
}

func TestTemplatesRender(t *testing.T) {
	u := testUser(
		t,
		map[string]string{"a": "one", "b-2": "two", "odd": `x "y" {{z}}` + "\n\x01", "n": "-1.5e3", "größe": "42"},
		csvFeed(t, Sequential, "id,full name\n5,Ada L\n"),
	)
	for _, c := range []struct{ name, src, want string }{
		{"text without variables stays", "plain } text { }}", "plain } text { }}"},
		{"an empty text is empty", "", ""},
		{"variables are filled in", "<{{ a }}{{b-2}}>", "<onetwo>"},
		{"names may hold any letter", "{{ größe }}", "42"},
		{"space in an expression does not matter", "{{\n\ta }}", "one"},
		{"a value is not looked into again", "{{ odd }}", `x "y" {{z}}` + "\n\x01"},
		{"data is named by source and column", "{{ feed.id }}", "5"},
		{"a column may have a space in its name", "{{ feed.full name | url }}", "Ada%20L"},
		{"a brace before an expression is text", `{{ "{" }}{{ a }}}`, "{one}"},
		{"two braces are written in quotes", `{{ "{{ a }}" }}`, "{{ a }}"},
		{"the user has a number", "u{{ user }}", "u7"},
		{"the first pass has number 0", "{{ pass }}", "0"},
		{"raw inserts as it is", "{{ a | raw }}", "one"},
		{"url encodes all but unreserved characters", "{{ odd | url }}", "x%20%22y%22%20%7B%7Bz%7D%7D%0A%01"},
		{"json quotes", "{{ odd | json }}", `"x \"y\" {{z}}\n\u0001"`},
		{"json quotes numbers of ours too", "{{ user | json }}", `"7"`},
		{"number lets numbers through", "{{ n | number }}", "-1.5e3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render(t, mustTemplate(t, c.src), u); got != c.want {
				t.Errorf("%s rendered as %q, want %q", c.src, got, c.want)
			}
		})
	}
}

func TestURLTemplatesEncodeValuesBehindTheOrigin(t *testing.T) {
	u := testUser(t, map[string]string{"base": "http://h:1", "v": "a/b c&d=é", "path": "/x?y"})
	for _, c := range []struct{ name, src, want string }{
		{"in a path", "http://h/{{ v }}", "http://h/a%2Fb%20c%26d%3D%C3%A9"},
		{"in a query", "http://h?q={{ v }}", "http://h?q=a%2Fb%20c%26d%3D%C3%A9"},
		{"in a path without origin", "/{{ v }}", "/a%2Fb%20c%26d%3D%C3%A9"},
		{"not in an origin", "{{ base }}/p", "http://h:1/p"},
		{"not in a host", "http://{{ path }}", "http:///x?y"},
		{"not if they are raw", "http://h{{ path }}{{ path | raw }}", "http://h/x?y/x?y"},
		{"in the query of a variable origin", "{{ base }}/?u={{ base }}", "http://h:1/?u=http%3A%2F%2Fh%3A1"},
		{"in a query that holds a URL", "/go?u=http://{{ v }}", "/go?u=http://a%2Fb%20c%26d%3D%C3%A9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render(t, mustURL(t, c.src), u); got != c.want {
				t.Errorf("%s rendered as %q, want %q", c.src, got, c.want)
			}
		})
	}
}

func TestTemplatesSayWhatTheyNeed(t *testing.T) {
	tm := mustTemplate(t, "{{ a }}{{ feed.id }}{{ a | json }}{{ user }}{{ uuid }}{{ random 1 2 }}{{ pass }}")
	if diff := cmp.Diff([]string{"a", "feed.id"}, tm.Variables()); diff != "" {
		t.Error(diff)
	}
	if tm.Fixed() {
		t.Error("a template with variables is not fixed")
	}
	if !Literal("{{ a }}").Fixed() || !mustTemplate(t, `a{{ "b" }}`).Fixed() || mustTemplate(t, "{{ uuid }}").Fixed() {
		t.Error("fixed is what has no expression in it")
	}
}

func TestTemplatesFailWithoutAValue(t *testing.T) {
	u := testUser(t, map[string]string{"word": "five"}, csvFeed(t, Sequential, "id\n5\n"))
	for src, want := range map[string]string{
		"{{ missing }}":       "variable missing has no value",
		"{{ feed.name }}":     "variable feed.name has no value",
		"{{ other.id }}":      "variable other.id has no value",
		"{{ word | number }}": `variable word: "five" is not a number`,
	} {
		_, err := mustTemplate(t, src).Append(nil, u)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

func TestTemplateMistakesHaveAPlace(t *testing.T) {
	for _, c := range []struct {
		src    string
		offset int
		msg    string
	}{
		{"ab{{ x", 2, `"{{" without "}}"`},
		{"ab{{  }}", 2, "empty expression"},
		{"{{ | raw }}", 3, "empty name"},
		{"{{ 1x }}", 3, `bad name "1x"`},
		{"{{ a b }}", 4, `bad name "a b"`},
		{"{{ x | shout }}", 7, `unknown filter "shout"`},
		{"{{ x | raw | url }}", 7, `unknown filter "raw | url"`},
		{"{{ x | json text }}", 7, `unknown filter "json text"`},
		{"{{ random 5 1 }}", 3, "random wants two whole numbers, the smaller first"},
		{"{{ random }}", 3, "random wants two whole numbers, the smaller first"},
		{"{{ user.id }}", 3, "user is a built-in"},
		{"{{ data. }}", 8, `bad column name ""`},
		{"{{ uuid | number }}", 10, "a uuid is not a number"},
		{`{{ "x }}`, 3, `bad name "\"x"`},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := ParseTemplate(c.src)
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok || e.Offset != c.offset || e.Msg != c.msg {
				t.Errorf("got %#v, want %q at %d", err, c.msg, c.offset)
			}
		})
	}
}

func TestNamesAreChecked(t *testing.T) {
	for name, good := range map[string]bool{
		"price": true, "_x-1": true, "größe": true,
		"": false, "a.b": false, "9a": false, "-a": false, "a b": false, "uuid": false, "pass": false, "a}": false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTemplatesAreWrittenTheWayTheyAreRead(t *testing.T) {
	for _, src := range []string{
		"", "plain", "{{ a }}", "x{{ a.b c | json }}y", "{{ random -5 5 }}{{ uuid }}{{ user }}{{ pass }}",
		`{{ "{{" }}x`, `{{ "{" }}{{ a }}`, "{{ a | raw }}",
	} {
		if got := mustTemplate(t, src).String(); got != src {
			t.Errorf("%s came back as %s", src, got)
		}
	}
	for _, text := range []string{"{{", "{{{", "{{{{ a }}", "a{", "}}"} {
		tm := Concat(Literal(text), mustTemplate(t, "{{ a }}"))
		if got := mustTemplate(t, tm.String()); cmp.Diff(tm.String(), got.String()) != "" || got.parts[0].text != text {
			t.Errorf("%q came back as %q", text, got.parts[0].text)
		}
	}
}

func TestRandomValuesAreReproducible(t *testing.T) {
	tm := mustTemplate(t, "{{ uuid }} {{ random 1 1000000000 }} {{ random -9223372036854775808 9223372036854775807 }}")
	w := &World{Seed: 3}
	seen := map[string]bool{}
	for id := range 100 {
		a, _ := NewUser(w, id)
		b, _ := NewUser(w, id)
		got := render(t, tm, a)
		if other := render(t, tm, b); other != got {
			t.Fatalf("the same user drew %s, then %s", got, other)
		}
		if seen[got] {
			t.Fatalf("two users drew %s", got)
		}
		seen[got] = true
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12} `).MatchString(got) {
			t.Fatalf("%s does not begin with a version 4 UUID", got)
		}
	}
}

func TestRandomNumbersCoverTheirRangeEvenly(t *testing.T) {
	tm := mustTemplate(t, "{{ random -1 8 }}")
	const draws = 10000
	counts := map[string]int{}
	for id := range draws { // the first draw of each user: neighbours must not be alike
		u, _ := NewUser(&World{Seed: 1}, id)
		counts[render(t, tm, u)]++
	}
	chi := 0.0
	for n := -1; n <= 8; n++ {
		d := float64(counts[fmt.Sprint(n)]) - draws/10
		chi += d * d / (draws / 10)
	}
	if len(counts) != 10 || chi > 27.9 { // 99.9 % of chi-square with 9 degrees of freedom
		t.Errorf("chi-square %.1f of %v", chi, counts)
	}
}

func TestNumbersAreThoseOfJSON(t *testing.T) {
	for s, want := range map[string]bool{
		"0": true, "-1": true, "1.50": true, "1e9": true, "-0.1E-2": true,
		"": false, "007": false, "1.": false, ".5": false, "+1": false, "NaN": false, "0x1": false, "1 ": false,
		"1_0": false, "-": false, "[1": false, "1,2": false, `1"2`: false, " 1": false,
	} {
		if got := isNumber(s); got != want {
			t.Errorf("isNumber(%q) = %v", s, got)
		}
	}
}

func TestMessagesDoNotQuoteWholeBodies(t *testing.T) {
	u := testUser(t, map[string]string{"long": strings.Repeat("x", 10000)})
	_, err := mustTemplate(t, "{{ long | number }}").Append(nil, u)
	if err == nil || len(err.Error()) > 120 {
		t.Errorf("message of %d bytes", len(err.Error()))
	}
}
