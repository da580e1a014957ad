package cmd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/engine/capacity"
	"plimsoll/report/text"
)

func newCapacityFit(w *world) *cobra.Command {
	var weights string
	kinds := []string{string(capacity.RelativeWeights), string(capacity.ReplicateWeights), string(capacity.EqualWeights)}
	cmd := &cobra.Command{
		Use:   "fit FILE.csv",
		Short: "Fit the scalability model to given points",
		Long: `Fit the universal scalability law to throughput at given concurrency, and rank
it against Amdahl's law and linear scaling. The points must come from a closed
loop: concurrency is how many users wait for an answer at a time.

FILE.csv has the columns concurrency (or n, or users) and throughput, with a
header or without, separated by commas or semicolons; lines that begin with #
are comments, and - is standard input. Lines of equal concurrency are
replicates. Six different concurrencies are needed, better ten, evenly spaced on
a logarithmic scale and up to twice the knee. A peak that the points do not show
is not reported.

Weights: relative trusts each point by its size (1/X²) and suits most
measurements; replicates takes the noise from lines of equal concurrency (1/s²);
none is ordinary least squares, as most other tools have it.`,
		Example: `  plimsoll capacity fit points.csv
  plimsoll capacity fit points.csv --weights none --json`,
		Annotations: exitTable(exitOK, exitUsage),
		Args:        oneArg("a file of points"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"csv"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(kinds, weights) {
				return usageError("the weights are "+strings.Join(kinds, ", "), "--weights %s: unknown weights", weights)
			}
			return w.capacityFit(args[0], capacity.Weights(weights))
		},
	}
	cmd.Flags().StringVar(&weights, "weights", kinds[0], "how points count, a `KIND`: relative, replicates or none")
	cmd.RegisterFlagCompletionFunc("weights", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	w.jsonFlag(cmd)
	return cmd
}

// capacityFit fits the points of a file, or of standard input, and shows the model.
func (w *world) capacityFit(path string, weights capacity.Weights) error {
	in, name := w.stdin, "stdin"
	if path != "-" {
		if isDir(path) {
			return usageError("name a file with the columns concurrency and throughput", "%s is a directory", path)
		}
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read points: %w", err)
		}
		defer f.Close()
		in, name = f, path
	}
	points, err := capacity.ReadPoints(in)
	if err != nil {
		return rowErrors(name, err)
	}
	m, err := capacity.FitModel(points, weights)
	if err != nil {
		return usageError(fitHint(err), "%s: %w", name, err)
	}
	if w.json {
		return w.writeJSON(&m)
	}
	return text.Fit(w.stdout, &m, text.Options{Color: w.color(w.stdout), Width: w.width(w.stdout)})
}

// fitHint says what may help points that cannot be fitted.
func fitHint(err error) string {
	switch {
	case errors.Is(err, capacity.ErrTooFew):
		return "measure at more concurrencies, such as 1, 2, 4, 8, 16, 32, 64: below the knee and beyond"
	case errors.Is(err, capacity.ErrNoSpread):
		return "use --weights relative"
	}
	return ""
}

// rowErrors makes an error of its own of each mistake in a file of points.
func rowErrors(name string, err error) error {
	var all []error
	for e := range chain(err) {
		if row, ok := e.(*capacity.RowError); ok { //nolint:errorlint // chain unwraps
			all = append(all, usageError(row.Hint, "%s:%w", name, row))
		}
	}
	if all == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return errors.Join(all...)
}
