package station

import "testing"

// A station that draws nothing: what is left is what it costs itself.
func free() Config { return Config{Servers: 1, Queue: Unbounded, Discipline: "fifo", Mode: "sleep"} }

func BenchmarkServeWithoutAService(b *testing.B) {
	s := New("bench", 1, free())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Serve(b.Context(), Job{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAcquireAndRelease(b *testing.B) {
	s := New("bench", 1, free())
	b.ReportAllocs()
	for b.Loop() {
		release, _, err := s.Acquire(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

func BenchmarkServeContended(b *testing.B) {
	s := New("bench", 1, free())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Serve(b.Context(), Job{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
