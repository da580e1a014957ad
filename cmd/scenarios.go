package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/scenarios"
)

func newScenarios(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scenarios",
		GroupID: groupPrepare,
		Short:   "List, show and check scenarios",
		Long: `List the scenarios that come with plimsoll, show them, check your own, or write
the JSON Schema with which an editor helps to write them.`,
		RunE: subcommandsOnly(w),
	}
	cmd.AddCommand(newScenariosList(w), newScenariosShow(w), newScenariosValidate(w), newScenariosSchema(w), newScenariosCoverage(w))
	return cmd
}

// openScenario reads a scenario, or its quick form: a file, a bundled one by its name, or -
// for standard input. Each setting is a path=value of --set.
func (w *world) openScenario(name string, quick bool, settings ...string) (*scenarios.Scenario, error) {
	s, err := w.readScenario(name, settings)
	if err != nil {
		return nil, err
	}
	found := &inspection{}
	found.scenario(s)
	// A setting that is good for the scenario need not fit a quick form that is not asked for.
	if !quick && (len(settings) > 0 || !s.HasQuick()) {
		return s, found.problems.OrNil()
	}
	q, err := s.Quick()
	mistakes, wrong := errors.AsType[scenarios.Problems](err)
	switch {
	case wrong:
		found.problems = append(found.problems, mistakes...)
	case err != nil:
		return nil, err
	default:
		found.scenario(q, "the quick form")
	}
	if quick {
		s = q
	}
	return s, found.problems.OrNil()
}

func (w *world) readScenario(name string, settings []string) (*scenarios.Scenario, error) {
	if name != "-" {
		return scenarios.Open(name, settings...)
	}
	text, err := io.ReadAll(w.stdin)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return scenarios.Parse("stdin", text, settings...)
}

// summary is a line of `scenarios list`.
type summary struct {
	Name       string `json:"name"`
	About      string `json:"about"`
	Section    string `json:"section,omitempty"` // of the article; only of experiments
	Title      string `json:"title,omitempty"`   // of the section
	Experiment bool   `json:"experiment"`
}

func newScenariosList(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the bundled scenarios, and experiments by section",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := summaries()
			switch {
			case err != nil:
				return err
			case w.json:
				return w.writeJSON(all)
			}
			return writeSummaries(w.stdout, all)
		},
	}
	w.jsonFlag(cmd)
	return cmd
}

// summaries returns the bundled scenarios: plain ones first, then the experiments in the
// order of the article.
func summaries() ([]summary, error) {
	titles := map[string]string{}
	requirements, err := scenarios.Coverage()
	if err != nil {
		return nil, err
	}
	for _, r := range requirements {
		titles[r.Section] = r.Title
	}
	experiments, err := scenarios.Experiments()
	if err != nil {
		return nil, err
	}
	plain := slices.DeleteFunc(scenarios.List(), func(name string) bool { return slices.Contains(experiments, name) })
	var all []summary
	for _, name := range slices.Concat(plain, experiments) {
		s, err := scenarios.Open(name)
		if err != nil {
			return nil, err
		}
		line := summary{Name: name, About: firstSentence(s.About), Experiment: s.Experiment != nil}
		if a := s.Article; a != nil {
			line.Section, line.Title, line.About = a.Section, titles[a.Section], a.Says
		}
		all = append(all, line)
	}
	return all, nil
}

