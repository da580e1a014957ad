package budget

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

var structs = cmp.AllowUnexported(Budget{}, term{}, metric{}, limit{}, quantity{})

func TestParseWritesBudgetsInCanonicalForm(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"a plain percentile", "p99 < 200ms", "p99 < 200ms"},
		{"white space does not matter", "\tp99(  product ,load: shop )[ peak ]<200ms  over 10s", "p99(product, load:shop)[peak] < 200ms over 10s"},
		{"a percentile with decimals loses its zeros", "p99.90 <= 1.5s", "p99.9 <= 1.5s"},
		{"the clock of latency need not be named", "latency.max < 1m30s", "max < 1m30s"},
		{"every other clock is a prefix", "ttfb.p99.99 < 90us", "ttfb.p99.99 < 90µs"},
		{"a share as a percentage", "errors<0.10%", "errors < 0.1%"},
		{"a share as a fraction", "errors <= 0.001", "errors <= 0.001"},
		{"no errors at all", "errors == 0", "errors == 0"},
		{"a rate per second", "rate >= 1.5k/s", "rate >= 1500/s"},
		{"a rate per minute", "goodput > 90/1m", "goodput > 1.5/s"},
		{"a rate per bare unit", "rate > 2/ms", "rate > 2000/s"},
		{"a number of requests", "count > 2M", "count > 2000000"},
		{"dropped as a number", "dropped < 10", "dropped < 10"},
		{"dropped as a share", "dropped < 1%", "dropped < 1%"},
		{"dropped against a share", "dropped < errors", "dropped < errors"},
		{"dropped against a number", "dropped < 0.1 * count", "dropped < 0.1 * count"},
		{"selectors of several kinds", "count(outcome:failed, a, load:l, outcome:error, b) < 3", "count(a, b, load:l, outcome:failed, outcome:error) < 3"},
		{"a selector twice is one", "p50(a, a) < 1s", "p50(a) < 1s"},
		{"a name with spaces, slashes and braces", "p99(GET /v1/{{ products.id }}) < 1s", "p99(GET /v1/{{ products.id }}) < 1s"},
		{"a name with commas and parentheses in quotes", `p99("f(a, b)") < 1s`, `p99("f(a, b)") < 1s`},
		{"quotes that are not needed", `p99("a") < 1s`, "p99(a) < 1s"},
		{"a request that is named like a selector", `p99("load:x") < 1s`, `p99("load:x") < 1s`},
		{"a load whose name needs quotes", `rate(load:"a,b") > 1/s`, `rate(load:"a,b") > 1/s`},
		{"a stage of a variant", "p99(order)[on/peak] < 0.2 * p99(order)[off/peak]", "p99(order)[on/peak] < 0.2 * p99(order)[off/peak]"},
		{"a stage with a slash in quotes", `p99["a/b"] < 1s`, `p99["a/b"] < 1s`},
		{"a factor after the metric", "p99(a) < p99(b) * 2 + 5ms", "p99(a) < 2 * p99(b) + 5ms"},
		{"a factor of one", "p99(a) < 1*p99(b)", "p99(a) < p99(b)"},
		{"a baseline with slack", "p99 < baseline*1.10 + 5ms", "p99 < baseline * 1.1 + 5ms"},
		{"a baseline with a factor before it", "rate > 0.95 * baseline - 10/s", "rate > baseline * 0.95 - 10/s"},
		{"goodput against rate", "goodput > 0.99 * rate", "goodput > 0.99 * rate"},
		{"clauses in any order", "errors < 1% abort after 5s over 10m", "errors < 1% over 10m after 5s abort"},
		{"a warning", "p95 < 1h warn", "p95 < 1h warn"},
		{"a grace of nothing", "p95 < 1s after 0s", "p95 < 1s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := Parse(test.src)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != test.want {
				t.Errorf("Parse(%q) = %q, want %q", test.src, b, test.want)
			}
			again, err := Parse(b.String())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b, again, structs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakesAreExplained(t *testing.T) {
	mistakes := strings.Split(strings.TrimSuffix(read(t, "testdata/mistakes.txt"), "\n"), "\n")
	var out strings.Builder
	for _, src := range mistakes {
		b, err := Parse(src)
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("Parse(%q) = %v, %v, want a SyntaxError", src, b, err)
			continue
		}
		fmt.Fprintf(&out, "%s\n%*s %s\n", src, e.Offset+1, "^", e.Msg)
		if e.Hint != "" {
			fmt.Fprintf(&out, "%*s hint: %s\n", e.Offset+1, "", e.Hint)
		}
	}
	golden(t, "mistakes.golden", out.String())
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// golden compares got with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, path), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestParseOfStringIsTheSameBudget(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		b := randomBudget(rng)
		got, err := Parse(b.String())
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(b, got, structs); diff != "" {
			t.Fatalf("%s: %s", b, diff)
		}
	}
}

