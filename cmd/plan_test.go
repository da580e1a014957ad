package cmd

import (
	"math"
	"testing"

	"plimsoll/engine/capacity"
)

func TestValuesOfPlan(t *testing.T) {
	for text, want := range map[string]float64{
		"500/s per minute": 500. / 60, "1k/s per 10s": 100, "60/m per s": 1, "3600/s per hour": 1, "": 0,
	} {
		if got, err := parseRamp(text); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("ramp %q = %g, %v, want %g", text, got, err, want)
		}
	}
	for text, want := range map[string]capacity.Unavailable{"1": {Nodes: 1}, "25%": {Share: .25}, "": {}} {
		if got, err := parseUnavailable(text); err != nil || got != want {
			t.Errorf("%q = %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"120/month": "120.00", "$120/month": "$120.00", "€0.5/h": "€365.00", "EUR 1200/year": "EUR 100.00", "1/day": "30.42",
	} {
		cost, err := parsePrice(text)
		if err != nil {
			t.Errorf("price %q: %v", text, err)
			continue
		}
		if got := cost.Money(cost.Node); got != want {
			t.Errorf("price %q = %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"120", "x/month", "120/week", "-5/month", "1e999/month", "/", "12.3.4/month"} {
		if _, err := parsePrice(text); err == nil {
			t.Errorf("price %q is taken", text)
		}
	}
	for text, want := range map[float64]string{558.73952: "558739m", 800: "800", 12.5: "12500m", 1548.9: "1548", .1 + .2: "300m"} {
		if got := quantity(text); got != want {
			t.Errorf("quantity(%g) = %s, want %s", text, got, want)
		}
	}
}

func FuzzValuesOfPlan(f *testing.F) {
	for _, s := range []string{"500/s per minute", "25%", "$120/month", "1 per ", "%", "/", "NaN%", "1/s per 0s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRamp(text); err == nil && !(r >= 0) {
			t.Errorf("ramp %q = %g", text, r)
		}
		if x, err := parsePercentage("x", text); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Errorf("percentage %q = %g", text, x)
		}
		if u, err := parseUnavailable(text); err == nil && u.Nodes < 0 {
			t.Errorf("unavailable %q = %+v", text, u)
		}
		if c, err := parsePrice(text); err == nil && c != nil && !(c.Node >= 0) {
			t.Errorf("price %q = %+v", text, c)
		}
	})
}
