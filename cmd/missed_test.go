package cmd

import (
	"errors"
	"testing"

	"plimsoll/engine/experiment"
	"plimsoll/report"
)

func TestAnEventThatWasNotDueIsMissedByAWholeRunOnly(t *testing.T) {
	late := happenings([]experiment.Entry{{Text: "fault", Err: &experiment.NotDueError{Cause: errors.New("terminated")}}})
	if what := missed(late, report.Stopped); what != "" {
		t.Errorf("a run that was stopped missed: %s", what)
	}
	if what := missed(late, report.Complete); what != "fault failed: not due yet when the run ended" {
		t.Errorf("a whole run missed %q", what)
	}
	failed := happenings([]experiment.Entry{{Text: "fault", Err: errors.New("no such target")}})
	if what := missed(failed, report.Stopped); what != "fault failed: no such target" {
		t.Errorf("what failed before a run was stopped is %q", what)
	}
}
