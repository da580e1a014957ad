package simulate

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"plimsoll/engine/latency"
)

// moments returns the mean in nanoseconds and the squared coefficient of variation of draws.
func moments(l Law, n int) (mean, scv float64) {
	r := rand.NewPCG(1, 2)
	var sum, squares float64
	for range n {
		x := float64(l.draw(r))
		sum += x
		squares += x * x
	}
	mean = sum / float64(n)
	return mean, squares/float64(n)/(mean*mean) - 1
}

func TestLawsHaveTheMomentsTheySay(t *testing.T) {
	for _, text := range []string{
		"exp(10ms)", "fixed(5ms)", "lognormal(5ms, 0.5)", "lognormal(5ms, 2)", "gamma(10ms, 0.5)", "gamma(10ms, scv=0.25)",
		"gamma(3ms, 1.5)", "hyper(10ms, 1)", "hyper(10ms, 2)", " constant( 1s )",
	} {
		l, err := ParseLaw(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		mean, scv := moments(l, 400_000)
		if math.Abs(mean/float64(l.Mean())-1) > .02 || math.Abs(scv-l.SCV()) > .05*l.SCV()+1e-9 {
			t.Errorf("%s: mean %.4g, squared coefficient of variation %.4g, want %.4g and %.4g", text, mean, scv, float64(l.Mean()), l.SCV())
		}
	}
}

func TestParseLawRefuses(t *testing.T) {
	for _, text := range []string{
		"", "exp", "exp(", "exp()", "exp(10)", "exp(-1s)", "exp(0s)", "exp(25h)", "exp(1s, 2)", "exp(1s))", "pareto(1s)",
		"lognormal(1s)", "lognormal(1s, 0)", "lognormal(1s, x)", "lognormal(1s, NaN)", "gamma(1s, -1)", "gamma(1s, scv=-1)",
		"hyper(1s, 0.5)", "hyper(1s, 1e9)", "gamma(1s, 1, 1)",
	} {
		if l, err := ParseLaw(text); err == nil {
			t.Errorf("%q is read as %s", text, l)
		} else if _, ok := errors.AsType[*LawError](err); !ok {
			t.Errorf("%q: %T is no *LawError", text, err)
		}
	}
}

func FuzzParseLaw(f *testing.F) {
	for _, s := range []string{"exp(10ms)", "lognormal(5ms, 0.5)", "gamma(1s, scv=0.25)", "hyper(1s,2)", "fixed(1ns)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLaw(s)
		if err != nil {
			return
		}
		r := rand.NewPCG(1, 1)
		for range 10 {
			if x := l.draw(r); x < 0 {
				t.Fatalf("%s draws %d", s, x)
			}
		}
		if again, err := ParseLaw(l.String()); err != nil || again.Mean() != l.Mean() {
			t.Errorf("%q is written as %q, which is read as %v, %v", s, l, again, err)
		}
	})
}

func TestQuantilesAreThoseThatWereGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 100).Draw(t, "points")
		shares, at := make([]float64, n), make([]time.Duration, n)
		share, value := 0.0, time.Duration(0)
		for i := range n {
			share += float64(rapid.IntRange(0, 40).Draw(t, "share")) / 8192
			value += time.Duration(rapid.IntRange(0, 1000).Draw(t, "value"))
			shares[i], at[i] = share, value
		}
		l, err := Quantiles(shares, at)
		if err != nil {
			if value > 0 {
				t.Fatal(err)
			}
			return
		}
		for i := range n {
			between := i == 0 || i == n-1 || shares[i] == shares[i-1] || shares[i] == shares[i+1]
			if got := l.quantiles.at(shares[i]); !between && math.Abs(got-float64(at[i])) > 1e-6*float64(at[i])+1e-6 {
				t.Fatalf("at %g is %g, not %d", shares[i], got, at[i])
			}
		}
		last := 0.0
		for i := range 1000 {
			x := l.quantiles.at(float64(i) / 1000)
			if x < last || x < float64(at[0]) || x > float64(at[n-1]) {
				t.Fatalf("%g comes after %g, between %d and %d", x, last, at[0], at[n-1])
			}
			last = x
		}
	})
}

func TestQuantilesRefuses(t *testing.T) {
	for name, try := range map[string]struct {
		shares []float64
		at     []time.Duration
	}{
		"nothing":      {},
		"one":          {[]float64{1}, []time.Duration{1}},
		"unequal":      {[]float64{0, 1}, []time.Duration{1}},
		"falling":      {[]float64{0, 1}, []time.Duration{2, 1}},
		"beyond one":   {[]float64{0, 1.1}, []time.Duration{1, 2}},
		"not a number": {[]float64{0, math.NaN()}, []time.Duration{1, 2}},
		"all zero":     {[]float64{0, 1}, []time.Duration{0, 0}},
	} {
		if _, err := Quantiles(try.shares, try.at); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRecordedTimesComeBack(t *testing.T) {
	var h latency.Histogram
	source := Lognormal(5*time.Millisecond, 1)
	r := rand.NewPCG(3, 4)
	for range 200_000 {
		h.Record(time.Duration(source.draw(r)))
	}
	l, err := Recorded(&h)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(l.mean/float64(h.Sum())*float64(h.Count())-1) > 1e-3 || math.Abs(l.scv-1) > .1 {
		t.Errorf("mean %g and variation %g of times with mean %s", l.mean, l.scv, h.Mean())
	}
	for _, q := range []float64{0, .01, .5, .9, .99, .999} {
		if got, want := l.quantiles.at(q), float64(h.Quantile(q)); math.Abs(got/want-1) > 2e-3 {
			t.Errorf("the quantile at %g is %g, not %g", q, got, want)
		}
	}
	if _, err := Recorded(&latency.Histogram{}); err == nil {
		t.Error("an empty histogram is a law")
	}
}

func TestBottomOfABucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "value"))
		var h, below latency.Histogram
		h.Record(v)
		h.Record(v + 1<<40) // so that the maximum does not cut the bucket off
		for highest := range h.Buckets {
			low := time.Duration(bottom(highest))
			if low > v || highest < v {
				t.Fatalf("%d is not within %d and %d", v, low, highest)
			}
			below.Record(low)
			below.Record(highest)
			break
		}
		buckets := 0
		for range below.Buckets {
			buckets++
		}
		if buckets != 1 {
			t.Fatal("the lowest and the highest value are in different buckets")
		}
	})
}
