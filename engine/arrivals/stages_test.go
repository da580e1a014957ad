package arrivals_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"plimsoll/engine/arrivals"
)

func TestExpectedIsTheIntegralOfTheRate(t *testing.T) {
	stages := []arrivals.Stage{{10 * time.Second, 100, 100}, {10 * time.Second, 100, 300}, {0, 5, 5}, {20 * time.Second, 300, 300}}
	if got := arrivals.Expected(stages); got != 1000+2000+6000 {
		t.Errorf("got %v, want 9000", got)
	}
}

// integral is the cumulative count at t, from the definition.
func integral(stages []arrivals.Stage, t time.Duration) float64 {
	var sum float64
	for _, s := range stages {
		if t <= 0 || s.For <= 0 {
			continue
		}
		x := min(t, s.For).Seconds()
		sum += s.From*x + (s.To-s.From)/s.For.Seconds()*x*x/2
		t -= s.For
	}
	return sum
}

func length(stages []arrivals.Stage) (d time.Duration) {
	for _, s := range stages {
		d += s.For
	}
	return d
}

func rateAt(stages []arrivals.Stage, t time.Duration) float64 {
	for _, s := range stages {
		if t < s.For {
			return s.From + (s.To-s.From)*t.Seconds()/s.For.Seconds()
		}
		t -= s.For
	}
	return 0
}

func TestEvenArrivalsInvertTheIntegral(t *testing.T) {
	for seed := range uint64(500) {
		stages := randomStages(rand.New(rand.NewPCG(seed, 2)))
		n := 0
		for due := range arrivals.Even(stages) {
			if due >= length(stages) {
				t.Fatalf("seed %d: number %d is due at %v, not before the end at %v", seed, n, due, length(stages))
			}
			// A due time is a whole number of nanoseconds, within which the count moves by this much.
			slack := 1e-9*max(rateAt(stages, due), rateAt(stages, due-1), rateAt(stages, due+1)) + 1e-8
			if miss := integral(stages, due) - float64(n); math.Abs(miss) > slack {
				t.Fatalf("seed %d: number %d is due at %v, %g arrivals off", seed, n, due, miss)
			}
			n++
		}
		if want := arrivals.Expected(stages); math.Abs(float64(n)-want) > 1 {
			t.Fatalf("seed %d: %d arrivals, want %v ± 1", seed, n, want)
		}
	}
}

func TestConstantLoadCountsEverySecondRight(t *testing.T) {
	for _, rate := range []float64{0.1, 0.3, 1, 3, 7.7, 1000.0 / 3, 999.999, 12345.678} {
		counts := make([]int, 100)
		n := 0
		for due := range arrivals.Even(constant(rate, 100*time.Second)) {
			counts[due/time.Second]++
			n++
		}
		for s, got := range counts {
			if math.Abs(float64(got)-rate) > 1 {
				t.Errorf("rate %v: %d arrivals in second %d", rate, got, s)
			}
		}
		if want := int(math.Ceil(rate*100 - 1e-9)); n != want {
			t.Errorf("rate %v: %d arrivals, want %d", rate, n, want)
		}
	}
}

// The end of a stage and the time at which the count reaches it are worked out apart, and
// must agree on whether an arrival is still due.
func TestWholeNumberOfArrivalsHasNoneTooMany(t *testing.T) {
	for rate := 1; rate <= 300; rate += 7 {
		for tenths := 1; tenths <= 40; tenths++ {
			d, r := time.Duration(tenths)*100*ms, float64(rate)
			for name, stages := range map[string][]arrivals.Stage{
				"constant": constant(r, d),
				"up":       {{d, 0, 2 * r}},
				"down":     {{d, 2 * r, 0}},
				"up, down": {{d / 2, 0, 2 * r}, {d / 2, 2 * r, 0}},
			} {
				want := int(math.Ceil(arrivals.Expected(stages) - 1e-6))
				if got := count(arrivals.Even(stages)); got != want {
					t.Fatalf("%s, %d/s for %v: %d arrivals, want %d", name, rate, d, got, want)
				}
			}
		}
	}
}

func count(s arrivals.Schedule) (n int) {
	for range s {
		n++
	}
	return n
}

func TestNearlyLevelRampIsLevel(t *testing.T) {
	level := slices.Collect(arrivals.Even(constant(1000, 10*time.Second)))
	for _, tilt := range []float64{-1e-9, -1e-12, 1e-15, 1e-12, 1e-9} {
		got := slices.Collect(arrivals.Even([]arrivals.Stage{{10 * time.Second, 1000, 1000 * (1 + tilt)}}))
		for i := range min(len(got), len(level)) {
			if d := (got[i] - level[i]).Abs(); d > 10 {
				t.Fatalf("tilt %g: number %d is %v off", tilt, i, d)
			}
		}
		if d := len(got) - len(level); d < -1 || d > 1 {
			t.Errorf("tilt %g: %d arrivals, want %d", tilt, len(got), len(level))
		}
	}
}

func TestDividingAStageChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		d, rate := time.Duration(1+rng.Int64N(int64(5*time.Second))), rng.Float64()*2000
		cut := time.Duration(rng.Int64N(int64(d)))
		whole, parts := constant(rate, d), append(constant(rate, cut), constant(rate, d-cut)...)
		if off := furthest(arrivals.Even(whole), arrivals.Even(parts)); off > 1 {
			t.Fatalf("even at %v/s for %v is %v off when cut at %v", rate, d, off, cut)
		}
		if off := furthest(arrivals.Poisson(1, whole), arrivals.Poisson(1, parts)); off > 1 {
			t.Fatalf("poisson at %v/s for %v is %v off when cut at %v", rate, d, off, cut)
		}
		middle := rate * float64(cut) / float64(d)
		ramp, two := []arrivals.Stage{{d, 0, rate}}, []arrivals.Stage{{cut, 0, middle}, {d - cut, middle, rate}}
		if n := count(arrivals.Even(ramp)) - count(arrivals.Even(two)); n < -1 || n > 1 {
			t.Fatalf("a ramp to %v/s in %v has %d more arrivals when cut at %v", rate, d, n, cut)
		}
	}
}

// furthest is the longest time between arrivals of the same number.
func furthest(a, b arrivals.Schedule) (off time.Duration) {
	as, bs := slices.Collect(a), slices.Collect(b)
	if len(as) != len(bs) {
		return math.MaxInt64
	}
	for i := range as {
		off = max(off, (as[i] - bs[i]).Abs())
	}
	return off
}

func TestPoissonArrivalsAreRandom(t *testing.T) {
	for seed := range uint64(5) {
		due := slices.Collect(arrivals.Poisson(seed, constant(1000, 20*time.Second)))
		gaps := make([]float64, len(due))
		last := time.Duration(0)
		for i, d := range due {
			gaps[i], last = (d-last).Seconds()*1000, d
		}
		if cv := variation(gaps); cv < 0.95 || cv > 1.05 {
			t.Errorf("seed %d: coefficient of variation of gaps is %.3f, want 0.95 … 1.05", seed, cv)
		}
		if ks := distance(gaps); ks > 0.02 {
			t.Errorf("seed %d: Kolmogorov distance to the exponential law is %.4f, want < 0.02", seed, ks)
		}
	}
}

// variation is standard deviation over mean.
func variation(xs []float64) float64 {
	var sum, squares float64
	for _, x := range xs {
		sum += x
		squares += x * x
	}
	mean := sum / float64(len(xs))
	return math.Sqrt(squares/float64(len(xs))-mean*mean) / mean
}

// distance is the Kolmogorov-Smirnov distance to the exponential law of mean 1.
func distance(xs []float64) (worst float64) {
	slices.Sort(xs)
	for i, x := range xs {
		law := 1 - math.Exp(-x)
		worst = max(worst, math.Abs(law-float64(i)/float64(len(xs))), math.Abs(law-float64(i+1)/float64(len(xs))))
	}
	return worst
}

// Mapped back through the integral, random arrivals on any profile are a process of rate 1.
func TestPoissonArrivalsFollowTheRamp(t *testing.T) {
	stages := []arrivals.Stage{{5 * time.Second, 0, 3000}, {5 * time.Second, 3000, 500}, {2 * time.Second, 0, 0}, {4 * time.Second, 1000, 1000}}
	for seed := range uint64(5) {
		var gaps []float64
		last := 0.0
		for due := range arrivals.Poisson(seed, stages) {
			x := integral(stages, due)
			gaps, last = append(gaps, x-last), x
		}
		if ks := distance(gaps); ks > 0.02 {
			t.Errorf("seed %d: Kolmogorov distance is %.4f, want < 0.02", seed, ks)
		}
		if want := arrivals.Expected(stages); math.Abs(float64(len(gaps))-want) > 5*math.Sqrt(want) {
			t.Errorf("seed %d: %d arrivals, want about %v", seed, len(gaps), want)
		}
	}
}

func TestPoissonSeedsDiffer(t *testing.T) {
	a := slices.Collect(arrivals.Poisson(1, constant(100, time.Second)))
	b := slices.Collect(arrivals.Poisson(2, constant(100, time.Second)))
	if slices.Equal(a, b) {
		t.Error("two seeds gave the same arrivals")
	}
}

// A seed that somebody wrote down has to give the same load with the next version.
func TestPoissonIsPinned(t *testing.T) {
	got := slices.Collect(arrivals.Poisson(42, constant(100, time.Second)))
	want := []time.Duration{5_779_751, 32_282_092, 35_690_901}
	if len(got) != 111 || !slices.Equal(got[:3], want) {
		t.Errorf("%d arrivals from %v, want 111 from %v", len(got), got[:3], want)
	}
}
