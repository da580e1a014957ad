package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"plimsoll/engine/experiment"
	"plimsoll/report"
	"plimsoll/scenarios"
)

// measureAgainst runs the scenario against a base and a candidate in turn, until the
// comparison is decided, and returns an error that carries the exit code of its verdict.
func (m *measurement) measureAgainst(ctx context.Context, s *scenarios.Scenario, f *againstFlags, dir string) error {
	if err := m.ownTarget(s); err != nil {
		return err
	}
	dir = cmp.Or(dir, report.DefaultDir(s.Name+"-against", time.Now()))
	d, err := m.newDuel(s, f, dir)
	if err != nil {
		return err
	}
	if err := d.calibrate(f.calibration); err != nil {
		return err
	}
	done, err := d.begin(f.resume, "comparison")
	if err != nil {
		return err
	}
	pairs, err := d.pairs.Run(ctx, done, d.turn, d.settled)
	if err := cmp.Or(err, d.trouble); err != nil && (interrupted(ctx) == nil || pairs == 0) {
		return err
	}
	return m.concludeAgainst(ctx, d, pairs)
}

// countOf writes a number of things.
func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// settled compares the pairs that there are, and reports whether that decides it.
func (d *duel) settled() bool {
	c, err := d.compare()
	if err != nil {
		d.trouble = err
		return true
	}
	d.m.w.note("look        %s after %s: %s", c.Verdict, countOf(c.Pairs, "pair"), c.Why)
	return c.Verdict != report.Unsure
}

// compare compares the runs so far, by a rule that stays as strict however often it is asked.
func (d *duel) compare() (*report.Comparison, error) {
	return compareDirs(filepath.Join(d.dir, string(experiment.Base)), filepath.Join(d.dir, string(experiment.Candidate)), d.options)
}

// concludeAgainst shows what came of it.
func (m *measurement) concludeAgainst(ctx context.Context, d *duel, pairs int) error {
	if i := interrupted(ctx); i != nil {
		return d.brokenOff(i, pairs)
	}
	c, err := d.compare()
	if err != nil {
		return err
	}
	m.w.note("runs        %s", d.dir)
	verdict := comparisonError(c)
	if verdict != nil {
		m.w.note("again       %s", report.Again(report.Redact(append([]string{"plimsoll"}, m.w.args...)), 0))
	}
	return errors.Join(m.w.writeComparison(c, m.outputs), verdict)
}

// brokenOff says how to go on after an interruption.
func (d *duel) brokenOff(i *interruption, pairs int) error {
	d.m.w.note("%s saved in %s; to go on:   plimsoll %s", countOf(pairs, "pair"), d.dir, again(d.m.w.args, d.dir))
	return withCode(i.exitCode(), nil)
}
