package executor

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

// GC is what the garbage collector and the scheduler did since the meter's epoch began,
// and the heap of now. Processor times are brought up to date by collections only.
type GC struct {
	Elapsed    float64 `json:"elapsed_s"`
	Cycles     uint64  `json:"cycles_total"`
	Allocated  uint64  `json:"allocated_bytes_total"`
	CPU        float64 `json:"gc_cpu_s"`        // processor time of the collector
	Assist     float64 `json:"gc_assist_cpu_s"` // of it, what allocating goroutines had to do
	Share      float64 `json:"gc_cpu_share"`    // of the collector in what GOMAXPROCS had to give, 0 … 1
	PauseP99   float64 `json:"gc_pause_p99_ms"` // of stops of the world, to their bucket's upper end
	SchedP99   float64 `json:"sched_p99_ms"`    // of waits of goroutines that could run, likewise
	Live       uint64  `json:"heap_live_bytes"` // found alive by the latest collection
	Goal       uint64  `json:"heap_goal_bytes"` // where the next one ends
	Goroutines uint64  `json:"goroutines"`
}

// The metrics that a meter reads, in this order.
const (
	cycles = iota
	allocated
	gcCPU
	assistCPU
	allCPU
	pauses
	waits
	live
	goal
	goroutines
	readings
)

// Meter reads the runtime's metrics as differences since its epoch.
type Meter struct {
	mu    sync.Mutex
	since time.Time
	base  []metrics.Sample
}

// NewMeter returns a meter whose epoch begins now.
func NewMeter() *Meter {
	m := &Meter{}
	m.Epoch()
	return m
}

// Epoch begins a new epoch.
func (m *Meter) Epoch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since, m.base = time.Now(), read()
}

// Read returns what happened since the epoch began.
func (m *Meter) Read() GC {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, base := read(), m.base
	count := func(i int) uint64 { return now[i].Value.Uint64() - base[i].Value.Uint64() }
	seconds := func(i int) float64 { return now[i].Value.Float64() - base[i].Value.Float64() }
	p99 := func(i int) float64 {
		return 1e3 * quantile(now[i].Value.Float64Histogram(), base[i].Value.Float64Histogram(), 0.99)
	}
	g := GC{
		Elapsed: time.Since(m.since).Seconds(), Cycles: count(cycles), Allocated: count(allocated),
		CPU: seconds(gcCPU), Assist: seconds(assistCPU), PauseP99: p99(pauses), SchedP99: p99(waits),
		Live: now[live].Value.Uint64(), Goal: now[goal].Value.Uint64(), Goroutines: now[goroutines].Value.Uint64(),
	}
	if all := seconds(allCPU); all > 0 {
		g.Share = g.CPU / all
	}
	return g
}

func read() []metrics.Sample {
	samples := make([]metrics.Sample, readings)
	for i, name := range []string{
		"/gc/cycles/total:gc-cycles", "/gc/heap/allocs:bytes",
		"/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/gc/mark/assist:cpu-seconds", "/cpu/classes/total:cpu-seconds",
		"/sched/pauses/total/gc:seconds", "/sched/latencies:seconds",
		"/gc/heap/live:bytes", "/gc/heap/goal:bytes", "/sched/goroutines:goroutines",
	} {
		samples[i].Name = name
	}
	metrics.Read(samples)
	return samples
}

// quantile returns the upper end of the bucket that holds the quantile of what a
// histogram has more than it had before, 0 if that is nothing.
func quantile(now, before *metrics.Float64Histogram, q float64) float64 {
	var total, below uint64
	for i, n := range now.Counts {
		total += n - before.Counts[i]
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(total)))
	for i, n := range now.Counts {
		below += n - before.Counts[i]
		if below >= rank {
			if end := now.Buckets[i+1]; !math.IsInf(end, 0) {
				return end
			}
			return now.Buckets[i]
		}
	}
	return 0
}
