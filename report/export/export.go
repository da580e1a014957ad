// Package export writes saved runs, experiments and searches in the formats that other
// programs read: CSV, JUnit, Markdown, annotations of a build server, HdrHistogram logs,
// vegeta's results and OpenMetrics. Everything that a target or a scenario named is made
// harmless for the format, bounded in length, and told apart from its neighbours. What an
// export leaves out it says, in the file where the format has a place for it, otherwise in
// the notes it returns. It does not measure or judge, and it does not open the file that it
// writes to.
package export

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// part is one run of what is exported: the run itself, or one of an experiment.
type part struct {
	saved   *report.Saved
	variant string // empty in a run without variants
	number  int    // of the experiment's runs, from 1 on; 0 in a run without variants
}

// partsOf returns the runs of saved, in the order in which they ran. A run of an experiment
// that cannot be read is left out, and a note says so.
func partsOf(saved *report.Saved) (parts []part, notes []string) {
	if saved.Run.Experiment == nil {
		return []part{{saved: saved}}, nil
	}
	for _, v := range saved.Run.Variants {
		for _, r := range v.Runs {
			one, err := report.Open(filepath.Join(saved.Dir, filepath.Base(r.Dir)))
			if err != nil {
				notes = append(notes, fmt.Sprintf("run %d (%s) is left out: %v", r.Number, tame(v.Name), err))
				continue
			}
			parts = append(parts, part{one, v.Name, r.Number})
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return a.number - b.number })
	return parts, notes
}

// each calls add with every interval of a run in order. An interval that was cut off is
// not an error but a note: what was saved before it is good.
func each(saved *report.Saved, add func(*engine.Snapshot) error) (note string, err error) {
	for s, err := range saved.Intervals() {
		if errors.Is(err, report.ErrTruncated) {
			return err.Error(), nil
		}
		if err != nil {
			return "", err
		}
		if err := add(s); err != nil {
			return "", err
		}
	}
	return "", nil
}

// sentence says in one line what a run came to.
func sentence(run *report.Run) string {
	what, n := "budget", map[budget.Verdict]int{}
	for _, b := range run.Budgets {
		if b.Level == budget.Fail {
			n[b.Result]++
		}
	}
	words := [3]string{"kept", "broken", "inconclusive"}
	if run.Experiment != nil {
		what, words = "claim", [3]string{"confirmed", "refuted", "inconclusive"}
		for _, c := range run.Claims {
			n[asVerdict(c.Result)]++
		}
	}
	all := n[budget.Kept] + n[budget.Broken] + n[budget.Inconclusive]
	var parts []string
	for i, v := range []budget.Verdict{budget.Kept, budget.Broken, budget.Inconclusive} {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], words[i]))
		}
	}
	out := fmt.Sprintf("%s: %s", plural(all, what), strings.Join(parts, ", "))
	if all == 0 {
		out = "no " + what + " was set"
	}
	switch {
	case run.Ended == report.Stopped:
		out += "; the run was interrupted, and this is what was measured until then"
	case run.Verdict == report.Failed:
		out += "; the target never answered"
	case !run.Validity.Valid && run.Experiment == nil:
		out += "; the measurement is not valid"
	}
	return out
}

// asVerdict says of a claim what it would be of a budget.
func asVerdict(r budget.Ruling) budget.Verdict {
	switch r {
	case budget.Confirmed:
		return budget.Kept
	case budget.Refuted:
		return budget.Broken
	}
	return budget.Inconclusive
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
