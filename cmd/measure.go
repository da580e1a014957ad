package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"plimsoll/report"
	"plimsoll/report/text"
	"plimsoll/scenarios"
)

// measureFlags are the flags of the commands that make load and save a run.
type measureFlags struct {
	out     string
	outputs []string
	ui      string
	seed    uint64
	vars    []string
	target  string
	kinds   []string // of outputs; nil: those of a run
	stream  streamFlags
}

// made returns the kinds of outputs that can be made.
func (f *measureFlags) made() []string {
	if f.kinds == nil {
		return runKinds()
	}
	return f.kinds
}

// live returns the kinds of outputs that a run can be sent to while it goes.
func (f *measureFlags) live() []string {
	if f.kinds == nil {
		return streamKinds()
	}
	return nil
}

func (f *measureFlags) register(w *world, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "save the run in this `DIR` (default runs/NAME-TIMESTAMP)")
	flags.StringVar(&f.ui, "ui", "auto", "`HOW` to show progress: auto, live, plain or off")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of everything random, a `NUMBER` (default: the scenario's)")
	complete := cobra.FixedCompletions([]string{"auto", "live", "plain", "off"}, cobra.ShellCompDirectiveNoFileComp)
	cmd.RegisterFlagCompletionFunc("ui", complete) //nolint:errcheck // the flag is there
	outputFlag(cmd, &f.outputs, f.made(), f.live()...)
	w.jsonFlag(cmd)
}

// measurement is one scenario on its way to a verdict.
type measurement struct {
	w       *world
	flags   *measureFlags
	outputs []output
	streams streams
	options scenarios.Options
	gaps    []string // settings for what a scenario leaves open
	base    baselineFlags
	command string // starts the target, before a run; empty: none
}

// newMeasurement checks what all scenarios of a command share, before anything is sent.
func (w *world) newMeasurement(cmd *cobra.Command, f *measureFlags) (*measurement, error) {
	m := &measurement{w: w, flags: f}
	if !slices.Contains([]string{"auto", "live", "plain", "off"}, f.ui) {
		return nil, usageError("auto, live, plain or off", "--ui %s: unknown kind of progress", f.ui)
	}
	files, streams, err := f.stream.take(w, f.outputs)
	if err != nil {
		return nil, err
	}
	m.streams = streams
	if m.outputs, err = parseOutputs(files, slices.Concat(f.made(), f.live())...); err != nil {
		return nil, err
	}
	for _, o := range m.outputs {
		switch dir := filepath.Dir(o.path); {
		case !isDir(dir) && (f.out == "" || dir != filepath.Clean(f.out)): // the run's own is made in time
			return nil, usageError("", "-o %s=%s: there is no directory %s", o.kind, o.path, dir)
		case isDir(o.path):
			return nil, usageError("name a file in it", "-o %s=%s: that is a directory", o.kind, o.path)
		}
	}
	return m, m.choose(cmd.Flags())
}

