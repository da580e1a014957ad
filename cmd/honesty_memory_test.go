package cmd

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// TestHonestyCostsNoMemoryOverTime holds the heap late in a run against the heap early in
// it. The intervals are short, so that the run has as many as one of minutes, and the
// load is a closed one as fast as it goes, so that a few bytes a request would show.
func TestHonestyCostsNoMemoryOverTime(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok")) }))
	defer s.Close()
	scenario, err := scenarios.Parse("memory.yaml", []byte(`
scenario: memory
target: `+s.URL+`
flows: [{get: /, name: home, check: status == 200}]
load: [{name: l, users: 8, for: 3s}]
budgets: [p99 < 10s, errors < 1% over 1s]
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := scenario.Plan(scenarios.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Interval = 50 * time.Millisecond
	watch, err := budget.NewWatch(p.Legend, p.Budgets)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := report.Create(filepath.Join(t.TempDir(), "run"), report.Meta{Started: time.Now()}, p.Legend, watch)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	var heaps []uint64
	total, err := engine.Run(t.Context(), p.Plan, func(i *engine.Snapshot) {
		watch.Observe(i)
		if err := writer.Interval(i); err != nil {
			t.Error(err)
		}
		if n++; n%8 == 0 {
			heaps = append(heaps, heap())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(heaps) < 4 {
		t.Skipf("only %d intervals of %v were cut in three seconds", n, p.Interval)
	}
	if err := writer.Finish(report.Summarize(report.Meta{}, total, watch.Results(), report.Complete)); err != nil {
		t.Fatal(err)
	}
	// Half a megabyte, more or less, is what the requests under way and their server hold.
	early, late := slices.Max(heaps[:2]), slices.Min(heaps[2:])
	if sent := total.Tallies[0][0].Sent; late > early+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes in %d requests", early, late, sent)
	}
}

// heap returns the bytes that a collection found in use; pools need two to be empty.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}
