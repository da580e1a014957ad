package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// trial is one run of a scenario: by itself, or as the turn of a variant.
type trial struct {
	scenario *scenarios.Scenario
	control  *control
	target   string // replaces the scenario's; empty: it stays
	dir      string // where it is saved; empty: runs/NAME-TIMESTAMP
	before   []scenarios.Action
	round    int           // of the experiment; 0: there is none
	listens  *budget.Trial // nil: no claims
	title    string        // of its progress; may be empty
	variant  string        // of the experiment; empty: there is none
	given    map[string]budget.Given
}

// try runs a trial and returns its run, and the directory where it is saved, "" if it could
// not be saved to the end.
func (m *measurement) try(ctx context.Context, t *trial) (*report.Run, string, error) {
	opt := m.options
	opt.Target = cmp.Or(t.target, opt.Target)
	opt.Round, opt.Do = t.round, t.before
	p, err := t.scenario.Plan(opt)
	if err != nil {
		return nil, "", withCode(exitUsage, err)
	}
	defer p.Close() //nolint:errcheck // data files are only read
	prepared, err := t.prepare(ctx, p)
	if err != nil {
		return nil, "", withCode(exitUnreachable, err)
	}
	if err := preflight(ctx, p); err != nil {
		return nil, "", err
	}
	if err := t.control.begin(ctx, filepath.Base(cmp.Or(t.dir, t.scenario.Name))); err != nil {
		return nil, "", withCode(exitUnreachable, err)
	}
	begun := t.takeFigures(ctx, p.Figures)
	started := time.Now()
	d := &drive{m: m, trial: t, plan: p, meta: m.meta(t.scenario, p, started), prepared: prepared}
	d.finish = func() { t.given = t.changes(ctx, p.Figures, begun) }
	return d.run(ctx, cmp.Or(t.dir, report.DefaultDir(t.scenario.Name, started)))
}

// preparation is something that was done to the target before the load.
type preparation struct {
	what string
	at   time.Time
}

// prepare does what is to be done before the load, and returns when that was.
func (t *trial) prepare(ctx context.Context, p *scenarios.Plan) (done []preparation, err error) {
	for i, a := range p.Do {
		began := time.Now()
		if err := t.control.do(ctx, a); err != nil {
			return nil, fmt.Errorf("prepare the target: %w", err)
		}
		done = append(done, preparation{t.before[i].String(), began})
	}
	return done, nil
}

// takeFigures asks the target for the figures of the scenario.
func (t *trial) takeFigures(ctx context.Context, figures []scenarios.Figure) map[string]budget.Given {
	taken := map[string]budget.Given{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlLimit)
	defer cancel()
	for _, f := range figures {
		v, err := t.control.figure(ctx, f)
		g := budget.Given{Value: v}
		if err != nil {
			g.Lack = err.Error()
		}
		taken[f.Name] = g
	}
	return taken
}

// changes takes the figures at the end of the run. One that is a change has to have been
// there before.
func (t *trial) changes(ctx context.Context, figures []scenarios.Figure, before map[string]budget.Given) map[string]budget.Given {
	now := t.takeFigures(ctx, figures)
	for _, f := range figures {
		g, was := now[f.Name], before[f.Name]
		if f.Take == "change" {
			g.Value -= was.Value
			g.Lack = cmp.Or(g.Lack, was.Lack)
			now[f.Name] = g
		}
	}
	return now
}

// drive is the part of a trial in which load is made.
type drive struct {
	m        *measurement
	trial    *trial
	plan     *scenarios.Plan
	meta     report.Meta
	prepared []preparation
	finish   func() // called when the load is over and the target still there
}

// run makes the load and saves what happens as it goes.
func (d *drive) run(ctx context.Context, dir string) (*report.Run, string, error) {
	m, p := d.m, d.plan
	watch, err := budget.NewWatch(p.Legend, p.Budgets, p.SLOs...)
	if err != nil {
		return nil, "", withCode(exitUsage, err)
	}
	if err := d.takeBaseline(watch); err != nil {
		return nil, "", err
	}
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	signals, err := d.signals(ctx)
	if err != nil {
		return nil, "", withCode(exitUnreachable, err)
	}
	writer, live, err := d.open(dir, watch) //nolint:contextcheck // what is streamed outlives the load
	if err != nil {
		return nil, "", err
	}
	ui := d.progress()
	var played func() []report.Happening
	p.Began = func(start time.Time) {
		ui.began(start)
		live.begin(start)
		played = d.play(ctx, start, signals, ui)
	}
	total, err := engine.Run(ctx, p.Plan, func(i *engine.Snapshot) {
		watch.Observe(i)
		if watch.Broken() != nil {
			abort(errAborted)
		}
		if d.trial.listens != nil {
			d.trial.listens.Observe(i)
		}
		if err := writer.Interval(i); err != nil {
			ui.warn(err)
		}
		ui.observe(i, watch.Results())
		live.observe(i, watch.Results(), ui.warn)
	})
	ui.close()
	d.finish()
	run := report.Summarize(d.meta, total, watch.Results(), endingOf(err))
	run.Events, run.Figures = played(), d.trial.figures()
	run.SLOs = watch.ErrorBudgets()
	if what := missed(run.Events, run.Ended); what != "" {
		run.Spoil(what)
	}
	d.saveTruth(ctx, dir)
	run.Notes = append(run.Notes, cutShort(p, run)...)
	live.finish(run, m.w.warn)
	if err := m.base.save(m.w, run, total); err != nil {
		m.w.warn(err)
	}
	if err := writer.Finish(run); err != nil {
		m.w.warn(err)
		return run, "", nil
	}
	return run, writer.Dir(), nil
}

