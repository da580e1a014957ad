//go:build unix

package cluster

import (
	"slices"
	"sync/atomic"
	"testing"
)

// BenchmarkConnection is a whole connection with one request, in each way of sharing: what
// round robin costs is the difference to fd.
func BenchmarkConnection(b *testing.B) {
	for _, share := range []string{RoundRobin, Inherited, ReusePort} {
		b.Run(share, func(b *testing.B) {
			r := begin(b, settings(2, share))
			address := r.Addr().String()
			var failed atomic.Int64
			cpu := func() (sum float64) {
				for _, w := range r.Status().Workers {
					sum += w.CPU
				}
				return sum
			}
			before := cpu()
			b.SetParallelism(8)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				c := &client{address: address}
				for pb.Next() {
					if _, err := c.get("/"); err != nil {
						failed.Add(1)
					}
				}
			})
			b.StopTimer()
			b.ReportMetric((cpu()-before)/float64(b.N)*1e6, "worker-cpu-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "conn/s")
			if failed.Load() > 0 {
				b.Errorf("%d failed", failed.Load())
			}
			var shares []float64
			for _, w := range r.Status().Workers {
				shares = append(shares, float64(w.Requests))
			}
			if share == RoundRobin && slices.Max(shares)-slices.Min(shares) > float64(inFlight) {
				b.Errorf("shares %v", shares)
			}
		})
	}
}
