package arrivals

import (
	"math"
	"slices"
	"testing"
	"time"
)

// invert returns when the count of w is x, by nothing but bisection.
func (w wave) invert(x float64) float64 {
	low, high := 0.0, x/w.mean+1
	for range 200 {
		if middle := (low + high) / 2; w.count(middle) < x {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

func TestSineInvertsItsIntegral(t *testing.T) {
	const period = 10 * time.Second
	for _, perPeriod := range []float64{0.3, 1, 3, 10, 30, 99, 100, 1000, 10000} {
		for _, depth := range []float64{0.001, 0.3, 0.5, 0.7, 0.71, 0.9, 0.95, 0.99, 0.9999, 1} {
			mean := perPeriod / period.Seconds()
			w := wave{mean, depth * mean, 2 * math.Pi / period.Seconds()}
			// vegeta's pacer keeps to a thousandth of an arrival, ours to what a nanosecond allows.
			slack := 1e-9*2*mean + 1e-8
			if pacerHolds(mean, depth*mean, period) {
				slack += 1e-3
			}
			d, n := max(3*period, time.Duration(10/mean*1e9)), 0
			for due := range Sine(mean, depth*mean, period, d) {
				if miss := w.count(due.Seconds()) - float64(n); math.Abs(miss) > slack {
					t.Errorf("%v arrivals a period, depth %v: number %d is %g arrivals off", perPeriod, depth, n, miss)
				}
				if depth < 0.9 && perPeriod < 1000 {
					if want := w.invert(float64(n)); math.Abs(due.Seconds()-want) > 2*slack/(mean*(1-depth)) {
						t.Errorf("%v arrivals a period, depth %v: number %d is due at %v, want %v", perPeriod, depth, n, due, want)
					}
				}
				n++
			}
			if want := w.count(d.Seconds()); math.Abs(float64(n)-want) > 1+1e-3 {
				t.Errorf("%v arrivals a period, depth %v: %d arrivals, want %v ± 1", perPeriod, depth, n, want)
			}
		}
	}
}

func TestPacedAndOwnSineAgree(t *testing.T) {
	mean, amplitude, period, d := 1234.5, 600.25, 4*time.Second, 20*time.Second
	paced := slices.Collect(pacedSine(mean, amplitude, period, d))
	own := slices.Collect(wave{mean, amplitude, 2 * math.Pi / period.Seconds()}.schedule(d))
	if len(paced) != len(own) {
		t.Fatalf("%d paced arrivals, %d of our own", len(paced), len(own))
	}
	for i := range own {
		if off := (paced[i] - own[i]).Abs(); off > 2*time.Microsecond {
			t.Fatalf("number %d: paced at %v, own at %v", i, paced[i], own[i])
		}
	}
}

// Should this fail, vegeta has mended its pacer and pacerHolds may allow more.
func TestPacerDoesNotHoldInDeepTroughs(t *testing.T) {
	n := 0
	for range pacedSine(3, 2.85, 10*time.Second, time.Minute) {
		if n++; n > 1000 {
			return
		}
	}
	t.Errorf("%d arrivals, where it used to go on for ever", n)
}
