package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/report"
)

// madeRun is a valid run of the n-th day.
func madeRun(n int, change func(*report.Run)) *report.Run {
	q := &report.Quantiles{Count: 100_000, Mean: 10, P50: 10, P90: 12, P95: 15, P99: 20 + float64(n%3)/10, P999: 40, Max: 100}
	run := &report.Run{
		Schema: report.Schema, DurationS: 60, Ended: report.Complete, Verdict: report.Pass, Validity: report.Validity{Valid: true},
		Loads: []report.Load{{
			Name: "visitors", Model: "open", Figures: report.Figures{
				Counts: report.Counts{Planned: 1000, Sent: 1000, Completed: 1000},
				Rates:  report.Rates{Offered: 100, Achieved: 100, Goodput: 100}, Times: report.Times{Latency: q, Service: q},
			},
			Requests: []report.Request{{Name: "home", Count: 1000, OK: 1000, Latency: q, Service: q}},
		}},
		Legend: report.Legend{Loads: []report.LoadLegend{{Name: "visitors", Model: "open"}}, Requests: []report.RequestLegend{{Name: "home"}}},
	}
	run.Scenario, run.Source.SHA256 = "shop", "abc"
	run.Plimsoll = report.Build{Version: "1.0", OS: "linux/amd64", CPUs: 2}
	run.Started = time.Date(2026, 1, 1+n, 12, 0, 0, 0, time.UTC)
	if change != nil {
		change(run)
	}
	return run
}

func saveRun(t *testing.T, dir string, run *report.Run) {
	t.Helper()
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, report.RunFile), string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func imported(t *testing.T, s *Store, dirs ...string) (report.ImportCounts, []report.LeftOut) {
	t.Helper()
	counts, unusable, err := s.Import(t.Context(), dirs)
	if err != nil {
		t.Fatal(err)
	}
	return counts, unusable
}

func shown(t *testing.T, s *Store, q Query) *report.History {
	t.Helper()
	h, err := s.History(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// dump is all that the store holds.
func dump(t *testing.T, s *Store) (all []string) {
	t.Helper()
	for _, query := range []string{
		"SELECT key || digest || dir || scenario || part || quick || target || machine || version || started || took || verdict || whole || reason FROM runs ORDER BY key",
		"SELECT key || load || request || metric || value FROM figures JOIN runs ON runs.id = run ORDER BY 1",
	} {
		lines, err := s.strings(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, lines...)
	}
	return all
}

func TestImportTwiceIsImportOnce(t *testing.T) {
	root := t.TempDir()
	for n := range 150 { // more than are written at once
		saveRun(t, filepath.Join(root, "runs", fmt.Sprintf("%03d", n)), madeRun(n, nil))
	}
	s := opened(t, filepath.Join(root, "history.db"))
	counts, unusable := imported(t, s, filepath.Join(root, "runs"))
	if want := (report.ImportCounts{New: 150}); counts != want || unusable != nil {
		t.Fatalf("%+v, unusable %v", counts, unusable)
	}
	before := dump(t, s)
	counts, _ = imported(t, s, filepath.Join(root, "runs"), filepath.Join(root, "runs", "007"), root)
	if want := (report.ImportCounts{Known: 150}); counts != want {
		t.Errorf("again: %+v, want %+v", counts, want)
	}
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("reading again changed the store:\n%s", diff)
	}
	h := shown(t, s, Query{})
	if len(h.Series) != 1 || len(h.Series[0].Runs) != 150 || len(h.Series[0].Trends) != 7 {
		t.Errorf("%d series", len(h.Series))
	}
}

func TestARunThatWentOnReplacesWhatWasKnownOfIt(t *testing.T) {
	half := madeRun(1, func(r *report.Run) { r.Ended, r.Verdict, r.DurationS = report.Stopped, report.Interrupted, 20 })
	whole := madeRun(1, nil)
	for name, order := range map[string][]*report.Run{"in the order of time": {half, whole}, "backwards, as from a copy": {whole, half, whole}} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			s := opened(t, filepath.Join(root, "history.db"))
			for i, run := range order {
				saveRun(t, filepath.Join(root, fmt.Sprint("copy", i)), run)
				imported(t, s, filepath.Join(root, fmt.Sprint("copy", i)))
			}
			h := shown(t, s, Query{})
			if len(h.LeftOut) != 0 || len(h.Series) != 1 || len(h.Series[0].Runs) != 1 {
				t.Errorf("left out %v, series %v", h.LeftOut, h.Series)
			}
		})
	}
}

