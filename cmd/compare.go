package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/report/compare"
	"plimsoll/report/export"
	"plimsoll/report/html"
	"plimsoll/report/text"
)

// compareFlags are the flags of compare, as they were written.
type compareFlags struct {
	judge     []string
	minEffect []string
	stage     string
	different bool
	alpha     float64
	html      string
	outputs   []string

	calibration string
}

// compareKinds returns what -o can make of a comparison.
func compareKinds() []string { return []string{"json", "text", "markdown", "html"} }

func newCompare(w *world) *cobra.Command {
	f := &compareFlags{}
	cmd := &cobra.Command{
		Use:     "compare BASE NEW",
		GroupID: groupRead,
		Short:   "Say whether new runs differ from a base by more than chance",
		Long: `Say whether new runs differ from a base by more than chance and by more than
matters. BASE and NEW are saved runs, or directories of runs of the same test.
Runs that took turns, base and new, are compared pair by pair; ten pairs are
usual, and with fewer than six nothing is decided: one run each shows where they
differ, not whether the next run would.

A row is a regression or an improvement if the typical difference is more than
its least effect, and the p-value after Holm's correction is below alpha or the
interval for all rows at once lies beyond it. It is the same if its interval
lies within the least effect. Anything else is inconclusive, and so is the whole
if any judged row is, unless there is a regression.`,
		Example: `  plimsoll compare runs/base runs/new
  plimsoll compare base new --judge p50,p99,errors --min-effect p99=10%
  plimsoll compare base new --stage peak -o markdown=summary.md`,
		Annotations:       exitTable(exitOK, exitUsage, exitInconclusive, exitRegression),
		Args:              baseAndNew,
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			return w.compare(f, args[0], args[1])
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.judge, "judge", compare.DefaultOptions().Judge, "`METRICS` that the verdict rests on; the others are only shown")
	flags.StringArrayVar(&f.minEffect, "min-effect", nil, "`METRIC=SHARE` up to which a difference does not matter: p99=10%; repeatable")
	flags.StringVar(&f.stage, "stage", "", "compare only what was due in the stage of this `NAME`")
	flags.BoolVar(&f.different, "allow-different", false, "compare runs of different scenarios or loads, too")
	flags.Float64Var(&f.alpha, "alpha", compare.DefaultRule().Alpha, "bound on the chance of a false alarm, as a `NUMBER`")
	flags.StringVar(&f.html, "html", "", "also write a page with both sides on the same axes to `FILE`; as -o html=FILE")
	calibrationFlag(cmd, &f.calibration)
	outputFlag(cmd, &f.outputs, compareKinds())
	w.jsonFlag(cmd)
	return cmd
}

// baseAndNew is for commands that take two saved runs.
func baseAndNew(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) < 2:
		return usageError(seeHelp(cmd), "%s needs two saved runs, BASE and NEW", cmd.CommandPath())
	case len(args) > 2:
		return usageError("put repeated runs of each side into a directory", "%s takes two arguments, not %q as well", cmd.CommandPath(), args[2])
	}
	return nil
}

// options reads the flags.
func (f *compareFlags) options() (compare.Options, error) {
	o := compare.DefaultOptions()
	o.Judge, o.Stage, o.AllowDifferent, o.Alpha = f.judge, f.stage, f.different, f.alpha
	for _, value := range f.minEffect {
		name, share, ok := strings.Cut(value, "=")
		number, percent := strings.CutSuffix(share, "%")
		x, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || !percent {
			return o, usageError("write it as METRIC=SHARE, like p99=10%", "--min-effect %s: it takes a percentage", value)
		}
		if _, known := o.MinEffect[name]; !known {
			return o, unknownMetric("--min-effect", name)
		}
		o.MinEffect[name] = x / 100
	}
	for _, name := range f.judge {
		if _, known := o.MinEffect[name]; !known {
			return o, unknownMetric("--judge", name)
		}
	}
	return o, nil
}

