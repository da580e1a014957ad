package cmd

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/report/compare"
	"plimsoll/report/text"
	"plimsoll/scenarios"
)

// calibrateFlags are the flags of calibrate.
type calibrateFlags struct {
	measureFlags
	settings []string
	command  string
	save     string
	pairs    int
	resume   bool
}

// calibrationFile is where a calibration is kept if nothing else is asked for.
const calibrationFile = "plimsoll-calibration.yaml"

func newCalibrate(w *world) *cobra.Command {
	f := &calibrateFlags{measureFlags: measureFlags{ui: "off"}}
	cmd := &cobra.Command{
		Use:     "calibrate SCENARIO",
		GroupID: groupLoad,
		Short:   "Find out what the gate can tell in this environment",
		Long: `Find out what the gate can tell in this environment: run pairs of the same thing
against itself, in turn and in random order, as run --against does, and say how
much runs vary, the least change that 10, 20 and 30 pairs find four times in
five, and how often the gate would raise a false alarm.

The result is a small file. run --against and compare go by it with
--calibration FILE: the least effect of a row becomes what 30 pairs can tell
from noise here, where that is more than it was, up to five times as much and
never less; the false-alarm rate stands beside the verdict; and if that rate may
be above 10 %, nothing is decided. Calibrate again when the machine or the
scenario changes.

False alarms are rare, and few pairs cannot show how rare: 590 pairs, which are
59 comparisons, without one show that the rate is below 5 %.

Ctrl-C keeps the pairs that there are; the same command with --resume goes on.`,
		Example: `  plimsoll calibrate quickstart
  plimsoll calibrate shop.yaml --target http://127.0.0.1:8080 --pairs 40
  plimsoll calibrate shop.yaml --command './server' --save ci/calibration.yaml
  plimsoll run shop.yaml --against URL --calibration ci/calibration.yaml`,
		Annotations:       exitTable(exitOK, exitUsage, exitUnreachable, exitInconclusive, exitInterrupted, exitTerminated),
		Args:              oneArg("a scenario"),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := w.newMeasurement(cmd, &f.measureFlags)
			if err != nil {
				return err
			}
			opened, err := w.openScenarios(args, append(m.gaps, f.settings...), false)
			if err != nil {
				return err
			}
			if err := f.check(opened[0]); err != nil {
				return err
			}
			return m.calibrate(cmd.Context(), opened[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "keep the runs in this `DIR` (default runs/NAME-calibrate-TIMESTAMP)")
	flags.StringVar(&f.save, "save", calibrationFile, "write the calibration to this `FILE`")
	flags.StringVar(&f.target, "target", "", "send to this `URL` instead of the scenario's target")
	flags.StringVar(&f.command, "command", "", "start the target with this `COMMAND` before each run, and stop it after")
	flags.IntVar(&f.pairs, "pairs", 20, "`N` pairs of runs")
	flags.BoolVar(&f.resume, "resume", false, "go on with the pairs in --out")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of everything random, a `NUMBER` (default: the scenario's)")
	flags.StringArrayVarP(&f.vars, "var", "e", nil, "set the scenario's variable `NAME=VALUE`; repeatable")
	flags.StringArrayVar(&f.settings, "set", nil, "replace a value of the scenario: `PATH=VALUE`, like load[0].rate=200/s")
	w.jsonFlag(cmd)
	return cmd
}

// check refuses what makes no sense before anything is sent.
func (f *calibrateFlags) check(s *scenarios.Scenario) error {
	switch dir := filepath.Dir(f.save); {
	case s.Experiment != nil:
		return usageError("an experiment compares its own variants", "%s is an experiment", s.Name)
	case f.pairs < leastPairs:
		return usageError("20 are usual", "--pairs %d: fewer than %d pairs do not show how much runs vary", f.pairs, leastPairs)
	case f.resume && f.out == "":
		return usageError("", "--resume needs --out DIR, where the pairs are")
	case f.save == "":
		return usageError("", "--save needs a file")
	case !isDir(dir):
		return usageError("", "--save %s: there is no directory %s", f.save, dir)
	case isDir(f.save):
		return usageError("name a file in it", "--save %s: that is a directory", f.save)
	}
	return nil
}

// usualGate is how run --against looks at pairs if nothing else is asked for.
func usualGate() compare.Gate { return compare.Gate{First: 10, More: 5, Most: 30} }

// calibrate runs pairs of the same thing, and shows and keeps what they say.
func (m *measurement) calibrate(ctx context.Context, s *scenarios.Scenario, f *calibrateFlags) error {
	if err := m.ownTarget(s); err != nil {
		return err
	}
	same := arm{command: f.command}
	dir := cmp.Or(f.out, report.DefaultDir(s.Name+"-calibrate", time.Now()))
	d, err := m.pairUp(s, same, same, experiment.Pairs{First: f.pairs, More: 1, Most: f.pairs}, dir)
	if err != nil {
		return err
	}
	done, err := d.begin(f.resume, "calibration")
	if err != nil {
		return err
	}
	pairs, err := d.pairs.Run(ctx, done, d.turn, func() bool { return true })
	if i := interrupted(ctx); i != nil && pairs < f.pairs {
		return d.brokenOff(i, pairs)
	}
	if err != nil {
		return err
	}
	c, err := d.calibration()
	if err != nil {
		return err
	}
	return m.keepCalibration(d, c, f.save)
}

// calibration works out what the pairs say.
func (d *duel) calibration() (*report.Calibration, error) {
	var sets []*compare.Set
	for _, a := range []experiment.Arm{experiment.Base, experiment.Candidate} {
		set, err := compare.Open(filepath.Join(d.dir, string(a)))
		if err != nil {
			return nil, refused(err)
		}
		sets = append(sets, set)
	}
	c, err := compare.Calibrate(sets[0], sets[1], compare.DefaultOptions(), usualGate())
	return c, refused(err)
}

// keepCalibration saves and shows it. An environment that is not fit for a gate is saved,
// too, so that the gate refuses.
func (m *measurement) keepCalibration(d *duel, c *report.Calibration, path string) error {
	if err := c.Save(path); err != nil {
		return withHint("the pairs are kept: --resume --save FILE writes it elsewhere", withCode(exitUsage, err))
	}
	m.w.note("runs        %s", d.dir)
	var err error
	if m.w.json {
		err = m.w.writeJSON(c)
	} else {
		err = text.Calibration(m.w.stdout, c, text.Options{Color: m.w.color(m.w.stdout), Width: m.w.width(m.w.stdout), Files: []string{path}})
	}
	if c.Refusal() != "" {
		err = errors.Join(err, withCode(exitInconclusive, nil))
	}
	return err
}

// calibrationFlag gives cmd the flag --calibration.
func calibrationFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "calibration", "", "go by what plimsoll calibrate wrote to this `FILE`")
}

// openCalibration reads the file that a comparison goes by: nil without one. Pairs are what
// is made at the most, 0 if that is not known.
func openCalibration(path string, pairs int) (*compare.Calibrated, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // none is asked for
	}
	c, err := report.OpenCalibration(path)
	if err != nil {
		return nil, withHint("plimsoll calibrate SCENARIO --save FILE writes one", withCode(exitUsage, err))
	}
	return &compare.Calibrated{File: path, Pairs: pairs, Calibration: c}, nil
}

// calibrate makes the duel go by a calibration, and says beforehand what it cannot tell.
func (d *duel) calibrate(path string) error {
	known, err := openCalibration(path, d.pairs.Most)
	if err != nil || known == nil {
		return err
	}
	if why := known.Refusal(); why != "" {
		return withHint("a quieter machine, or longer runs; then plimsoll calibrate again", withCode(exitInconclusive, errors.New("not compared: "+why)))
	}
	d.options.Calibration = known
	d.m.w.note("calibration %s of %s: %s", path, known.Measured, known.Says())
	for i := range known.Rows {
		r := &known.Rows[i]
		name, floor := r.Metric+" of "+strconv.QuoteToGraphic(cmp.Or(r.Request, r.Load)), d.options.MinEffect[r.Metric]
		least := r.Least(floor, d.pairs.Most)
		switch {
		case r.Blind(floor, d.pairs.Most):
			d.m.w.note("warning: %s is noisier here than %d pairs can make up for: it will mostly be inconclusive", name, d.pairs.Most)
		case least > floor:
			d.m.w.note("note: noise hides %s of %s from %d pairs: differences up to %s do not count here", report.FormatShare(floor), name, d.pairs.Most, report.FormatShare(least))
		}
	}
	return nil
}
