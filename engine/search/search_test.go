package search_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/search"
)

// goal is a search of some minutes for a p99.
func goal(seed uint64) search.Goal {
	return search.Goal{
		Start: 10, Least: 2, Most: 50000, Width: .02, Trials: 3, Samples: search.Needs(.01), Seed: seed,
		Probe: 2 * time.Second, Trial: 4 * time.Second, Soak: 20 * time.Second,
	}
}

// find runs a search to its end in virtual time.
func find(t *testing.T, g search.Goal, within time.Duration, try func(search.Step) (search.Trial, time.Duration)) *search.Search {
	t.Helper()
	s := search.New(g, nil)
	for range 1000 {
		step, ok := s.Next(within)
		if !ok {
			return s
		}
		trial, took := try(step)
		s.Add(trial)
		within -= took
	}
	t.Fatal("the search does not end")
	return nil
}

// sharp is a target that keeps its promise up to a rate and breaks it above, without doubt.
func sharp(line float64) func(search.Step) (search.Trial, time.Duration) {
	return func(s search.Step) (search.Trial, time.Duration) {
		bad := uint64(0)
		if s.Rate > line {
			bad = 500
		}
		var batches []search.Batch
		for range 10 {
			batches = append(batches, search.Batch{N: 1000, Bad: bad})
		}
		e := search.Evidence{Promise: "p99 < 40ms", Allowed: .01, Batches: batches}
		return search.Trial{Kind: s.Kind, Rate: s.Rate, Seconds: s.For.Seconds(), Evidence: []search.Evidence{e}}, s.Length()
	}
}

func TestASharpLineIsBracketedAsNarrowlyAsAskedFor(t *testing.T) {
	for _, line := range []float64{3, 10, 11.3, 97, 669.4, 1279, 1281, 40000} {
		s := find(t, goal(1), time.Hour, sharp(line))
		l := s.Line()
		if l.Lower > line || l.Upper <= line || l.Width() > .0205 || l.Limit != search.TargetLimited || !l.Soaked {
			t.Errorf("line at %g: got %+v", line, l)
		}
		trials := map[float64]int{}
		for _, x := range s.Trials() {
			if x.Kind == search.Measure {
				trials[x.Rate]++
			}
		}
		if trials[l.Lower] < 3 || trials[l.Upper] < 3 {
			t.Errorf("line at %g: %d and %d trials at the bounds", line, trials[l.Lower], trials[l.Upper])
		}
	}
}

func TestATargetThatFailsAtTheLowestRateHasNoLowerBound(t *testing.T) {
	l := find(t, goal(1), time.Hour, sharp(1)).Line()
	if want := (search.Line{Upper: 2, Limit: search.TargetLimited}); l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
}

func TestATargetThatOutrunsTheGeneratorIsGeneratorLimited(t *testing.T) {
	t.Run("as its self-test says", func(t *testing.T) {
		l := find(t, goal(1), time.Hour, sharp(1e9)).Line()
		if l.Lower != 50000 || l.Upper != 0 || l.Limit != search.GeneratorLimited || !l.Soaked {
			t.Errorf("got %+v", l)
		}
	})
	t.Run("as its trials say, which are repeated and never taken for failures", func(t *testing.T) {
		try := sharp(1e9)
		l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
			trial, took := try(s)
			if s.Rate > 3000 {
				trial.Verdict = search.Invalid
			}
			return trial, took
		}).Line()
		if l.Lower > 3000 || l.Upper <= 3000 || l.Width() > .0205 || l.Limit != search.GeneratorLimited {
			t.Errorf("got %+v", l)
		}
	})
	t.Run("unless a single trial is invalid", func(t *testing.T) {
		try, n := sharp(669), 0
		l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
			trial, took := try(s)
			if n++; n%4 == 0 {
				trial.Verdict = search.Invalid
			}
			return trial, took
		}).Line()
		if l.Lower > 669 || l.Upper <= 669 || l.Limit != search.TargetLimited {
			t.Errorf("got %+v", l)
		}
	})
}

func TestOneNoisyTrialDoesNotDecide(t *testing.T) {
	for outlier := range 30 {
		try, n := sharp(669), 0
		l := find(t, goal(uint64(outlier)), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
			trial, took := try(s)
			if n++; n == 8+outlier && s.Kind == search.Measure {
				b := trial.Evidence[0].Batches
				for i := range b {
					b[i].Bad = 500 - b[i].Bad // what should pass fails, and the other way round
				}
			}
			return trial, took
		}).Line()
		if l.Lower > 669 || l.Upper <= 669 {
			t.Errorf("outlier at trial %d: got %+v", 8+outlier, l)
		}
	}
}