// firstSentence returns what comes before the first line break or full stop with a space.
func firstSentence(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

func writeSummaries(out io.Writer, all []summary) error {
	width := 0
	for _, s := range all {
		width = max(width, len(s.Name))
	}
	section := "none"
	for _, s := range all {
		if s.Section != section {
			section = s.Section
			title := "Scenarios"
			if s.Experiment {
				title = strings.TrimSpace(s.Section + " " + s.Title)
			}
			if s.Name != all[0].Name {
				fmt.Fprintln(out)
			}
			fmt.Fprintln(out, title)
		}
		if _, err := fmt.Fprintf(out, "  %-*s  %s\n", width, s.Name, s.About); err != nil {
			return err
		}
	}
	return nil
}

func newScenariosShow(w *world) *cobra.Command {
	var plan bool
	cmd := &cobra.Command{
		Use:   "show SCENARIO",
		Short: "Write out a bundled scenario, or what a scenario will do",
		Example: `  plimsoll scenarios show quickstart > my.yaml
  plimsoll scenarios show --plan my.yaml`,
		Annotations:       exitTable(exitOK, exitUsage),
		Args:              oneArg("the name of a bundled scenario, or a file"),
		ValidArgsFunction: completeScenarios,
		RunE: func(_ *cobra.Command, args []string) error {
			if text, err := scenarios.Bundled(args[0]); err == nil && !plan {
				_, err := w.stdout.Write(text)
				return err
			}
			s, err := w.openScenario(args[0], false)
			if err != nil {
				return err
			}
			_, err = io.WriteString(w.stdout, s.Explain())
			return err
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "show what it will do instead of its text")
	return cmd
}

// checkedScenario is what validate says about one scenario.
type checkedScenario struct {
	Scenario string    `json:"scenario"`
	Valid    bool      `json:"valid"`
	Problems []problem `json:"problems"`
}

type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func newScenariosValidate(w *world) *cobra.Command {
	var settings []string
	cmd := &cobra.Command{
		Use:   "validate SCENARIO…",
		Short: "Find the mistakes in scenarios without running them",
		Long: `Find the mistakes in scenarios, with line, column and hint, without running
them. For one without mistakes it shows what it will do, unless --quiet is set.
The scenario - is read from standard input.`,
		Example: `  plimsoll scenarios validate my.yaml
  plimsoll scenarios validate --json load/*.yaml
  plimsoll scenarios validate my.yaml --set load[0].rate=2k/s`,
		Annotations:       exitTable(exitOK, exitUsage),
		Args:              someArgs("a scenario"),
		ValidArgsFunction: completeScenarios,
		RunE:              func(_ *cobra.Command, args []string) error { return w.validate(args, settings) },
	}
	cmd.Flags().StringArrayVar(&settings, "set", nil, "replace a value of the scenario: `PATH=VALUE`; repeatable")
	w.jsonFlag(cmd)
	return cmd
}

func (w *world) validate(names, settings []string) error {
	var all []checkedScenario
	var wrong []error
	for _, name := range names {
		s, err := w.openScenario(name, false, settings...)
		all = append(all, checkedScenario{Scenario: name, Valid: err == nil, Problems: problemsOf(name, err)})
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if !w.json && !w.quiet {
			fmt.Fprintf(w.stdout, "%s: valid\n\n%s\n", name, s.Explain())
		}
	}
	if !w.json {
		return errors.Join(wrong...)
	}
	if err := w.writeJSON(all); err != nil || len(wrong) == 0 {
		return err
	}
	return withCode(exitUsage, nil)
}

// problemsOf returns what is wrong, as data.
func problemsOf(name string, err error) []problem {
	if found, ok := errors.AsType[scenarios.Problems](err); ok {
		problems := make([]problem, len(found))
		for i, p := range found {
			problems[i] = problem{File: p.File, Line: p.Line, Column: p.Col, Message: p.Msg, Hint: p.Hint}
		}
		return problems
	}
	if err != nil {
		return []problem{{File: name, Message: err.Error(), Hint: strings.Join(hints(err), "; ")}}
	}
	return []problem{}
}

func newScenariosSchema(w *world) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of scenario files",
		Long: `Write the JSON Schema of scenario files, for editors. Many of them read this
first line of a scenario:

  # yaml-language-server: $schema=plimsoll.schema.json`,
		Example: "  plimsoll scenarios schema > plimsoll.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := w.stdout.Write(scenarios.Schema())
			return err
		},
	}
}
