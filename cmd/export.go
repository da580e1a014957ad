package cmd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"plimsoll/report"
	"plimsoll/report/export"
)

// experimentKinds returns what -o can make of an experiment; the other kinds are about one
// run, and each run in it can be written as one of them.
func experimentKinds() []string {
	return []string{"csv", "github", "html", "json", "junit", "markdown", "text"}
}

// checkExperimentOutputs refuses outputs that cannot be made of an experiment.
func checkExperimentOutputs(outputs []output, name string) error {
	for _, o := range outputs {
		if !slices.Contains(experimentKinds(), o.kind) {
			return usageError("of an experiment there are "+strings.Join(experimentKinds(), ", ")+"; of each of its runs all kinds, with plimsoll report DIR/01-…",
				"-o %s=%s: %s is an experiment, and %s is about one run", o.kind, o.path, name, o.kind)
		}
	}
	return nil
}

// export writes a run as one of the kinds that other programs read.
func (w *world) export(out io.Writer, saved *report.Saved, o output) error {
	if saved.Run.Experiment != nil {
		if err := checkExperimentOutputs([]output{o}, saved.Dir); err != nil {
			return err
		}
	}
	var notes []string
	var err error
	switch o.kind {
	case "csv":
		notes, err = export.CSV(out, saved)
	case "hlog":
		notes, err = export.HistogramLog(out, saved)
	case "openmetrics":
		notes, err = export.OpenMetrics(out, saved)
	case "vegeta":
		w.note("note: %s: %s", o.path, export.Reconstructed)
		notes, err = export.Vegeta(out, saved, o.path)
	case "junit":
		err = export.JUnit(out, saved.Run)
	case "markdown":
		err = export.Markdown(out, saved.Run)
	case "github":
		err = export.GitHub(out, saved.Run, w.places(saved))
	default:
		err = fmt.Errorf("nothing makes %q of a run", o.kind)
	}
	for _, note := range notes {
		w.warn(fmt.Errorf("%s: %s", o.path, note))
	}
	return err
}

// create opens where an output goes. The job summary of GitHub Actions is added to, as the
// commands of a step share it; every other file is written anew.
func (w *world) create(o output) (io.WriteCloser, error) {
	switch {
	case o.path == "-":
		return unclosed{w.stdout}, nil
	case o.kind == "markdown" && o.path == w.env("GITHUB_STEP_SUMMARY"):
		return os.OpenFile(o.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // results are for everyone to read
	}
	return os.Create(o.path)
}

// unclosed is a writer that others still need.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// places tells where in the repository the budgets and claims of a run are written: in the
// file that its command names, by the text that was saved with it.
func (w *world) places(saved *report.Saved) func(string) export.Place {
	file := w.inRepository(scenarioOf(saved.Run.Command))
	lines := map[string]int{}
	if text, err := os.ReadFile(filepath.Join(saved.Dir, report.ScenarioFile)); err == nil {
		lines = export.Lines(string(text))
	}
	return func(expr string) export.Place {
		return export.Place{File: file, Line: lines[expr]}
	}
}

// scenarioOf returns the file of the scenario that a command runs, empty if there is none
// or more than one.
func scenarioOf(command []string) string {
	var files []string
	for _, arg := range command {
		if ext := filepath.Ext(arg); (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") {
			files = append(files, arg)
		}
	}
	if len(files) != 1 {
		return ""
	}
	return files[0]
}

// inRepository returns the path from the root of the repository that GitHub Actions works
// in, with slashes; empty if it is not in there. Elsewhere a relative path is as it is.
func (w *world) inRepository(path string) string {
	root := w.env("GITHUB_WORKSPACE")
	if path == "" || root == "" {
		if filepath.IsAbs(path) {
			return ""
		}
		return filepath.ToSlash(path)
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	within, err := filepath.Rel(root, whole)
	if err != nil || !filepath.IsLocal(within) {
		return ""
	}
	return filepath.ToSlash(within)
}

// firstError returns the first error that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// clash refuses outputs of which one would overwrite another.
func clash(outputs []output) error {
	taken := map[string]output{}
	for _, o := range outputs {
		before, again := taken[o.path]
		switch {
		case again && o.path == "-":
			return usageError("write one of them to a file", "-o %s=- and -o %s=- cannot both have standard output", before.kind, o.kind)
		case again && !special(o.path):
			return usageError("give each a path of its own", "-o %s=%s would overwrite -o %s=%s", o.kind, o.path, before.kind, before.path)
		}
		taken[o.path] = o
	}
	return nil
}

// special reports whether something other than a file is at the path, such as /dev/null.
func special(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}