func TestALowerBoundThatFailsItsSoakIsDemoted(t *testing.T) {
	try := sharp(669)
	l := find(t, goal(1), time.Hour, func(s search.Step) (search.Trial, time.Duration) {
		if s.Kind == search.Soak && s.Rate > 500 {
			s.Rate *= 2
			trial, took := try(s)
			trial.Rate /= 2
			return trial, took
		}
		return try(s)
	}).Line()
	if l.Lower > 500 || l.Upper <= 500 || !l.Soaked || l.Width() > .0205 {
		t.Errorf("got %+v", l)
	}
}

func TestASearchGoesOnWhereItWasLeft(t *testing.T) {
	q := &queue{c: 4, mean: .005, rng: rand.New(rand.NewPCG(1, 1))} //nolint:gosec // a simulation
	s := find(t, goal(1), 3*time.Minute, q.try(.040))
	for n := range s.Trials() {
		again := search.New(goal(1), s.Trials()[:n])
		step, ok := again.Next(time.Hour)
		if next := s.Trials()[n]; ok && next.Kind == search.Measure && (step.Kind != next.Kind || step.Rate != next.Rate) {
			t.Fatalf("after %d trials: %+v, and it was %s at %g", n, step, next.Kind, next.Rate)
		}
	}
	if diff := cmp.Diff(s.Line(), search.New(goal(1), s.Trials()).Line()); diff != "" {
		t.Error(diff)
	}
}

func TestTheOrderOfTrialsIsRandom(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(20) {
		var order string
		for _, x := range find(t, goal(seed), time.Hour, sharp(669)).Trials() {
			order += string(x.Kind[0]) + " "
			if x.Kind == search.Measure {
				order += time.Duration(x.Rate).String()
			}
		}
		orders[order] = true
	}
	if len(orders) < 5 {
		t.Errorf("%d different orders of 20", len(orders))
	}
}

// The line of M/M/4 with a mean of 5 ms and p99 < 40 ms lies at a utilisation of 0.83674
// (Erlang C). In ten minutes the search comes within some per cent of it, and its bounds
// hold the line: measured over 300 seeds, in 95 %.
func TestTheLineOfAQueueIsFound(t *testing.T) {
	const line = .836743699 * 800
	var held, runs int
	for seed := range uint64(25) {
		q := &queue{c: 4, mean: .005, rng: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a simulation
		g := goal(seed)
		g.Trial = 8 * time.Second
		l := find(t, g, 10*time.Minute, q.try(.040)).Line()
		runs++
		if l.Lower <= line && line <= l.Upper {
			held++
		}
		if l.Lower < .75*line || l.Lower > 1.05*line || l.Upper < .95*line || l.Upper > 1.25*line {
			t.Errorf("seed %d: %+v", seed, l)
		}
	}
	if held < 18 {
		t.Errorf("the bounds hold the line in %d of %d searches", held, runs)
	}
}

func TestNeeds(t *testing.T) {
	for allowed, want := range map[float64]int{.05: 72, .01: 368, .001: 3688, .0001: 36887} {
		if got := search.Needs(allowed); got != want {
			t.Errorf("%g: %d, want %d", allowed, got, want)
		}
		none := func(n uint64) bool {
			return search.Evidence{Allowed: allowed, Batches: []search.Batch{{N: n}}}.Estimate().High <= allowed
		}
		if !none(uint64(want)) || none(uint64(want)-1) {
			t.Errorf("%g: the interval does not agree with %d", allowed, want)
		}
	}
}

func TestEvidenceThatComesInBurstsCountsLess(t *testing.T) {
	var even, bursts []search.Batch
	for i := range 20 {
		even = append(even, search.Batch{N: 1000, Bad: 10})
		burst := search.Batch{N: 1000}
		if i%10 == 0 {
			burst.Bad = 100
		}
		bursts = append(bursts, burst)
	}
	a, b := search.Evidence{Batches: even}.Estimate(), search.Evidence{Batches: bursts}.Estimate()
	if a.Share != .01 || b.Share != .01 || a.Effective != 20000 {
		t.Errorf("got %+v and %+v", a, b)
	}
	// k/(k−1) · (2·90² + 18·10²) / (20000·0.01·0.99) = 20/19 · 18000/198 = 95.69
	if got := 20000 / b.Effective; math.Abs(got-95.694) > .001 {
		t.Errorf("design effect %g", got)
	}
}

func TestTheIntervalIsTheExactBinomialOne(t *testing.T) {
	// 10 of 100: Clopper and Pearson give 0.04900469, 0.17622260.
	x := search.Evidence{Batches: []search.Batch{{N: 100, Bad: 10}}}.Estimate()
	if math.Abs(x.Low-.04900469) > 1e-7 || math.Abs(x.High-.17622260) > 1e-7 {
		t.Errorf("got %.8f to %.8f", x.Low, x.High)
	}
}
