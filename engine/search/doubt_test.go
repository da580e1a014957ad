package search_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"plimsoll/engine/search"
)

// A queue that gets a little more than it can serve keeps a promise of seconds for as long
// as a trial lasts. M/M/4 with a mean of 5 ms serves 800/s at the most.
func TestALoadAboveSaturationDoesNotHoldBecauseATrialIsShort(t *testing.T) {
	for seed := range uint64(6) {
		g := goal(seed)
		g.Probe, g.Trial, g.Soak = 10*time.Second, 2700*time.Millisecond, 0
		q := &queue{c: 4, mean: .005, rng: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a simulation
		if l := find(t, g, 3*time.Minute, q.try(2)).Line(); l.Lower > 1.05*800 {
			t.Errorf("seed %d: %+v", seed, l)
		}
	}
}

func TestASoakInWhichLatencyRisesDoesNotHold(t *testing.T) {
	try := sharp(669)
	l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
		trial, took := try(s)
		trial.Rising = s.Kind == search.Soak && s.Rate > 500
		return trial, took
	}).Line()
	if l.Lower > 500 || l.Upper <= 500 || !l.Soaked || l.Width() > .0205 {
		t.Errorf("got %+v", l)
	}
}

func TestASoakThatSaysNothingIsNotCalledHeld(t *testing.T) {
	for name, batches := range map[string][]search.Batch{"no request": nil, "rather more than allowed": {{N: 10000, Bad: 110}}} {
		try := sharp(669)
		l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
			trial, took := try(s)
			if s.Kind == search.Soak {
				trial.Evidence[0].Batches = batches
			}
			return trial, took
		}).Line()
		if l.Soaked || l.Lower == 0 {
			t.Errorf("%s: got %+v", name, l)
		}
	}
}

func TestALoadThatIsMostlyInvalidIsGivenUp(t *testing.T) {
	try, at := sharp(669), map[float64]int{}
	l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
		trial, took := try(s)
		if at[s.Rate]++; s.Rate > 400 && at[s.Rate] > 1 {
			trial.Verdict = search.Invalid
		}
		return trial, took
	}).Line()
	if l.Lower > 400 || l.Upper <= 400 || l.Limit != search.GeneratorLimited {
		t.Errorf("got %+v", l)
	}
	for rate, n := range at {
		if n > 8 {
			t.Errorf("%d trials at %g", n, rate)
		}
	}
}

func TestAProbeThatSaysTooLittleIsNoPass(t *testing.T) {
	s := search.New(goal(1), []search.Trial{
		{Kind: search.Probe, Rate: 10, Evidence: []search.Evidence{{Allowed: .01, Batches: []search.Batch{{N: 20}}}}},
		{Kind: search.Probe, Rate: 20, Evidence: []search.Evidence{{Allowed: .01, Batches: []search.Batch{{N: 400}}}}},
		{Kind: search.Probe, Rate: 40, Evidence: []search.Evidence{{Allowed: .01, Batches: []search.Batch{{N: 40, Bad: 40}}}}},
	})
	for rate, want := range map[float64]search.Verdict{10: search.Undecided, 20: search.Pass, 40: search.Fail} {
		if got := s.Verdict(rate); got != want {
			t.Errorf("%g/s: %s, want %s", rate, got, want)
		}
	}
}

// It takes 3688 requests to see that no more than 0.1 % fail, but not to see that all do.
func TestATargetThatFailsAlwaysIsSeenToWithFewRequests(t *testing.T) {
	g := goal(1)
	g.Least, g.Samples = 1, search.Needs(.001)
	l := find(t, g, 5*time.Minute, func(s search.Step) (search.Trial, time.Duration) {
		n := uint64(math.Ceil(s.Rate * s.For.Seconds()))
		e := search.Evidence{Promise: "errors < 0.1%", Allowed: .001, Batches: []search.Batch{{N: n, Bad: n}}}
		return search.Trial{Kind: s.Kind, Rate: s.Rate, Seconds: s.For.Seconds(), Evidence: []search.Evidence{e}}, s.Length()
	}).Line()
	if want := (search.Line{Upper: 1, Limit: search.TargetLimited}); l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
}

