package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/report"
)

// gate is what plimsoll run --against does by default.
func usualGate() (Gate, Rule) {
	g, r := Gate{First: 10, More: 5, Most: 30}, DefaultRule()
	r.Looks = len(g.looks())
	return g, r
}

// same returns rows of pairs of the same thing whose differences have the deviation.
func same(rng *rand.Rand, rows, pairs int, sd float64) (noises []noise) {
	for range rows {
		q := Question{MinEffect: math.Log1p(0.03)}
		q.Paired = true
		for range pairs {
			q.Base, q.New = append(q.Base, sd/math.Sqrt2*rng.NormFloat64()), append(q.New, sd/math.Sqrt2*rng.NormFloat64())
		}
		noises = append(noises, newNoise(q))
	}
	return noises
}

func TestGateLooksAsItsPairsGrow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gate Gate
		want []int
	}{
		{Gate{10, 5, 30}, []int{10, 15, 20, 25, 30}},
		{Gate{10, 5, 10}, []int{10}},
		{Gate{8, 5, 20}, []int{8, 13, 18, 20}},
	} {
		if diff := cmp.Diff(c.want, c.gate.looks()); diff != "" {
			t.Errorf("%+v: %s", c.gate, diff)
		}
	}
}

// TestEffectsAreFoundFourTimesInFive plants the effect that is said to be found into new
// pairs with the same noise, and lets the whole rule judge them.
func TestEffectsAreFoundFourTimesInFive(t *testing.T) {
	t.Parallel()
	_, rule := usualGate()
	for _, c := range []struct {
		rows, pairs int
		sd          float64
	}{{1, 10, 0.02}, {1, 20, 0.1}, {4, 10, 0.05}, {4, 30, 0.1}} {
		rng := rand.New(rand.NewPCG(5, uint64(c.rows*c.pairs)))
		detects, _ := same(rng, 1, 1000, c.sd)[0].effects(c.pairs, c.rows, rule)
		found := 0
		const trials = 100
		for range trials {
			var questions []Question
			for i, n := range same(rng, c.rows, c.pairs, c.sd) {
				d := slices.Clone(n.differences)
				for j := range d {
					if i == 0 {
						d[j] += detects
					}
				}
				questions = append(questions, n.pairs(d))
			}
			if answers, _ := rule.Judge(questions); answers[0].Verdict == report.Worse {
				found++
			}
		}
		share := float64(found) / trials
		t.Logf("%d rows, %d pairs, deviation %g: an effect of %.4f is found in %.0f %%", c.rows, c.pairs, c.sd, detects, 100*share)
		if share < 0.68 || share > 0.92 {
			t.Errorf("%d rows, %d pairs, deviation %g: the effect of %g is found in a share of %g, not 0.8", c.rows, c.pairs, c.sd, detects, share)
		}
	}
}

func TestNoEffectBelowTheFloorIsSaidToBeFound(t *testing.T) {
	t.Parallel()
	_, rule := usualGate()
	rng := rand.New(rand.NewPCG(6, 1))
	for _, sd := range []float64{0, 1e-6, 0.01, 0.3} {
		n := same(rng, 1, 20, sd)[0]
		if detects, tells := n.effects(20, 4, rule); detects < n.question.MinEffect || tells > detects {
			t.Errorf("deviation %g: %g is detected, %g told, and the floor is %g", sd, detects, tells, n.question.MinEffect)
		}
	}
}

func TestMoreNoiseAndFewerPairsTellLess(t *testing.T) {
	t.Parallel()
	_, rule := usualGate()
	n := same(rand.New(rand.NewPCG(7, 1)), 1, 20, 0.01)[0]
	lastDetects, lastTells := 0.0, 0.0
	for _, times := range []float64{0, 0.5, 1, 2, 10} {
		louder := n
		louder.differences = slices.Clone(n.differences)
		for i := range louder.differences {
			louder.differences[i] *= times
		}
		detects, tells := louder.effects(30, 4, rule)
		if detects < lastDetects || tells < lastTells {
			t.Errorf("%g times the noise: %g, %g are told, and with less %g, %g", times, detects, tells, lastDetects, lastTells)
		}
		lastDetects, lastTells = detects, tells
		if few, _ := louder.effects(10, 4, rule); few < detects {
			t.Errorf("%g times the noise: 10 pairs tell %g, and 30 only %g", times, few, detects)
		}
	}
}

func TestSidesOfACalibrationAreAlike(t *testing.T) {
	t.Parallel()
	gate, rule := usualGate()
	noises := same(rand.New(rand.NewPCG(8, 1)), 2, 20, 0.05)
	swapped := slices.Clone(noises)
	for i, n := range noises {
		q := n.question
		q.Base, q.New = q.New, q.Base
		swapped[i] = newNoise(q)
		d1, t1 := n.effects(20, 3, rule)
		d2, t2 := swapped[i].effects(20, 3, rule)
		if math.Abs(d1-d2) > 1e-12 || math.Abs(t1-t2) > 1e-12 {
			t.Errorf("row %d: %g, %g and the other way round %g, %g", i, d1, t1, d2, t2)
		}
	}
	if diff := cmp.Diff(falseAlarms(noises, rule, gate, 100), falseAlarms(swapped, rule, gate, 100), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Error(diff)
	}
}

func TestFewAlarmsInIndependentPairs(t *testing.T) {
	t.Parallel()
	gate, rule := usualGate()
	for seed, sd := range []float64{0.001, 0.05, 0.4} {
		a := falseAlarms(same(rand.New(rand.NewPCG(uint64(seed), 9)), 4, 30, sd), rule, gate, 100)
		t.Logf("deviation %g: %+v", sd, a)
		if a.Rate > 0.08 || a.Bound < a.Rate || a.Independent != 3 {
			t.Errorf("deviation %g: %+v", sd, a)
		}
		if sd == 0.001 && a.Alarms > 0 {
			t.Errorf("noise far below the floor raises alarms: %+v", a)
		}
	}
}

func TestASideThatKeepsSomethingIsFound(t *testing.T) {
	t.Parallel()
	gate, rule := usualGate()
	noises := same(rand.New(rand.NewPCG(3, 9)), 4, 30, 0.02)
	for i := range noises[0].differences {
		noises[0].differences[i] += 0.1
	}
	if a := falseAlarms(noises, rule, gate, 100); a.Bound <= report.MostFalseAlarms || a.IndependentAlarms != 3 {
		t.Errorf("one side is 10 %% slower in every pair, and the alarms are %+v", a)
	}
}

func TestBoundsOnAlarms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		alarms, of int
		want       float64
	}{{0, 59, 0.04951}, {0, 299, 0.00997}, {0, 2, 0.77639}, {0, 0, 1}, {3, 3, 1}, {1, 10, 0.39416}} {
		if got := upperBound(c.alarms, c.of); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%d of %d: %.5f, want %.5f", c.alarms, c.of, got, c.want)
		}
	}
}

func TestDriftIsSeenAndNoiseIsNone(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 9))
	seen := 0
	for range 200 {
		if _, shown := same(rng, 1, 20, 0.05)[0].drift(); shown {
			seen++
		}
	}
	if seen > 8 {
		t.Errorf("noise is called drift %d times in 200", seen)
	}
	n := same(rng, 1, 20, 0.01)[0]
	for i := range n.question.Base {
		n.question.Base[i] += 0.01 * float64(i)
		n.question.New[i] += 0.01 * float64(i)
	}
	if change, shown := newNoise(n.question).drift(); !shown || math.Abs(change-0.19) > 0.02 {
		t.Errorf("a drift of 0.19 is seen as %g, %v", change, shown)
	}
}
