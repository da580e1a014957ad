package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/report/text"
)

func newReport(w *world) *cobra.Command {
	var values []string
	cmd := &cobra.Command{
		Use:     "report RUN",
		GroupID: groupRead,
		Short:   "Show a saved run again",
		Long: `Show a saved run again. RUN is its directory. The exit code says whether the run
could be read, not how it ended; that is what plimsoll check is for.`,
		Example: `  plimsoll report runs/quickstart-20260131-094500
  plimsoll report runs/quickstart-20260131-094500 -o text=summary.txt -o json=-`,
		Annotations:       exitTable(exitOK, exitUsage),
		Args:              oneArg("the directory of a run"),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			outputs, err := parseOutputs(values, runKinds()...)
			if err != nil {
				return err
			}
			saved, err := openRun(args[0])
			if err != nil {
				return err
			}
			return w.writeRun(saved.Run, outputs, text.Options{Dir: saved.Dir})
		},
	}
	outputFlag(cmd, &values)
	w.jsonFlag(cmd)
	return cmd
}

// runKinds returns what -o can make of a run.
func runKinds() []string { return []string{"json", "text"} }

// outputFlag gives cmd the flag -o for what runKinds lists.
func outputFlag(cmd *cobra.Command, values *[]string) {
	cmd.Flags().StringArrayVarP(values, "output", "o", nil,
		"also write `KIND=PATH`: json or text; the path - replaces the summary; repeatable")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json=", "text="}, cobra.ShellCompDirectiveNoSpace)) //nolint:errcheck // the flag is there
}

// openRun opens a saved run by its directory, or by a file in it.
func openRun(path string) (*report.Saved, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	saved, err := report.Open(path)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	return saved, nil
}

// writeRun writes a run to where the user wants it: the outputs first, then, unless one
// of them took standard output, the summary or with --json the run. An output that cannot
// be written costs no other one, nor the summary.
func (w *world) writeRun(run *report.Run, outputs []output, show text.Options) error {
	var lost []error
	usual := true
	for _, o := range outputs {
		err := w.writeOutput(run, show.Dir, o)
		switch {
		case err != nil:
			lost = append(lost, fmt.Errorf("write %s: %w", o.path, reasonOf(err)))
		case o.path == "-":
			usual = false
		default:
			show.Files = append(show.Files, o.path)
		}
	}
	if usual {
		lost = append(lost, w.writeResult(run, show))
	}
	return errors.Join(lost...)
}

// reasonOf returns err without the path that it names.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
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

func (w *world) writeOutput(run *report.Run, dir string, o output) error {
	var b bytes.Buffer
	if err := render(&b, run, dir, o.kind); err != nil {
		return err
	}
	if o.path == "-" {
		_, err := w.stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(o.path, b.Bytes(), 0o644)
}

// render writes the run as one of runKinds, for a file: no colours, the width of 80.
func render(out io.Writer, run *report.Run, dir, kind string) error {
	if kind == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(run)
	}
	return text.Summary(out, run, text.Options{Dir: dir})
}
