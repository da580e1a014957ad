package cmd

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/report/live"
	"plimsoll/report/text"
	"plimsoll/scenarios"
)

// laboratory is an experiment under way.
type laboratory struct {
	m        *measurement
	scenario *scenarios.Scenario
	dir      string
	ref      *reference // the one target of all runs, if there is one; nil: each has its own
	trials   []*budget.Trial
	report   *report.Experiment
	meta     report.Meta
}

// experiment runs the variants in turn until every claim is decided, and returns an error
// that carries the exit code of the verdict, nil for claims that are all confirmed.
func (m *measurement) experiment(ctx context.Context, s *scenarios.Scenario, dir string) error {
	if err := m.ownTarget(s); err != nil {
		return err
	}
	for _, v := range s.Experiment.Variants {
		for _, name := range v.Vars {
			if _, given := m.options.Vars[name]; given {
				return usageError("leave out -e "+name, "variant %s of scenario %s sets the variable %s itself", v.Name, s.Name, name)
			}
		}
	}
	if s.Target.Reference != "" && !s.Experiment.Fresh {
		if err := checkLive(s); err != nil {
			return err
		}
	}
	started := time.Now()
	l := &laboratory{m: m, scenario: s, dir: cmp.Or(dir, report.DefaultDir(s.Name, started))}
	if err := report.CreateExperiment(l.dir); err != nil {
		return withHint("--out DIR saves it elsewhere", withCode(exitUsage, err))
	}
	m.keepScenario(l.dir, s)
	l.prepare(started)
	defer l.stop()
	l.show()
	e := s.Experiment
	rounds, err := experiment.Order{Round: e.Order, Most: e.Rounds}.Run(ctx, l.turn, l.settled)
	l.report.Rounds = rounds
	ending := report.Complete
	if err != nil {
		ending = report.Stopped
	}
	m.w.uncover()
	run := l.sum(ending, time.Since(started))
	dir = l.dir
	if err != nil && interrupted(ctx) == nil {
		run.Notes = append(run.Notes, "it ended early: "+err.Error())
	}
	if err := report.SaveExperiment(l.dir, run); err != nil {
		m.w.warn(err)
		dir = ""
	}
	shown := m.conclude(ctx, run, dir)
	if err != nil && interrupted(ctx) == nil {
		return err
	}
	return shown
}

// show opens the dashboard, if one is wanted, with what the experiment is about.
func (l *laboratory) show() {
	if l.m.w.display(l.m.flags.ui) != showDashboard {
		return
	}
	screen := l.m.w.dashboard()
	if screen == nil {
		return
	}
	e := live.Experiment{Scenario: l.scenario.Name}
	for _, v := range l.scenario.Experiment.Variants {
		e.Variants = append(e.Variants, v.Name)
	}
	for _, c := range l.scenario.Experiment.Claims {
		e.Claims = append(e.Claims, c.String())
	}
	screen.Experiment(e)
}

// prepare sets up the report.
func (l *laboratory) prepare(started time.Time) {
	s := l.scenario
	l.report = &report.Experiment{Order: s.Experiment.Order}
	if a := s.Article; a != nil {
		l.report.Article = &report.Article{Section: a.Section, Says: a.Says, Requirements: a.Requirements, Theory: a.Theory}
	}
	for _, v := range s.Experiment.Variants {
		l.report.Variants = append(l.report.Variants, report.Variant{Name: v.Name, Settings: differences(s, v), Runs: []report.VariantRun{}})
	}
	b := readBuild()
	l.meta = report.Meta{
		Plimsoll: report.Build{Version: b.Version, Go: b.Go, OS: b.OS + "/" + b.Arch, CPUs: runtime.GOMAXPROCS(0)},
		Scenario: s.Name, Source: l.m.source(s), About: strings.Join(strings.Fields(s.About), " "), Target: s.Target.String(),
		Command: report.Redact(append([]string{"plimsoll"}, l.m.w.args...)), Started: started, IntervalS: 1,
	}
}

// differences returns what a variant is besides the scenario: knobs, variables and other
// values by their paths, and what is done before its load. Secrets are left out as in a
// command line.
func differences(s *scenarios.Scenario, v scenarios.Variant) map[string]string {
	set := map[string]string{}
	for path, value := range v.Scenario.Target.Set {
		if was, ok := s.Target.Set[path]; !ok || was != value {
			set[path] = value
		}
	}
	for path, value := range v.Values {
		_, set[path], _ = strings.Cut(report.Redact([]string{"--set", path + "=" + value})[1], "=")
	}
	var do []string
	for _, a := range v.Do {
		do = append(do, a.String())
	}
	if len(do) > 0 {
		set["do"] = strings.Join(do, "; ")
	}
	return set
}

func (l *laboratory) stop() {
	if l.ref == nil {
		return
	}
	if err := l.ref.stop(); err != nil {
		l.m.w.note("warning: %v", err)
	}
}

