//go:build unix

package cmd

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"plimsoll/report"
)

// TestHonestyOfAStoppedGenerator stops the generator itself for half a second. What fell
// due meanwhile was sent late: latency has to say so, service must not, and the run is
// not valid, whatever its budgets say.
func TestHonestyOfAStoppedGenerator(t *testing.T) {
	hold(t, func(t *testing.T, f *findings) *report.Run {
		s := newTruth(t)
		c := startScenario(t, s, `
flows: [{get: /ok}]
load: [{name: l, rate: 400/s, for: 2s}]
budgets: [p99 < 100ms]
`)
		await(t, func() bool { return s.count("/ok") >= 300 })
		c.Process.Signal(syscall.SIGSTOP)
		stopped := time.Now()
		time.Sleep(500 * time.Millisecond)
		c.Process.Signal(syscall.SIGCONT)
		pause := milliseconds(time.Since(stopped))
		code, run := c.end(t)
		l := run.Loads[0]
		f.balanced(run)
		f.equal("exit code", uint64(code), exitInconclusive)
		f.equal("sent", l.Sent, 800)
		f.equal("what the target counted", s.count("/ok"), 800)
		if !slices.Contains(run.Validity.LimitedBy, report.LimitLag) {
			f.add("limited by %q, want lag", run.Validity.LimitedBy)
		}
		if sum := l.Service.Mean + l.Lag.Mean; math.Abs(l.Latency.Mean-sum) > 0.001 || l.Lag.Mean < 10 {
			f.add("mean latency %.4f is not service %.4f and lag %.4f", l.Latency.Mean, l.Service.Mean, l.Lag.Mean)
		}
		// A share of pause/2s of the arrivals is late, evenly between nothing and the pause.
		share := pause / 2000
		f.near("p90 of the lag", l.Lag.P90, (0.9-1+share)/share*pause, 0.2*pause) // the arrears take a while
		f.near("longest lag", l.Lag.Max, pause, 0.2*pause)
		f.near("p90 of the latency", l.Latency.P90, l.Lag.P90, 0.1*pause)
		f.near("p90 of the service", l.Service.P90, 0, 0.1*pause)
		return run
	})
}

// TestHonestyOfRunsCutShort ends runs from outside, each in its own way, and looks at
// what they leave behind. They are at work at the same time.
func TestHonestyOfRunsCutShort(t *testing.T) {
	t.Parallel()
	const rate = 200
	text := fmt.Sprintf("flows: [{get: /ok}]\nload: [{name: l, rate: %d/s, for: 20s}]\nbudgets: [p99 < 10s]\n", rate)
	endings := map[string]struct {
		signal syscall.Signal
		code   int
	}{
		"SIGINT saves and reports what there is":          {syscall.SIGINT, exitInterrupted},
		"SIGTERM does too, with a code of its own":        {syscall.SIGTERM, exitTerminated},
		"SIGKILL loses no more than the interval it hits": {syscall.SIGKILL, -1},
	}
	servers, children := map[string]*truth{}, map[string]*child{}
	for name := range endings {
		servers[name] = newTruth(t)
		children[name] = startScenario(t, servers[name], text)
	}
	for name, ending := range endings {
		t.Run(name, func(t *testing.T) {
			s, c := servers[name], children[name]
			await(t, func() bool { return s.count("/ok") > 0 })
			early := s.count("/ok") // all of them sent before the end of the next interval
			before := c.saved(t)
			await(t, func() bool { return c.saved(t) > before })
			c.Process.Signal(ending.signal)
			code, run := c.end(t)
			after := c.reported(t)
			l, came := after.Loads[0], s.count("/ok")
			var f findings
			if code != ending.code {
				f.add("exit code %d, want %d", code, ending.code)
			}
			if after.Ended != report.Stopped || after.Verdict != report.Interrupted {
				f.add("saved as ended %s, verdict %s", after.Ended, after.Verdict)
			}
			if ending.signal == syscall.SIGKILL {
				if l.Sent < early || l.Sent > came || l.Completed > l.Sent {
					f.add("saved %d sent, %d completed, but %d had come before the last interval, %d in all", l.Sent, l.Completed, early, came)
				}
			} else {
				f.balanced(after)
				f.equal("sent", l.Sent, came)
				f.equal("completed", l.Completed, came)
				f.equal("reported as sent", run.Loads[0].Sent, came)
				f.equal("planned", l.Planned, 20*rate)
			}
			f.check(t)
		})
	}
}

// saved returns how many seconds of the run the summary on disk speaks of.
func (c *child) saved(t *testing.T) float64 {
	t.Helper()
	saved, err := report.Open(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	return saved.Run.DurationS
}

// reported returns the run that the child saved, as plimsoll reads it later. It must also
// be fit to be checked, with the result that an interrupted run proves nothing.
func (c *child) reported(t *testing.T) *report.Run {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "plimsoll", "check", c.dir).Run(); err == nil || err.Error() != "exit status 4" {
		t.Errorf("plimsoll check: %v, want exit status 4", err)
	}
	text, err := exec.CommandContext(t.Context(), "plimsoll", "report", c.dir, "--json").Output()
	if err != nil {
		t.Fatalf("plimsoll report: %v", err)
	}
	run := &report.Run{}
	if err := json.Unmarshal(text, run); err != nil {
		t.Fatal(err)
	}
	return run
}

// TestHonestyOfASecondSignal has a request under way that the first signal waits for, a
// second at the most. The second signal must not.
func TestHonestyOfASecondSignal(t *testing.T) {
	t.Parallel()
	s := newTruth(t)
	c := start(t, "hit", s.URL+"/stuck", "--users", "1", "-d", "20s")
	await(t, func() bool { return s.count("/stuck") > 0 })
	first := time.Now()
	c.Process.Signal(syscall.SIGINT)
	time.Sleep(300 * time.Millisecond) // sooner it would be taken for an echo of the first
	c.Process.Signal(syscall.SIGINT)
	c.Wait()
	if code, took := c.ProcessState.ExitCode(), time.Since(first); code != exitInterrupted || took >= time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	if c.stdout.Len() > 0 {
		t.Error("it took the time to report")
	}
}
