package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plimsoll/engine/latency"
	"plimsoll/report"
)

// The tests named Honesty hold the whole program, as a process of its own on real
// sockets, against a server that knows what really happened. Those that look at times run
// one after the other; those that only count run side by side.

// child is a plimsoll at work.
type child struct {
	*exec.Cmd
	dir            string // where it saves its run
	stdout, stderr bytes.Buffer
}

// start starts plimsoll with a command that makes a run.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	c := prepare(t, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// prepare is start but for the start.
func prepare(t *testing.T, args ...string) *child {
	t.Helper()
	home := t.TempDir()
	c := &child{dir: filepath.Join(home, "run")}
	c.Cmd = exec.CommandContext(t.Context(), "plimsoll", append(args, "--json", "--ui", "off", "--out", c.dir)...)
	c.Dir, c.Stdout, c.Stderr = home, &c.stdout, &c.stderr
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PLIMSOLL_") })
	c.Env = append(c.Env, "XDG_CONFIG_HOME="+home)
	return c
}

// startScenario starts a scenario, given without name and target.
func startScenario(t *testing.T, s *truth, text string) *child {
	t.Helper()
	return start(t, "run", scenarioFile(t, s, text))
}

func scenarioFile(t *testing.T, s *truth, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "scenario.yaml")
	if err := os.WriteFile(file, []byte("scenario: honesty\ntarget: "+s.URL+"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// end waits until plimsoll has ended, and returns its exit code and the run it reported.
func (c *child) end(t *testing.T) (code int, run *report.Run) {
	t.Helper()
	c.Wait() // the code says it
	code, run = c.ProcessState.ExitCode(), &report.Run{}
	if c.stdout.Len() > 0 {
		if err := json.Unmarshal(c.stdout.Bytes(), run); err != nil {
			t.Fatalf("exit code %d, output is no run: %v\n%s", code, err, c.stdout.String())
		}
	}
	if code == exitInternal || code == exitUsage {
		t.Fatalf("exit code %d, on stderr:\n%s", code, c.stderr.String())
	}
	return code, run
}

// findings are where a run and the truth disagree: wrong whatever the machine is like, or
// off by more time than a calm machine would explain.
type findings struct{ wrong, off []string }

func (f *findings) add(format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

func (f *findings) equal(what string, got, want uint64) {
	if got != want {
		f.add("%s is %d, want %d", what, got, want)
	}
}

// near demands that a figure that depends on time is right.
func (f *findings) near(what string, got, want, tolerance float64) {
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		f.off = append(f.off, fmt.Sprintf("%s is %.3f, want %.3f ± %.3f", what, got, want, tolerance))
	}
}

// atLeast demands that plimsoll saw no less of a time than the target, which is within it
// on any machine. Histograms may be 0.1 % off, on either side.
func (f *findings) atLeast(what string, got, target float64) {
	if got < target*0.998 {
		f.add("%s is %.3f, and %.3f in the target alone", what, got, target)
	}
}

// passed demands that the run is valid and passed. One that is not only because the
// generator had no time says so.
func (f *findings) passed(code int, run *report.Run) {
	what := fmt.Sprintf("exit code %d, verdict %s: %s", code, run.Verdict, strings.Join(run.Validity.Reasons, "; "))
	switch {
	case code == exitOK && run.Validity.Valid:
	case code == exitInconclusive && len(run.Validity.LimitedBy) > 0:
		f.off = append(f.off, what)
	default:
		f.wrong = append(f.wrong, what)
	}
}

// balanced demands that no arrival is lost between two counters.
func (f *findings) balanced(run *report.Run) {
	for _, l := range run.Loads {
		if l.Sent != l.Completed+l.Failed+l.Unfinished {
			f.add("%s: sent %d ≠ completed %d + failed %d + unfinished %d", l.Name, l.Sent, l.Completed, l.Failed, l.Unfinished)
		}
		if l.Model == "open" && l.Planned != l.Sent+l.Dropped+l.NotDue {
			f.add("%s: planned %d ≠ sent %d + dropped %d + not due %d", l.Name, l.Planned, l.Sent, l.Dropped, l.NotDue)
		}
	}
}

// How rough a machine may be before times on it mean little: a sleep of a millisecond
// that ends this much later shows that the machine stood still for this program, and so,
// most likely, for the other.
const (
	trials    = 3
	roughMost = 5 * time.Millisecond
	roughP99  = 2 * time.Millisecond
)

// hold runs a trial and reports what it finds. If nothing is wrong but times are off, on
// a machine that was rough or in a run that says itself that the generator had no time,
// it tries again. It gives up, and skips the test, only if the machine was rough each
// time by this program's own clock; a run that is invalid on a calm one fails.
func hold(t *testing.T, trial func(t *testing.T, f *findings) *report.Run) {
	t.Helper()
	var calm bool
	for n := range trials {
		var f findings
		rest := watchSleep()
		run := trial(t, &f)
		late := rest()
		machine := fmt.Sprintf("a sleep of 1ms took up to %v longer, p99 %v", late.Max(), late.Quantile(0.99))
		rough := late.Max() > roughMost || late.Quantile(0.99) > roughP99
		calm = calm || !rough
		found := strings.Join(slices.Concat(f.wrong, f.off), "\n\t")
		last := n == trials-1
		switch excused := rough || len(run.Validity.LimitedBy) > 0; {
		case found == "":
			return
		case len(f.wrong) > 0 || !excused || last && calm:
			t.Fatalf("%s:\n\t%s", machine, found)
		case last:
			t.Skipf("the machine is too rough to compare times, %s:\n\t%s", machine, found)
		default:
			t.Logf("once more, %s:\n\t%s", machine, found)
		}
	}
}

// watchSleep sleeps a millisecond again and again until the function it returns is
// called, which tells how much longer the sleeps took.
func watchSleep() func() *latency.Histogram {
	late, done := &latency.Histogram{}, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			asleep := time.Now()
			time.Sleep(time.Millisecond)
			late.Record(time.Since(asleep) - time.Millisecond)
		}
	})
	return func() *latency.Histogram {
		close(done)
		wg.Wait()
		return late
	}
}

