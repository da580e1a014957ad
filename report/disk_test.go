package report

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// promises are budgets of every kind on the shop.
func promises(t *testing.T) []*budget.Budget {
	t.Helper()
	var all []*budget.Budget
	for _, text := range []string{
		"p99 < 50ms", "service.p90(order) < 1s over 2s", "errors < 60% after 1s", "rate > 1/s", "max < 1s warn", "count > 1000000",
		"dropped < 10%", "ttfb.p50 < 10ms", "p99.99 < 1s", "lag.p99(load:shoppers)[calm] < 1ms",
	} {
		b, err := budget.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// record writes a run to dir as the command would and returns the budgets' results.
func record(t *testing.T, dir string, intervals []*engine.Snapshot) []budget.Result {
	t.Helper()
	watch, err := budget.NewWatch(shop(), promises(t))
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(dir, meta(), shop(), watch)
	if err != nil {
		t.Fatal(err)
	}
	total := engine.NewSnapshot(shop())
	for _, s := range intervals {
		watch.Observe(s)
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
		total.Merge(s)
	}
	results := watch.Results()
	if err := w.Finish(Summarize(meta(), total, results, Complete)); err != nil {
		t.Fatal(err)
	}
	return results
}

// buckets shows a histogram as what it counted.
func buckets(h latency.Histogram) map[time.Duration]uint64 {
	all := maps.Collect(h.Buckets)
	all[-1] = uint64(h.Max())
	return all
}

func sameSnapshots(a, b []*engine.Snapshot) string {
	return cmp.Diff(a, b, cmp.Transformer("buckets", buckets), cmpopts.EquateEmpty(),
		cmpopts.SortSlices(func(a, b engine.CodeCount) bool { return a.Status < b.Status }),
		cmpopts.SortSlices(func(a, b engine.ErrorCount) bool { return a.Kind < b.Kind }))
}

func readBack(t *testing.T, dir string) ([]*engine.Snapshot, error) {
	t.Helper()
	saved, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []*engine.Snapshot
	for s, err := range saved.Intervals() {
		if err != nil {
			return got, err
		}
		got = append(got, s)
	}
	return got, nil
}

func TestWhatIsReadIsWhatWasWritten(t *testing.T) {
	intervals, _ := randomRun(7)
	intervals = intervals[3:7] // both stages of the first load
	total := engine.NewSnapshot(shop())
	for _, s := range intervals {
		total.Merge(s)
	}
	dir := filepath.Join(t.TempDir(), "runs", "one")
	live := record(t, dir, intervals)

	got, err := readBack(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameSnapshots(intervals, got); diff != "" {
		t.Errorf("intervals (-want +got):\n%s", diff)
	}
	saved, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Summarize(meta(), total, live, Complete), saved.Run, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("run.json (-want +got):\n%s", diff)
	}
	again, err := saved.Judge(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(live, again.Budgets); diff != "" {
		t.Errorf("budgets judged on the saved run are not those judged live (-live +saved):\n%s", diff)
	}
	means := cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Mean" || p.Last().String() == ".Min" || p.Last().String() == ".RateXTime"
	}, cmp.Comparer(about))
	if diff := cmp.Diff(saved.Run, again, means, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("summed up again (-saved +again):\n%s", diff)
	}
	other, _ := budget.Parse("p50 < 1ns")
	if run, err := saved.Judge([]*budget.Budget{other}, nil); err != nil || run.Budgets[0].Result != budget.Broken {
		t.Errorf("another budget comes to %+v, %v; want it broken", run, err)
	}
}

func TestAKilledRunLosesOnlyTheIntervalUnderWay(t *testing.T) {
	intervals, _ := randomRun(2)
	dir := t.TempDir()
	w, err := Create(dir, meta(), shop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for n, s := range intervals[:4] {
		if err := w.Interval(s); err != nil {
			t.Fatal(err)
		}
		saved, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if saved.Run.Verdict != Interrupted || saved.Run.DurationS != float64(n+1) {
			t.Errorf("after %d intervals run.json is %s after %v s, want interrupted", n+1, saved.Run.Verdict, saved.Run.DurationS)
		}
		got, err := readBack(t, dir)
		if diff := sameSnapshots(intervals[:n+1], got); diff != "" || err != nil {
			t.Errorf("after %d intervals (-want +got), error %v:\n%s", n+1, err, diff)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
}

func TestATruncatedEndCostsTheLastInterval(t *testing.T) {
	intervals, _ := randomRun(5)
	whole := t.TempDir()
	record(t, whole, intervals[:3])
	for _, name := range []string{HistogramFile, CounterFile} {
		text, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{2, 50} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), text[:len(text)-cut], 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := readBack(t, dir)
			if !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s without its last %d bytes gives %v, want it truncated", name, cut, err)
			}
			if diff := sameSnapshots(intervals[:2], got); diff != "" {
				t.Errorf("%s without its last %d bytes (-want +got):\n%s", name, cut, diff)
			}
			saved, _ := Open(dir)
			run, err := saved.Judge(nil, nil)
			if err != nil || !strings.Contains(strings.Join(run.Notes, "\n"), "left out") {
				t.Errorf("judging it gives notes %q and error %v", run.Notes, err)
			}
		}
	}
}

func TestAnIntervalWithoutItsCountersIsLeftOut(t *testing.T) {
	intervals, _ := randomRun(5)
	dir := t.TempDir()
	record(t, dir, intervals[:2])
	path := filepath.Join(dir, CounterFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(path, []byte(first+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := readBack(t, dir)
	if diff := sameSnapshots(intervals[:1], got); diff != "" || !errors.Is(err, ErrTruncated) {
		t.Errorf("got error %v (-want +got):\n%s", err, diff)
	}
}

func TestDamageIsNamed(t *testing.T) {
	intervals, _ := randomRun(5)
	whole := t.TempDir()
	record(t, whole, intervals[:2])
	for name, c := range map[string]struct {
		file    string
		damage  func(string) string
		message string
	}{
		"a line that is no JSON":    {CounterFile, func(s string) string { return "x" + s }, "intervals.jsonl, line 1: invalid character"},
		"a cell nobody knows":       {CounterFile, func(s string) string { return strings.Replace(s, "back office;", "front office;", 1) }, `intervals.jsonl, line 1: cell "front office;`},
		"a load too few":            {CounterFile, func(s string) string { return strings.Replace(s, `"tallies":[`, `"tallies":[[],`, 1) }, "tallies of 3 loads where the legend has 2"},
		"a histogram nobody knows":  {HistogramFile, func(s string) string { return strings.Replace(s, ";latency,", ";patience,", 1) }, "is not in the legend"},
		"a histogram that is wrong": {HistogramFile, func(s string) string { return strings.Replace(s, ",HIST", ",MIST", 1) }, "intervals.hlog: line"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.damage(string(text))), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := readBack(t, dir); err == nil || errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), c.message) {
				t.Errorf("got error %v, want one with %q", err, c.message)
			}
		})
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no run.json in") {
		t.Errorf("an empty directory opens with error %v", err)
	}
	intervals, _ := randomRun(1)
	dir := t.TempDir()
	record(t, dir, intervals[:1])
	if err := os.Remove(filepath.Join(dir, HistogramFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := readBack(t, dir); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), HistogramFile) {
		t.Errorf("a run without histograms is read with error %v", err)
	}
}

