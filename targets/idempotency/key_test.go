package idempotency

import (
	"strings"
	"testing"
)

func TestKeysThatCanBeReadAndNot(t *testing.T) {
	for _, test := range []struct {
		lines           []string
		strict, lenient string // the key; "": refused
	}{
		{[]string{`"8e03978e"`}, "8e03978e", "8e03978e"},
		{[]string{` "with space" `}, "with space", "with space"},
		{[]string{`"a\"b\\c"`}, `a"b\c`, `a"b\c`},
		{[]string{`"a";p=1`}, "a", "a"},
		{[]string{`8e03978e-40d5-43dd`}, "", "8e03978e-40d5-43dd"},
		{[]string{`token`}, "", "token"},
		{[]string{`17`}, "", "17"},
		{[]string{`?1`}, "", "?1"},
		{[]string{`:aGVsbG8=:`}, "", ":aGVsbG8=:"},
		{[]string{`a b`}, "", ""},
		{[]string{`a,b`}, "", ""},
		{[]string{`"a", "b"`}, "", ""},
		{[]string{`"a"`, `"b"`}, "", ""},
		{[]string{`a`, `b`}, "", ""},
		{[]string{`"a`}, "", ""},
		{[]string{`"ä"`}, "", ""},
		{[]string{"ä"}, "", ""},
		{[]string{`""`}, "", ""},
		{[]string{""}, "", ""},
		{[]string{`"` + strings.Repeat("k", 255) + `"`}, strings.Repeat("k", 255), strings.Repeat("k", 255)},
		{[]string{`"` + strings.Repeat("k", 256) + `"`}, "", ""},
		{[]string{strings.Repeat("k", 256)}, "", ""},
	} {
		for _, strict := range []bool{true, false} {
			want := test.lenient
			if strict {
				want = test.strict
			}
			got, err := parseKey(test.lines, strict)
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%q, strict %v: got %q, %v, want %q", test.lines, strict, got, err, want)
			}
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(`"a"`, true)
	f.Add(`a;b`, false)
	f.Fuzz(func(t *testing.T, line string, strict bool) {
		got, err := parseKey([]string{line}, strict)
		if (err == nil) != (got != "") || len(got) > longestKey {
			t.Errorf("%q, %v", got, err)
		}
	})
}