// TestHonestyOfLatencyThroughAStall has the target freeze for a second. With arrivals
// spread evenly, a share of stallFor/stallEvery falls into the freeze and waits evenly
// between nothing and stallFor, all the others not at all; the run covers whole periods,
// so it does not matter where it begins.
func TestHonestyOfLatencyThroughAStall(t *testing.T) {
	hold(t, func(t *testing.T, f *findings) *report.Run {
		s := newTruth(t)
		code, run := startScenario(t, s, `
flows: [{get: /stall}]
load: [{name: l, rate: 400/s, for: 5s, max_in_flight: 1000}]
`).end(t)
		f.passed(code, run)
		f.balanced(run)
		l := run.Loads[0]
		f.equal("completed", l.Completed, 2000)
		f.equal("what the target counted", s.count("/stall"), 2000)
		frozen := float64(stallFor) / float64(stallEvery)
		wait := func(q float64) float64 { return max(0, (q-1+frozen)/frozen) * 1000 }
		f.near("p50", l.Latency.P50, 0, 20)
		for q, got := range map[float64][2]float64{
			0.90: {l.Latency.P90, l.Service.P90},
			0.95: {l.Latency.P95, l.Service.P95},
			0.99: {l.Latency.P99, l.Service.P99},
		} {
			// The thaw answers hundreds at once, which takes its time: hence the 20 ms.
			f.near(fmt.Sprintf("latency at %g", q), got[0], wait(q), 0.05*wait(q)+20)
			f.near(fmt.Sprintf("service at %g", q), got[1], got[0], 0.02*got[0]+20)
		}
		f.near("p99 of the lag", l.Lag.P99, 0, 20) // nothing but the target stood still
		return run
	})
}

// TestHonestyOfServiceTimes compares quantiles of the same requests, as the target
// measured them within and plimsoll without. Between the two lie the way there and back
// and net/http. There are only 9 requests beyond
// the 99th percentile, and one of them that is held up moves it to the next.
func TestHonestyOfServiceTimes(t *testing.T) {
	hold(t, func(t *testing.T, f *findings) *report.Run {
		s := newTruth(t)
		code, run := startScenario(t, s, `
flows: [{get: /dist}]
load: [{name: l, rate: 350/s, for: 2500ms}]
`).end(t)
		f.passed(code, run)
		f.equal("what the target counted", s.count("/dist"), run.Loads[0].Sent)
		var spent latency.Histogram
		for _, v := range s.journal("/dist") {
			spent.Record(v.ended - v.came)
		}
		got := run.Loads[0].Service
		for _, q := range []struct{ q, got, extra float64 }{{0.5, got.P50, way()}, {0.9, got.P90, way()}, {0.99, got.P99, 4 * way()}} {
			want := milliseconds(spent.Quantile(q.q))
			f.atLeast(fmt.Sprintf("service at %g", q.q), q.got, want)
			f.near(fmt.Sprintf("service at %g", q.q), q.got, want, 0.03*want+q.extra)
		}
		return run
	})
}

