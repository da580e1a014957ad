package arrivals

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

// Stage is a span in which the rate goes linearly from From to To, in arrivals per second.
// Rates are finite and not negative.
type Stage struct {
	For      time.Duration
	From, To float64
}

// Expected returns the mean number of arrivals in the stages: the integral of the rate.
func Expected(stages []Stage) float64 {
	var sum float64
	for _, s := range stages {
		sum += s.expected()
	}
	return sum
}

func (s Stage) expected() float64 { return (s.From + s.To) / 2 * s.For.Seconds() }

// Even returns evenly spaced arrivals: number k is due when the integral of the rate
// reaches k, so the first is due as soon as the rate is not zero and what is left over at
// the end of a stage counts in the next. No arrival is due at or after the end.
func Even(stages []Stage) Schedule {
	return rescale(natural, stages)
}

// Poisson returns the arrivals of a Poisson process with the rates of the stages. The
// same seed gives the same arrivals. By the time-rescaling theorem (Çinlar 1975) the
// inverse of the integral of the rate turns a process of rate 1 into the process wanted.
func Poisson(seed uint64, stages []Stage) Schedule {
	return rescale(unitPoisson(seed), stages)
}

// natural is 0, 1, 2 … Each is exact up to 2⁵³.
func natural(yield func(float64) bool) {
	for k := 0.0; yield(k); k++ {
	}
}

// unitPoisson is a Poisson process of rate 1.
func unitPoisson(seed uint64) iter.Seq[float64] {
	return func(yield func(float64) bool) {
		rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
		for x := rng.ExpFloat64(); yield(x); x += rng.ExpFloat64() {
		}
	}
}

// rescale maps every x of unit to the time at which the integral of the rate reaches x.
func rescale(unit iter.Seq[float64], stages []Stage) Schedule {
	pieces, end := integrate(stages)
	return func(yield func(time.Duration) bool) {
		rest := pieces
		for x := range unit {
			for len(rest) > 0 && x >= rest[0].until {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				return
			}
			t := rest[0].reach(x)
			if t >= end || !yield(t) {
				return
			}
		}
	}
}

// piece is a stage in its place.
type piece struct {
	start        time.Duration
	a, b         float64 // rate at the start and at the end
	span         float64 // seconds
	before       float64 // arrivals before the start
	count, until float64 // arrivals within, and up to the end
}

// rounding is how far the cumulative count may be off, as a share of it. An arrival that
// is nearer than this to the end of a stage belongs to the next.
const rounding = 1e-12

// integrate puts the stages in their places and returns where the last one ends.
func integrate(stages []Stage) (pieces []piece, end time.Duration) {
	var before float64
	for _, s := range stages {
		count := s.expected()
		pieces = append(pieces, piece{
			start: end, a: s.From, b: s.To, span: s.For.Seconds(),
			before: before, count: count, until: (before + count) * (1 - rounding),
		})
		before += count
		end += s.For
	}
	return pieces, end
}

// reach returns when the cumulative count is x.
func (p *piece) reach(x float64) time.Duration {
	x = max(x-p.before, 0)
	var t float64
	switch {
	case p.a == p.b:
		t = x / p.a
	case p.a < p.b:
		t = climb(x, p.a, (p.b-p.a)/p.span)
	default:
		// Seen from its end a falling ramp is a rising one, and exact where it is slowest.
		t = p.span - climb(max(p.count-x, 0), p.b, (p.a-p.b)/p.span)
	}
	return p.start + time.Duration(t*float64(time.Second)+0.5)
}

// climb returns when a·t + s·t²/2 = x, for a rate that starts at a ≥ 0 and grows by s > 0
// per second. It is the root (√(a²+2sx)−a)/s in a form that does not cancel when s or x
// is small.
func climb(x, a, s float64) float64 {
	if x == 0 {
		return 0
	}
	return 2 * x / (a + math.Sqrt(a*a+2*s*x))
}
