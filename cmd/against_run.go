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
	"plimsoll/report/compare"
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
	if !f.resume && d.whole(1, d.pairs.Order(1)[0]) {
		return usageError("add --resume to go on with it, or choose another --out", "%s holds a comparison already", dir)
	}
	done, err := d.finished()
	if err != nil {
		return err
	}
	if done > 0 {
		m.w.note("%s there already in %s", countOf(done, "pair"), dir)
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
	options := compare.DefaultOptions()
	options.Looks = d.pairs.Looks()
	return compareDirs(filepath.Join(d.dir, string(experiment.Base)), filepath.Join(d.dir, string(experiment.Candidate)), options)
}

// concludeAgainst shows what came of it.
func (m *measurement) concludeAgainst(ctx context.Context, d *duel, pairs int) error {
	if i := interrupted(ctx); i != nil {
		m.w.note("%s saved in %s; to go on:   plimsoll %s", countOf(pairs, "pair"), d.dir, again(m.w.args, d.dir))
		return withCode(i.exitCode(), nil)
	}
	c, err := d.compare()
	if err != nil {
		return err
	}
	m.w.note("runs        %s", d.dir)
	return errors.Join(m.w.writeComparison(c, m.outputs), comparisonError(c))
}