// turn runs a variant once.
func (l *laboratory) turn(ctx context.Context, turn experiment.Turn) (err error) {
	v := l.scenario.Experiment.Variant(turn.Variant)
	ref, err := l.target(ctx, v)
	if err != nil {
		return err
	}
	if ref != nil && l.ref == nil {
		defer func() {
			if stopped := ref.stop(); stopped != nil && err == nil {
				l.m.w.note("warning: %v", stopped)
			}
		}()
	}
	t := &trial{
		scenario: v.Scenario, control: newControl(ref, l.scenario.File()), before: v.Do, round: turn.Round,
		dir: filepath.Join(l.dir, fmt.Sprintf("%02d-%s", turn.Number, report.FileName(v.Name))),
	}
	t.variant = v.Name
	t.title = fmt.Sprintf("%s  (run %d, round %d of at most %d)", v.Name, turn.Number, turn.Round, l.scenario.Experiment.Rounds)
	if ref != nil {
		t.target = ref.url
	}
	if t.listens, err = l.listener(v); err != nil {
		return err
	}
	run, _, err := l.m.try(ctx, t)
	if err != nil {
		return err
	}
	if ref != nil {
		if err := ref.gone(); err != nil {
			return withCode(exitUnreachable, fmt.Errorf("variant %s: %w", v.Name, err))
		}
	}
	l.take(turn, t, run)
	if screen := l.m.w.shown(); screen != nil {
		screen.Judged(budget.Judge(l.scenario.Experiment.Claims, l.trials))
	}
	if run.Ended == report.Stopped {
		return cmp.Or(context.Cause(ctx), errRunOver)
	}
	return nil
}

// listener returns a trial of the variant that has seen nothing yet.
func (l *laboratory) listener(v *scenarios.Variant) (*budget.Trial, error) {
	trial, err := budget.NewTrial(v.Scenario.Legend(), l.scenario.Experiment.Claims, v.Name)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	return trial, nil
}

// target returns the target for a turn: a new one, or the one of all with its knobs turned.
func (l *laboratory) target(ctx context.Context, v *scenarios.Variant) (*reference, error) {
	t := v.Scenario.Target
	if t.Reference == "" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if l.scenario.Experiment.Fresh || l.ref == nil {
		ref, err := startReference(ctx, t.Reference, t.Set)
		if err == nil && !l.scenario.Experiment.Fresh {
			l.ref = ref
		}
		return ref, err
	}
	if err := newControl(l.ref, "").putBack(ctx, t); err != nil {
		return nil, withCode(exitUnreachable, fmt.Errorf("put the target back for variant %s: %w", v.Name, err))
	}
	return l.ref, nil
}

// take keeps what a turn has shown.
func (l *laboratory) take(turn experiment.Turn, t *trial, run *report.Run) {
	for name, g := range t.given {
		t.listens.Give(name, g)
	}
	switch {
	case run.Ended == report.Stopped:
		return // half a run says nothing about a claim
	case run.Verdict == report.Failed:
		t.listens.Void("the target never answered in run " + strconv.Itoa(turn.Number))
	case missed(run.Events, run.Ended) != "":
		t.listens.Void(fmt.Sprintf("in run %d, %s", turn.Number, missed(run.Events, run.Ended)))
	case slices.Contains(run.Validity.LimitedBy, report.LimitFiles), slices.Contains(run.Validity.LimitedBy, report.LimitPorts):
		t.listens.Void("the errors of run " + strconv.Itoa(turn.Number) + " may be the generator's own (" + strings.Join(run.Validity.LimitedBy, ", ") + ")")
	case len(run.Validity.LimitedBy) > 0:
		t.listens.Doubt("the generator limited the run (" + strings.Join(run.Validity.LimitedBy, ", ") + ")")
	}
	l.trials = append(l.trials, t.listens)
	if turn.Number == 1 {
		l.meta.Seed = run.Seed // that of a round follows from it
	}
	if l.scenario.Target.Reference == "" {
		l.meta.Target = run.Target // with its variables filled in
	}
	for i := range l.report.Variants {
		if v := &l.report.Variants[i]; v.Name == turn.Variant {
			v.Runs = append(v.Runs, report.VariantRun{
				Dir: filepath.Base(t.dir), Number: turn.Number, Started: run.Started, Verdict: run.Verdict, Validity: run.Validity,
				Loads: run.Loads, Figures: run.Figures, Events: run.Events,
				Lacking: slices.ContainsFunc(run.Budgets, func(b budget.Result) bool { return b.Level == budget.Fail && b.Result == budget.Inconclusive }),
			})
		}
	}
}

// missed names an event of the scenario that was not carried out, empty if all were. Of a run
// that was ended early, what was not due yet is not missed.
func missed(events []report.Happening, ended report.Ending) string {
	for _, e := range events {
		if ended != report.Complete && e.Error == notDue {
			continue
		}
		if e.By == byScenario && e.Error != "" && !e.Waited {
			return e.Text + " failed: " + e.Error
		}
	}
	return ""
}

// settled reports whether no claim is left open.
func (l *laboratory) settled() bool {
	open := 0
	for _, c := range budget.Judge(l.scenario.Experiment.Claims, l.trials) {
		if c.Result == budget.Undecided {
			open++
		}
	}
	if open > 0 {
		l.m.w.note("%s not decided yet: another round", text.Plural(open, "claim"))
	}
	return open == 0
}

// sum makes the run of the whole experiment.
func (l *laboratory) sum(ending report.Ending, took time.Duration) *report.Run {
	l.report.Claims = budget.Judge(l.scenario.Experiment.Claims, l.trials)
	return report.Conclude(l.meta, l.report, ending, took)
}