// TestHonestyOfArrivals looks at when requests reach the target: evenly spaced, and at
// random with the gaps of a Poisson process. The seed is fixed, so the schedule is the
// same each time and only its keeping differs.
func TestHonestyOfArrivals(t *testing.T) {
	hold(t, func(t *testing.T, f *findings) *report.Run {
		s := newTruth(t)
		code, run := startScenario(t, s, `
flows: {even: [{get: /even}], random: [{get: /poisson}]}
load:
  - {name: even, flow: even, rate: 300/s, for: 3s}
  - {name: random, flow: random, arrivals: poisson, rate: 400/s, for: 3s}
`).end(t)
		f.passed(code, run)
		f.equal("even arrivals", s.count("/even"), 900)
		f.equal("random arrivals", s.count("/poisson"), run.Loads[1].Sent)
		for second, n := range perSecond(s.journal("/even"), 300) {
			f.near(fmt.Sprintf("arrivals in second %d", second), float64(n), 300, 1)
		}
		cv, ks, n := exponential(s.journal("/poisson"), 400)
		f.near("coefficient of variation of the gaps", cv, 1, 0.07)
		// 1.63/√n is what the distance of n exponential gaps exceeds once in a hundred
		// times (Kolmogorov 1933); a hundredth more for the way to the target.
		f.near("distance of the gaps from exponential", ks, 0, 1.63/math.Sqrt(n)+0.01)
		return run
	})
}

// perSecond counts arrivals by whole seconds from when the first was due: that of the
// visit which was least late for its place in an even schedule.
func perSecond(visits []visit, rate int) []int {
	first := time.Duration(math.MaxInt64)
	for i, v := range visits {
		first = min(first, v.came-time.Duration(i)*time.Second/time.Duration(rate))
	}
	counts := make([]int, len(visits)/rate)
	for _, v := range visits {
		counts[min(int((v.came-first)/time.Second), len(counts)-1)]++
	}
	return counts
}

// exponential returns the coefficient of variation of the gaps, their Kolmogorov–Smirnov
// distance from the exponential law of the given rate, and their number.
func exponential(visits []visit, rate float64) (cv, ks, n float64) {
	var gaps []float64
	var sum, squares float64
	for i := range visits[1:] {
		g := (visits[i+1].came - visits[i].came).Seconds()
		gaps = append(gaps, g)
		sum, squares = sum+g, squares+g*g
	}
	n = float64(len(gaps))
	slices.Sort(gaps)
	for i, g := range gaps {
		law := 1 - math.Exp(-g*rate)
		ks = max(ks, math.Abs(law-float64(i)/n), math.Abs(law-float64(i+1)/n))
	}
	mean := sum / n
	return math.Sqrt(squares/n-mean*mean) / mean, ks, n
}

// TestHonestyOfAQueue has random arrivals wait for one of four servers. Erlang's C formula
// says how long on average over an endless time; in three seconds chance moves that by a
// third. So the expectation is worked out for the very arrivals and services that occurred.
func TestHonestyOfAQueue(t *testing.T) {
	hold(t, func(t *testing.T, f *findings) *report.Run {
		s := newTruth(t)
		code, run := startScenario(t, s, `
flows: [{get: /mmc}]
load: [{name: l, arrivals: poisson, rate: 560/s, for: 3s}]
`).end(t)
		f.passed(code, run)
		f.equal("what the target counted", s.count("/mmc"), run.Loads[0].Sent)
		visits := s.journal("/mmc")
		want := milliseconds(meanSojourn(visits, queueServers))
		var stayed latency.Histogram
		for _, v := range visits {
			stayed.Record(v.ended - v.came)
		}
		f.atLeast("mean latency", run.Loads[0].Latency.Mean, milliseconds(stayed.Mean()))
		f.near("mean latency", run.Loads[0].Latency.Mean, want, max(0.1*want, way()))
		return run
	})
}

// meanSojourn returns how long visits stay on average, waiting and being served, if they
// are served in order of arrival by c servers (the recursion of Kiefer and Wolfowitz 1955).
func meanSojourn(visits []visit, c int) time.Duration {
	free := make([]time.Duration, c)
	var sum time.Duration
	for _, v := range visits {
		next := slices.Index(free, slices.Min(free))
		free[next] = max(free[next], v.came) + v.ended - v.began
		sum += free[next] - v.came
	}
	return sum / time.Duration(len(visits))
}

// way is what a request may take to the target and back, in milliseconds: much, but the
// race detector needs it all.
func way() float64 {
	if raced() {
		return 2
	}
	return 0.5
}

// raced tells whether the race detector slows everything down.
func raced() bool {
	build, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
