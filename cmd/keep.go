package cmd

import (
	"plimsoll/report"
	"plimsoll/scenarios"
)

// keepScenario saves the scenario beside its run, so that a report can show what was
// asked for. A run is no worse without it.
func (m *measurement) keepScenario(dir string, s *scenarios.Scenario) {
	if len(s.Text()) == 0 {
		return
	}
	if err := report.SaveScenario(dir, s.Text()); err != nil {
		m.w.warn(err)
	}
}
