package engine

import (
	"os"
	"runtime"
	"runtime/metrics"
	"time"
)

// healthMeter reads what the generator itself uses.
type healthMeter struct {
	cpu, gc time.Duration
	metric  []metrics.Sample
}

func (h *healthMeter) start() {
	// Collecting in otherwise idle time costs nobody anything, so it is taken off.
	h.metric = []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	h.cpu, h.gc = processTime(), h.gcTime()
}

// read returns what was used since the reading before, in a span of wall time.
func (h *healthMeter) read(span time.Duration) Health {
	cpu, gc := processTime(), h.gcTime()
	out := Health{
		CPU: cpu - h.cpu, GC: gc - h.gc,
		Capacity:  span * time.Duration(runtime.GOMAXPROCS(0)),
		OpenFiles: openFiles(), FileLimit: fileLimit(),
	}
	if out.CPU > out.Capacity/10*9 {
		out.Saturated = span
	}
	h.cpu, h.gc = cpu, gc
	return out
}

func (h *healthMeter) gcTime() time.Duration {
	metrics.Read(h.metric)
	for _, m := range h.metric {
		if m.Value.Kind() != metrics.KindFloat64 {
			return 0
		}
	}
	return time.Duration((h.metric[0].Value.Float64() - h.metric[1].Value.Float64()) * float64(time.Second))
}

// openFiles counts this process's open files; 0 where the system does not tell.
func openFiles() int {
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1 // without the one that looks
}
