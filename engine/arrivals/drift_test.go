package arrivals

import (
	"testing"
	"time"
)

func TestNothingHasDriftedAfterAHundredMillionArrivals(t *testing.T) {
	const begin = 100_000_000
	late := func(yield func(float64) bool) {
		for k := float64(begin); yield(k); k++ {
		}
	}
	k := int64(begin)
	for due := range rescale(late, []Stage{{For: 334 * time.Second, From: 300_000, To: 300_000}}) {
		if want := time.Duration((k*10_000 + 1) / 3); due != want {
			t.Fatalf("number %d is due at %d ns, want %d", k, due, want)
		}
		k++
	}
	if k != 334*300_000 {
		t.Errorf("%d arrivals, want %d", k, 334*300_000)
	}
}