func unknownMetric(flag, name string) error {
	hint := "the metrics are " + strings.Join(compare.Metrics(), ", ")
	if best := nearest(name, compare.Metrics()); best != "" {
		hint = "did you mean " + best + "?"
	}
	return usageError(hint, "%s: there is no metric %q", flag, name)
}

// compare compares what lies at two paths and shows what comes out.
func (w *world) compare(f *compareFlags, base, candidate string) error {
	if f.html != "" {
		f.outputs = append(f.outputs, "html="+f.html)
	}
	outputs, err := parseOutputs(f.outputs, compareKinds()...)
	if err != nil {
		return err
	}
	options, err := f.options()
	if err != nil {
		return err
	}
	if options.Calibration, err = openCalibration(f.calibration, 0); err != nil {
		return err
	}
	c, err := compareDirs(base, candidate, options)
	if err != nil {
		return err
	}
	return errors.Join(w.writeComparison(c, outputs), comparisonError(c))
}

// compareDirs compares the runs in two directories.
func compareDirs(base, candidate string, options compare.Options) (*report.Comparison, error) {
	var sets []*compare.Set
	for _, path := range []string{base, candidate} {
		set, err := compare.Open(path)
		if err != nil {
			return nil, refused(err)
		}
		sets = append(sets, set)
	}
	c, err := compare.Runs(sets[0], sets[1], options)
	return c, refused(err)
}

// refused turns why two sides cannot be compared into an error with a hint.
func refused(err error) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*compare.RefusedError](err); ok {
		hint := r.Hint
		if r.Differ {
			hint = "--allow-different compares them all the same"
			return usageError(hint, "these are not runs of the same test: %w", err)
		}
		return usageError(hint, "%w", err)
	}
	return withCode(exitUsage, err)
}

// comparisonError is how a command ends that compared; nil if nothing got worse.
func comparisonError(c *report.Comparison) error {
	switch c.Verdict {
	case report.Same, report.Better:
		return nil
	case report.Worse:
		return withCode(exitRegression, nil)
	}
	return withCode(exitInconclusive, nil)
}

// writeComparison writes the outputs, then what stands on standard output.
func (w *world) writeComparison(c *report.Comparison, outputs []output) error {
	show := text.Options{Color: w.color(w.stdout), Width: w.width(w.stdout)}
	usual := true
	var lost []error
	for _, o := range outputs {
		err := w.saveComparison(o, c)
		switch {
		case err != nil:
			lost = append(lost, withCode(exitUsage, fmt.Errorf("write %s: %w", o.path, reasonOf(err, o.path))))
		case o.path == "-":
			usual = false
		default:
			show.Files = append(show.Files, o.path)
		}
	}
	switch {
	case !usual:
	case w.json:
		lost = append(lost, w.writeJSON(c))
	default:
		lost = append(lost, text.Compare(w.stdout, c, show))
	}
	return errors.Join(lost...)
}

func (w *world) saveComparison(o output, c *report.Comparison) error {
	var b bytes.Buffer
	if err := renderComparison(&b, c, o.kind); err != nil {
		return err
	}
	if o.path == "-" {
		_, err := w.stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(filepath.Clean(o.path), b.Bytes(), 0o644) //nolint:gosec // results are for everyone to read
}

// renderComparison writes a comparison as one of compareKinds.
func renderComparison(out io.Writer, c *report.Comparison, kind string) error {
	switch kind {
	case "json":
		return encodeJSON(out, c)
	case "markdown":
		return export.CompareMarkdown(out, c)
	case "html":
		return html.Compare(out, c)
	case "text":
		return text.Compare(out, c, text.Options{})
	}
	return fmt.Errorf("nothing makes %q of a comparison", kind)
}

func encodeJSON(out io.Writer, v any) error {
	return (&world{stdout: out}).writeJSON(v)
}
