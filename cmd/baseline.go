package cmd

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// baselineFlags say what a run is held against, and where it is kept for later ones.
type baselineFlags struct{ from, to string }

func (f *baselineFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "baseline", "", "take  baseline  in budgets from this `FILE`")
	cmd.Flags().StringVar(&f.to, "save-baseline", "", "write what the run measured to this `FILE`, for --baseline in later runs")
}

// check refuses what makes no sense before anything is sent.
func (f *baselineFlags) check(opened []*scenarios.Scenario) error {
	if f.from == "" && f.to == "" {
		return nil
	}
	if len(opened) != 1 {
		return usageError("run it once for each", "--baseline and --save-baseline take one scenario, not %d", len(opened))
	}
	if opened[0].Experiment != nil {
		return usageError("an experiment compares its own variants", "%s is an experiment and has no baseline", opened[0].Name)
	}
	if f.to != "" && !isDir(filepath.Dir(f.to)) {
		return usageError("", "--save-baseline %s: there is no directory %s", f.to, filepath.Dir(f.to))
	}
	return nil
}

// open reads the baseline that a run is held against: nil without one.
func (f *baselineFlags) open(w *world, scenario string, source report.Source) (*engine.Snapshot, error) {
	if f.from == "" {
		return nil, nil //nolint:nilnil // none is asked for
	}
	b, err := report.OpenBaseline(f.from)
	if err != nil {
		return nil, withHint("plimsoll run SCENARIO --save-baseline FILE writes one", withCode(exitUsage, err))
	}
	build := readBuild()
	refusal, reservation := b.Fits(scenario, source, runtime.GOMAXPROCS(0), build.OS+"/"+build.Arch)
	if refusal != "" {
		return nil, usageError("", "--baseline %s: %s", f.from, refusal)
	}
	if reservation != "" {
		w.note("note: --baseline %s: %s", f.from, reservation)
	}
	return b.Snapshot()
}

// takeBaseline gives the budgets of the run the baseline that is asked for.
func (d *drive) takeBaseline(watch *budget.Watch) error {
	f := &d.m.base
	if err := f.lacking(d.plan.Budgets); err != nil {
		return err
	}
	base, err := f.open(d.m.w, d.meta.Scenario, d.meta.Source)
	if base != nil {
		watch.Baseline(base)
	}
	return err
}

// lacking says which budgets wait for a baseline that is not there, before the run is made
// for nothing.
func (f *baselineFlags) lacking(budgets []*budget.Budget) error {
	if f.from != "" || f.to != "" {
		return nil
	}
	for _, b := range budgets {
		if b.UsesBaseline() {
			return usageError("--baseline FILE gives it, --save-baseline FILE makes one", "budget %q needs a baseline", b.String())
		}
	}
	return nil
}

// save keeps the run for later ones, if it can be trusted.
func (f *baselineFlags) save(w *world, run *report.Run, total *engine.Snapshot) error {
	switch {
	case f.to == "":
		return nil
	case !run.Validity.Valid:
		w.warn(fmt.Errorf("no baseline is saved, for the run cannot be trusted: %s", strings.Join(run.Validity.Reasons, "; ")))
		return nil
	case run.Ended != report.Complete:
		w.warn(fmt.Errorf("no baseline is saved: the run did not come to its end"))
		return nil
	}
	if i := slices.IndexFunc(run.Loads, func(l report.Load) bool { return l.Latency == nil }); i >= 0 {
		w.warn(fmt.Errorf("no baseline is saved: load %s was never answered", run.Loads[i].Name))
		return nil
	}
	if err := report.NewBaseline(run, total).Save(f.to); err != nil {
		return err
	}
	w.note("baseline    %s", f.to)
	return nil
}