// randomBudget draws from everything the language can say.
func randomBudget(rng *rand.Rand) *Budget {
	b := &Budget{left: randomTerm(rng), op: pick(rng, "<", "<=", ">", ">=", "=="), action: pick(rng, "", "warn", "abort")}
	b.measure = b.left.metric.measure()
	if rng.IntN(2) == 0 {
		b.over = randomSpan(rng)
	}
	if rng.IntN(2) == 0 {
		b.after = randomSpan(rng)
	}
	b.right.factor = rng.Float64() + 0.01
	switch rng.IntN(3) {
	case 0:
		b.right = limit{plus: randomQuantity(rng, b)}
	case 1:
		b.right.baseline = true
		b.right.plus = randomQuantity(rng, b)
		if b.after = 0; b.left.metric.name == "count" || b.left.metric.name == "dropped" {
			b.over = 0
		}
	default:
		ref := randomTerm(rng)
		ref.metric, ref.outcomes = b.left.metric, b.left.outcomes
		if ref.metric.name == "dropped" {
			ref.requests = nil
		}
		if b.over > 0 {
			ref.stage, ref.variant = b.left.stage, b.left.variant
		}
		b.right.ref = &ref
		b.right.plus = randomQuantity(rng, b)
	}
	if !b.right.constant() && rng.IntN(2) == 0 {
		b.right.plus.number *= -1
	}
	if b.left.metric.name == "dropped" && b.right.ref == nil && b.right.plus.unit == "%" {
		b.measure = share
	}
	if b.grows() && b.action == "abort" {
		b.action = ""
	}
	return b
}

func randomTerm(rng *rand.Rand) (t term) {
	word := pick(rng, "p50", "p99.99", "service.p1.5", "lag.mean", "ttfb.max", "body.p90", "errors", "rate", "goodput", "dropped", "count")
	t.metric, _, _ = parseMetric(word)
	if word != "dropped" {
		for range rng.IntN(3) {
			t.requests = include(t.requests, randomName(rng))
		}
	}
	for range rng.IntN(3) {
		t.loads = include(t.loads, randomName(rng))
	}
	if word != "dropped" && word != "goodput" {
		for range rng.IntN(3) {
			t.outcomes = include(t.outcomes, engine.Failed+engine.Outcome(rng.IntN(3)))
		}
	}
	if rng.IntN(2) == 0 {
		t.stage = randomName(rng)
		if rng.IntN(2) == 0 {
			t.variant = randomName(rng)
		}
	}
	return t
}

func randomName(rng *rand.Rand) string {
	letters := []string{"a", "b", " ", "ü", "世", "\x00", "\xff", "(", ")", ",", `"`, `\`, "[", "]", "/", "load:", "outcome:", "\n", "\u202e", "\u00a0", "*"}
	var s string
	for range 1 + rng.IntN(4) {
		s += pick(rng, letters...)
	}
	return s
}

func randomSpan(rng *rand.Rand) time.Duration {
	return time.Duration(1 + rng.Int64N(pick(rng, 1000, int64(time.Second), int64(time.Hour), int64(longest))))
}

func randomQuantity(rng *rand.Rand, b *Budget) quantity {
	x := rng.Float64()*pick(rng, 1e-9, 0.1, 99.0) + 1e-12
	switch b.measure {
	case duration:
		return quantity{float64(randomSpan(rng)), "ns"}
	case share:
		return pick(rng, quantity{x, "%"}, quantity{x / 100, ""})
	case perSecond:
		return quantity{x * 1e5, "/s"}
	}
	if b.left.metric.name == "dropped" && b.right.ref == nil {
		return pick(rng, quantity{x, "%"}, quantity{x * 1000, ""})
	}
	return quantity{x * 1000, ""}
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func FuzzParse(f *testing.F) {
	for _, src := range []string{
		"p99(product)[peak] < 200ms over 10s after 5s abort", "errors < 0.1% over 10s", "service.p99.9(\"a, b\") <= 2 * max(load:x) + 5ms",
		"rate(outcome:failed) >= 1.5k/s", "dropped == 0 warn", "p99(order)[on/peak] < 0.2 * p99(order)[off/peak]", "goodput > baseline * 0.9 - 100/1m", "count > 3",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		b, err := Parse(src)
		if err != nil {
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok || e.Offset < 0 || e.Offset > len(src) || e.Msg == "" {
				t.Fatalf("Parse(%q): %#v", src, err)
			}
			return
		}
		again, err := Parse(b.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", src, b, err)
		}
		if diff := cmp.Diff(b, again, structs); diff != "" {
			t.Fatalf("%q became %q: %s", src, b, diff)
		}
	})
}
