package text

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"plimsoll/report"
)

// calibrations are what pairs of the same thing can say, by name.
func calibrations() map[string]*report.Calibration {
	row := func(request, metric, unit string, typical, noise, floor float64) report.CalibrationRow {
		r := report.CalibrationRow{
			Load: "visitors", Request: request, Metric: metric, Unit: unit, Typical: typical, CV: noise, PairSD: 1.3 * noise, Floor: floor,
			Effects: []report.CalibratedEffect{{Pairs: 10, Detects: floor + 3*noise, Tells: 3 * noise}, {Pairs: 20, Detects: floor + 1.5*noise, Tells: 1.5 * noise}, {Pairs: 30, Detects: floor + noise, Tells: noise}},
		}
		r.LeastEffect = r.Least(floor, 30)
		return r
	}
	quiet := &report.Calibration{
		Scenario: "shop", Pairs: 60, On: report.Machine{OS: "linux/amd64", CPUs: 2}, Gate: report.CalibratedGate{First: 10, More: 5, Most: 30},
		Alarms: report.FalseAlarms{Drawn: 1000, Alarms: 3, Rate: 0.003, Bound: 0.00773, Independent: 6, IndependentBound: 0.393},
		Rows: []report.CalibrationRow{
			row("", "goodput", "/s", 198, 0.001, 0.03), row("home", "p50", "ms", 10.1, 0.012, 0.03),
			row("home", "p99", "ms", 20.2, 0.11, 0.05), row("home", "errors", "share", 0, 0, 0.001),
		},
	}
	quiet.Rows[1].Drift = -0.06
	evil := &report.Calibration{
		Scenario: "shop\x1b[2J\u202e", Pairs: 8, On: report.Machine{OS: "\x1b[31m", CPUs: 2}, Gate: report.CalibratedGate{First: 10, More: 5, Most: 30},
		Alarms: report.FalseAlarms{Drawn: 1000, Alarms: 240, Rate: 0.24, Bound: 0.264, IndependentBound: 1},
		Rows:   []report.CalibrationRow{row("home\x1b[2J\u202e"+strings.Repeat("x", 300), "p99", "ms", 20.2, 3, 0.05)},
		Notes:  []string{"one\nline \x1b[2J"},
	}
	evil.Rows[0].Effects[2] = report.CalibratedEffect{Pairs: 30}
	return map[string]*report.Calibration{"quiet": quiet, "evil": evil, "empty": {}}
}

func TestCalibrationIsWrittenForEveryWidth(t *testing.T) {
	for name, c := range calibrations() {
		for _, width := range []int{60, 80, 120} {
			var b bytes.Buffer
			if err := Calibration(&b, c, Options{Width: width, Files: []string{"c.yaml"}}); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(b.String(), "\x1b\u202e") {
				t.Errorf("%s: what others wrote reaches the terminal as it is", name)
			}
			for line := range strings.Lines(b.String()) {
				if n := columnsOf(strings.TrimRight(line, "\n")); n > width {
					t.Errorf("%s: %d columns at a width of %d: %s", name, n, width, line)
				}
			}
			golden(t, fmt.Sprintf("calibration-%s-%d", name, width), b.String())
		}
	}
}
