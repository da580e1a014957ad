package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
)

var update = flag.Bool("update", false, "write what the commands say now into the scripts")

// TestMain lets the test binary be plimsoll when it is started under that name, by a
// script or as the reference target.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plimsoll": func() {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
	}})
}

// TestHelp holds what all help texts promise: they fit on a terminal of 80 columns and
// every command and flag is explained.
func TestHelp(t *testing.T) {
	w := &world{env: func(string) string { return "" }}
	for cmd := range commands(newRoot(w)) {
		var help bytes.Buffer
		writeHelp(&help, cmd)
		for line := range strings.Lines(help.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpWidth {
				t.Errorf("%s --help: %d columns in %q", cmd.CommandPath(), n, line)
			}
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short help is %q", cmd.CommandPath(), cmd.Short)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s is not explained", cmd.CommandPath(), f.Name)
			}
		})
	}
}

// commands yields cmd and all below it.
func commands(cmd *cobra.Command) iter.Seq[*cobra.Command] {
	return func(yield func(*cobra.Command) bool) {
		if !yield(cmd) {
			return
		}
		for _, sub := range cmd.Commands() {
			for c := range commands(sub) {
				if !yield(c) {
					return
				}
			}
		}
	}
}

func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// TestScriptsOfTheTarget start so many targets that a measurement beside them would not be
// valid.
func TestScriptsOfTheTarget(t *testing.T) { runScripts(t, "testdata/target") }

// runScripts runs the scripts of a directory side by side.
func runScripts(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"target":       target,
			"savedrun":     savedRun,
			"repeatedruns": repeatedRuns,
			"freeport":     freePort,
		},
	})
}

// exits CODE COMMAND… runs a command and demands its exit code, or one of several: 0,4.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// target FLAGS… starts a reference target for the rest of the script, sets $URL, $ADDRESS,
// $ADMIN_URL and $ADMIN, and demands at the end that it stops on SIGTERM with code 0.
func target(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: target FLAGS…")
	}
	cmd := exec.Command("plimsoll", append([]string{"target", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--json"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = ts.Stderr()
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
		ts.Check(cmd.Wait())
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	ts.Check(err)
	var where ready
	ts.Check(json.Unmarshal(line, &where))
	ts.Setenv("URL", where.URL)
	ts.Setenv("ADDRESS", where.Address)
	ts.Setenv("ADMIN_URL", where.AdminURL)
	ts.Setenv("ADMIN", where.Admin)
}

// freeport NAME sets $NAME to a port of 127.0.0.1 on which nobody listens.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(errors.Join(err, l.Close()))
	ts.Setenv(args[0], port)
}

// savedrun DIR [interrupted] saves a run: one open load with two stages of five seconds,
// 100 requests named home in each second, all answered after 10 ms, in the second stage
// 20 ms. Its budget is p99 < 50ms.
func savedRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: savedrun DIR [interrupted]")
	}
	ending := report.Complete
	if len(args) > 1 {
		ending = report.Stopped
	}
	legend := &engine.Legend{
		Loads: []engine.LoadLegend{{Name: "visitors", Model: "open", Stages: []engine.StageLegend{
			{Name: "calm", From: 0, To: 5 * time.Second, Planned: 100},
			{Name: "peak", From: 5 * time.Second, To: 10 * time.Second, Planned: 100},
		}}},
		Requests: []engine.RequestLegend{{Name: "home"}},
	}
	b, err := budget.Parse("p99 < 50ms")
	ts.Check(err)
	watch, err := budget.NewWatch(legend, []*budget.Budget{b})
	ts.Check(err)
	meta := report.Meta{Scenario: "saved", Target: "http://127.0.0.1:1", Started: time.Unix(0, 0).UTC(), IntervalS: 1}
	writer, err := report.Create(ts.MkAbs(args[0]), meta, legend, watch)
	ts.Check(err)
	total := engine.NewSnapshot(legend)
	for second := range 10 {
		s := steadySecond(legend, second)
		watch.Observe(s)
		ts.Check(writer.Interval(s))
		total.Merge(s)
	}
	ts.Check(writer.Finish(report.Summarize(meta, total, watch.Results(), ending)))
}

// steadySecond is what happened in one second of savedRun.
func steadySecond(legend *engine.Legend, second int) *engine.Snapshot {
	s := engine.NewSnapshot(legend)
	s.From, s.To = time.Duration(second)*time.Second, time.Duration(second+1)*time.Second
	stage := second / 5
	took := time.Duration(stage+1) * 10 * time.Millisecond
	cell := s.Cell(engine.Key{Stage: stage})
	for i := range 100 {
		due := s.From + time.Duration(i)*10*time.Millisecond
		cell.Add(&engine.Sample{Stage: stage, Due: due, Start: due, End: due + took, Status: 200})
	}
	s.Tallies[0][stage] = engine.Tally{Planned: 100, Sent: 100, Completed: 100, Busy: 100 * took}
	s.Health = engine.Health{CPU: 50 * time.Millisecond, Capacity: 2 * time.Second, InFlight: 2, Connections: 2}
	return s
}
