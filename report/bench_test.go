package report

import (
	"testing"
)

func BenchmarkInterval(b *testing.B) {
	intervals, _ := randomRun(7)
	w, err := Create(b.TempDir(), meta(), shop(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer w.close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := w.Interval(intervals[i%len(intervals)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(intervals[0].Cells)), "cells")
}
