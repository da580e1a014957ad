package executor

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// restore puts the runtime back as the test found it.
func restore(t *testing.T) {
	t.Helper()
	percent, limit, procs := debug.SetGCPercent(100), debug.SetMemoryLimit(-1), runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
		runtime.GOMAXPROCS(procs)
	})
}

func TestTheRuntimeIsTunedAndGoesBackToOff(t *testing.T) {
	restore(t)
	for _, test := range []struct {
		name    string
		tuning  Runtime
		percent int
		limit   int64
	}{
		{"all set", Runtime{GOGC: 50, MemLimit: 512 << 20, GOMAXPROCS: 1}, 50, 512 << 20},
		{"collections off, within a limit", Runtime{GOGC: -1, MemLimit: 1 << 30, GOMAXPROCS: 1}, -1, 1 << 30},
		{"nothing set is as Go has it", Runtime{}, 100, math.MaxInt64},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.tuning.Apply()
			if got := debug.SetGCPercent(test.percent); got != test.percent {
				t.Errorf("GOGC is %d, want %d", got, test.percent)
			}
			if got := debug.SetMemoryLimit(-1); got != test.limit {
				t.Errorf("the memory limit is %d, want %d", got, test.limit)
			}
			want := max(1, test.tuning.GOMAXPROCS)
			if got := runtime.GOMAXPROCS(0); test.tuning.GOMAXPROCS > 0 && got != want {
				t.Errorf("GOMAXPROCS is %d, want %d", got, want)
			}
		})
	}
}

func TestTheMeterCountsCollectionsOfItsEpochOnly(t *testing.T) {
	m := NewMeter()
	for range 3 {
		runtime.GC()
	}
	got := m.Read()
	if got.Cycles < 3 || got.PauseP99 <= 0 || got.CPU <= 0 || got.Share <= 0 || got.Share > 1 {
		t.Errorf("after three collections: %+v", got)
	}
	m.Epoch()
	if got := m.Read(); got.Cycles > 1 || got.Elapsed > 60 {
		t.Errorf("after a new epoch: %+v", got)
	}
}

func TestAQuantileIsOfWhatCameSince(t *testing.T) {
	h := func(counts ...uint64) *metrics.Float64Histogram {
		return &metrics.Float64Histogram{Counts: counts, Buckets: []float64{math.Inf(-1), 1, 2, 3, math.Inf(1)}}
	}
	for _, test := range []struct {
		name        string
		now, before *metrics.Float64Histogram
		want        float64
	}{
		{"nothing came", h(5, 5, 5, 5), h(5, 5, 5, 5), 0},
		{"all in the second bucket", h(5, 105, 5, 5), h(5, 5, 5, 5), 2},
		{"two of a hundred in the third", h(0, 98, 2, 0), h(0, 0, 0, 0), 3},
		{"one of a hundred in the third", h(0, 99, 1, 0), h(0, 0, 0, 0), 2},
		{"past the last end", h(0, 0, 0, 1), h(0, 0, 0, 0), 3},
	} {
		if got := quantile(test.now, test.before, 0.99); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
