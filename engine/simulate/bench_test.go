package simulate

import (
	"testing"
	"time"
)

// BenchmarkRun counts events, of which an answered try makes three: arrival, service, and a
// deadline that comes to nothing.
func BenchmarkRun(b *testing.B) {
	for name, p := range map[string]Policy{"random": Random, "least loaded": LeastLoaded, "two choices": Choices} {
		b.Run(name, func(b *testing.B) {
			c := behind(p, system(1000, 4, .8, Exponential(10*time.Millisecond)))
			c.Load.Rate *= 100
			c.Length = 2 * time.Second
			c.Clients = Clients{Timeout: 100 * time.Millisecond, Retries: 2}
			var events uint64
			for b.Loop() {
				o, err := Run(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				events += o.Events
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
