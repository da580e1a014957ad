package budget

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var abNames = Names{Variants: []string{"off", "on"}, Figures: []string{"origin", "peak_2"}}

func TestClaimsReadBackAsTheyWereWritten(t *testing.T) {
	for _, text := range []string{
		"p99(order)[on/peak] < 0.2 * p99(order)[off/peak]",
		"errors[on] <= 1%",
		"goodput(load:shoppers)[on/peak] >= 90/s",
		"origin[on] <= 0.05 * origin[off]",
		"peak_2[on] == 5",
		"p95[on] < p95[off] + 5ms",
		"count(outcome:failed)[on] <= 0",
	} {
		c, err := ParseClaim(text, abNames)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		again, err := ParseClaim(c.String(), abNames)
		if err != nil || again.String() != c.String() || c.String() != text {
			t.Errorf("%s became %s (%v)", text, c, err)
		}
	}
}

func TestMistakesInClaims(t *testing.T) {
	tests := []struct{ name, text, msg, hint string }{
		{"no variant", "p99 < 1s", "a claim says which variant p99 is about", "write p99[off], or [off/STAGE]"},
		{"no variant on the right", "p99[on] < 2 * p99", "a claim says which variant p99 is about", "write p99[off], or [off/STAGE]"},
		{"a variant that is none", "p99[onn] < 1s", `no variant is named "onn"`, `did you mean "on"?`},
		{"a stage without its variant", "p99[peak] < 1s", `no variant is named "peak"`, "the variants are off, on"},
		{"a figure that is none", "orgin[on] < 5", `unknown metric "orgin"`, "did you mean the figure origin?"},
		{"a figure of a stage", "origin[on/peak] < 5", "a figure is about the whole run, not about a stage", "write [on]"},
		{"a figure against a duration", "origin[on] < 5ms", "origin is a number and does not compare with 5ms", ""},
		{"a window", "p99[on] < 1s over 5s", "a claim is about whole stages: over, after, warn and abort are for budgets", "leave it out, or make it a budget"},
		{"no metric", "< 1s", "a metric is missing", "a claim reads like p99[on] < 0.5 * p99[off]"},
		{"a clause that is none", "p99[on] < 1s soon", `unexpected "soon"`, "nothing follows the limit of a claim"},
		{"a share of none", "errors[on] <= 0%", "a share of a sample is never known to be none or all, so errors[on] <= 0% would stay open", "write count(outcome:failed, outcome:error, outcome:unfinished)[on] <= 0"},
		{"a share of nothing else", "errors(order, outcome:failed)[on/peak] == 0", "a share of a sample is never known to be none or all, so errors(order, outcome:failed)[on/peak] == 0 would stay open", "write count(order, outcome:failed)[on/peak] == 0"},
		{"a share of all", "errors(order)[on] >= 100%", "a share of a sample is never known to be none or all, so errors(order)[on] >= 100% would stay open", "write count(order, outcome:failed, outcome:error, outcome:unfinished)[on] >= count(order)[on]"},
		{"no share dropped", "dropped(load:shoppers)[on] <= 0%", "a share of a sample is never known to be none or all, so dropped(load:shoppers)[on] <= 0% would stay open", "write dropped(load:shoppers)[on] <= 0"},
		{"a baseline", "p99[on] < baseline", "a claim has no baseline", "name a metric of another variant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseClaim(tt.text, abNames)
			bad, ok := errors.AsType[*SyntaxError](err)
			if !ok || bad.Msg != tt.msg || bad.Hint != tt.hint {
				t.Fatalf("got %#v", err)
			}
			if !strings.HasPrefix(bad.Error(), "claim, at byte ") {
				t.Errorf("it is called %q", bad.Error())
			}
		})
	}
}

func TestABudgetKnowsNoFigures(t *testing.T) {
	if _, err := Parse("origin < 5"); err == nil {
		t.Error("a budget about a figure was understood")
	}
}

