package cmd

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// checklist says what a scenario, or a saved run of one, lacks before a release rests on it.
func (w *world) checklist(arg string) error {
	var items []scenarios.Item
	if dir := arg; isFile(filepath.Join(dir, report.RunFile)) {
		saved, err := openRun(dir)
		if err != nil {
			return err
		}
		items = ofRun(saved)
		if arg = filepath.Join(dir, report.ScenarioFile); !isFile(arg) {
			return usageError("name the scenario instead", "%s holds no copy of its scenario", dir)
		}
	}
	s, err := w.openScenario(arg, false)
	if err != nil {
		return err
	}
	items = append(s.Checklist(), items...)
	if w.json {
		err = w.writeJSON(items)
	} else {
		err = w.writeChecklist(items)
	}
	if err == nil && slices.ContainsFunc(items, func(i scenarios.Item) bool { return !i.Done() }) {
		return withCode(exitBreach, nil)
	}
	return err
}

// ofRun returns what only a run can tell.
func ofRun(saved *report.Saved) []scenarios.Item {
	r := saved.Run
	item := func(asks, hint string, missing ...string) scenarios.Item {
		return scenarios.Item{Asks: asks, Hint: hint, Missing: append([]string{}, missing...)}
	}
	unless := func(done bool, what string) []string {
		if done {
			return nil
		}
		return []string{saved.Dir + ": " + what}
	}
	var open []string
	for _, b := range r.Budgets {
		if b.Level == budget.Fail && b.Result != budget.Kept {
			open = append(open, fmt.Sprintf("%s: %s is %s", saved.Dir, b.Expr, b.Result))
		}
	}
	return []scenarios.Item{
		item("the run came to its end", "run it again", unless(r.Ended == report.Complete, "it is "+string(r.Ended))...),
		item("the measurement can be trusted", "plimsoll doctor says whether the machine can", unless(r.Validity.Valid, strings.Join(r.Validity.Reasons, "; "))...),
		item("every budget was kept", "plimsoll report RUN shows more", open...),
		item("it ran the scenario as it is written", "leave out --set and --quick", unless(!r.Source.Changed && !r.Source.Quick, "values were replaced, or it was the quick form")...),
	}
}

// mostMissing is how many places are shown for a line.
const mostMissing = 5

// writeChecklist writes the lines, and below each that is not done where, and what to do.
func (w *world) writeChecklist(items []scenarios.Item) error {
	done := 0
	var b strings.Builder
	for _, i := range items {
		mark := "[ ]"
		if i.Done() {
			mark = "[x]"
			done++
		}
		fmt.Fprintf(&b, "%s %s\n", mark, i.Asks)
		for n, place := range i.Missing {
			if n == mostMissing {
				fmt.Fprintf(&b, "      and %d more\n", len(i.Missing)-n)
				break
			}
			fmt.Fprintf(&b, "      %s\n", place)
		}
		if !i.Done() && i.Hint != "" {
			fmt.Fprintf(&b, "      hint: %s\n", i.Hint)
		}
	}
	_, err := fmt.Fprintf(w.stdout, "%s\n%d of %d done\n", b.String(), done, len(items))
	return err
}
