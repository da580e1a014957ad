package cache

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"plimsoll/targets/middleware"
)

func TestKeysOfALayer(t *testing.T) {
	type ask struct {
		method, target, client string
		header                 []string
	}
	get := func(target string, header ...string) ask { return ask{"GET", target, "", header} }
	for _, test := range []struct {
		name string
		vary []string
		a, b ask
		same bool
	}{
		{"the same", nil, get("/a"), get("/a"), true},
		{"another path", nil, get("/a"), get("/b"), false},
		{"an escaped slash", nil, get("/a%2Fb"), get("/a/b"), false},
		{"another query", nil, get("/?a=1"), get("/?a=2"), false},
		{"parameters in another order", nil, get("/?b=1&a=2"), get("/?a=2&b=1"), true},
		{"values of one parameter in another order", nil, get("/?a=1&a=2"), get("/?a=2&a=1"), false},
		{"another method", nil, get("/"), ask{method: "HEAD", target: "/"}, false},
		{"a header that is not in the key", nil, get("/", "X-Segment", "a"), get("/", "X-Segment", "b"), true},
		{"segment", []string{"segment"}, get("/", "X-Segment", "a"), get("/", "X-Segment", "b"), false},
		{"locale", []string{"locale"}, get("/", "Accept-Language", "de"), get("/", "Accept-Language", "en"), false},
		{"locale in another form", []string{"locale"}, get("/", "Accept-Language", "de, EN"), get("/", "Accept-Language", "DE,en"), true},
		{"another header", []string{"X-Plan"}, get("/", "X-Plan", "a"), get("/", "X-Plan", "b"), false},
		{"user", []string{"user"}, ask{"GET", "/", "a", nil}, ask{"GET", "/", "b", nil}, false},
		{"values that move from one field to the next", []string{"X-A", "X-B"}, get("/", "X-A", "1"), get("/", "X-B", "1"), false},
		{"long ones that differ at the end", nil, get("/?" + strings.Repeat("x", 9000) + "1"), get("/?" + strings.Repeat("x", 9000) + "2"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Policy{Vary: test.vary}
			key := func(a ask) string {
				r := httptest.NewRequest(a.method, a.target, http.NoBody)
				for i := 0; i < len(a.header); i += 2 {
					r.Header.Set(a.header[i], a.header[i+1])
				}
				return p.Key(r.WithContext(middleware.With(r.Context(), &middleware.Request{Client: a.client})))
			}
			a, b := key(test.a), key(test.b)
			if (a == b) != test.same {
				t.Errorf("%q and %q", a, b)
			}
			if len(a) > longestKey {
				t.Errorf("a key of %d bytes", len(a))
			}
		})
	}
}

func TestParametersOfOneNameKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching("[ab]"), 0, 40).Draw(t, "names")
		var pairs, a, b []string
		for i, name := range names {
			pair := fmt.Sprint(name, "=", i)
			pairs = append(pairs, pair)
			if name == "a" {
				a = append(a, pair)
			} else {
				b = append(b, pair)
			}
		}
		if got, want := sortedQuery(strings.Join(pairs, "&")), strings.Join(append(a, b...), "&"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestVaryIsHeldAgainstTheKey(t *testing.T) {
	for _, test := range []struct {
		vary string
		key  []string
		want bool
	}{
		{"", nil, true},
		{"Accept-Language", []string{"locale"}, true},
		{"accept-language, X-Segment", []string{"segment", "locale"}, true},
		{"X-Plan", []string{"x-plan"}, true},
		{"X-Plan, X-Other", []string{"x-plan"}, false},
		{"*", []string{"locale"}, false},
		{"User", []string{"user"}, false},
	} {
		if got := (&Policy{Vary: test.key}).covers(test.vary); got != test.want {
			t.Errorf("Vary: %s with a key of %v: %v", test.vary, test.key, got)
		}
	}
}
