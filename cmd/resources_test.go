package cmd

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/report"
)

// watched returns what these flags watch.
func watched(t *testing.T, ref *reference, args ...string) (*watching, error) {
	t.Helper()
	var f resourceFlags
	cmd := &cobra.Command{}
	f.register(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f.watch(ref)
}

// TestWatchingAReferenceTarget drives a station of known service time at three rates, and
// demands its service demand, its servers, and when it saturates.
func TestWatchingAReferenceTarget(t *testing.T) {
	r, err := startReference(t.Context(), "queueing", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	w, err := watched(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := get(t, r.url+"/x/station/md1"); err != nil { // it is there from its first job on
		t.Fatal(err)
	}
	const warm, load = 100 * time.Millisecond, time.Second
	var trials []report.LineTrial
	for _, rate := range []float64{15, 30, 60} {
		read := w.start(t.Context(), warm, load)
		knock(t, r.url+"/x/station/md1", rate, warm+load+50*time.Millisecond)
		trial := report.LineTrial{Offered: rate, Achieved: rate, Busy: read(t.Context())}
		trial.Rate, trial.Seconds = rate, load.Seconds()
		trials = append(trials, trial)
	}
	all := w.resources(trials, 30, 1)
	i := slices.IndexFunc(all, func(r report.Resource) bool { return r.Name == "md1" })
	if i != 0 {
		t.Fatalf("the station should be the scarcest: %+v\ntrials %+v\nnotes %q", all, trials, w.notes())
	}
	got := all[0]
	if got.Source != "reference target" || got.Units != 1 || math.Abs(got.DemandMS-10) > 1 ||
		math.Abs(got.Saturates-100) > 10 || math.Abs(got.AtLower-.3) > .05 {
		t.Errorf("got %+v, want 10 ms of 1 server, 100/s, 30 %% at 30/s", got)
	}
	if _, there := trials[2].Busy["cpu of the target"]; runtime.GOOS == "linux" && !there {
		t.Errorf("no processors in %v, notes %q", trials[2].Busy, w.notes())
	}
}

// knock sends requests at a rate, without waiting for answers, and returns when all are there.
func knock(t *testing.T, url string, rate float64, d time.Duration) {
	t.Helper()
	var all sync.WaitGroup
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		all.Go(func() {
			if err := get(t, url); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestWatchingTrials watches a page whose counter is busy half of the time.
func TestWatchingTrials(t *testing.T) {
	began := time.Now()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		busy := strconv.FormatFloat(time.Since(began).Seconds(), 'f', 9, 64)
		io.WriteString(w, "process_cpu_seconds_total "+busy+"\nsystem_cpu_count 2\n")
	}))
	defer page.Close()
	w, err := watched(t, nil, "--metrics", page.URL)
	if err != nil {
		t.Fatal(err)
	}
	near := func(name string, busy map[string]float64) {
		t.Helper()
		if u, there := busy["cpu"]; !there || math.Abs(u-.5) > .05 {
			t.Errorf("%s: %v, notes %q", name, busy, w.notes())
		}
	}
	read := w.start(t.Context(), 100*time.Millisecond, 300*time.Millisecond)
	time.Sleep(500 * time.Millisecond)
	near("a whole trial", read(t.Context()))
	read = w.start(t.Context(), 0, time.Minute)
	time.Sleep(300 * time.Millisecond)
	near("a trial that ended before its time", read(t.Context()))
	read = w.start(t.Context(), time.Minute, time.Minute)
	if busy := read(t.Context()); len(busy) > 0 || len(w.notes()) != 1 {
		t.Errorf("a trial that ended in its warm-up: %v, notes %q", busy, w.notes())
	}
	read = w.start(t.Context(), 0, 200*time.Millisecond)
	time.Sleep(50 * time.Millisecond)
	page.Close()
	time.Sleep(200 * time.Millisecond)
	if busy := read(t.Context()); len(busy) > 0 || len(w.notes()) != 2 || !strings.Contains(w.notes()[1], "refused") {
		t.Errorf("a page that went away: %v, notes %q", busy, w.notes())
	}
}

func TestWatchingThatIsStopped(t *testing.T) {
	entered := make(chan struct{}, 9)
	page := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	defer page.Close()
	w, err := watched(t, nil, "--metrics", page.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	read := w.start(ctx, 0, time.Minute)
	<-entered
	cancel()
	began := time.Now()
	if busy := read(ctx); len(busy) > 0 || time.Since(began) > time.Second {
		t.Errorf("got %v after %v", busy, time.Since(began))
	}
}

func TestWatchingWhatIsNotThere(t *testing.T) {
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<html>")
	}))
	defer html.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "visits_total 7\n") }))
	defer other.Close()
	tests := map[string]struct {
		args       []string
		code       int
		says, hint string
	}{
		"no URL":             {[]string{"--metrics", "localhost:9090"}, exitUsage, "no URL", "http://"},
		"HTML":               {[]string{"--metrics", html.URL}, exitUnreachable, "no metrics page", "text format"},
		"other metrics":      {[]string{"--metrics", other.URL}, exitUnreachable, "nothing on the page", "process_cpu_seconds_total"},
		"nobody listens":     {[]string{"--metrics", "http://127.0.0.1:1/metrics"}, exitUnreachable, "refused", "curl"},
		"no process":         {[]string{"--pid", "999999999"}, exitUsage, "no process 999999999", "running process"},
		"the second is none": {[]string{"--pid", strconv.Itoa(os.Getpid()), "--pid", "999999999"}, exitUsage, "no process", "running process"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS != "linux" && test.args[0] == "--pid" {
				t.Skip("needs /proc")
			}
			w, err := watched(t, nil, test.args...)
			if err == nil {
				err = w.begin(t.Context())
			}
			if err == nil || exitCode(err) != test.code || !strings.Contains(err.Error(), test.says) || !strings.Contains(strings.Join(hints(err), " "), test.hint) {
				t.Errorf("got %v, code %d, hints %q", err, exitCode(err), hints(err))
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestResourcesOfTrials(t *testing.T) {
	w := &watching{seen: map[string]seen{"machine cpu": {units: 2, aside: true}}}
	w.recall([]report.Resource{{Name: "db", Source: "prometheus", Units: 8}, {Name: "cpu", Source: "proc", Units: 4}, {Name: "files", Units: 100}})
	var trials []report.LineTrial
	for i, rate := range []float64{100, 200, 400} {
		// Three requests a pass: demands are of passes, as the load line is. In each trial
		// arrivals were a few more or fewer than the rate says.
		rate += float64([]int{5, -10, 5}[i])
		trial := report.LineTrial{Offered: 3 * rate, Achieved: 3 * rate, Busy: map[string]float64{
			"db": rate / 1000, "cpu": rate / 500, "files": .3, "machine cpu": rate / 450, "never seen": rate / 401,
		}}
		trial.Rate, trial.Seconds = []float64{100, 200, 400}[i], 10
		trials = append(trials, trial)
	}
	refused := trials[2]
	refused.Errors, refused.Busy = .5, map[string]float64{"db": .01, "cpu": .01}
	drained := trials[2] // its requests waited until its end, and were answered after it
	drained.Achieved *= 1.5
	all := w.resources(append(trials, refused, drained), 300, 3)
	if len(all) != 2 || all[0].Name != "cpu" || all[1].Name != "db" {
		t.Fatalf("got %+v, want cpu and db", all)
	}
	for i, want := range []report.Resource{
		{Name: "cpu", Source: "proc", DemandMS: 8, Units: 4, AtLower: .6, Saturates: 500},
		{Name: "db", Source: "prometheus", DemandMS: 8, Units: 8, AtLower: .3, Saturates: 1000},
	} {
		got := all[i]
		for _, v := range [][2]float64{{got.DemandMS, want.DemandMS}, {got.AtLower, want.AtLower}, {got.Saturates, want.Saturates}} {
			if math.Abs(v[0]/v[1]-1) > 1e-9 {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		if got.Source != want.Source || got.Units != want.Units {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestCallsPerPass(t *testing.T) {
	trial := report.LineTrial{Offered: 210}
	trial.Rate, trial.Seconds = 100, 10
	for planned, want := range map[float64]float64{2: 2, 1: 2.1, 4: 2.1} {
		if got := callsPerPass([]report.LineTrial{trial}, planned); got != want {
			t.Errorf("planned %v: %v, want %v", planned, got, want)
		}
	}
	if got := callsPerPass(nil, 3); got != 3 {
		t.Errorf("without trials: %v", got)
	}
}

func TestBeginOfAWatchingThatIsInterrupted(t *testing.T) {
	w, err := watched(t, nil, "--metrics", "http://127.0.0.1:1/metrics")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stopped")
	cancel(why)
	if err := w.begin(ctx); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
