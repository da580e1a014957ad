package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/report/compare"
	"plimsoll/report/text"
	"plimsoll/scenarios"
)

// againstFlags ask for a run that is held against another.
type againstFlags struct {
	against, command string
	pairs, more      int
	most             int
	resume           bool
	calibration      string
}

func (f *againstFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.against, "against", "", "compare with the base at this `URL`, or started by this command")
	flags.StringVar(&f.command, "command", "", "start the target with this `COMMAND` before a run, and stop it after")
	flags.IntVar(&f.pairs, "pairs", 10, "with --against: `N` pairs of runs before the first look")
	flags.IntVar(&f.more, "more-pairs", 5, "with --against: `N` more pairs while it is inconclusive")
	flags.IntVar(&f.most, "most-pairs", 30, "with --against: `N` pairs at most")
	flags.BoolVar(&f.resume, "resume", false, "with --against: go on with the comparison in --out")
	calibrationFlag(cmd, &f.calibration)
}

// check refuses what makes no sense together.
func (f *againstFlags) check(flags *pflag.FlagSet, opened []*scenarios.Scenario) error {
	if f.against == "" {
		for _, name := range []string{"pairs", "more-pairs", "most-pairs", "resume", "calibration"} {
			if flags.Changed(name) {
				return usageError("--against says what to compare with", "--%s needs --against", name)
			}
		}
	}
	switch {
	case f.against == "" && f.command == "":
		return nil
	case f.resume && flags.Lookup("out").Value.String() == "":
		return usageError("", "--resume needs --out DIR, where the pairs are")
	case f.against != "" && flags.Lookup("save-baseline").Value.String() != "":
		return usageError("save it in a run of its own", "--save-baseline keeps one run, and --against makes many")
	case len(opened) != 1:
		return usageError("run it once for each", "--against and --command take one scenario, not %d", len(opened))
	case opened[0].Experiment != nil:
		return usageError("an experiment compares its own variants", "%s is an experiment", opened[0].Name)
	case f.pairs < leastPairs:
		return usageError("10 are usual", "--pairs %d: fewer than %d pairs cannot decide anything", f.pairs, leastPairs)
	case f.more < 1:
		return usageError("", "--more-pairs %d: it takes one at least", f.more)
	case f.most < f.pairs:
		return usageError("", "--most-pairs %d is less than --pairs %d", f.most, f.pairs)
	}
	return nil
}

// leastPairs is how many pairs a verdict on four rows needs: with seven, the signed-rank
// test has no interval that holds for all of them with a confidence of 95 %, whatever the
// runs say.
const leastPairs = 8

// duel is a base and a candidate that take turns.
type duel struct {
	m        *measurement
	scenario *scenarios.Scenario
	dir      string
	arms     map[experiment.Arm]arm
	pairs    experiment.Pairs
	options  compare.Options
	void     int   // runs so far that were no use
	trouble  error // why the runs cannot be compared
	clock    turnClock
}

// arm is where one of the two is found: at a URL, or at the scenario's target once a command
// has started it, or the reference target of the scenario.
type arm struct{ url, command string }

// newDuel works out what the two are.
func (m *measurement) newDuel(s *scenarios.Scenario, f *againstFlags, dir string) (*duel, error) {
	base := arm{command: f.against}
	if strings.HasPrefix(f.against, "http://") || strings.HasPrefix(f.against, "https://") {
		base = arm{url: f.against}
	}
	if f.command == "" && base.command != "" && s.Target.Reference == "" {
		m.w.note("note: the candidate is what is found at the target in its own runs; --command COMMAND starts it")
	}
	return m.pairUp(s, base, arm{command: f.command}, experiment.Pairs{First: f.pairs, More: f.more, Most: f.most}, dir)
}

// pairUp lets two take turns.
func (m *measurement) pairUp(s *scenarios.Scenario, base, candidate arm, pairs experiment.Pairs, dir string) (*duel, error) {
	if s.Target.Reference != "" && m.options.Target == "" && (base.command != "" || candidate.command != "") {
		return nil, usageError("--target URL says where the commands listen", "scenario %s starts its own target", s.Name)
	}
	pairs.Seed = cmp.Or(m.flags.seed, 1)
	d := &duel{
		m: m.inSilence(), scenario: s, dir: dir, pairs: pairs, options: compare.DefaultOptions(),
		arms: map[experiment.Arm]arm{experiment.Base: base, experiment.Candidate: candidate},
	}
	d.options.Looks = pairs.Looks()
	return d, nil
}

// begin returns how many pairs are there already, if they may be.
func (d *duel) begin(resume bool, what string) (done int, err error) {
	if !resume && d.whole(1, d.pairs.Order(1)[0]) {
		return 0, usageError("add --resume to go on with it, or choose another --out", "%s holds a %s already", d.dir, what)
	}
	if done, err = d.finished(); err != nil {
		return 0, err
	}
	if done > 0 {
		d.m.w.note("%s there already in %s", countOf(done, "pair"), d.dir)
		err = d.sameAsBefore()
	}
	return done, err
}

// inSilence returns the measurement without progress of each run.
func (m *measurement) inSilence() *measurement {
	silent, flags := *m, *m.flags
	flags.ui = "off"
	silent.flags, silent.outputs = &flags, nil
	return &silent
}

// runDir is where the run of an arm in a pair is kept. Each arm's runs lie in one directory,
// as plimsoll compare takes them.
func (d *duel) runDir(pair int, a experiment.Arm) string {
	return filepath.Join(d.dir, string(a), fmt.Sprintf("%02d", pair))
}

