package cmd

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/scenarios"
)

// runFlags are the flags of run.
type runFlags struct {
	measureFlags
	base     baselineFlags
	against  againstFlags
	settings []string
	all      bool
	quick    bool
}

func newRun(w *world) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:     "run SCENARIO…",
		GroupID: groupLoad,
		Short:   "Run scenarios and experiments",
		Long: `Run scenarios: files, or bundled ones by name (see plimsoll scenarios list).

A run sends the scenario's load, shows how it goes, judges its budgets and the
measurement itself, and saves everything it measured as it goes. Ctrl-C ends the
load, saves and reports what there is; a second Ctrl-C ends at once.

A scenario with variants is an experiment: its variants take turns, and its
claims are confirmed, refuted or left open. --all runs every bundled experiment.

--against holds the target against another one: base and candidate take turns
in pairs, in random order, until it is decided or there were --most-pairs.

Several scenarios run one after the other; the exit code is that of the worst.
The scenario - is read from standard input.`,
		Example: `  plimsoll run quickstart
  plimsoll run breaker
  plimsoll run --all --quick
  plimsoll run checkout.yaml --out results/today
  plimsoll run checkout.yaml --target http://127.0.0.1:8080 -e tier=gold
  plimsoll run checkout.yaml --set load[0].rate=200/s --json
  plimsoll run checkout.yaml --save-baseline baseline.yaml
  plimsoll run checkout.yaml --baseline baseline.yaml
  plimsoll run checkout.yaml --against http://127.0.0.1:8081
  plimsoll run checkout.yaml --command './server-new' --against './server-old'`,
		Annotations:       exitTable(exitOK, exitUsage, exitUnreachable, exitInconclusive, exitRegression, exitBreach, exitInterrupted, exitTerminated),
		Args:              func(cmd *cobra.Command, args []string) error { return namedOrAll(cmd, args, f.all) },
		ValidArgsFunction: completeScenarios,
		RunE:              func(cmd *cobra.Command, args []string) error { return w.run(cmd, f, args) },
	}
	f.register(w, cmd)
	return cmd
}

func (f *runFlags) register(w *world, cmd *cobra.Command) {
	f.measureFlags.register(w, cmd)
	f.stream.register(cmd)
	f.base.register(cmd)
	f.against.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.vars, "var", "e", nil, "set the scenario's variable `NAME=VALUE`; repeatable")
	flags.StringArrayVar(&f.settings, "set", nil, "replace a value of the scenario: `PATH=VALUE`, like load[0].rate=200/s; ?= only fills a gap")
	flags.StringVar(&f.target, "target", "", "send to this `URL` instead of the scenario's target")
	flags.BoolVar(&f.all, "all", false, "run every bundled experiment")
	flags.BoolVar(&f.quick, "quick", false, "run the quick form, as the scenario gives it: some seconds, and looser claims")
}

// run runs the scenarios that the arguments name, or holds one against another target.
func (w *world) run(cmd *cobra.Command, f *runFlags, args []string) error {
	if f.against.against != "" {
		f.kinds = compareKinds()
	}
	m, err := w.newMeasurement(cmd, &f.measureFlags)
	if err != nil {
		return err
	}
	if f.all {
		if args, err = scenarios.Experiments(); err != nil {
			return err
		}
	}
	opened, err := w.openScenarios(args, append(m.gaps, f.settings...), f.quick)
	if err != nil {
		return err
	}
	for _, check := range []func() error{
		func() error { return m.onePlaceEach(opened) },
		func() error { return f.base.check(opened) },
		func() error { return f.against.check(cmd.Flags(), opened) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	m.base, m.command = f.base, f.against.command
	if f.against.against != "" {
		return m.measureAgainst(cmd.Context(), opened[0], &f.against, f.out)
	}
	return m.measureAll(cmd.Context(), opened)
}

// namedOrAll checks that scenarios are named, or all asked for, and not both.
func namedOrAll(cmd *cobra.Command, args []string, all bool) error {
	switch {
	case all && len(args) > 0:
		return usageError("leave one of them out", "--all runs every bundled experiment, and %s was named besides", args[0])
	case all:
		return nil
	}
	return someArgs("a scenario")(cmd, args)
}

// openScenarios reads all of them before the first one runs; the error has the mistakes
// of all.
func (w *world) openScenarios(names, settings []string, quick bool) ([]*scenarios.Scenario, error) {
	var all []*scenarios.Scenario
	var mistakes []error
	for _, name := range names {
		s, err := w.openScenario(name, quick, settings...)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(mistakes...)
}

// onePlaceEach refuses outputs that every scenario of a series would write anew.
func (m *measurement) onePlaceEach(all []*scenarios.Scenario) error {
	for _, s := range all {
		if s.Experiment == nil {
			continue
		}
		if err := checkExperimentOutputs(m.outputs, s.Name); err != nil {
			return err
		}
	}
	for _, o := range m.outputs {
		if len(all) > 1 && o.path != "-" {
			return usageError("each run's directory has its run.json; --out DIR puts them side by side",
				"-o %s=%s: %d scenarios would overwrite each other's result", o.kind, o.path, len(all))
		}
	}
	return nil
}

// measureAll runs one scenario after the other and returns how the worst one ended. An
// interrupted one ends the series.
func (m *measurement) measureAll(ctx context.Context, all []*scenarios.Scenario) error {
	var worst error
	for _, s := range all {
		dir := m.flags.out
		if dir != "" && len(all) > 1 {
			dir = report.FreeDir(dir, s.Name, time.Now())
		}
		err := m.measure(ctx, s, dir)
		if len(all) > 1 && err != nil {
			complain(m.w.stderr, err)
			err = withCode(exitCode(err), nil)
		}
		if worse(exitCode(err), exitCode(worst)) {
			worst = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return worst
}

// worse reports whether exit code a is worse news than b.
func worse(a, b int) bool {
	order := []int{exitOK, exitInconclusive, exitRegression, exitBreach, exitUnreachable, exitUsage, exitInternal, exitTerminated, exitInterrupted}
	return slices.Index(order, a) > slices.Index(order, b)
}