func TestSchema(t *testing.T) {
	for schema, message := range map[string]string{
		"plimsoll.run/1":      "",
		"plimsoll.run/2":      "schema plimsoll.run/2 is newer than this plimsoll reads (plimsoll.run/1): update plimsoll",
		"plimsoll.run/0":      "not that of a run",
		"plimsoll.run/one":    "not that of a run",
		"plimsoll.capacity/1": `schema is "plimsoll.capacity/1", not that of a run (plimsoll.run/1)`,
		"":                    "not that of a run",
	} {
		dir := t.TempDir()
		text, _ := json.Marshal(map[string]any{"schema": schema})
		if err := os.WriteFile(filepath.Join(dir, RunFile), text, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		if message == "" && err != nil || message != "" && (err == nil || !strings.Contains(err.Error(), message)) {
			t.Errorf("schema %q opens with error %v, want %q", schema, err, message)
		}
	}
}

func TestNoTwoRunsInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, meta(), shop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if _, err := Create(dir, meta(), shop(), nil); err == nil || !strings.Contains(err.Error(), "holds a run already") {
		t.Errorf("a second run in one directory gives error %v", err)
	}
}

func TestAPlaceThatCannotBeWrittenToIsKnownBeforeTheLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(file, "run"), meta(), shop(), nil); err == nil || !strings.Contains(err.Error(), "create run directory") {
		t.Errorf("a run below a file is created with error %v", err)
	}
}

func TestARunThatCouldNotBeginLeavesItsPlaceFree(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, CounterFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, meta(), shop(), nil); err == nil {
		t.Fatal("a run was created though its counters have no place")
	}
	w, err := Create(dir, meta(), shop(), nil)
	if err != nil {
		t.Fatalf("the second run found what the first one left: %v", err)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskIsToldOnceAndLosesNoSummary(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	intervals, total := randomRun(4)
	dir := t.TempDir()
	w, err := Create(dir, meta(), shop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Interval(intervals[0]); err != nil {
		t.Fatal(err)
	}
	w.hlog.Close()
	w.hlog = full
	if err := w.Interval(intervals[1]); err == nil || !strings.Contains(err.Error(), "save interval up to 2s") {
		t.Errorf("the first interval on a full disk gives error %v", err)
	}
	if err := w.Interval(intervals[2]); err != nil {
		t.Errorf("the second one gives error %v again", err)
	}
	if err := w.Finish(Summarize(meta(), total, nil, Complete)); err != nil {
		t.Fatal(err)
	}
	saved, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if saved.Run.DurationS != 10 || !strings.Contains(strings.Join(saved.Run.Notes, "\n"), "intervals.hlog and intervals.jsonl are incomplete") {
		t.Errorf("the summary is of %v s with notes %q", saved.Run.DurationS, saved.Run.Notes)
	}
}

func TestAFreeDirIsFreeWhereItIs(t *testing.T) {
	parent := t.TempDir()
	for _, want := range []string{"x-20261123-044004", "x-20261123-044004-2"} {
		got := FreeDir(parent, "x", started)
		if got != filepath.Join(parent, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := os.MkdirAll(got, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDefaultDir(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{
		"checkout surge":         "checkout-surge",
		"../../etc/passwd":       "etc-passwd",
		"a\x00b\nc\"'$(x)":       "a-b-c-x",
		"":                       "run",
		"...":                    "run",
		"-rf":                    "rf",
		"日本語":                    "日本語",
		strings.Repeat("ü", 300): strings.Repeat("ü", 30),
	} {
		if got, want := DefaultDir(name, started), filepath.Join("runs", want+"-20261123-044004"); got != want {
			t.Errorf("a run of %q is kept in %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"runs/x-20261123-044004", "runs/x-20261123-044004-2", "runs/x-20261123-044004-3"} {
		got := DefaultDir("x", started)
		if got != filepath.FromSlash(want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := os.MkdirAll(got, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