func TestARunThatMovedIsFoundAgain(t *testing.T) {
	root := t.TempDir()
	s := opened(t, filepath.Join(root, "history.db"))
	saveRun(t, filepath.Join(root, "old"), madeRun(1, nil))
	imported(t, s, root)
	if err := os.Rename(filepath.Join(root, "old"), filepath.Join(root, "new")); err != nil {
		t.Fatal(err)
	}
	counts, _ := imported(t, s, root)
	if counts != (report.ImportCounts{Known: 1}) {
		t.Errorf("%+v", counts)
	}
	if got := shown(t, s, Query{}).Series[0].Runs[0].Dir; got != filepath.Join(root, "new") {
		t.Errorf("the run is said to be in %s", got)
	}
	if err := os.RemoveAll(filepath.Join(root, "new")); err != nil {
		t.Fatal(err)
	}
	imported(t, s, root)
	if len(shown(t, s, Query{}).Series) != 1 {
		t.Error("the store forgot a run whose directory is gone")
	}
}

func TestAnOlderVersionIsCountedAndShownOnDemand(t *testing.T) {
	root := t.TempDir()
	for n := range 5 {
		saveRun(t, filepath.Join(root, fmt.Sprint(n)), madeRun(n, func(r *report.Run) {
			if n < 3 {
				r.Source.SHA256 = "older"
			}
		}))
	}
	s := opened(t, filepath.Join(root, "history.db"))
	imported(t, s, root)
	h := shown(t, s, Query{})
	if len(h.Series) != 1 || len(h.Series[0].Runs) != 2 || h.Series[0].OtherVersions != 1 || h.Series[0].OtherRuns != 3 {
		t.Errorf("%+v", h.Series)
	}
	if h := shown(t, s, Query{All: true}); len(h.Series) != 2 {
		t.Errorf("--all: %d series", len(h.Series))
	}
}

func TestQuery(t *testing.T) {
	root := t.TempDir()
	for n := range 8 {
		saveRun(t, filepath.Join(root, fmt.Sprint(n)), madeRun(n, func(r *report.Run) {
			r.Scenario = []string{"shop", "api"}[n%2]
			r.Loads[0].Requests = append(r.Loads[0].Requests, report.Request{Name: "rare", Count: 10, OK: 10, Latency: &report.Quantiles{Count: 10, P50: 5, P99: 9, Max: 9}})
		}))
	}
	s := opened(t, filepath.Join(root, "history.db"))
	imported(t, s, root)
	h := shown(t, s, Query{Scenarios: []string{"api"}, Metrics: []string{"p99", "p50"}, Requests: []string{"rare"}, Since: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)})
	if len(h.Series) != 1 || h.Series[0].Scenario != "api" || len(h.Series[0].Runs) != 3 {
		t.Fatalf("%+v", h.Series)
	}
	// A p99 of ten requests is their maximum, and is no figure.
	if trends := h.Series[0].Trends; len(trends) != 1 || trends[0].Metric != "p50" || trends[0].Needs != 3 {
		t.Errorf("%+v", trends)
	}
}

func TestAChangeIsTold(t *testing.T) {
	root := t.TempDir()
	for n := range 20 {
		saveRun(t, filepath.Join(root, fmt.Sprintf("%02d", n)), madeRun(n, func(r *report.Run) {
			if n >= 12 {
				slower := *r.Loads[0].Latency
				slower.P99 *= 1.2
				r.Loads[0].Requests[0].Latency = &slower
				r.Plimsoll.Version = "1.1"
			}
		}))
	}
	s := opened(t, filepath.Join(root, "history.db"))
	imported(t, s, root)
	h := shown(t, s, Query{Requests: []string{"home"}, Metrics: []string{"p99"}})
	got := h.Series[0].Trends[0].Changes
	if len(got) != 1 {
		t.Fatalf("%d change points", len(got))
	}
	c := got[0]
	if c.At != 12 || c.Effect != "worse" || c.RunsBefore != 12 || c.RunsAfter != 8 || *c.Ratio < 1.19 || *c.Ratio > 1.21 || c.P > 0.001 ||
		filepath.Base(c.Run) != "12" || filepath.Base(c.LastBefore) != "11" || c.Also != "plimsoll went from 1.0 to 1.1" {
		t.Errorf("%+v, ratio %g", c, *c.Ratio)
	}
	if h.Tested != 1 || h.ByChance != 20*byChance {
		t.Errorf("%d tested, %g by chance", h.Tested, h.ByChance)
	}
}

