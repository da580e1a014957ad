package arrivals

import (
	"math"
	"time"
)

// Sine returns even arrivals whose rate swings around mean by amplitude (0 ≤ amplitude ≤
// mean, in arrivals per second) once in a period, for d; it starts at the mean and rises.
func Sine(mean, amplitude float64, period, d time.Duration) Schedule {
	w := wave{mean: mean, amplitude: amplitude, omega: 2 * math.Pi / period.Seconds()}
	return func(yield func(time.Duration) bool) {
		for k := 0.0; ; k++ {
			t := time.Duration(w.reach(k)*float64(time.Second) + 0.5)
			if t >= d || !yield(t) {
				return
			}
		}
	}
}

type wave struct{ mean, amplitude, omega float64 }

func (w wave) count(t float64) float64 {
	return w.mean*t + w.amplitude/w.omega*(1-math.Cos(w.omega*t))
}

func (w wave) rate(t float64) float64 { return w.mean + w.amplitude*math.Sin(w.omega*t) }

// reach returns when the cumulative count is x: Newton's method inside a bracket.
func (w wave) reach(x float64) float64 {
	low, high := max((x-2*w.amplitude/w.omega)/w.mean, 0), x/w.mean
	t := (low + high) / 2
	for range 100 {
		miss := w.count(t) - x
		if miss > 0 {
			high = t
		} else {
			low = t
		}
		next := t - miss/w.rate(t)
		if !(next >= low && next <= high) {
			next = (low + high) / 2
		}
		if math.Abs(next-t) < 1e-10 {
			return next
		}
		t = next
	}
	return t
}