// claim parses a claim.
func claim(t *testing.T, text string) *Claim {
	t.Helper()
	c, err := ParseClaim(text, abNames)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trial is a run of a variant in which these events happened.
func trial(t *testing.T, c *Claim, variant string, seconds int, events ...event) *Trial {
	t.Helper()
	x, err := NewTrial(legend(), []*Claim{c}, variant)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run(legend(), seconds, events...) {
		x.Observe(s)
	}
	return x
}

// answers are n answers of product and order that took so long, a tenth of them errors if bad.
func slow(d time.Duration) []event { return steady(0, 30, 20, d, product) }

func TestAClaimIsDecidedOnlyWhenItHoldsForAllThatTheRunsLeaveOpen(t *testing.T) {
	tests := []struct {
		name, claim string
		off, on     []time.Duration // what every request of each run took
		want        Ruling
	}{
		{"far apart", "p50[on] < 0.5 * p50[off]", []time.Duration{100 * ms, 110 * ms}, []time.Duration{10 * ms}, Confirmed},
		{"the other way round", "p50[on] < 0.5 * p50[off]", []time.Duration{10 * ms, 11 * ms}, []time.Duration{100 * ms}, Refuted},
		{"one run on each side of the limit", "p50[on] < 0.5 * p50[off]", []time.Duration{100 * ms}, []time.Duration{45 * ms, 55 * ms}, Undecided},
		{"drift of what it is held against", "p50[on] < p50[off]", []time.Duration{40 * ms, 60 * ms}, []time.Duration{50 * ms}, Undecided},
		{"more runs decide", "p50[on] < 52ms", nil, []time.Duration{49 * ms, 50 * ms, 51 * ms, 50 * ms, 49 * ms, 51 * ms}, Confirmed},
		{"more runs, and still open", "p50[on] < 50500us", nil, []time.Duration{49 * ms, 50 * ms, 52 * ms}, Undecided},
		{"greater", "p50[on] > 2 * p50[off]", []time.Duration{10 * ms}, []time.Duration{30 * ms}, Confirmed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := claim(t, tt.claim)
			var trials []*Trial
			for _, d := range tt.off {
				trials = append(trials, trial(t, c, "off", 30, slow(d)...))
			}
			for _, d := range tt.on {
				trials = append(trials, trial(t, c, "on", 30, slow(d)...))
			}
			if got := Judge([]*Claim{c}, trials)[0]; got.Result != tt.want {
				t.Errorf("%s: %+v left %+v right %+v", got.Result, got, got.Left, got.Right)
			}
		})
	}
}

func TestASmallSampleDoesNotConfirmASmallShare(t *testing.T) {
	c := claim(t, "errors[on] <= 1%")
	few := trial(t, c, "on", 30, steady(0, 10, 10, ms, product)...)
	many := trial(t, c, "on", 30, steady(0, 10, 100, ms, product)...)
	if got := Judge([]*Claim{c}, []*Trial{few})[0]; got.Result != Undecided {
		t.Errorf("no error in 100 requests: %s", got.Result)
	}
	if got := Judge([]*Claim{c}, []*Trial{many})[0]; got.Result != Confirmed {
		t.Errorf("no error in 1,000 requests: %s", got.Result)
	}
}

func TestWithoutDataAClaimIsNeverConfirmed(t *testing.T) {
	c := claim(t, "origin[on] <= origin[off]")
	on, off := trial(t, c, "on", 1), trial(t, c, "off", 1)
	want := "origin[on]: the target did not give origin"
	if got := Judge([]*Claim{c}, []*Trial{on, off})[0]; got.Result != Undecided || got.Reason != want {
		t.Errorf("%s: %s", got.Result, got.Reason)
	}
	on.Give("origin", Given{Value: 1})
	off.Give("origin", Given{Lack: "404"})
	if got := Judge([]*Claim{c}, []*Trial{on, off})[0]; got.Result != Undecided || got.Reason != "origin[off]: 404" {
		t.Errorf("%s: %s", got.Result, got.Reason)
	}
	off.Give("origin", Given{Value: 1})
	if got := Judge([]*Claim{c}, []*Trial{on, off})[0]; got.Result != Confirmed {
		t.Errorf("%s: %s", got.Result, got.Reason)
	}
	empty := claim(t, "errors[on] <= 1%")
	if got := Judge([]*Claim{empty}, []*Trial{trial(t, empty, "on", 1)})[0]; got.Result != Undecided {
		t.Errorf("a run without a request: %s", got.Result)
	}
}

func TestARunThatTheGeneratorLimitedTellsNoTimesAndRates(t *testing.T) {
	for text, want := range map[string]Ruling{
		"p50[on] < 1s": Undecided, "goodput[on] > 1/s": Undecided,
		"errors[on] < 5%": Confirmed, "count[on] > 5": Confirmed,
	} {
		c := claim(t, text)
		x := trial(t, c, "on", 30, slow(ms)...)
		x.Doubt("lag")
		if got := Judge([]*Claim{c}, []*Trial{x})[0]; got.Result != want {
			t.Errorf("%s: %s", text, got.Result)
		}
	}
}

func TestClaimsAreHeldAgainstTheNamesOfTheirVariant(t *testing.T) {
	c := claim(t, "p99(order)[on/peak] < p99(nobody)[off/peak]")
	if err := c.Bind("on", legend()); err != nil {
		t.Error(err)
	}
	if err := c.Bind("off", legend()); err == nil {
		t.Error("a request that is none was found")
	}
}

// TestTheScoreIntervalHasItsKnownValues holds it against the worked example of Newcombe
// (1998, table I): 81 of 263 is .2553 to .3662, and 0 of 20 is 0 to .1611.
func TestTheScoreIntervalHasItsKnownValues(t *testing.T) {
	for _, tt := range []struct{ k, n, low, high float64 }{{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718}} {
		e := wilson(tt.k/tt.n, tt.n)
		if math.Abs(e.low-tt.low) > 6e-5 || math.Abs(e.high-tt.high) > 6e-5 {
			t.Errorf("%v of %v is %.4f to %.4f, want %v to %v", tt.k, tt.n, e.low, e.high, tt.low, tt.high)
		}
	}
}