func TestHostileNamesComeBackAsTheyAre(t *testing.T) {
	hostile := []string{"'; DROP TABLE runs; --", "<script>alert(1)</script>", "a\x00b", "\x1b[31m", "\u202edrow", strings.Repeat("x", 10_000), "", "home", "home"}
	root := t.TempDir()
	saveRun(t, filepath.Join(root, "run"), madeRun(1, func(r *report.Run) {
		r.Scenario = hostile[0]
		r.Loads[0].Requests = nil
		for _, name := range hostile {
			r.Loads[0].Requests = append(r.Loads[0].Requests, report.Request{Name: name, Count: 100, OK: 100, Latency: &report.Quantiles{Count: 100, P50: 1}})
		}
	}))
	s := opened(t, filepath.Join(root, "history.db"))
	imported(t, s, root)
	h := shown(t, s, Query{Scenarios: hostile[:1], Metrics: []string{"p50"}})
	var got []string
	for _, trend := range h.Series[0].Trends {
		got = append(got, trend.Request)
	}
	for _, name := range slices.Concat(hostile[:6], []string{"", "#2", "home", "home#2"}) { // "" is the load as a whole
		if !slices.Contains(got, name) {
			t.Errorf("%.40q is lost", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"a store of a newer version": {func(t *testing.T, path string) {
			opened(t, path)
			execute(t, path, "PRAGMA user_version = 2")
		}, "newer than this plimsoll reads"},
		"a database of something else":       {func(t *testing.T, path string) { execute(t, path, "CREATE TABLE t (a)") }, "a database of something else"},
		"a store of something else's format": {func(t *testing.T, path string) { execute(t, path, "PRAGMA application_id = 7") }, "a database of something else"},
		"a file that is no database":         {func(t *testing.T, path string) { write(t, path, strings.Repeat("no database ", 200)) }, "not a database"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a b?c.db")
			test.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), path)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("a directory that is not there", func(t *testing.T) {
		if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "no", "h.db")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	s := opened(t, filepath.Join(t.TempDir(), "driver.db")) // so that the driver is there
	s.Close()
	db, err := sql.Open("sqlite", strings.ReplaceAll("file:"+path, "?", "%3f"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// writerStore and writerRuns tell a process of TestTwoProcessesWrite what to do.
const (
	writerStore = "HISTORY_TEST_STORE"
	writerRuns  = "HISTORY_TEST_RUNS"
)

// TestTwoProcessesWrite lets processes add overlapping runs to one store, which none of them
// finds made.
func TestTwoProcessesWrite(t *testing.T) {
	if path := os.Getenv(writerStore); path != "" {
		s, err := Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, dir := range filepath.SplitList(os.Getenv(writerRuns)) {
			imported(t, s, dir)
		}
		return
	}
	root := t.TempDir()
	for n := range 120 {
		saveRun(t, filepath.Join(root, []string{"mine", "both", "yours"}[n%3], fmt.Sprintf("%03d", n)), madeRun(n, nil))
	}
	path := filepath.Join(root, "history.db")
	var writers []*exec.Cmd
	for _, dirs := range [][]string{{"mine", "both"}, {"both", "yours"}} {
		list := filepath.Join(root, dirs[0]) + string(filepath.ListSeparator) + filepath.Join(root, dirs[1])
		writer := exec.Command(os.Args[0], "-test.run=^TestTwoProcessesWrite$", "-test.count=1")
		writer.Env = append(os.Environ(), writerStore+"="+path, writerRuns+"="+list)
		out := &strings.Builder{}
		writer.Stdout, writer.Stderr = out, out
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		writers = append(writers, writer)
	}
	for _, writer := range writers {
		if err := writer.Wait(); err != nil {
			t.Errorf("%v: %s", err, writer.Stdout)
		}
	}
	s := opened(t, path)
	alone := opened(t, filepath.Join(root, "alone.db"))
	imported(t, alone, filepath.Join(root, "mine"), filepath.Join(root, "both"), filepath.Join(root, "yours"))
	if diff := cmp.Diff(dump(t, alone), dump(t, s)); diff != "" {
		t.Errorf("the store of two writers differs from that of one:\n%s", diff)
	}
	if got := len(shown(t, s, Query{}).Series[0].Runs); got != 120 {
		t.Errorf("%d runs, want 120", got)
	}
}
