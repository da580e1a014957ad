package cmd

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// The levels of a finding, and what they mean for a measurement on this machine.
const (
	fit     = "ok"
	warning = "warn" // it may be limited or blurred
	unfit   = "bad"  // it will be wrong
)

// finding is what one look at the machine showed.
type finding struct {
	Check   string             `json:"check"`
	Level   string             `json:"level"`
	Found   string             `json:"found"`
	Advice  string             `json:"advice,omitempty"`
	Figures map[string]float64 `json:"figures,omitempty"`
}

// diagnosis is the result of doctor.
type diagnosis struct {
	Fit    bool      `json:"fit"`
	Checks []finding `json:"checks"`
}

// How long doctor measures each of timers, noise and loopback.
const (
	timerSpan    = 200 * time.Millisecond
	noiseSpan    = time.Second
	loopbackSpan = 300 * time.Millisecond
)

func newDoctor(w *world) *cobra.Command {
	connections := 1000
	cmd := &cobra.Command{
		Use:     "doctor",
		GroupID: groupPrepare,
		Short:   "Say whether this machine is fit to measure",
		Long: `Look at processors, limits and clocks of this machine, measure for two seconds
how exactly it keeps time, and say what to change. Run it while the machine is
as busy as it will be during the test.`,
		Example: `  plimsoll doctor
  plimsoll doctor --connections 10000 --json`,
		Annotations: exitTable(exitOK, exitUsage, exitUnreachable),
		Args:        noArgs,
		RunE:        func(cmd *cobra.Command, _ []string) error { return w.doctor(cmd.Context(), connections) },
	}
	cmd.Flags().IntVar(&connections, "connections", connections, "the test will need `N` connections")
	w.jsonFlag(cmd)
	return cmd
}

func (w *world) doctor(ctx context.Context, connections int) error {
	if connections < 1 {
		return usageError("", "--connections %d: at least one is needed", connections)
	}
	d := diagnosis{Fit: true}
	for _, look := range looks(os.DirFS("/"), connections) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f := look(ctx)
		d.Checks = append(d.Checks, f)
		d.Fit = d.Fit && f.Level != unfit
		if !w.json {
			w.writeFinding(f)
		}
	}
	if err := w.conclude(d); err != nil {
		return err
	}
	if !d.Fit {
		return withCode(exitUnreachable, nil)
	}
	return nil
}

// looks returns the examinations, in order; root is the file system of the machine.
func looks(root fs.FS, connections int) []func(context.Context) finding {
	still := func(f finding) func(context.Context) finding { return func(context.Context) finding { return f } }
	soft, hard := fileLimits()
	return []func(context.Context) finding{
		still(lookAtProcessors(runtime.NumCPU(), runtime.GOMAXPROCS(0))),
		still(lookAtLoad(root, runtime.NumCPU())),
		still(lookAtMemory(root)),
		still(lookAtFiles(soft, hard, connections)),
		still(lookAtPorts(root, connections)),
		still(lookAtClock(root, clockCost())),
		func(context.Context) finding { return lookAtTimers(lateness(timerSpan)) },
		func(context.Context) finding { return lookAtNoise(gaps(noiseSpan), noiseSpan) },
		func(ctx context.Context) finding { return lookAtLoopback(roundTrips(ctx, loopbackSpan)) },
	}
}

func (w *world) writeFinding(f finding) {
	start, end := "", ""
	if w.color(w.stdout) {
		start, end = map[string]string{fit: "\x1b[32m", warning: "\x1b[33m", unfit: "\x1b[31m"}[f.Level], "\x1b[0m"
	}
	const indent = 18
	text := wrap(f.Found, w.width(w.stdout)-indent)
	fmt.Fprintf(w.stdout, "%s%-4s%s  %-10s  %s\n", start, f.Level, end, f.Check, strings.Join(text, "\n"+strings.Repeat(" ", indent)))
	if f.Advice != "" {
		text = wrap(f.Advice, w.width(w.stdout)-indent-2)
		fmt.Fprintf(w.stdout, "%*s  %s\n", indent-2, "→", strings.Join(text, "\n"+strings.Repeat(" ", indent)))
	}
}

func (w *world) conclude(d diagnosis) error {
	if w.json {
		return w.writeJSON(d)
	}
	warnings := 0
	for _, f := range d.Checks {
		if f.Level == warning {
			warnings++
		}
	}
	verdict := "This machine is fit to measure"
	if !d.Fit {
		verdict = "This machine is not fit to measure"
	}
	_, err := fmt.Fprintf(w.stdout, "\n%s; warnings: %d.\n", verdict, warnings)
	return err
}

// wrap breaks text into lines of at most width letters, if its words allow.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