// open gets ready to save the run in dir, and to send it on.
func (d *drive) open(dir string, watch *budget.Watch) (*report.Writer, *liveRun, error) {
	live, err := d.stream(dir)
	if err != nil {
		return nil, nil, err
	}
	writer, err := report.Create(dir, d.meta, d.plan.Legend, watch)
	if err != nil {
		live.stop()
		return nil, nil, withHint("--out DIR saves the run elsewhere", withCode(exitUsage, err))
	}
	d.m.keepScenario(dir, d.trial.scenario)
	return writer, live, nil
}

// truthFile holds what the reference target says has happened, beside what was measured.
const truthFile = "truth.json"

// saveTruth keeps the target's own account of the run, if it gives one.
func (d *drive) saveTruth(ctx context.Context, dir string) {
	if d.trial.control.admin == "" || d.trial.listens == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlLimit)
	defer cancel()
	truth, err := d.trial.control.call(ctx, scenarios.Action{Method: http.MethodGet, URL: "/truth"})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, truthFile), truth, 0o644) //nolint:gosec // results are for everyone to read
	}
	if err != nil {
		d.m.w.warn(fmt.Errorf("save what the target says of itself: %w", err))
	}
}

// endingOf says how a run ended of which engine.Run returned err.
func endingOf(err error) report.Ending {
	switch {
	case errors.Is(err, errAborted):
		return report.Aborted
	case err != nil:
		return report.Stopped
	}
	return report.Complete
}

// mostHappenings bounds what is kept of what a target says, which may be a lot.
const mostHappenings = 500

// signals follows what the target says, if somebody wants to know; nil otherwise.
func (d *drive) signals(ctx context.Context) (<-chan experiment.Signal, error) {
	if len(d.plan.Events) == 0 && d.trial.listens == nil {
		return nil, nil //nolint:nilnil // nobody wants to know
	}
	return d.trial.control.signals(ctx)
}

// play starts the time line of a load that begins at start. What it returns ends it and
// tells what happened.
func (d *drive) play(ctx context.Context, start time.Time, signals <-chan experiment.Signal, ui *progressView) func() []report.Happening {
	ctx, end := context.WithCancelCause(ctx)
	signals = ui.hearing(ctx, signals, d.trial.control)
	var events []experiment.Event
	for i, e := range d.plan.Events {
		name := d.trial.scenario.Events[i].String() // its variables may be secrets
		events = append(events, experiment.Event{
			Name: name, At: e.At, When: e.When,
			Do: ui.doing(name, func(ctx context.Context) error { return d.trial.control.do(ctx, e.Action) }),
		})
	}
	done := make(chan []experiment.Entry, 1)
	go func() { done <- experiment.Play(ctx, start, events, signals) }()
	return func() []report.Happening {
		end(errRunOver)
		return append(before(start, d.prepared), happenings(<-done)...)
	}
}

var errRunOver = errors.New("the run was over before")

// byScenario marks what was done to the target, not said by it.
const byScenario = "scenario"

// before puts preparations on the time line of a load that starts at start.
func before(start time.Time, prepared []preparation) (all []report.Happening) {
	for _, p := range prepared {
		all = append(all, report.Happening{AtS: p.at.Sub(start).Seconds(), Text: p.what, By: byScenario})
	}
	return all
}

// notDue is what became of an event whose time did not come.
const notDue = "not due yet when the run ended"

func happenings(entries []experiment.Entry) (all []report.Happening) {
	said := 0
	for _, e := range entries {
		h := report.Happening{AtS: e.At.Seconds(), Text: e.Text, By: byScenario}
		if e.Signal {
			h.By = "target"
			if said++; said > mostHappenings {
				continue
			}
		}
		if e.Err != nil {
			h.Error = e.Err.Error()
			_, h.Waited = errors.AsType[*experiment.NeverError](e.Err)
		}
		if _, late := errors.AsType[*experiment.NotDueError](e.Err); late {
			h.Error = notDue
		}
		all = append(all, h)
	}
	if more := said - mostHappenings; more > 0 {
		last := entries[len(entries)-1].At.Seconds()
		all = append(all, report.Happening{AtS: last, By: "target", Text: fmt.Sprintf("and %d more events, which are left out", more)})
	}
	return all
}

// figures returns what the target gave.
func (t *trial) figures() map[string]float64 {
	if len(t.given) == 0 {
		return nil
	}
	figures := map[string]float64{}
	for name, g := range t.given {
		if g.Lack == "" {
			figures[name] = g.Value
		}
	}
	return figures
}