// Where a promise says nothing about low loads, the line does not lie below the first load
// that failed.
func TestALineIsNotBelowALoadUnderWhichAllIsOpen(t *testing.T) {
	try, g := sharp(669), goal(1)
	g.Start, g.Least, g.Soak = 1000, 600, 0
	l := find(t, g, 5*time.Minute, func(s search.Step) (search.Trial, time.Duration) {
		trial, took := try(s)
		if s.Rate < 669 {
			trial.Evidence[0].Batches = []search.Batch{{N: 100, Bad: 1}}
			trial.Rising = true
		}
		return trial, took
	}).Line()
	if l.Lower != 0 || l.Limit != search.Inconclusive {
		t.Errorf("got %+v", l)
	}
}

func TestOneSoakInWhichLatencyRisesIsRepeated(t *testing.T) {
	try, soaks := sharp(669), 0
	l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
		trial, took := try(s)
		if s.Kind == search.Soak {
			soaks++
			trial.Rising = soaks == 1
		}
		return trial, took
	}).Line()
	if soaks != 2 || !l.Soaked || l.Lower < 650 || l.Lower > 669 {
		t.Errorf("got %+v after %d soaks", l, soaks)
	}
}

// noisy is a target whose share of slow requests grows with the rate and differs from trial
// to trial. One trial in twenty is invalid.
func noisy(r *rand.Rand, line, slope, noise float64) func(search.Step) (search.Trial, time.Duration) {
	return func(s search.Step) (search.Trial, time.Duration) {
		share := min(.01*math.Pow(s.Rate/line, slope)*math.Exp(noise*r.NormFloat64()), .9)
		e := search.Evidence{Promise: "p99 < limit", Allowed: .01}
		for range 20 {
			n := s.Rate * s.For.Seconds() / 20
			bad := n*share + math.Sqrt(n*share)*r.NormFloat64()
			e.Batches = append(e.Batches, search.Batch{N: uint64(n), Bad: uint64(min(max(bad, 0), n))})
		}
		trial := search.Trial{Kind: s.Kind, Rate: s.Rate, Seconds: s.For.Seconds(), Evidence: []search.Evidence{e}}
		if r.Float64() < .05 {
			trial.Verdict = search.Invalid
		}
		return trial, s.Length()
	}
}

func TestASearchGoesOnUntilItIsDoneOrTheTimeIsUp(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a simulation
		g, left := goal(seed), 20*time.Minute
		line := 50 + 2000*r.Float64()
		try := noisy(r, line, 2+30*r.Float64(), r.Float64()/2)
		l := find(t, g, left, func(s search.Step) (search.Trial, time.Duration) {
			trial, took := try(s)
			left -= took
			return trial, took
		}).Line()
		if left > time.Minute && (l.Width() > .0205 || l.Limit == search.Inconclusive) {
			t.Errorf("seed %d: %+v with %s left", seed, l, left)
		}
	}
}

// Two trials in which the promise held, if not beyond doubt, and one that was disturbed: more
// requests broke it than may, but what decides is how trials differ. Measured on a busy
// machine, where the line lay 17 % higher.
func TestATrialThatWasDisturbedDoesNotDecideAgainstTheOthers(t *testing.T) {
	trial := func(n, bad uint64, parts int) search.Trial {
		var b []search.Batch
		for i := range 20 {
			x := search.Batch{N: n / 20}
			if i < parts {
				x.Bad = bad / uint64(parts)
			}
			b = append(b, x)
		}
		return search.Trial{Kind: search.Measure, Rate: 570, Evidence: []search.Evidence{{Allowed: .01, Batches: b}}}
	}
	s := search.New(goal(1), []search.Trial{trial(1592, 205, 7), trial(1643, 8, 4), trial(1595, 3, 3)})
	if got := s.Verdict(570); got != search.Undecided {
		t.Errorf("got %s", got)
	}
}
