package cmd

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/report"
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
	Verdict     string   `json:"verdict"`    // of its last run; "never run", or empty without an experiment
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
to the test, and the verdict of its last run among the saved runs.`,
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
	verdicts := lastVerdicts(dir)
	var all []covered
	for _, r := range requirements {
		c := covered{ID: r.ID, Section: r.Section, Title: r.Title, Says: r.Says, Implemented: r.Implemented, Others: []string{}}
		if len(r.Experiments) > 0 {
			c.Experiment, c.Others = r.Experiments[0], r.Experiments[1:]
			c.Verdict = cmp.Or(verdicts[c.Experiment], neverRun)
		}
		all = append(all, c)
	}
	return all, nil
}

// lastVerdicts returns the verdict of the newest saved run of every experiment below dir.
// What cannot be read is no run.
func lastVerdicts(dir string) map[string]string {
	verdicts := map[string]string{}
	newest := map[string]*report.Run{}
	found, _ := filepath.Glob(filepath.Join(dir, "*", report.RunFile)) // dir is taken as it is
	for _, path := range found {
		saved, err := report.Open(filepath.Dir(path))
		if err != nil || saved.Run.Experiment == nil {
			continue
		}
		run := saved.Run
		if n := newest[run.Scenario]; n == nil || run.Started.After(n.Started) {
			newest[run.Scenario] = run
			verdicts[run.Scenario] = claimVerdict(run.Verdict)
		}
	}
	return verdicts
}

// claimVerdict says what a run's verdict means for what it tests.
func claimVerdict(v report.Verdict) string {
	switch v {
	case report.Pass:
		return "confirmed"
	case report.Breach:
		return "refuted"
	}
	return string(v)
}

func writeCoverage(out io.Writer, all []covered) error {
	var names, verdicts int
	for _, c := range all {
		names, verdicts = max(names, len(c.Experiment)), max(verdicts, len(c.Verdict))
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
		if _, err := fmt.Fprintf(out, "  %-7s  %-*s  %-*s  %s\n", c.ID, names, cmp.Or(c.Experiment, "-"), verdicts, c.Verdict, c.Says); err != nil {
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
