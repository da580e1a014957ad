package export

import (
	"fmt"
	"math"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
)

// grade is how much a judgement weighs on a build.
type grade int

const (
	good    grade = iota // shown green
	warning              // said, and neither green nor red
	open                 // red, because nobody can tell
	broken               // red
)

// judgement is one thing that a run was judged by: the measurement itself, a budget, a
// claim. A run has a judgement that is open or broken exactly if its verdict is not pass.
type judgement struct {
	kind  string // measurement, budget, claim or run
	name  string // the text of the budget or claim
	grade grade
	say   string // one sentence with the numbers
}

// judgements returns what the run was judged by, the measurement first.
func judgements(run *report.Run) []judgement {
	if run.Experiment != nil {
		return append([]judgement{ending(run)}, trials(run)...)
	}
	all := []judgement{measurement(run)}
	sound := all[0].grade == good
	for _, b := range run.Budgets {
		all = append(all, judge(b, run.Verdict, sound))
	}
	if run.Verdict == report.Regression {
		all = append(all, judgement{"baseline", "no worse than the baseline", broken, "the run is worse than its baseline"})
	}
	return all
}

// measurement judges whether the run can be trusted.
func measurement(run *report.Run) judgement {
	j := ending(run)
	switch {
	case j.grade != good:
	case run.Verdict == report.Failed:
		j.grade, j.say = broken, "requests were sent, and none was answered"
	case !run.Validity.Valid:
		j.grade, j.say = open, "not valid: "+strings.Join(run.Validity.Reasons, "; ")
	}
	return j
}

// ending judges whether the run came to its end.
func ending(run *report.Run) judgement {
	j := judgement{kind: "measurement", name: "measurement", say: "valid"}
	if run.Experiment != nil {
		j.name, j.say = "experiment", "completed"
	}
	if run.Ended == report.Stopped {
		j.grade, j.say = open, "interrupted: this is what was measured until then"
	}
	return j
}

// judge grades a budget. In a run that cannot be trusted, a kept budget is not shown green,
// and a broken one is open unless the verdict says that the target broke it.
func judge(b budget.Result, v report.Verdict, sound bool) judgement {
	j := judgement{kind: "budget", name: b.Expr, say: numbers(b)}
	switch {
	case b.Level == budget.Warn && b.Result != budget.Kept:
		j.grade = warning
	case b.Result == budget.Kept && !sound:
		j.grade = warning
		j.say += "; kept, but see the measurement"
	case b.Result == budget.Kept:
	case b.Result == budget.Broken && v == report.Inconclusive:
		j.grade = open
		j.say += "; broken, but the measurement does not bear that out"
	case b.Result == budget.Broken:
		j.grade = broken
	default:
		j.grade = open
	}
	return j
}

// numbers says what a budget came to.
func numbers(b budget.Result) string {
	var parts []string
	if b.Observed != nil {
		parts = append(parts, "observed "+amount(b.Observed, b.Unit))
	}
	if b.Limit != nil {
		parts = append(parts, "limit "+amount(b.Limit, b.Unit))
	}
	if len(b.Window) == 2 {
		parts = append(parts, fmt.Sprintf("worst from %ss to %ss", report.FormatNumber(b.Window[0]), report.FormatNumber(b.Window[1])))
	}
	if b.Reason != "" {
		return strings.Join(append(parts, b.Reason), ", ")
	}
	return strings.Join(append(parts, report.FormatCount(b.Samples)+" samples"), ", ")
}

// trials returns what an experiment was judged by: its claims, and of its runs those with
// budgets that decide.
func trials(run *report.Run) []judgement {
	var all []judgement
	for _, c := range run.Claims {
		j := judgement{kind: "claim", name: c.Expr, say: claimNumbers(c)}
		switch asVerdict(c.Result) {
		case budget.Broken:
			j.grade = broken
		case budget.Inconclusive:
			j.grade = open
		}
		all = append(all, j)
	}
	if len(run.Claims) == 0 && run.Ended != report.Stopped {
		all = append(all, judgement{"claim", "a claim was judged", open, "there is none"})
	}
	for _, v := range run.Variants {
		for _, r := range v.Runs {
			j := judgement{kind: "run", name: fmt.Sprintf("budgets of run %d, variant %s", r.Number, v.Name), say: "none broken"}
			switch {
			case r.Verdict == report.Breach:
				j.grade, j.say = broken, "a budget is broken: see the run in "+r.Dir
			case r.Lacking:
				j.grade, j.say = open, "a budget had too little data: see the run in "+r.Dir
			}
			all = append(all, j)
		}
	}
	return all
}

// claimNumbers says what a claim came to.
func claimNumbers(c budget.ClaimResult) string {
	var parts []string
	if c.Observed != nil {
		parts = append(parts, "observed "+amount(c.Observed, c.Unit))
	}
	if c.Limit != nil {
		parts = append(parts, "limit "+amount(c.Limit, c.Unit))
	}
	if c.Left != nil && len(c.Left.Interval) == 2 {
		parts = append(parts, fmt.Sprintf("95%% interval %s to %s", amount(&c.Left.Interval[0], c.Unit), amount(&c.Left.Interval[1], c.Unit)))
	}
	if c.Reason != "" {
		parts = append(parts, c.Reason)
	}
	return strings.Join(parts, ", ")
}

// amount writes a value of a budget with its unit.
func amount(x *float64, unit string) string {
	switch {
	case x == nil:
		return "–"
	case unit == "ms":
		return duration(*x)
	case unit == "share":
		return report.FormatShare(*x)
	case unit == "/s":
		return report.FormatNumber(*x) + "/s"
	case *x >= 0 && *x < 1<<53 && *x == math.Trunc(*x):
		return report.FormatCount(uint64(*x))
	}
	return report.FormatNumber(*x)
}
