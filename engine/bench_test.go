package engine

import (
	"testing"
	"time"
)

func BenchmarkRecordingASample(b *testing.B) {
	r := newRecorder(legend("open", StageLegend{Name: "only", To: time.Minute}))
	m := Sample{Due: 1000, Start: 2000, End: 102_000, Status: 200, BytesIn: 200, BytesOut: 100}
	m.Phases[3] = 90_000
	b.ReportAllocs()
	for b.Loop() {
		m.End++
		r.add(0, &m)
	}
}

func BenchmarkRecordingFromManyWorkers(b *testing.B) {
	r := newRecorder(legend("open", StageLegend{Name: "only", To: time.Minute}))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		m := Sample{Due: 1000, Start: 2000, End: 102_000, Status: 200}
		for pb.Next() {
			m.End++
			r.add(int(m.End), &m)
		}
	})
}

func TestRecordingAllocatesNothing(t *testing.T) {
	r := newRecorder(legend("open", StageLegend{Name: "only", To: time.Minute}))
	m := Sample{End: 100_000, Status: 200}
	for i := range r.shards {
		r.add(i, &m)
		r.tally(i, 0, 0, &Tally{Sent: 1})
	}
	if n := testing.AllocsPerRun(1000, func() {
		r.add(0, &m)
		r.tally(0, 0, 0, &Tally{Sent: 1})
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

func TestTheRecorderLosesNothingWhileItIsCut(t *testing.T) {
	r := newRecorder(legend("open", StageLegend{Name: "only", To: time.Minute}))
	const workers, each = 8, 20_000
	done := make(chan struct{}, workers)
	for w := range workers {
		go func() {
			m := Sample{Status: 200}
			for i := range each {
				m.End = time.Duration(i)
				r.add(w, &m)
				r.tally(w, 0, 0, &Tally{Sent: 1})
			}
			done <- struct{}{}
		}()
	}
	total := NewSnapshot(r.legend)
	for left := workers; left > 0; {
		select {
		case <-done:
			left--
		default:
			total.Merge(r.cut())
		}
	}
	total.Merge(r.cut())
	if got := total.Select(all).Count(); got != workers*each || total.Tallies[0][0].Sent != workers*each {
		t.Errorf("%d samples and %d tallies, want %d", got, total.Tallies[0][0].Sent, workers*each)
	}
}
