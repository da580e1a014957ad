package cmd

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// covered is a line of `scenarios coverage`.
type covered struct {
	ID          string   `json:"id"`
	Section     string   `json:"section"`
	Title       string   `json:"title"`
	Says        string   `json:"says"`
	Implemented bool     `json:"implemented"`
	Experiment  string   `json:"experiment"` // empty: none
	Others      []string `json:"others"`     // further experiments that show it
	Verdict     string   `json:"verdict"`    // of its last run as it is bundled; "never run", or empty without an experiment
	Quick       bool     `json:"quick"`      // that run was one of the quick form
}

// neverRun stands for the verdict of an experiment of which there is no run.
const neverRun = "never run"

func newScenariosCoverage(w *world) *cobra.Command {
	var runs string
	var markdown bool
	cmd := &cobra.Command{
		Use:   "coverage",
		Short: "Show which experiment tests which sentence of the article",
		Long: `Show, for every requirement of the article, the bundled experiment that puts it
to the test, and the verdict of its last run among the saved runs. Only runs of
the experiment as it is bundled count: not of a file of that name, and not with
values replaced by --set, --var or --target. A run of the quick form is marked.`,
		Example: `  plimsoll scenarios coverage
  plimsoll scenarios coverage --json
  plimsoll scenarios coverage --runs results`,
		Annotations: exitTable(exitOK, exitUsage),
		Args:        noArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := coverage(runs)
			switch {
			case err != nil:
				return err
			case w.json:
				return w.writeJSON(all)
			case markdown:
				return writeCoverageTable(w.stdout, all)
			}
			return writeCoverage(w.stdout, all)
		},
	}
	cmd.Flags().StringVar(&runs, "runs", "runs", "look for saved runs in this `DIR`")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write the table of the README")
	w.jsonFlag(cmd)
	return cmd
}

// coverage joins the requirements with the verdicts of the runs below dir.
func coverage(dir string) ([]covered, error) {
	requirements, err := scenarios.Coverage()
	if err != nil {
		return nil, err
	}
	last := lastRuns(dir)
	var all []covered
	for _, r := range requirements {
		c := covered{ID: r.ID, Section: r.Section, Title: r.Title, Says: r.Says, Implemented: r.Implemented, Others: []string{}}
		if len(r.Experiments) > 0 {
			c.Experiment, c.Others = r.Experiments[0], r.Experiments[1:]
			c.Verdict = neverRun
			if run := last[c.Experiment]; run != nil {
				c.Verdict, c.Quick = claimVerdict(run), run.Source.Quick
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// lastRuns returns the newest saved run of every bundled experiment below dir. What cannot
// be read is no run.
func lastRuns(dir string) map[string]*report.Run {
	newest := map[string]*report.Run{}
	found, _ := filepath.Glob(filepath.Join(dir, "*", report.RunFile)) // dir is taken as it is
	for _, path := range found {
		saved, err := report.Open(filepath.Dir(path))
		if err != nil || saved.Run.Experiment == nil || !asBundled(saved.Run) {
			continue
		}
		run := saved.Run
		if n := newest[run.Scenario]; n == nil || run.Started.After(n.Started) {
			newest[run.Scenario] = run
		}
	}
	return newest
}

// asBundled reports whether a run was one of the bundled scenario of its name, as this
// program has it.
func asBundled(run *report.Run) bool {
	text, err := scenarios.Bundled(run.Scenario)
	return err == nil && run.Source.SHA256 == scenarios.Digest(text) && !run.Source.Changed
}

// source says what a run of a scenario is one of.
func (m *measurement) source(s *scenarios.Scenario) report.Source {
	if s.Digest() == "" {
		return report.Source{}
	}
	changed := s.Changed() || len(m.options.Vars) > 0 || m.options.Target != ""
	return report.Source{SHA256: s.Digest(), Changed: changed, Quick: s.IsQuick()}
}

// claimVerdict says what an experiment's run means for what it tests.
func claimVerdict(run *report.Run) string {
	refuted := slices.ContainsFunc(run.Claims, func(c budget.ClaimResult) bool { return c.Result == budget.Refuted })
	switch {
	case run.Verdict == report.Pass:
		return "confirmed"
	case run.Verdict == report.Breach && refuted:
		return "refuted"
	case run.Verdict == report.Breach:
		return "budget broken"
	}
	return string(run.Verdict)
}

// shownVerdict is the verdict with what kind of run it comes from.
func (c covered) shownVerdict() string {
	if c.Quick {
		return c.Verdict + " (quick)"
	}
	return c.Verdict
}

func writeCoverage(out io.Writer, all []covered) error {
	var names, verdicts int
	for _, c := range all {
		names, verdicts = max(names, len(c.Experiment)), max(verdicts, len(c.shownVerdict()))
	}
	section := ""
	for _, c := range all {
		if c.Section != section {
			if section != "" {
				fmt.Fprintln(out)
			}
			section = c.Section
			fmt.Fprintf(out, "%s %s\n", c.Section, c.Title)
		}
		if _, err := fmt.Fprintf(out, "  %-7s  %-*s  %-*s  %s\n", c.ID, names, cmp.Or(c.Experiment, "-"), verdicts, c.shownVerdict(), c.Says); err != nil {
			return err
		}
	}
	return nil
}

// writeCoverageTable writes one line per part of the article: its requirements and their
// experiments.
func writeCoverageTable(out io.Writer, all []covered) error {
	lines := []string{"| section | experiments |", "|---|---|"}
	for i := 0; i < len(all); {
		c := all[i]
		var shown []string
		for ; i < len(all) && all[i].Section == c.Section; i++ {
			names := strings.Join(append([]string{all[i].Experiment}, all[i].Others...), "`, `")
			if names != "" {
				shown = append(shown, fmt.Sprintf("%s `%s`", all[i].ID, names))
			}
		}
		if len(shown) > 0 {
			lines = append(lines, fmt.Sprintf("| %s %s | %s |", c.Section, c.Title, strings.Join(shown, " · ")))
		}
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}
