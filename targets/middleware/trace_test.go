package middleware

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	traceID   = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceSpan = "00f067aa0ba902b7"
)

func TestATraceparentIsContinuedOrANewTraceBegins(t *testing.T) {
	id, span := traceID, traceSpan
	tests := map[string]struct {
		parents   []string
		continued bool
		flags     string
	}{
		"the standard's example":              {[]string{"00-" + id + "-" + span + "-01"}, true, "01"},
		"not sampled":                         {[]string{"00-" + id + "-" + span + "-00"}, true, "00"},
		"flags without a meaning are dropped": {[]string{"00-" + id + "-" + span + "-ff"}, true, "03"},
		"a later version":                     {[]string{"cc-" + id + "-" + span + "-01"}, true, "01"},
		"a later version with more fields":    {[]string{"cc-" + id + "-" + span + "-01-what-the-future-will-be-like"}, true, "01"},
		"a later version with a tail":         {[]string{"cc-" + id + "-" + span + "-01.what"}, false, "01"},
		"none":                                {nil, false, "01"},
		"two":                                 {[]string{"00-" + id + "-" + span + "-01", "00-" + id + "-" + span + "-01"}, false, "01"},
		"an empty one":                        {[]string{""}, false, "01"},
		"a trace id of zeros":                 {[]string{"00-" + strings.Repeat("0", 32) + "-" + span + "-01"}, false, "01"},
		"a parent id of zeros":                {[]string{"00-" + id + "-0000000000000000-01"}, false, "01"},
		"upper case":                          {[]string{"00-" + strings.ToUpper(id) + "-" + span + "-01"}, false, "01"},
		"version ff":                          {[]string{"ff-" + id + "-" + span + "-01"}, false, "01"},
		"version 00 with a tail":              {[]string{"00-" + id + "-" + span + "-01-more"}, false, "01"},
		"version 00 with a dash":              {[]string{"00-" + id + "-" + span + "-01-"}, false, "01"},
		"version of other characters":         {[]string{".0-" + id + "-" + span + "-01"}, false, "01"},
		"flags of other characters":           {[]string{"00-" + id + "-" + span + "-.0"}, false, "01"},
		"ids of other characters":             {[]string{"00-" + id[:31] + "." + "-" + span + "-01"}, false, "01"},
		"too short":                           {[]string{"00-" + id + "-" + span + "-1"}, false, "01"},
		"a separator missing":                 {[]string{"00-" + id + "_" + span + "-01"}, false, "01"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ParseTrace(test.parents, []string{"foo=1"})
			if !validParent(got.Parent) || got.Parent[:2] != "00" {
				t.Fatalf("%q is no traceparent", got.Parent)
			}
			if got.Span() == span {
				t.Error("the hop has no parent id of its own")
			}
			if (got.ID() == id) != test.continued || (got.State == "foo=1") != test.continued {
				t.Errorf("%+v", got)
			}
			if flags := got.Parent[53:]; flags != test.flags || got.Sampled() != (flags[1]&1 == 1) {
				t.Errorf("flags %s, sampled %v", flags, got.Sampled())
			}
			child := got.Child()
			if child.ID() != got.ID() || child.Span() == got.Span() || child.Parent[53:] != test.flags || child.State != got.State {
				t.Errorf("child %+v of %+v", child, got)
			}
		})
	}
	if (Trace{}).ID() != "" || (Trace{}).Span() != "" || (Trace{}).Sampled() || (Trace{}).Child() != (Trace{}) {
		t.Error("no trace is not nothing")
	}
}

