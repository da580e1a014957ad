// Package cmd is the command line: one file per command, which reads flags, wires the
// other packages together and says how it ended. It is the only place that exits, prints,
// reads the environment and traps signals. It measures nothing and decides nothing about
// a run.
package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Main runs the command line args (without the name of the program) and returns the exit
// code. It reads and writes only what it is given; env returns the value of a variable of
// the environment, "" if it is not set.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) (code int) {
	w := &world{args: args, stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	defer func() {
		if p := recover(); p != nil { // Go's own exit code of a panic, 2, would say "nothing was sent"
			w.uncover()
			fmt.Fprintf(stderr, "error: internal: %v\n%s", p, debug.Stack())
			code = exitInternal
		}
	}()
	ctx, raise, release := untilSignal(context.Background(), w.uncover)
	defer release()
	w.raise = raise
	err := w.execute(ctx, args)
	w.uncover()
	complain(stderr, err)
	return exitCode(err)
}

// world is what a command may touch outside of its flags.
type world struct {
	args           []string // the command line, without the name of the program
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	raise          func(os.Signal) // does what the signal would do
	curtain        curtain

	json, quiet, noColor bool
	config               string
}

func (w *world) execute(ctx context.Context, args []string) error {
	root := newRoot(w) //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	root.SetIn(w.stdin)
	root.SetOut(w.stdout)
	root.SetErr(w.stderr)
	err := root.ExecuteContext(ctx)
	var name string
	if err != nil && exitCode(err) == exitInternal && strings.HasPrefix(err.Error(), "unknown command") {
		fmt.Sscanf(err.Error(), "unknown command %q", &name) //nolint:errcheck // without a name there is no suggestion
		return unknownCommand(root, name)
	}
	return err
}

const (
	groupLoad    = "load"
	groupRead    = "read"
	groupPrepare = "prepare"
	groupAbout   = "about"
)

func newRoot(w *world) *cobra.Command {
	root := &cobra.Command{
		Use:   "plimsoll",
		Short: "Find the load that a service can safely carry",
		Long: `Plimsoll drives open- and closed-loop traffic at a service, measures it honestly
and fails a build that makes the service worse. Latency counts from when a
request was due; a run that the generator limited is inconclusive, never green.

Start here:
  plimsoll run quickstart                       see it work, on a bundled target
  plimsoll hit URL --rate 100/s -d 10s          load one address
  plimsoll scenarios show quickstart > my.yaml  write a scenario of your own`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return w.configure(cmd) },
	}
	flags := root.PersistentFlags()
	flags.BoolVarP(&w.quiet, "quiet", "q", false, "only results and errors, no progress and no messages")
	flags.BoolVar(&w.noColor, "no-color", false, "no colours (NO_COLOR does the same)")
	flags.StringVar(&w.config, "config", "", "read settings from `FILE` instead of plimsoll.yaml")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(w.stdout, cmd) })
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp(w))
	root.AddGroup(
		&cobra.Group{ID: groupLoad, Title: "Make load:"},
		&cobra.Group{ID: groupRead, Title: "Read runs:"},
		&cobra.Group{ID: groupPrepare, Title: "Prepare:"},
		&cobra.Group{ID: groupAbout, Title: "About:"},
	)
	root.SetHelpCommandGroupID(groupAbout)
	root.AddCommand(
		newRun(w), newHit(w), newCapacity(w), newCalibrate(w), newTarget(w),
		newReport(w), newHistory(w), newCheck(w), newCompare(w), newPlan(w), newSimulate(w),
		newScenarios(w), newDoctor(w),
		newCompletion(w), newMan(w), newVersion(w), newEnvironment(), newExportsTopic(), newNull(w),
	)
	return root
}

// jsonFlag gives cmd the flag --json, for commands with a result that machines read.
func (w *world) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.json, "json", false, "write the result as JSON")
}
