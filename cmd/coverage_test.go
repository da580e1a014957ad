package cmd

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

func TestCoverageCountsRunsOfTheBundledFileOnly(t *testing.T) {
	text, err := scenarios.Bundled("breaker")
	if err != nil {
		t.Fatal(err)
	}
	bundled := report.Source{SHA256: scenarios.Digest(text)}
	quick, changed, own := bundled, bundled, bundled
	quick.Quick, changed.Changed, own.SHA256 = true, true, scenarios.Digest([]byte("scenario: breaker"))
	refuted := []budget.ClaimResult{{Result: budget.Confirmed}, {Result: budget.Refuted}}
	kept := []budget.ClaimResult{{Result: budget.Confirmed}}
	type run struct {
		source  report.Source
		verdict report.Verdict
		claims  []budget.ClaimResult
	}
	for name, test := range map[string]struct {
		runs []run // the oldest first
		want string
	}{
		"no run":                               {nil, "never run"},
		"one that confirms":                    {[]run{{bundled, report.Pass, kept}}, "confirmed"},
		"the last one counts":                  {[]run{{bundled, report.Pass, kept}, {bundled, report.Breach, refuted}}, "refuted"},
		"a broken budget refutes nothing":      {[]run{{bundled, report.Breach, kept}}, "budget broken"},
		"a quick one is marked":                {[]run{{quick, report.Pass, kept}}, "confirmed (quick)"},
		"one with other values":                {[]run{{changed, report.Breach, refuted}}, "never run"},
		"one of another file of that name":     {[]run{{own, report.Breach, refuted}}, "never run"},
		"one before files were told apart":     {[]run{{report.Source{}, report.Pass, kept}}, "never run"},
		"what does not count hides no verdict": {[]run{{bundled, report.Pass, kept}, {own, report.Breach, refuted}}, "confirmed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, r := range test.runs {
				at := filepath.Join(dir, strconv.Itoa(9-i)) // not in the order of their names
				if err := report.CreateExperiment(at); err != nil {
					t.Fatal(err)
				}
				e := &report.Experiment{Order: []string{"off", "on"}, Claims: r.claims}
				saved := report.Conclude(report.Meta{Scenario: "breaker", Source: r.source, Started: time.Unix(int64(i), 0)}, e, report.Complete, time.Second)
				saved.Verdict = r.verdict
				if err := report.SaveExperiment(at, saved); err != nil {
					t.Fatal(err)
				}
			}
			all, err := coverage(dir)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := writeCoverage(&out, all); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if f := strings.Fields(line); len(f) > 0 && f[0] == "DAT-2.3" {
					if rest := strings.Join(f[2:], " "); !strings.HasPrefix(rest, test.want+" ") {
						t.Errorf("got %q, want %q", rest, test.want)
					}
				}
			}
		})
	}
}
