package compare

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"plimsoll/report"
)

// Set is one side of a comparison: a run, or runs of the same test.
type Set struct {
	Path string
	Runs []*report.Saved // by when they started
	Odd  []string        // directories in Path that hold no run
}

// Open reads the run in path, or the runs in the directories in path.
func Open(path string) (*Set, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	one, err := report.Open(path)
	if err == nil {
		return &Set{Path: path, Runs: []*report.Saved{one}}, only(one)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, _ := os.ReadDir(path) // err says already that there is no run
	set := &Set{Path: path}
	for _, e := range entries {
		dir := filepath.Join(path, e.Name())
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		saved, err := report.Open(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			set.Odd = append(set.Odd, dir)
			continue
		case err != nil:
			return nil, err
		}
		if err := only(saved); err != nil {
			return nil, err
		}
		set.Runs = append(set.Runs, saved)
	}
	if len(set.Runs) == 0 {
		return nil, err
	}
	slices.SortStableFunc(set.Runs, func(a, b *report.Saved) int { return a.Run.Started.Compare(b.Run.Started) })
	return set, nil
}

// only refuses what is not a single run.
func only(saved *report.Saved) error {
	if saved.Run.Experiment != nil {
		return &RefusedError{Reasons: []string{saved.Dir + " is an experiment, whose variants were compared by its claims"}, Hint: "compare single runs of it, such as " + filepath.Join(saved.Dir, "01-…")}
	}
	return nil
}

// RefusedError says why two sides cannot be compared.
type RefusedError struct {
	Reasons []string
	Hint    string
	Differ  bool // they are not runs of the same test; Options.AllowDifferent compares them all the same
}

func (e *RefusedError) Error() string {
	return strings.Join(e.Reasons, "; ")
}

// notShared refuses a run that stands on both sides, or twice on one.
func notShared(base, other *Set) error {
	seen := map[string]bool{}
	for _, s := range slices.Concat(base.Runs, other.Runs) {
		dir, err := filepath.Abs(s.Dir)
		if err == nil {
			dir, err = filepath.EvalSymlinks(dir)
		}
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		if seen[dir] {
			return &RefusedError{Reasons: []string{s.Dir + " is on both sides: a run compared with itself says nothing"}, Hint: "give two different runs"}
		}
		seen[dir] = true
	}
	return nil
}

// unfit returns what keeps runs from being compared at all: they are not valid, or only
// parts of a test.
func unfit(base, other *Set) []string {
	var reasons []string
	for _, s := range slices.Concat(base.Runs, other.Runs) {
		switch v := s.Run.Validity; {
		case s.Run.Ended == report.Stopped:
			reasons = append(reasons, s.Dir+" was interrupted")
		case s.Run.Ended == report.Aborted:
			reasons = append(reasons, s.Dir+" was aborted by a budget")
		case !v.Valid && len(v.Reasons) > 0:
			reasons = append(reasons, s.Dir+" is not valid: "+v.Reasons[0])
		case !v.Valid:
			reasons = append(reasons, s.Dir+" is not valid")
		case s.Run.Verdict == report.Failed:
			reasons = append(reasons, s.Dir+" failed")
		}
	}
	return reasons
}

// usersApart is by what share the users of two equal closed loads may differ: what is counted
// is their average over the run, which in a short one depends on when the last answers came.
const usersApart = 0.25

// differing returns in what the runs are not the same test, each against the first of base.
func differing(base, other *Set) []string {
	first := base.Runs[0]
	var reasons []string
	add := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
	}
	for _, s := range slices.Concat(base.Runs[1:], other.Runs) {
		a, b := first.Run, s.Run
		switch {
		case a.Source.SHA256 == "" && b.Source.SHA256 == "": // without a file the name is that of the target
			if what := requestsDiffer(a, b); what != "" {
				add("%s and %s: %s", first.Dir, s.Dir, what)
			}
		case a.Scenario != b.Scenario:
			add("%s ran scenario %s, %s ran %s", first.Dir, quoted(a.Scenario), s.Dir, quoted(b.Scenario))
		case a.Source.SHA256 != b.Source.SHA256:
			add("the scenario file of %s is not that of %s", s.Dir, first.Dir)
		case a.Source.Changed != b.Source.Changed:
			add("values of the scenario were replaced in only one of %s and %s", first.Dir, s.Dir)
		case !slices.Equal(replaced(a.Command), replaced(b.Command)):
			add("values of the scenario were replaced by others in %s than in %s", s.Dir, first.Dir)
		}
		if a.Source.Quick != b.Source.Quick {
			add("only one of %s and %s is the quick form", first.Dir, s.Dir)
		}
		if what := loadsDiffer(a, b); what != "" {
			add("%s and %s: %s", first.Dir, s.Dir, what)
		}
	}
	return reasons
}

