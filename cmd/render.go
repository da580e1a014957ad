package cmd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// runKinds returns what -o can make of a run.
func runKinds() []string {
	return []string{"csv", "github", "hlog", "html", "json", "junit", "markdown", "openmetrics", "text", "vegeta"}
}

// outputFlag gives cmd the flag -o for these kinds, and for those of streamKinds that it
// sends a run to while it goes.
func outputFlag(cmd *cobra.Command, values *[]string, kinds []string, live ...string) {
	last := len(kinds) - 1
	usage := "also write `KIND=PATH`: " + strings.Join(kinds[:last], ", ") + " or " + kinds[last] + "; the path - replaces the summary; repeatable"
	if len(live) > 0 {
		usage += "; while it runs: prometheus=URL or ADDRESS, otlp=URL"
	}
	cmd.Flags().StringArrayVarP(values, "output", "o", nil, usage)
	var offered []string
	for _, k := range slices.Concat(kinds, live) {
		offered = append(offered, k+"=")
	}
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoSpace)) //nolint:errcheck // the flag is there
}

// writeRun writes a run to where the user wants it: the outputs first, then, unless one
// of them took standard output, the summary or with --json the run. An output that cannot
// be written costs no other one, nor the summary.
func (w *world) writeRun(saved *report.Saved, outputs []output, show text.Options) error {
	show.Dir = saved.Dir
	var lost []error
	usual := true
	for _, o := range outputs {
		err := w.writeOutput(saved, o)
		switch {
		case err != nil:
			lost = append(lost, fmt.Errorf("write %s: %w", o.path, reasonOf(err, o.path)))
		case o.path == "-":
			usual = o.kind == "github" && !w.json // its runner takes annotations out of the log, which is no summary then
		default:
			show.Files = append(show.Files, o.path)
		}
	}
	if usual {
		lost = append(lost, w.writeResult(saved.Run, show))
	}
	return errors.Join(lost...)
}

// reasonOf returns err without the path, if it names that one: what could not be read stays
// named.
func reasonOf(err error, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == path {
		return e.Err
	}
	return err
}

// writeResult writes what stands on standard output unless the user wants something else.
func (w *world) writeResult(run *report.Run, show text.Options) error {
	if w.json {
		return w.writeJSON(run)
	}
	show.Color, show.Width = w.color(w.stdout), w.width(w.stdout)
	return text.Summary(w.stdout, run, show)
}

func (w *world) writeOutput(saved *report.Saved, o output) error {
	file, err := w.create(o)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file) // a long run is not kept in memory
	err = w.render(out, saved, o)
	return firstError(err, out.Flush(), file.Close())
}

// render writes the run as one of runKinds, for a file: no colours, the width of 80.
func (w *world) render(out io.Writer, saved *report.Saved, o output) error {
	switch o.kind {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(saved.Run)
	case "html":
		if saved.Run.Experiment != nil {
			return html.Experiment(out, saved)
		}
		return html.Run(out, saved)
	case "text":
		return text.Summary(out, saved.Run, text.Options{Dir: saved.Dir})
	}
	return w.export(out, saved, o)
}