// around is an estimate that one more or less is open to.
func around(x float64) estimate { return estimate{value: x, low: x - 1, high: x + 1} }

func TestEstimatesOfSeveralRunsArePooled(t *testing.T) {
	tests := []struct {
		name string
		runs []estimate
		want estimate
	}{
		{"one", []estimate{around(5)}, around(5)},
		{"two span both", []estimate{around(5), around(7)}, estimate{value: 6, low: 4, high: 8}},
		{"three by Student's t", []estimate{exact(4), exact(5), exact(6)}, estimate{value: 5, low: 5 - 4.303/math.Sqrt(3), high: 5 + 4.303/math.Sqrt(3)}},
		{"three that agree keep their own width", []estimate{around(5), around(5), around(5)}, estimate{value: 5, low: 5 - 1/math.Sqrt(3), high: 5 + 1/math.Sqrt(3)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := pool(tt.runs)
			for _, d := range []float64{got.value - tt.want.value, got.low - tt.want.low, got.high - tt.want.high} {
				if math.Abs(d) > 1e-9 {
					t.Errorf("got %+v, want %+v", got, tt.want)
					break
				}
			}
		})
	}
}

func TestResultsOfClaimsHaveTheKeysOfTheRun(t *testing.T) {
	c := claim(t, "p50[on] < 0.5 * p50[off]")
	r := Judge([]*Claim{c}, []*Trial{trial(t, c, "off", 30, slow(100*ms)...), trial(t, c, "on", 30, slow(10*ms)...)})[0]
	want := ClaimResult{
		Expr: "p50[on] < 0.5 * p50[off]", Result: Confirmed, Unit: "ms", Observed: r.Observed, Limit: r.Limit,
		Left:  &ClaimSide{Metric: "p50[on]", Values: r.Left.Values, Interval: r.Left.Interval, Runs: 1},
		Right: &ClaimSide{Metric: "p50[off]", Values: r.Right.Values, Interval: r.Right.Interval, Runs: 1},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if math.Abs(*r.Observed-10) > 0.1 || math.Abs(*r.Limit-50) > 0.5 {
		t.Errorf("%v against %v", *r.Observed, *r.Limit)
	}
}

func TestTheScoreIntervalOfNoneAndAllEndsThere(t *testing.T) {
	for n := 1.0; n <= 5000; n++ {
		if low := wilson(0, n).low; low != 0 {
			t.Fatalf("none of %v leaves %v open below", n, low)
		}
		if high := wilson(1, n).high; high != 1 {
			t.Fatalf("all of %v leave %v open above", n, high)
		}
	}
}

func TestAPercentileThatTheSampleDoesNotBoundIsOpen(t *testing.T) {
	c := claim(t, "p99[on] < 1s")
	for n, want := range map[uint64]Ruling{100: Undecided, 300: Undecided, 400: Confirmed} {
		if got := Judge([]*Claim{c}, []*Trial{trial(t, c, "on", 1, steady(0, 1, n, ms, product)...)})[0]; got.Result != want {
			t.Errorf("p99 of %d requests: %s, want %s", n, got.Result, want)
		}
	}
	greater := claim(t, "p99[on] > 1us")
	if got := Judge([]*Claim{greater}, []*Trial{trial(t, greater, "on", 1, steady(0, 1, 100, ms, product)...)})[0]; got.Result != Confirmed {
		t.Errorf("that it is more can be told from 100 requests: %s", got.Result)
	}
}

func TestOneRunOfEachVariantDoesNotTellSmallDifferences(t *testing.T) {
	for _, text := range []string{"mean[on] < mean[off]", "max[on] < max[off]", "goodput[on] <= goodput[off]", "count[on] < count[off]"} {
		c := claim(t, text)
		off := trial(t, c, "off", 30, steady(0, 30, 21, 103*ms, product)...)
		on := trial(t, c, "on", 30, steady(0, 30, 20, 100*ms, product)...)
		if got := Judge([]*Claim{c}, []*Trial{off, on})[0]; got.Result != Undecided {
			t.Errorf("%s: %s", text, got.Result)
		}
	}
}

func TestAVoidRunTellsNothing(t *testing.T) {
	c := claim(t, "count[on] > 5")
	x := trial(t, c, "on", 30, slow(ms)...)
	x.Void("the fault could not be injected")
	if got := Judge([]*Claim{c}, []*Trial{x})[0]; got.Result != Undecided || got.Reason != "count[on]: the fault could not be injected" {
		t.Errorf("%s: %s", got.Result, got.Reason)
	}
}

func TestFiguresMayBeNegative(t *testing.T) {
	c := claim(t, "origin[on] <= origin[off]")
	var trials []*Trial
	for range 3 {
		for variant, v := range map[string]float64{"on": -5, "off": -10} {
			x := trial(t, c, variant, 1)
			x.Give("origin", Given{Value: v})
			trials = append(trials, x)
		}
	}
	if got := Judge([]*Claim{c}, trials)[0]; got.Result != Refuted {
		t.Errorf("-5 <= -10 is %s", got.Result)
	}
}
