package cmd

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/report/text"
)

func newCheck(w *world) *cobra.Command {
	var exprs, values []string
	var base baselineFlags
	var checklist bool
	cmd := &cobra.Command{
		Use:     "check RUN",
		GroupID: groupRead,
		Short:   "Judge a saved run by its budgets, or by others",
		Long: `Judge a saved run again by the budgets it ran with or, with --budget, by others
instead. Budgets see all that was saved: percentiles come from the histograms of
each interval, so windows and stages can be asked for that nobody thought of
before. RUN is the directory of the run; plimsoll report shows the rest of it.

--checklist asks instead whether a release may rest on it: does every request
have a budget, a timeout and an owner, does a run that goes wrong stop by
itself …? It takes a scenario, or a run, which it asks as well whether it was
whole and valid.`,
		Example: `  plimsoll check runs/quickstart-20260131-094500
  plimsoll check runs/quickstart-20260131-094500 --budget 'p99 < 200ms over 5s'
  plimsoll check --checklist checkout.yaml`,
		Annotations:       exitTable(exitOK, exitUsage, exitInconclusive, exitBreach),
		Args:              oneArg("the directory of a run"),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			if checklist {
				return w.checklist(args[0])
			}
			outputs, err := parseOutputs(values, runKinds()...)
			if err != nil {
				return err
			}
			return w.check(args[0], exprs, base, outputs)
		},
	}
	cmd.Flags().StringArrayVar(&exprs, "budget", nil, "judge by this `BUDGET` instead of the run's own; repeatable")
	cmd.Flags().StringVar(&base.from, "baseline", "", "take  baseline  in budgets from this `FILE`")
	cmd.Flags().BoolVar(&checklist, "checklist", false, "say what the scenario, or the run, lacks before a release rests on it")
	outputFlag(cmd, &values, runKinds())
	w.jsonFlag(cmd)
	return cmd
}

func (w *world) check(path string, exprs []string, base baselineFlags, outputs []output) error {
	budgets, err := parseBudgets(exprs)
	if err != nil {
		return err
	}
	saved, err := openRun(path)
	if err != nil {
		return err
	}
	if saved.Run.Experiment != nil {
		return usageError("check one of its runs:  plimsoll check "+filepath.Join(saved.Dir, "01-…"), "%s is an experiment, whose claims were judged when it ran", saved.Dir)
	}
	if budgets == nil && len(saved.Run.Budgets) == 0 {
		return usageError("--budget 'p99 < 200ms' gives one", "the run has no budgets to check")
	}
	before, err := base.open(w, saved.Run.Scenario, saved.Run.Source)
	if err != nil {
		return err
	}
	run, err := saved.Judge(budgets, before)
	if err != nil {
		return withCode(exitUsage, err)
	}
	if err := w.writeRun(&report.Saved{Run: run, Dir: saved.Dir}, outputs, text.Options{Brief: true}); err != nil {
		return err
	}
	return checkError(run)
}

// parseBudgets returns nil if there are none, which stands for those of the run.
func parseBudgets(exprs []string) ([]*budget.Budget, error) {
	var budgets []*budget.Budget
	for _, expr := range exprs {
		b, err := budget.Parse(expr)
		if err != nil {
			return nil, fmt.Errorf("--budget %q: %w", expr, err)
		}
		budgets = append(budgets, b)
	}
	return budgets, nil
}

// checkError is how check ends. A run that was interrupted did not interrupt check: what
// it shows is broken or, being only a part, inconclusive.
func checkError(run *report.Run) error {
	if run.Verdict != report.Interrupted {
		return verdictError(run.Verdict)
	}
	broken := func(b budget.Result) bool { return b.Level == budget.Fail && b.Result == budget.Broken }
	if slices.ContainsFunc(run.Budgets, broken) {
		return withCode(exitBreach, nil)
	}
	return withCode(exitInconclusive, nil)
}
