package station

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestLawsHaveTheirMoments(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		law  Law
		mean time.Duration
		cv   float64
	}{
		{"constant", Law{Law: "constant", Mean: 10 * ms, CV: 1}, 10 * ms, 0},
		{"exponential", Law{Law: "exponential", Mean: 10 * ms, CV: 3}, 10 * ms, 1},
		{"lognormal of little spread", Law{Law: "lognormal", Mean: 3 * ms, CV: 0.5}, 3 * ms, 0.5},
		{"lognormal of much spread", Law{Law: "lognormal", Mean: 3 * ms, CV: 2}, 3 * ms, 2},
		{"lognormal of none", Law{Law: "lognormal", Mean: 3 * ms}, 3 * ms, 0},
		{"pareto by its shape", Law{Law: "pareto", Mean: 5 * ms, CV: 1, Shape: 6}, 5 * ms, 1 / math.Sqrt(24)},
		{"pareto by its cv", Law{Law: "pareto", Mean: 5 * ms, CV: 0.25}, 5 * ms, 0.25},
		{"hyperexponential", Law{Law: "hyperexponential", Mean: 8 * ms, CV: 2}, 8 * ms, 2},
		{"hyperexponential that is exponential", Law{Law: "hyperexponential", Mean: 8 * ms, CV: 1}, 8 * ms, 1},
		{"recorded", Law{Law: "recorded", Samples: []string{"1ms", "1ms", "4ms"}}, 2 * ms, math.Sqrt(2) / 2},
		{"recorded once", Law{Law: "recorded", Samples: []string{"7ms"}}, 7 * ms, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.law.Check(); err != nil {
				t.Fatal(err)
			}
			if mean, cv := test.law.Moments(); mean != test.mean || math.Abs(cv-test.cv) > 1e-9 {
				t.Errorf("says it has mean %v and cv %v, want %v and %v", mean, cv, test.mean, test.cv)
			}
			const draws = 200_000
			draw, r := test.law.drawer(), rand.New(rand.NewPCG(1, 2))
			var sum, squares float64
			for range draws {
				x := float64(draw(r))
				sum += x
				squares += x * x
			}
			mean := sum / draws
			cv := math.Sqrt(max(0, squares/draws-mean*mean)) / mean
			// four standard errors of the mean; the fourth moments, which the error of
			// the cv depends on, are large
			if off := math.Abs(mean/float64(test.mean) - 1); off > 4*test.cv/math.Sqrt(draws)+1e-6 {
				t.Errorf("the mean of the draws is %v, want %v", time.Duration(mean), test.mean)
			}
			if math.Abs(cv-test.cv) > 0.05*test.cv+1e-3 {
				t.Errorf("the cv of the draws is %v, want %v", cv, test.cv)
			}
		})
	}
}

func TestAHeavyTailHasAMeanAndNoCV(t *testing.T) {
	law := Law{Law: "pareto", Mean: 10 * time.Millisecond, Shape: 1.5}
	if mean, cv := law.Moments(); mean != law.Mean || !math.IsInf(cv, 1) {
		t.Errorf("mean %v, cv %v", mean, cv)
	}
	// P(X > 2m) = (least/2m)^α with least = m(α−1)/α, so (1/6)^1.5 = 6.80 %
	draw, r, over := law.drawer(), rand.New(rand.NewPCG(3, 4)), 0
	for range 100_000 {
		if draw(r) > 2*law.Mean {
			over++
		}
	}
	if over < 6500 || over > 7120 {
		t.Errorf("%d of 100000 are past twice the mean, want about 6804", over)
	}
	if text := law.truth(); text.CV != nil {
		t.Errorf("its truth has a cv of %v", *text.CV)
	}
}

func TestDrawsFollowFromTheSeed(t *testing.T) {
	law := Law{Law: "lognormal", Mean: time.Millisecond, CV: 1}
	draw := law.drawer()
	a, b, c := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, 1))
	same, other := true, true
	for range 100 {
		x := draw(a)
		same = same && x == draw(b)
		other = other && x == draw(c)
	}
	if !same || other {
		t.Errorf("the same seed draws the same: %v, another one too: %v", same, other)
	}
}

func TestSettingsThatMakeNoSenseAreNamed(t *testing.T) {
	for _, test := range []struct {
		want string
		cfg  Config
	}{
		{"servers is 0", Config{Queue: Unbounded}},
		{"queue is -2", Config{Servers: 1, Queue: -2}},
		{"service: shape is 1", Config{Servers: 1, Service: Law{Law: "pareto", Shape: 1}}},
		{"service: shape is missing", Config{Servers: 1, Service: Law{Law: "pareto"}}},
		{"service: cv is 0.5", Config{Servers: 1, Service: Law{Law: "hyperexponential", CV: 0.5}}},
		{"service: samples are missing", Config{Servers: 1, Service: Law{Law: "recorded"}}},
		{"service: samples[1] is \"fast\"", Config{Servers: 1, Service: Law{Law: "recorded", Samples: []string{"1ms", "fast"}}}},
		{"service: mean and cv", Config{Servers: 1, Service: Law{Law: "constant", Mean: -1}}},
		{"service: law is \"zipf\"", Config{Servers: 1, Service: Law{Law: "zipf"}}},
	} {
		if err := test.cfg.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}
