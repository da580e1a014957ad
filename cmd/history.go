package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/report"
	"plimsoll/report/history"
	"plimsoll/report/text"
)

// historyFlags say which runs are read, and what of them is shown.
type historyFlags struct {
	store   string
	since   string
	outputs []string
	query   history.Query
}

func newHistory(w *world) *cobra.Command {
	f := &historyFlags{}
	cmd := &cobra.Command{
		Use:     "history [DIR…]",
		GroupID: groupRead,
		Short:   "Show how saved runs have changed over time",
		Long: `Show how saved runs have changed over time. The runs in every DIR (default runs)
and below are added to a store, a SQLite file, unless they are in it; the store
keeps their figures when the runs are deleted. Two builds may write to one
store at once.

Runs make a series if they can be compared: of one version of a scenario, with
the same load and settings, against the same target, from the same kind of
machine. Quick runs, variants of experiments, and the sides of comparisons are
series of their own. Runs that are not valid, or were cut short, are listed
and left out.

In every figure change points are looked for, where it changed to stay: by 5 %
at least, with p of 0.001 at most, and 3 runs on each side. They are there to
look into. Whether a build is good is for plimsoll check and plimsoll compare
to say, so this ends with 0 whatever it finds.`,
		Example: `  plimsoll history
  plimsoll history runs/nightly --scenario shop --metric p99 --since 2026-01-01
  plimsoll history --store ci.db -o html=history.html -o csv=history.csv`,
		Annotations: exitTable(exitOK, exitUsage),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error { return w.history(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.store, "store", "", "keep what runs measured in this `FILE` (default history.db in the first DIR)")
	flags.StringArrayVar(&f.query.Scenarios, "scenario", nil, "only runs of the scenario `NAME`; repeatable")
	flags.StringArrayVar(&f.query.Metrics, "metric", nil, "show `METRIC`, such as p99, service.p95 or errors; repeatable\n(default "+strings.Join(history.Usual(), ", ")+")")
	flags.StringArrayVar(&f.query.Requests, "request", nil, "only the request `NAME`; repeatable")
	flags.StringVar(&f.since, "since", "", "only runs since `WHEN`: 2026-01-31, 2026-01-31T09:45:00Z, or 720h ago")
	flags.BoolVar(&f.query.All, "all", false, "older versions of a scenario, too")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "also write `KIND=PATH`: csv, html, json or text; the path - replaces the table;\nrepeatable")
	cmd.RegisterFlagCompletionFunc("metric", cobra.FixedCompletions(history.Metrics(), cobra.ShellCompDirectiveNoFileComp))                        //nolint:errcheck // the flag is there
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"csv=", "html=", "json=", "text="}, cobra.ShellCompDirectiveNoSpace)) //nolint:errcheck // the flag is there
	w.jsonFlag(cmd)
	return cmd
}

func (w *world) history(ctx context.Context, f *historyFlags, dirs []string) error {
	outputs, err := parseOutputs(f.outputs, historyKinds()...)
	if err != nil {
		return err
	}
	if err := f.check(time.Now()); err != nil {
		return err
	}
	dirs, err = f.places(dirs)
	if err != nil {
		return err
	}
	store, err := history.Open(ctx, f.store)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer store.Close() //nolint:errcheck // what it had to keep is kept
	counts, unusable, err := store.Import(ctx, dirs)
	if err != nil {
		return err
	}
	if err := f.known(ctx, store); err != nil {
		return err
	}
	h, err := store.History(ctx, f.query)
	if err != nil {
		return err
	}
	h.Import, h.Generated = counts, time.Now().UTC()
	h.LeftOut = append(unusable, h.LeftOut...)
	return w.writeHistory(h, outputs)
}

// check reads what the flags say.
func (f *historyFlags) check(now time.Time) error {
	for _, m := range f.query.Metrics {
		if !slices.Contains(history.Metrics(), m) {
			return usageError(didYouMean(m, history.Metrics(), "metrics are "), "--metric %s: there is no such metric", m)
		}
	}
	if f.since == "" {
		return nil
	}
	if ago, err := time.ParseDuration(f.since); err == nil {
		f.query.Since = now.Add(-ago.Abs())
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, f.since, time.Local); err == nil {
			f.query.Since = t
			return nil
		}
	}
	return usageError("write a day like 2026-01-31, or a time ago like 720h", "--since %s: neither a time nor a duration", f.since)
}

// places returns where runs are read, and settles where the store is. Without runs a store
// that is there can still be shown.
func (f *historyFlags) places(dirs []string) ([]string, error) {
	if len(dirs) == 0 {
		if isDir("runs") {
			dirs = []string{"runs"}
		} else if f.store == "" || !isFile(f.store) {
			return nil, usageError("name the directory that holds runs", "there is no directory runs here")
		}
	}
	if f.store == "" {
		home := dirs[0]
		if isFile(filepath.Join(home, report.RunFile)) {
			home = filepath.Dir(filepath.Clean(home))
		}
		f.store = filepath.Join(home, "history.db")
	}
	for _, dir := range dirs {
		if !isDir(dir) {
			return nil, usageError("name directories that hold runs", "%s is no directory", dir)
		}
	}
	return dirs, nil
}

// known refuses scenarios and requests that the store has never heard of.
func (f *historyFlags) known(ctx context.Context, store *history.Store) error {
	for _, kind := range []struct {
		flag   string
		wanted []string
		names  func(context.Context) ([]string, error)
	}{{"scenario", f.query.Scenarios, store.Scenarios}, {"request", f.query.Requests, store.Requests}} {
		if len(kind.wanted) == 0 {
			continue
		}
		names, err := kind.names(ctx)
		if err != nil {
			return err
		}
		for _, name := range kind.wanted {
			if !slices.Contains(names, name) {
				return usageError(didYouMean(name, names, "there are "), "--%s %s: no run in %s has such a %s", kind.flag, name, f.store, kind.flag)
			}
		}
	}
	return nil
}

// didYouMean returns the hint for a name that is not among names.
func didYouMean(name string, names []string, all string) string {
	if best := nearest(name, names); best != "" {
		return "did you mean " + best + "?"
	}
	if len(names) == 0 || len(names) > 40 {
		return ""
	}
	return all + strings.Join(names, ", ")
}

func historyKinds() []string { return []string{"csv", "html", "json", "text"} }

// writeHistory writes the outputs first, then, unless one of them took standard output, the
// table or with --json the history.
func (w *world) writeHistory(h *report.History, outputs []output) error {
	var lost []error
	usual := true
	for _, o := range outputs {
		if err := w.saveHistory(h, o); err != nil {
			lost = append(lost, err)
		}
		usual = usual && o.path != "-"
	}
	switch {
	case usual && w.json:
		lost = append(lost, w.writeJSON(h))
	case usual:
		lost = append(lost, text.History(w.stdout, h, text.Options{Color: w.color(w.stdout), Width: w.width(w.stdout)}))
	}
	return errors.Join(lost...)
}