func TestATracestateIsKeptWholeOrDropped(t *testing.T) {
	members := func(n int) (list string) {
		for i := range n {
			list += fmt.Sprintf("bar%02d=%02d,", i, i)
		}
		return list[:len(list)-1]
	}
	z := func(n int) string { return strings.Repeat("z", n) }
	tests := map[string]struct {
		states []string
		want   string
	}{
		"one":                          {[]string{"foo=1,bar=2"}, "foo=1,bar=2"},
		"several combine in order":     {[]string{"foo=1,bar=2", "rojo=1", "congo=2"}, "foo=1,bar=2,rojo=1,congo=2"},
		"blanks around members":        {[]string{"foo=1 \t , \t bar=2"}, "foo=1 \t , \t bar=2"},
		"empty members":                {[]string{"foo=1,,,bar=2"}, "foo=1,,,bar=2"},
		"nothing":                      {[]string{""}, ""},
		"32 members":                   {[]string{members(32)}, members(32)},
		"33 members":                   {[]string{members(33)}, ""},
		"33 members in two":            {[]string{members(30), members(3)}, ""},
		"a blank in a key":             {[]string{"foo =1"}, ""},
		"a key in upper case":          {[]string{"FOO=1"}, ""},
		"a key with a dot":             {[]string{"foo.bar=1"}, ""},
		"a key that begins with digit": {[]string{"1a-2f=1"}, ""},
		"all characters of a key":      {[]string{"a-_*/09=1"}, "a-_*/09=1"},
		"a tenant":                     {[]string{"0t@sys=1"}, "0t@sys=1"},
		"no system":                    {[]string{"foo@=1"}, ""},
		"no tenant":                    {[]string{"@foo=1"}, ""},
		"two at signs":                 {[]string{"foo@@bar=1"}, ""},
		"three parts":                  {[]string{"foo@bar@baz=1"}, ""},
		"a key of 256":                 {[]string{z(256) + "=1"}, z(256) + "=1"},
		"a key of 257":                 {[]string{z(257) + "=1"}, ""},
		"a tenant of 241":              {[]string{z(241) + "@" + z(14) + "=1"}, z(241) + "@" + z(14) + "=1"},
		"a tenant of 242":              {[]string{z(242) + "@v=1"}, ""},
		"a system of 15":               {[]string{"t@" + z(15) + "=1"}, ""},
		"a value of 256":               {[]string{"foo=" + z(256)}, "foo=" + z(256)},
		"a value of 257":               {[]string{"foo=" + z(257)}, ""},
		"two equals signs":             {[]string{"foo=bar=baz"}, ""},
		"no value":                     {[]string{"foo=,bar=3"}, ""},
		"no equals sign":               {[]string{"foo"}, ""},
		"a value beyond ASCII":         {[]string{"foo=ä"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ParseState(test.states); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestBaggageIsFilteredAndCapped(t *testing.T) {
	const example = "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"
	many := func(n, size int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("k%03d=%s", i, strings.Repeat("v", size))
		}
		return strings.Join(list, ",")
	}
	all := []string{"*"}
	tests := map[string]struct {
		baggage string
		allow   []string
		want    string
	}{
		"the standard's example":                 {example, all, "key1=value1;property1;property2,key2 = value2,key3=value3; propertyKey=propertyValue"},
		"only keys that are listed":              {example, []string{"key2", "other"}, "key2 = value2"},
		"nothing without a list":                 {example, nil, ""},
		"a malformed member is skipped":          {"a=1,b,=2,c d=3,e=\"4\",f=5;g h,i=6;=7,k=8", all, "a=1,k=8"},
		"keys are not decoded":                   {"ten%61nt=1", []string{"tenant"}, ""},
		"an equals sign in a value":              {"a=b=c", all, "a=b=c"},
		"64 members":                             {many(64, 1), all, many(64, 1)},
		"the 65th member is left out":            {many(65, 1), all, many(64, 1)},
		"what does not fit in 8192 bytes is not": {many(10, 1000), all, many(8, 1000)},
		"but a smaller one behind it is":         {many(9, 1000) + ",a=1", all, many(8, 1000) + ",a=1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := FilterBaggage(test.baggage, test.allow); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestABaggageValueIsDecoded(t *testing.T) {
	const baggage = "bad, tenant = Am%C3%A9lie%20B ;p=1,plan=gold,tenant=second,wrong=%zz"
	for key, want := range map[string]string{"tenant": "Amélie B", "plan": "gold", "wrong": "", "none": "", "bad": ""} {
		if got := BaggageValue(baggage, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestFilteredBaggageIsStableAndSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab=;, %\"\\\tä"))).Draw(t, "baggage")
		once := FilterBaggage(text, []string{"*"})
		if again := FilterBaggage(once, []string{"*"}); again != once {
			t.Fatalf("%q becomes %q", once, again)
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add("00-"+traceID+"-"+traceSpan+"-01", "foo=1,bar=2", "a=1")
	f.Add("cc-"+traceID+"-"+traceSpan+"-01-x", "t@s=1", "a=b;c")
	f.Fuzz(func(t *testing.T, parent, state, baggage string) {
		got := ParseTrace([]string{parent}, []string{state})
		if !validParent(got.Parent) || len(got.Parent) != parentLength {
			t.Errorf("%q leads to %q", parent, got.Parent)
		}
		if got.State != "" && ParseState([]string{got.State}) != got.State {
			t.Errorf("state %q is not stable", got.State)
		}
		if kept := FilterBaggage(baggage, []string{"*"}); len(kept) > maxBaggageBytes {
			t.Errorf("%d bytes of baggage", len(kept))
		}
	})
}
