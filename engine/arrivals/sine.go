package arrivals

import (
	"math"
	"time"
)

// Sine returns even arrivals whose rate swings around mean by amplitude (0 ≤ amplitude ≤
// mean, in arrivals per second) once in a period, for d. It starts at the mean and rises.
// Without a period or an amplitude the rate is constant.
func Sine(mean, amplitude float64, period, d time.Duration) Schedule {
	switch {
	case amplitude == 0 || period <= 0:
		return Even([]Stage{{For: d, From: mean, To: mean}})
	case !(mean > 0):
		return Concat()
	case pacerHolds(mean, amplitude, period):
		return pacedSine(mean, amplitude, period, d)
	}
	return wave{mean, amplitude, 2 * math.Pi / period.Seconds()}.schedule(d)
}

// wave is a rate of mean + amplitude·sin(ωt).
type wave struct{ mean, amplitude, omega float64 }

func (w wave) rate(t float64) float64 { return w.mean + w.amplitude*math.Sin(w.omega*t) }

// count is the integral of the rate from 0 to t.
func (w wave) count(t float64) float64 {
	return w.mean*t + w.amplitude/w.omega*(1-math.Cos(w.omega*t))
}

// schedule returns the arrivals before d.
func (w wave) schedule(d time.Duration) Schedule {
	return func(yield func(time.Duration) bool) {
		var last float64
		for k := 0.0; ; k++ {
			last = w.reach(k, last+1/w.rate(last))
			t := time.Duration(last*float64(time.Second) + 0.5)
			if t >= d || !yield(t) {
				return
			}
		}
	}
}

// reach returns when the cumulative count is x, by Newton's method from a guess, inside a
// bracket that the method leaves where the rate is nearly zero.
func (w wave) reach(x, guess float64) float64 {
	const precise = 1e-10 // seconds
	low, high := max((x-2*w.amplitude/w.omega)/w.mean, 0), x/w.mean
	t := min(max(guess, low), high)
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
		if math.Abs(next-t) < precise {
			return next
		}
		t = next
	}
	return t
}
