package cmd

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/report/compare"
)

// TestGateGoesByItsCalibration holds what is said, and refused, before the first run.
func TestGateGoesByItsCalibration(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		tells, bound float64
		says         string
		code         int
	}{
		"quiet":                 {0.01, 0.01, "false-alarm rate here 0.200% (bound 1.00%)", exitOK},
		"noise above the floor": {0.08, 0.01, "noise hides 3.00% of p50 of \"home\\u202e\" from 30 pairs: differences up to 8.00% do not count here", exitOK},
		"noise above all":       {0.9, 0.01, "noisier here than 30 pairs can make up for", exitOK},
		"too many false alarms": {0.01, 0.12, "", exitInconclusive},
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		known := &report.Calibration{
			Scenario: "shop", Measured: "2026-01-02", Pairs: 20, Alarms: report.FalseAlarms{Drawn: 1000, Alarms: 2, Rate: 0.002, Bound: c.bound},
			Rows: []report.CalibrationRow{{Load: "visitors", Request: "home\u202e", Metric: "p50", PairSD: 0.1, Effects: []report.CalibratedEffect{{Pairs: 30, Tells: c.tells}}}},
		}
		if err := known.Save(file); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		d := &duel{
			m:     &measurement{w: &world{stderr: &said}},
			pairs: experiment.Pairs{First: 10, More: 5, Most: 30}, options: compare.DefaultOptions(),
		}
		err := d.calibrate(file)
		if exitCode(err) != c.code || !strings.Contains(said.String(), c.says) || strings.Contains(said.String(), "\u202e") {
			t.Errorf("%s: exit code %d (%v), and it says:\n%s", what, exitCode(err), err, said.String())
		}
		if (d.options.Calibration != nil) != (c.code == exitOK) {
			t.Errorf("%s: the gate goes by %v", what, d.options.Calibration)
		}
	}
}
