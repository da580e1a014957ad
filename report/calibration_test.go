package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// calibrated is a calibration of the shop.
func calibrated() *Calibration {
	return &Calibration{
		Schema: CalibrationSchema, Scenario: "shop", SHA256: "abc", Measured: "2026-01-02", Pairs: 20,
		On:     Machine{Plimsoll: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2},
		Gate:   CalibratedGate{First: 10, More: 5, Most: 30, Alpha: 0.01},
		Alarms: FalseAlarms{Drawn: 1000, Alarms: 3, Rate: 0.003, Bound: 0.0078, Independent: 2, IndependentBound: 0.7764},
		Rows: []CalibrationRow{{
			Load: "visitors", Request: "home\u202e", Metric: "p99", Unit: "ms", Typical: 12, CV: 0.1, PairSD: 0.12, Floor: 0.05, LeastEffect: 0.08,
			Effects: []CalibratedEffect{{10, 0.3, 0.25}, {20, 0.15, 0.12}, {30, 0.1, 0.08}},
		}},
	}
}

func saved(t *testing.T, c *Calibration) (path, text string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "c.yaml")
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(b)
}

func TestACalibrationComesBackAsItWas(t *testing.T) {
	c := calibrated()
	path, text := saved(t, c)
	back, err := OpenCalibration(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, back); diff != "" {
		t.Error(diff)
	}
	if _, again := saved(t, back); again != text {
		t.Errorf("saved again it is another file:\n%s", again)
	}
	if _, err := parseCalibration([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "# a remark\r\n")); err != nil {
		t.Errorf("with other ends of lines and a remark: %v", err)
	}
}

func TestWhatIsNoCalibrationIsRefused(t *testing.T) {
	_, text := saved(t, calibrated())
	endless := calibrated()
	endless.Rows[0].LeastEffect = -1
	_, negative := saved(t, endless)
	nothing := calibrated()
	nothing.Rows = nil
	_, empty := saved(t, nothing)
	rates := calibrated()
	rates.Alarms.Bound = 0
	_, low := saved(t, rates)
	day := calibrated()
	day.Measured = "\x1b[2J"
	_, noDay := saved(t, day)
	for what, c := range map[string]struct{ text, why string }{
		"empty":               {"", `its schema is ""`},
		"a scenario":          {"scenario: shop\n", `its schema is ""`},
		"a hostile schema":    {"plimsoll: \"\\e[2J" + strings.Repeat("x", 999) + "\"\n", "its schema is \"\ufffd[2J"},
		"no YAML":             {"{", "yaml"},
		"a newer one":         {strings.Replace(text, "calibration/1", "calibration/2", 1), "calibration/2"},
		"a key too many":      {text + "\nextra: 1\n", "extra"},
		"a lower rate":        {strings.Replace(text, "rate: 0.003", "rate: 0.001", 1), "changed by hand"},
		"a lower effect":      {strings.Replace(text, "tells: 0.08", "tells: 0.04", 1), "changed by hand"},
		"another scenario":    {strings.Replace(text, "scenario: shop", "scenario: till", 1), "changed by hand"},
		"no digest":           {text[:strings.Index(text, "digest:")], "changed by hand"},
		"a negative effect":   {negative, "is no spread and no effect"},
		"no rows":             {empty, "there is nothing in it"},
		"a bound below":       {low, "false-alarm rate is none"},
		"a day that is none":  {noDay, "is no day"},
		"more than is needed": {text + strings.Repeat("#\n", mostCalibration), "larger than"},
	} {
		_, err := parseCalibration([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.why) || strings.ContainsRune(err.Error(), '\x1b') || len(err.Error()) > 300 {
			t.Errorf("%s: %v, want %q", what, err, c.why)
		}
	}
}

func TestTheLeastEffectIsNeverLowered(t *testing.T) {
	r := &calibrated().Rows[0]
	for _, c := range []struct {
		floor float64
		pairs int
		want  float64
		blind bool
	}{
		{0.05, 30, 0.08, false},
		{0.05, 29, 0.12, false},
		{0.05, 8, 0.25, false},
		{0.05, 1000, 0.08, false},
		{0.2, 30, 0.2, false},
		{0.03, 10, 0.15, true},
		{0.08, 30, 0.08, false},
	} {
		if got := r.Least(c.floor, c.pairs); got < c.want-1e-12 || got > c.want+1e-12 || r.Blind(c.floor, c.pairs) != c.blind {
			t.Errorf("floor %g, %d pairs: %g, blind %v; want %+v", c.floor, c.pairs, got, r.Blind(c.floor, c.pairs), c)
		}
	}
	quiet := &CalibrationRow{Effects: []CalibratedEffect{{30, 0.05, 0}}}
	if got := quiet.Least(0.05, 30); got != 0.05 || quiet.Blind(0.05, 30) {
		t.Errorf("without noise: %g, blind %v", got, quiet.Blind(0.05, 30))
	}
	if deaf := (&CalibrationRow{PairSD: 1, Effects: []CalibratedEffect{{30, 0, 0}}}); !deaf.Blind(0.05, 30) || deaf.Least(0.05, 30) != 0.05 {
		t.Error("a row that no number of pairs decides is not said to be blind")
	}
}

func TestWhatACalibrationFits(t *testing.T) {
	run := func(change func(*Run)) *Run {
		r := &Run{}
		r.Scenario, r.Source.SHA256, r.Plimsoll = "shop", "abc", Build{Version: "v0.1.0", Go: "go1.26", OS: "linux/amd64", CPUs: 2}
		r.Started = time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
		change(r)
		return r
	}
	for what, c := range map[string]struct {
		run            *Run
		warning, noted string
	}{
		"the same":         {run(func(*Run) {}), "", ""},
		"another scenario": {run(func(r *Run) { r.Scenario = "till" }), "of scenario shop, not of till", ""},
		"another text":     {run(func(r *Run) { r.Source.SHA256 = "def" }), "has changed", ""},
		"other values":     {run(func(r *Run) { r.Source.Changed = true }), "values of the scenario were replaced", ""},
		"another machine":  {run(func(r *Run) { r.Plimsoll.CPUs = 64 }), "another machine", ""},
		"another system":   {run(func(r *Run) { r.Plimsoll.OS = "linux/arm64" }), "another machine", ""},
		"another version":  {run(func(r *Run) { r.Plimsoll.Version = "v0.2.0" }), "", "made with plimsoll v0.1.0"},
		"weeks later":      {run(func(r *Run) { r.Started = r.Started.AddDate(0, 0, 14) }), "", "32 days old"},
	} {
		warnings, notes := calibrated().Fits(c.run)
		if got := strings.Join(warnings, "; "); (c.warning == "") != (got == "") || !strings.Contains(got, c.warning) {
			t.Errorf("%s: warns %q, want %q", what, got, c.warning)
		}
		if got := strings.Join(notes, "; "); (c.noted == "") != (got == "") || !strings.Contains(got, c.noted) {
			t.Errorf("%s: notes %q, want %q", what, got, c.noted)
		}
	}
}

func FuzzParseCalibration(f *testing.F) {
	f.Add([]byte("plimsoll: plimsoll.calibration/1\nscenario: shop\nrows: []\n"))
	c := calibrated()
	if text, err := c.encode(); err == nil {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseCalibration(text)
		if err != nil {
			return
		}
		if len(c.Rows) == 0 || c.Alarms.Bound < c.Alarms.Rate {
			t.Error("what makes no sense was read")
		}
	})
}
