package report

import (
	"slices"

	"plimsoll/report/budget"
)

// Verdict is what a run comes to.
type Verdict string

// The verdicts. A comparison with a baseline gives Regression; a single run never does.
const (
	Pass         Verdict = "pass"
	Breach       Verdict = "breach"
	Regression   Verdict = "regression"
	Inconclusive Verdict = "inconclusive"
	Failed       Verdict = "failed"
	Interrupted  Verdict = "interrupted"
)

// decide gives the first of these that applies:
//
//	interrupted   the run was stopped from outside
//	failed        requests were sent and none was answered
//	breach        a budget of level fail is broken, and the measurement bears that out
//	inconclusive  the measurement is not valid, or a budget of level fail had too little data
//	pass          everything else
//
// A broken budget on a run that the generator limited is inconclusive, because the
// generator may have broken it: see bearsOut. A run that is invalid for another reason,
// such as arrivals that were dropped, still breaches: the load that was missing would not
// have made it better.
func decide(r *Run) Verdict {
	broken := func(b budget.Result) bool {
		return b.Level == budget.Fail && b.Result == budget.Broken && r.Validity.bearsOut(b)
	}
	unsettled := func(b budget.Result) bool { return b.Level == budget.Fail && b.Result != budget.Kept }
	switch {
	case r.Ended == Stopped:
		return Interrupted
	case r.Unanswered():
		return Failed
	case slices.ContainsFunc(r.Budgets, broken):
		return Breach
	case !r.Validity.Valid || slices.ContainsFunc(r.Budgets, unsettled):
		return Inconclusive
	}
	return Pass
}

// Promises counts the budgets that fail a run when they are broken: all of them, those that
// are broken, and those that too little data leaves open.
func (r *Run) Promises() (all, broken, open int) {
	for _, b := range r.Budgets {
		if b.Level == budget.Warn {
			continue
		}
		all++
		switch b.Result {
		case budget.Broken:
			broken++
		case budget.Inconclusive:
			open++
		}
	}
	return all, broken, open
}

// Spoil makes the run one that cannot be judged, for a reason that the load does not show:
// budgets may be broken in it, but not kept.
func (r *Run) Spoil(reason string) {
	r.Validity.Valid = false
	r.Validity.Reasons = append(r.Validity.Reasons, reason)
	r.Verdict = decide(r)
}

// bearsOut reports whether a broken budget is the target's doing as far as can be known.
// A generator that is short of time makes requests late, slow and few, but not wrong, so
// a broken budget on errors stands, unless the errors may be its own.
func (v Validity) bearsOut(b budget.Result) bool {
	if b.Metric == "errors" || b.Metric == budget.BurnMetric && !b.Timed {
		return !slices.Contains(v.LimitedBy, LimitFiles) && !slices.Contains(v.LimitedBy, LimitPorts)
	}
	return len(v.LimitedBy) == 0
}

// Unanswered reports whether requests were sent and not one of them was answered.
func (r *Run) Unanswered() bool {
	var sent, answers uint64
	for _, l := range r.Loads {
		for outcome, o := range l.Outcomes {
			sent += o.Count
			if outcome == "ok" || outcome == "failed" {
				answers += o.Count
			}
		}
	}
	return sent > 0 && answers == 0
}
