package cmd

import (
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
		Long: `Show a saved run again. RUN is its directory, or that of what plimsoll capacity
found. The exit code says whether it could be read, not how it ended; that is
what plimsoll check is for.`,
		Example: `  plimsoll report runs/quickstart-20260131-094500
  plimsoll report runs/quickstart-20260131-094500 -o html=report.html -o json=-`,
		Annotations:       exitTable(exitOK, exitUsage),
		Args:              oneArg("the directory of a run"),
		ValidArgsFunction: completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			c, dir, err := capacityIn(args[0])
			if err != nil {
				return err
			}
			if c != nil {
				return w.reportCapacity(c, dir, values)
			}
			outputs, err := parseOutputs(values, runKinds()...)
			if err != nil {
				return err
			}
			saved, err := openRun(args[0])
			if err != nil {
				return err
			}
			if saved.Run.Experiment != nil {
				if err := checkExperimentOutputs(outputs, saved.Dir); err != nil {
					return err
				}
			}
			return w.writeRun(saved, outputs, text.Options{})
		},
	}
	outputFlag(cmd, &values, runKinds())
	w.jsonFlag(cmd)
	return cmd
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
