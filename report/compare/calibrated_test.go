package compare_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"plimsoll/report"
	"plimsoll/report/compare"
)

// ofTheSame calibrates with so many pairs of runs, the second of which are changed.
func ofTheSame(t *testing.T, pairs int, turns bool, change func(*recipe)) (*report.Calibration, error) {
	t.Helper()
	base, other := sets(t, pairs, turns, change)
	a, err := compare.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	b, err := compare.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	return compare.Calibrate(a, b, compare.DefaultOptions(), compare.Gate{First: 10, More: 5, Most: 30})
}

func TestSavedPairsMakeACalibration(t *testing.T) {
	t.Parallel()
	c, err := ofTheSame(t, 10, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Scenario != "shop" || c.SHA256 != "abc" || c.Measured != "2026-01-02" || c.On.CPUs != 2 || c.Pairs != 10 || c.Alarms.Independent != 1 {
		t.Errorf("%+v", c)
	}
	r := c.Row("visitors", "home", "p50")
	if r == nil || r.Typical < 9 || r.Typical > 11 || r.CV < 0.005 || r.CV > 0.04 || r.PairSD < 0.005 || r.PairSD > 0.05 || len(r.Effects) != 3 {
		t.Fatalf("p50 of home: %+v", r)
	}
	if c.Row("visitors", "home", "p90") != nil || c.Row("visitors", "", "goodput") == nil {
		t.Error("it holds other rows than those that are judged")
	}
	if c.Refusal() != "" {
		t.Errorf("it refuses: %s", c.Refusal())
	}
}

func TestWhatCannotBeCalibratedIsRefused(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		pairs  int
		turns  bool
		change func(*recipe)
		why    string
	}{
		"too few":        {7, true, nil, "7 pairs of runs that took turns: a calibration takes 8"},
		"not in turns":   {8, false, nil, "a calibration takes 8"},
		"another load":   {8, true, func(r *recipe) { r.meta = func(m *report.Meta) { m.Source.SHA256 = "def" } }, "is not that of"},
		"runs cut short": {8, true, func(r *recipe) { r.finish = func(run *report.Run) { run.Ended = report.Stopped } }, "was interrupted"},
	} {
		_, err := ofTheSame(t, c.pairs, c.turns, c.change)
		if _, refused := errors.AsType[*compare.RefusedError](err); !refused || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", what, err, c.why)
		}
	}
}

// loud is a calibration in which 30 pairs tell changes of a share in the p50 of home.
func loud(tells, bound float64) *compare.Calibrated {
	c := &report.Calibration{
		Scenario: "shop", SHA256: "abc", Measured: "2026-01-01", Pairs: 20, On: report.Machine{Plimsoll: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2},
		Alarms: report.FalseAlarms{Drawn: 1000, Rate: 0.002, Bound: bound},
		Rows: []report.CalibrationRow{{
			Load: "visitors", Request: "home", Metric: "p50", PairSD: 0.1,
			Effects: []report.CalibratedEffect{{Pairs: 10, Tells: 2 * tells}, {Pairs: 30, Tells: tells}},
		}},
	}
	return &compare.Calibrated{File: "c.yaml", Pairs: 30, Calibration: c}
}

func TestACalibrationRaisesWhatMatters(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 10, true, func(r *recipe) { r.median *= 1.10 })
	for what, c := range map[string]struct {
		with    *compare.Calibrated
		verdict report.Finding // of the p50 of home
		least   float64
	}{
		"quiet":                  {loud(0.01, 0.01), report.Worse, 0.03},
		"as loud as the effect":  {loud(0.13, 0.01), report.Same, 0.13},
		"louder than can be":     {loud(0.4, 0.01), report.Same, 0.15},
		"false alarms too often": {loud(0.01, 0.11), report.Unsure, 0.03},
	} {
		options := compare.DefaultOptions()
		options.Calibration = c.with
		out, err := held(t, base, other, options)
		if err != nil {
			t.Fatal(err)
		}
		if r := row(t, out, "home", "p50"); r.Verdict != c.verdict || r.MinEffect != c.least {
			t.Errorf("%s: %s, least effect %g; want %+v", what, r.Verdict, r.MinEffect, c)
		}
		if r := row(t, out, "list", "p50"); r.MinEffect != 0.03 {
			t.Errorf("%s: a row that it does not know has the least effect %g", what, r.MinEffect)
		}
		k := out.Calibration
		if k == nil || (len(k.Raised) > 0) != (c.least > 0.03) || len(k.Raised) > 0 && (k.Raised[0].From != 0.03 || k.Raised[0].To != c.least) {
			t.Errorf("%s: %+v", what, k)
		}
		if !slices.ContainsFunc(out.Notes, func(n string) bool { return strings.HasPrefix(n, "false-alarm rate here 0.200% (bound ") }) {
			t.Errorf("%s: the rate is not said: %q", what, out.Notes)
		}
		refuses := c.with.Alarms.Bound > report.MostFalseAlarms
		if refuses != (k.Refusal != "") || refuses && (out.Verdict != report.Unsure || !strings.HasPrefix(out.Why, "not judged: here the gate would raise false alarms in up to 11.0%")) {
			t.Errorf("%s: %s: %s", what, out.Verdict, out.Why)
		}
	}
}

func TestACalibrationOfAnotherMachineIsWarnedOf(t *testing.T) {
	t.Parallel()
	base, other := sets(t, 6, true, nil)
	options := compare.DefaultOptions()
	options.Calibration = loud(0.01, 0.01)
	options.Calibration.On.CPUs = 64
	c, err := held(t, base, other, options)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "another machine") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
}