// choose takes what the user sets about scenarios. What only a settings file says is
// weaker than the scenario.
func (m *measurement) choose(flags *pflag.FlagSet) error {
	f := m.flags
	m.options = scenarios.Options{Vars: map[string]string{}, FileLimit: openLimit()}
	if f.target != "" {
		m.gaps = append(m.gaps, "target?="+f.target)
	}
	if flags.Changed("target") {
		m.options.Target = f.target
	}
	if f.seed != 0 {
		m.gaps = append(m.gaps, fmt.Sprintf("seed?=%d", f.seed))
	}
	if flags.Changed("seed") {
		m.options.Seed = &f.seed
	}
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		switch {
		case !ok || name == "":
			return usageError("write it as -e NAME=VALUE", "-e %s: no value", v)
		case flags.Changed("var"):
			m.options.Vars[name] = value
		default:
			m.gaps = append(m.gaps, "vars."+name+"?="+strconv.Quote(value))
		}
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// measure runs the scenario and returns an error that carries the exit code of its
// verdict, nil for a pass.
func (m *measurement) measure(ctx context.Context, s *scenarios.Scenario, dir string) (err error) {
	if s.Experiment != nil {
		return m.experiment(ctx, s, dir)
	}
	if err := m.ownTarget(s); err != nil {
		return err
	}
	t := &trial{scenario: s, dir: dir}
	var ref *reference
	if m.command != "" {
		c, err := startCommand(ctx, m.command, cmp.Or(m.options.Target, s.Target.URL), "")
		if err != nil {
			return err
		}
		defer m.w.end(c)
	} else if s.Target.Reference != "" && m.options.Target == "" {
		if ref, err = startReference(ctx, s.Target.Reference, s.Target.Set); err != nil {
			return err
		}
		t.target = ref.url
		defer func() {
			if stopped := ref.stop(); stopped != nil {
				m.w.note("warning: %v", stopped)
			}
		}()
	}
	t.control = newControl(ref, s.File())
	run, saved, err := m.try(ctx, t)
	if err != nil {
		return err
	}
	return m.conclude(ctx, run, saved)
}

// ownTarget refuses --target for a scenario that needs the control API of the reference
// target, which another does not have.
func (m *measurement) ownTarget(s *scenarios.Scenario) error {
	if m.options.Target == "" || s.Target.Reference == "" {
		return nil
	}
	what := ""
	switch {
	case s.Experiment != nil:
		what = "turns knobs of"
	case slices.ContainsFunc(s.Events, meansReference):
		what = "does things to"
	case slices.ContainsFunc(s.Figures, func(f scenarios.Figure) bool { return isPath(f.Get) }):
		what = "takes figures from"
	default:
		return nil
	}
	return usageError("leave out --target", "scenario %s %s the reference target, which %s is not", s.Name, what, m.options.Target)
}

// meansReference reports whether only the reference target understands the event.
func meansReference(e scenarios.Event) bool {
	return e.When != "" || e.Fault != nil || e.Knobs != nil || isPath(e.URL)
}

// isPath reports whether an address is one of the reference target's own.
func isPath(address string) bool { return strings.HasPrefix(address, "/") }

// errAborted is the cause with which a broken abort budget ends a run.
var errAborted = errors.New("a budget marked abort is broken")

// cutShort names the loads whose time was up before they had made all their passes.
func cutShort(p *scenarios.Plan, run *report.Run) (notes []string) {
	for i, l := range p.Loads {
		done := run.Loads[i].Counts
		if l.Closed == nil || run.Ended != report.Complete || done.Exhausted > 0 || int64(done.Sent) >= l.Closed.Iterations {
			continue
		}
		notes = append(notes, fmt.Sprintf("%s: its time was up after %s of %s passes",
			run.Loads[i].Name, report.FormatCount(done.Sent), report.FormatCount(uint64(l.Closed.Iterations))))
	}
	return notes
}

func (m *measurement) meta(s *scenarios.Scenario, p *scenarios.Plan, started time.Time) report.Meta {
	b := readBuild()
	return report.Meta{
		Plimsoll: report.Build{Version: b.Version, Go: b.Go, OS: b.OS + "/" + b.Arch, CPUs: runtime.GOMAXPROCS(0)},
		Scenario: s.Name, Source: m.source(s), About: s.About, Target: report.RedactURL(p.Target), Command: report.Redact(append([]string{"plimsoll"}, m.w.args...)),
		Seed: p.Seed, Started: started, IntervalS: 1, Remarks: p.Notes,
	}
}

// conclude writes the results and returns the exit code of the verdict.
func (m *measurement) conclude(ctx context.Context, run *report.Run, dir string) error {
	if err := m.w.writeRun(&report.Saved{Run: run, Dir: dir}, m.outputs, text.Options{}); err != nil {
		return err
	}
	if i := interrupted(ctx); i != nil && run.Verdict == report.Interrupted {
		return withCode(i.exitCode(), nil)
	}
	return verdictError(run.Verdict)
}

// openLimit returns how many files this process may open, 0 if that is unknown.
func openLimit() int {
	soft, _ := fileLimits()
	return int(min(soft, 1<<31-1))
}