// replaced returns what a command sets about its scenario, besides the target, in the order of
// their names.
func replaced(command []string) (values []string) {
	for i, arg := range command {
		name, value, joined := strings.Cut(arg, "=")
		switch flags := []string{"--set", "--var", "-e"}; {
		case slices.Contains(flags, arg) && i+1 < len(command):
			values = append(values, command[i+1])
		case joined && strings.HasPrefix(name, "--") && slices.Contains(flags, name):
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}

// loadsDiffer returns in what the loads of two runs differ, "" if in nothing.
func loadsDiffer(a, b *report.Run) string {
	if len(a.Legend.Loads) != len(b.Legend.Loads) {
		return fmt.Sprintf("%d and %d loads", len(a.Legend.Loads), len(b.Legend.Loads))
	}
	fixed := a.Source.SHA256 != "" && !a.Source.Changed && !b.Source.Changed // by the file that both ran
	for i, x := range a.Legend.Loads {
		y := b.Legend.Loads[i]
		switch {
		case x.Name != y.Name || x.Model != y.Model:
			return fmt.Sprintf("load %s (%s) and load %s (%s)", quoted(x.Name), quoted(x.Model), quoted(y.Name), quoted(y.Model))
		case !slices.Equal(x.Stages, y.Stages):
			return "load " + quoted(x.Name) + " has other stages, spans or rates"
		case x.Model == "closed" && !fixed && i < len(a.Loads) && i < len(b.Loads) && !near(a.Loads[i].InFlight, b.Loads[i].InFlight):
			return fmt.Sprintf("load %s had %s and %s users", quoted(x.Name), report.FormatNumber(a.Loads[i].InFlight), report.FormatNumber(b.Loads[i].InFlight))
		}
	}
	return ""
}

// requestsDiffer returns in what the requests of two runs differ, "" if in nothing.
func requestsDiffer(a, b *report.Run) string {
	if len(a.Legend.Requests) != len(b.Legend.Requests) {
		return fmt.Sprintf("%d and %d requests", len(a.Legend.Requests), len(b.Legend.Requests))
	}
	for i, x := range a.Legend.Requests {
		if y := b.Legend.Requests[i]; x.Name != y.Name {
			return fmt.Sprintf("request %s and request %s", quoted(x.Name), quoted(y.Name))
		}
	}
	return ""
}

// mostName bounds how much of a name stands in an error.
const mostName = 60

// quoted makes a name that somebody else gave harmless in an error.
func quoted(name string) string {
	if r := []rune(name); len(r) > mostName {
		name = string(r[:mostName]) + "…"
	}
	text := strconv.Quote(name)
	if text == `"`+name+`"` && name != "" && !strings.Contains(name, " ") {
		return name
	}
	return text
}

func near(a, b float64) bool { return max(a, b)-min(a, b) <= usersApart*max(a, b) }

// elsewhere returns what differs between the machines and programs that measured.
func elsewhere(base, other *Set) []string {
	a := base.Runs[0].Run.Plimsoll
	var found []string
	for _, s := range slices.Concat(base.Runs[1:], other.Runs) {
		b := s.Run.Plimsoll
		for _, d := range [][3]string{
			{"plimsoll", a.Version, b.Version},
			{"Go", a.Go, b.Go},
			{"the system", a.OS, b.OS},
			{"processors", fmt.Sprint(a.CPUs), fmt.Sprint(b.CPUs)},
		} {
			text := fmt.Sprintf("%s: %s and %s; what measured was not the same", d[0], d[1], d[2])
			if d[1] != d[2] && !slices.Contains(found, text) {
				found = append(found, text)
			}
		}
	}
	return found
}

// pairUp pairs the runs of two sides that took turns: in the order of their starts each
// pair is one of base and one of new, whichever came first. It returns nil unless nearly
// all have a partner, as runs measured one side after the other are no pairs: what drifts
// meanwhile would look like a difference.
func pairUp(base, other *Set) [][2]int {
	type turn struct {
		side, run int
		saved     *report.Saved
	}
	var turns []turn
	for i, s := range base.Runs {
		turns = append(turns, turn{0, i, s})
	}
	for i, s := range other.Runs {
		turns = append(turns, turn{1, i, s})
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return a.saved.Run.Started.Compare(b.saved.Run.Started) })
	var pairs [][2]int
	for i := 0; i+1 < len(turns); i++ {
		x, y := turns[i], turns[i+1]
		if x.side == y.side {
			continue
		}
		if x.side == 1 {
			x, y = y, x
		}
		pairs = append(pairs, [2]int{x.run, y.run})
		i++
	}
	if 10*len(pairs) < 9*max(len(base.Runs), len(other.Runs)) {
		return nil
	}
	return pairs
}