// finished returns how many pairs are there, and puts runs aside that have no partner or
// were cut short.
func (d *duel) finished() (pairs int, err error) {
	for d.whole(pairs+1, experiment.Base) && d.whole(pairs+1, experiment.Candidate) {
		pairs++
	}
	for pair := pairs + 1; pair <= d.pairs.Most; pair++ {
		for _, a := range []experiment.Arm{experiment.Base, experiment.Candidate} {
			if err := d.putAside(d.runDir(pair, a)); err != nil {
				return pairs, err
			}
		}
	}
	return pairs, nil
}

// whole reports whether there is a run that counts.
func (d *duel) whole(pair int, a experiment.Arm) bool {
	saved, err := report.Open(d.runDir(pair, a))
	return err == nil && counts(saved.Run)
}

// counts reports whether a run can be compared.
func counts(run *report.Run) bool { return run.Ended == report.Complete && run.Validity.Valid }

// putAside moves a run that does not count out of the way. It is not lost.
func (d *duel) putAside(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	aside := report.FreeDir(filepath.Join(d.dir, "void"), filepath.Base(filepath.Dir(dir))+"-"+filepath.Base(dir), time.Now())
	if err := os.MkdirAll(filepath.Dir(aside), 0o755); err != nil {
		return err
	}
	return os.Rename(dir, aside)
}

// mostVoid is how many runs may be no use, and then more than those that are, before the
// machine is not fit for a comparison.
const mostVoid = 20

// turn runs one arm of a pair, again if the generator spoiled it.
func (d *duel) turn(ctx context.Context, pair int, a experiment.Arm) error {
	for {
		begun := time.Now()
		run, err := d.once(ctx, pair, a)
		if err != nil {
			return err
		}
		if i := interrupted(ctx); i != nil {
			return i
		}
		d.clock.took(time.Since(begun))
		d.say(pair, a, run)
		if run.Ended == report.Aborted {
			return d.aborted(pair, a, run)
		}
		if counts(run) {
			return nil
		}
		if err := d.putAside(d.runDir(pair, a)); err != nil {
			return err
		}
		if d.void++; d.void >= max(mostVoid, 2*pair) {
			return withHint("plimsoll doctor says what is wrong with the machine",
				withCode(exitInconclusive, fmt.Errorf("%d runs could not be trusted, the last one because %s", d.void, strings.Join(run.Validity.Reasons, "; "))))
		}
	}
}

// aborted says that a budget stopped a run, which then is shorter than its partner and cannot
// be compared with it; nor would more runs help. For a candidate that is a budget broken.
func (d *duel) aborted(pair int, a experiment.Arm, run *report.Run) error {
	code := exitInconclusive
	if a == experiment.Candidate {
		code = exitBreach
	}
	var what string
	for _, b := range run.Budgets {
		if b.Aborted {
			what = ": " + b.Expr
		}
	}
	return withHint("plimsoll report "+d.runDir(pair, a)+" shows how it came to that",
		withCode(code, fmt.Errorf("a budget marked abort ended the run of %s in pair %d, so there is nothing to compare%s", a, pair, what)))
}

// once runs one arm once, with a fresh process where a command starts it.
func (d *duel) once(ctx context.Context, pair int, a experiment.Arm) (run *report.Run, err error) {
	dir := d.runDir(pair, a)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	t := &trial{scenario: d.scenario, dir: dir, target: d.arms[a].url}
	var ref *reference
	switch {
	case d.arms[a].command != "":
		c, err := startCommand(ctx, d.arms[a].command, cmp.Or(d.m.options.Target, d.scenario.Target.URL), dir+".log")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, c.gone()); d.m.w.end(c) }()
	case t.target == "" && d.scenario.Target.Reference != "" && d.m.options.Target == "":
		if ref, err = startReference(ctx, d.scenario.Target.Reference, d.scenario.Target.Set); err != nil {
			return nil, err
		}
		t.target = ref.url
		defer func() { err = errors.Join(err, ref.stop()) }()
	}
	t.control = newControl(ref, d.scenario.File())
	run, _, err = d.m.try(ctx, t)
	return run, err
}

// say tells how a run came out.
func (d *duel) say(pair int, a experiment.Arm, run *report.Run) {
	var latency string
	for _, l := range run.Loads {
		if q := l.Latency; q != nil {
			latency = fmt.Sprintf("p50 %s  p99 %s", shortMillis(q.P50), shortMillis(q.P99))
			break
		}
	}
	switch {
	case run.Ended == report.Aborted:
		latency = "stopped by a budget"
	case !counts(run):
		latency = "void: " + strings.Join(run.Validity.Reasons, "; ")
	}
	of := fmt.Sprint(d.pairs.First)
	if d.pairs.Most > d.pairs.First {
		of += fmt.Sprintf(" to %d", d.pairs.Most)
	}
	d.m.w.note("pair %2d of %s  %-4s  %s%s", pair, of, a, latency, d.left(pair, a, run))
}

// turnClock says how long a turn takes.
type turnClock struct {
	turns int
	spent time.Duration
}

func (c *turnClock) took(d time.Duration) { c.turns, c.spent = c.turns+1, c.spent+d }

// left says how long the pairs still take, or would at the most, once a pair is complete.
func (d *duel) left(pair int, a experiment.Arm, run *report.Run) string {
	if d.pairs.Order(pair)[1] != a || !counts(run) || pair >= d.pairs.Most {
		return ""
	}
	left := text.Roughly(2 * time.Duration(d.pairs.Most-pair) * d.clock.spent / time.Duration(d.clock.turns))
	if d.pairs.Most > d.pairs.First {
		return "  at most " + left + " left"
	}
	return "  about " + left + " left"
}

func shortMillis(ms float64) string {
	return report.FormatDuration(time.Duration(ms * float64(time.Millisecond)))
}
