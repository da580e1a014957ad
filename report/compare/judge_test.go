package compare_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"plimsoll/report"
	"plimsoll/report/compare"
)

// noisy returns n values of a side: 1, off by a relative standard deviation, with drift that
// both sides of a pair share.
func noisy(rng *rand.Rand, drift []float64, cv, shift float64) []float64 {
	var out []float64
	for _, d := range drift {
		out = append(out, shift+d+cv*rng.NormFloat64())
	}
	return out
}

// drifting returns n steps of an autoregressive drift.
func drifting(rng *rand.Rand, n int, sd float64) []float64 {
	out := make([]float64, n)
	at := sd * rng.NormFloat64()
	for i := range out {
		at = 0.8*at + sd*0.6*rng.NormFloat64()
		out[i] = at
	}
	return out
}

// family returns rows of pairs; the first one is shifted.
func family(rng *rand.Rand, rows, pairs int, cv, shift float64) []compare.Question {
	var questions []compare.Question
	for i := range rows {
		drift := drifting(rng, pairs, 0.05)
		by := 0.0
		if i == 0 {
			by = math.Log1p(shift)
		}
		questions = append(questions, compare.Question{
			Contrast:  compare.Contrast{Base: noisy(rng, drift, cv, 0), New: noisy(rng, drift, cv, by), Paired: true},
			MinEffect: math.Log1p(0.03),
		})
	}
	return questions
}

func findings(answers []compare.Answer) []report.Finding {
	var out []report.Finding
	for _, a := range answers {
		out = append(out, a.Verdict)
	}
	return out
}

func TestTenPairsOfEqualRunsHardlyEverRaiseAnAlarm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, cv := range []float64{0.01, 0.03, 0.1, 0.3} {
		alarms := 0
		const trials = 400
		for range trials {
			answers, _ := compare.DefaultRule().Judge(family(rng, 4, 10, cv, 0))
			if compare.Overall(findings(answers)) == report.Worse {
				alarms++
			}
		}
		// The bound is 1 % for p-values and 2.5 % more where the interval decides, for both
		// sides together; a regression is one of the sides.
		if alarms > trials*2/100 {
			t.Errorf("with a spread of %g there are %d alarms in %d comparisons of equal runs", cv, alarms, trials)
		}
	}
}

func TestTenPairsFindAPlantedTenPercent(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, rows := range []int{1, 4, 12, 40} {
		found := 0
		for range 100 {
			answers, _ := compare.DefaultRule().Judge(family(rng, rows, 10, 0.02, 0.10))
			if answers[0].Verdict == report.Worse {
				found++
			}
		}
		if found < 90 {
			t.Errorf("in a family of %d rows +10 %% is found %d times in 100", rows, found)
		}
	}
}

func TestJointPIsExact(t *testing.T) {
	// Of the eight ways to swap four pairs (the last stays), none but that measured makes all
	// differences of the first row positive, and one of them all of the second.
	up, mixed := []float64{1, 1.1, 0.9, 1}, []float64{0.5, -0.5, 0.2, 0.3}
	zero := make([]float64, 4)
	rows := []compare.Contrast{{Base: zero, New: mixed, Paired: true}, {Base: zero, New: up, Paired: true}}
	p := compare.Joint(rows)
	if p[1] != 1.0/8 {
		t.Errorf("p of the clear row is %g, not 1/8", p[1])
	}
	if p[0] != 6.0/8 { // 0.5, −0.5, 0.2, 0.3 sum to 0.5; as much or more in size do six of eight
		t.Errorf("p of the other row is %g, not 6/8", p[0])
	}
}

func TestALargerStatisticHasNoLargerJointP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "pairs")
		var rows []compare.Contrast
		var statistics []float64
		for range rapid.IntRange(2, 5).Draw(t, "rows") {
			d := make([]float64, n)
			sum, squares := 0.0, 0.0
			for i := range d { // of sizes among which none counts as less
				d[i] = rapid.Float64Range(1, 2).Draw(t, "size")
				if rapid.Bool().Draw(t, "negative") {
					d[i] = -d[i]
				}
				sum, squares = sum+d[i], squares+d[i]*d[i]
			}
			rows = append(rows, compare.Contrast{Base: make([]float64, n), New: d, Paired: true})
			statistics = append(statistics, math.Abs(sum)/math.Sqrt(squares))
		}
		p := compare.Joint(rows)
		for i := range p {
			if alone := compare.Joint(rows[i : i+1])[0]; p[i] < alone {
				t.Fatalf("row %d has p %g among others, %g alone", i, p[i], alone)
			}
			for j := range p {
				if statistics[i] > statistics[j]*(1+1e-6) && p[i] > p[j] {
					t.Fatalf("statistics %v have p %v", statistics, p)
				}
			}
		}
	})
}

func TestWhatIsAskedOfARow(t *testing.T) {
	agreeing := func(rows, pairs int) []compare.Question {
		var questions []compare.Question
		for range rows {
			q := compare.Question{Contrast: compare.Contrast{Base: make([]float64, pairs), Paired: true}, MinEffect: 0.03}
			for i := range pairs {
				q.New = append(q.New, 0.5+0.01*float64(i))
			}
			questions = append(questions, q)
		}
		return questions
	}
	first := func(r compare.Rule, questions []compare.Question) compare.Answer {
		answers, _ := r.Judge(questions)
		return answers[0]
	}
	rule := compare.DefaultRule()
	if a := first(rule, agreeing(2, 6)); a.Verdict != report.Unsure {
		t.Errorf("six pairs decide one of two rows, whose intervals do not hold for both: %s", a.Verdict)
	}
	if a := first(rule, agreeing(2, 8)); a.Verdict != report.Worse {
		t.Errorf("eight pairs that agree: %s", a.Verdict)
	}
	rule.Alpha = 0.005
	if a := first(rule, agreeing(2, 8)); a.Verdict != report.Worse || a.All.Confidence < 0.975 {
		t.Errorf("eight pairs whose p is above alpha, and whose intervals hold for both rows: %s", a.Verdict)
	}
	rule.LeastRuns = 12
	if a := first(rule, agreeing(1, 10)); a.Verdict != report.Unsure || a.Needs < 12 {
		t.Errorf("ten pairs where twelve are the least: %s, needs %d", a.Verdict, a.Needs)
	}
	rule = compare.DefaultRule()
	rule.Looks = 5
	if a := first(rule, agreeing(1, 10)); a.Confidence < 0.99 {
		t.Errorf("one of five looks has intervals of %g", a.Confidence)
	}
	if a := first(rule, agreeing(1, 8)); a.Verdict != report.Worse || a.All.Confidence < 0.99 {
		t.Errorf("eight pairs, p 1/128, at one of five looks, by the interval: %s, %g", a.Verdict, a.All.Confidence)
	}
	if a := first(rule, agreeing(2, 8)); a.Verdict != report.Unsure {
		t.Errorf("eight pairs of two rows at one of five looks: %s", a.Verdict)
	}
}

func TestOnePairThatIsOddDecidesNothing(t *testing.T) {
	zero := make([]float64, 10)
	odd := []float64{5, .1, .11, .09, .1, .12, .1, .1, .09, .1}
	if p := compare.Joint([]compare.Contrast{{Base: zero, New: odd, Paired: true}})[0]; p > 0.01 {
		t.Errorf("ten pairs that agree, one of them far off: p is %g", p)
	}
	odd[0] = -5
	if p := compare.Joint([]compare.Contrast{{Base: zero, New: odd, Paired: true}})[0]; p > 0.1 {
		t.Errorf("nine pairs that agree against one far off: p is %g", p)
	}
}

func TestRowsThatAreTheSameCostNothingJointly(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	for _, pairs := range []int{10, 20} {
		c := family(rng, 1, pairs, 0.03, 0.05)[0].Contrast
		alone := compare.Joint([]compare.Contrast{c})[0]
		for i, p := range compare.Joint([]compare.Contrast{c, c, c, c}) {
			if math.Abs(p-alone) > 0.001 {
				t.Errorf("%d pairs, row %d: %g, alone %g", pairs, i, p, alone)
			}
		}
	}
	if compare.Joint([]compare.Contrast{{Base: []float64{1}, New: []float64{2}}}) != nil {
		t.Error("rows that are not paired are adjusted jointly")
	}
}

func TestLooksKeepTheFalseAlarmRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	rule := compare.DefaultRule()
	rule.Looks = 3
	alarms := 0
	for range 40 {
		all := family(rng, 2, 20, 0.1, 0)
		for n := 10; n <= 20; n += 5 {
			var soFar []compare.Question
			for _, q := range all {
				q.Base, q.New = q.Base[:n], q.New[:n]
				soFar = append(soFar, q)
			}
			if answers, _ := rule.Judge(soFar); compare.Overall(findings(answers)) == report.Worse {
				alarms++
				break
			}
		}
	}
	if alarms > 1 {
		t.Errorf("%d alarms in 40 comparisons of equal runs that were looked at three times", alarms)
	}
}

func values(label string, t *rapid.T, n int) []float64 {
	// Few different values, so that many are equal.
	var out []float64
	for _, v := range rapid.SliceOfN(rapid.IntRange(-20, 20), n, n).Draw(t, label) {
		out = append(out, float64(v)/100)
	}
	return out
}

func TestSwappingTheSidesMirrorsTheResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 11).Draw(t, "runs")
		m := n
		paired := rapid.Bool().Draw(t, "paired")
		if !paired {
			m = rapid.IntRange(0, 11).Draw(t, "runs of new")
		}
		rows := rapid.IntRange(1, 3).Draw(t, "rows")
		var there, back []compare.Question
		for range rows {
			q := compare.Question{Contrast: compare.Contrast{Base: values("base", t, n), New: values("new", t, m), Paired: paired}, MinEffect: 0.03, Upwards: rapid.Bool().Draw(t, "upwards")}
			there = append(there, q)
			q.Base, q.New = q.New, q.Base
			back = append(back, q)
		}
		a, familyA := compare.DefaultRule().Judge(there)
		b, familyB := compare.DefaultRule().Judge(back)
		mirror := map[report.Finding]report.Finding{report.Worse: report.Better, report.Better: report.Worse, report.Same: report.Same, report.Unsure: report.Unsure}
		for i := range a {
			x, y := a[i], b[i]
			near := func(p, q float64) bool { return p == q || math.Abs(p-q) < 1e-12 || math.IsNaN(p) && math.IsNaN(q) }
			if !near(x.Shift, -y.Shift) || !near(x.Low, -y.High) || !near(x.P, y.P) || !near(x.PHolm, y.PHolm) || x.Verdict != mirror[y.Verdict] || x.Needs != y.Needs {
				t.Fatalf("there %+v\nback  %+v", x, y)
			}
		}
		if familyA != familyB {
			t.Fatalf("families of %d and %d", familyA, familyB)
		}
	})
}

func TestEqualDataIsNeverARegression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "runs")
		data := values("data", t, n)
		for _, paired := range []bool{true, false} {
			answers, _ := compare.DefaultRule().Judge([]compare.Question{{Contrast: compare.Contrast{Base: data, New: slices.Clone(data), Paired: paired}, MinEffect: 0.03}})
			switch a := answers[0]; {
			case a.Verdict == report.Worse || a.Verdict == report.Better:
				t.Fatalf("%s from %v against itself", a.Verdict, data)
			case a.P < 0.9:
				t.Fatalf("p is %g", a.P)
			case paired && n >= 6 && a.Verdict != report.Same:
				t.Fatalf("%s though no pair differs", a.Verdict)
			case n < 6 && a.Verdict != report.Unsure:
				t.Fatalf("%s from %d runs", a.Verdict, n)
			}
		}
	})
}

func TestALargerShiftIsNotLessSignificant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "runs")
		base, by := values("base", t, n), float64(rapid.IntRange(0, 30).Draw(t, "by"))/100
		for _, paired := range []bool{true, false} {
			c := compare.Contrast{Base: base, New: values("new", t, n), Paired: paired}
			small := c.Estimate(0.95)
			if small.Shift < 0 {
				c.Base, c.New = c.New, c.Base
				small = c.Estimate(0.95)
			}
			more := slices.Clone(c.New)
			for i := range more {
				more[i] += by
			}
			large := compare.Contrast{Base: c.Base, New: more, Paired: paired}.Estimate(0.95)
			if large.Shift < small.Shift-1e-9 || large.Low < small.Low-1e-9 {
				t.Fatalf("shifted by %g: %+v, then %+v", by, small, large)
			}
		}
	})
}

func TestPIsSmallerTheLargerTheShift(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	for _, paired := range []bool{true, false} {
		base, noise := noisy(rng, make([]float64, 10), 0.05, 0), noisy(rng, make([]float64, 10), 0.05, 0)
		last := 1.1
		for shift := 0.05; shift < 0.5; shift += 0.007 {
			var moved []float64
			for _, x := range noise {
				moved = append(moved, x+shift)
			}
			e := compare.Contrast{Base: base, New: moved, Paired: paired}.Estimate(0.95)
			if e.P > last+1e-12 {
				t.Errorf("paired %t: p rises to %g at a shift of %g", paired, e.P, shift)
			}
			last = e.P
		}
		if last > 0.002 {
			t.Errorf("paired %t: p is still %g", paired, last)
		}
	}
}

func TestIntervalsHoldTheTruthAsOftenAsTheySay(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for _, paired := range []bool{true, false} {
		held := 0
		for range 2000 {
			zero := make([]float64, 9)
			e := compare.Contrast{Base: noisy(rng, zero, 1, 0), New: noisy(rng, zero, 1, 0.5), Paired: paired}.Estimate(0.95)
			if e.Low <= 0.5 && 0.5 <= e.High {
				held++
			}
		}
		if held < 1885 {
			t.Errorf("paired %t: %d of 2000 intervals of 95 %% hold the truth", paired, held)
		}
	}
}

func TestManyRunsAreComparedByTheNormalDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	base, other := noisy(rng, make([]float64, 40), 1, 0), noisy(rng, make([]float64, 40), 1, 0.4)
	exact := compare.Unpaired(base, other, 0.95)
	more := compare.Unpaired(base, append(other, other[:1]...), 0.95)
	if !exact.Exact || more.Exact {
		t.Fatalf("exact with 80 values: %t, with 81: %t", exact.Exact, more.Exact)
	}
	if math.Abs(exact.P-more.P) > 0.2*exact.P || math.Abs(exact.Low-more.Low) > 0.05 || math.Abs(exact.High-more.High) > 0.05 {
		t.Errorf("exact %+v\nnormal %+v", exact, more)
	}
}

func TestOverall(t *testing.T) {
	const worse, better, same, open = report.Worse, report.Better, report.Same, report.Unsure
	for name, c := range map[string]struct {
		rows []report.Finding
		want report.Finding
	}{
		"no data is never a pass":            {nil, open},
		"one regression is enough":           {[]report.Finding{better, open, worse, same}, worse},
		"an open row leaves the whole open":  {[]report.Finding{better, open, same}, open},
		"an improvement if nothing is worse": {[]report.Finding{same, better}, better},
		"the same only if every row is":      {[]report.Finding{same, same}, same},
	} {
		if got := compare.Overall(c.rows); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestVerdictOnARow(t *testing.T) {
	steps := func(from, step float64, n int) []float64 {
		var out []float64
		for i := range n {
			out = append(out, from+float64(i)*step)
		}
		return out
	}
	zeros := func(n int) []float64 { return make([]float64, n) }
	for name, c := range map[string]struct {
		other    []float64
		upwards  bool
		want     report.Finding
		notWorse bool
	}{
		"clearly more":                              {steps(0.09, 0.002, 10), false, report.Worse, false},
		"clearly more of what should be":            {steps(0.09, 0.002, 10), true, report.Better, true},
		"clearly less":                              {steps(-0.11, 0.002, 10), false, report.Better, true},
		"surely different, by less than matters":    {steps(0.010, 0.001, 10), false, report.Same, true},
		"nothing differs":                           {zeros(10), false, report.Same, true},
		"around what matters":                       {steps(-0.01, 0.006, 10), false, report.Unsure, false},
		"perhaps better, surely not worse":          {steps(-0.06, 0.01, 10), false, report.Unsure, true},
		"five pairs, as clear as they are":          {steps(0.5, 0.1, 5), false, report.Unsure, false},
		"six pairs, whose interval alone is enough": {steps(0.5, 0.1, 6), false, report.Worse, false},
		"no pairs": {nil, false, report.Unsure, false},
	} {
		answers, _ := compare.DefaultRule().Judge([]compare.Question{{
			Contrast: compare.Contrast{Base: zeros(len(c.other)), New: c.other, Paired: true}, MinEffect: 0.03, Upwards: c.upwards,
		}})
		if a := answers[0]; a.Verdict != c.want || a.NotWorse != c.notWorse {
			t.Errorf("%s: %s, not worse %t; want %s, %t (%+v)", name, a.Verdict, a.NotWorse, c.want, c.notWorse, a.Estimate)
		}
	}
}

func TestHowManyRunsWouldDecide(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	judge := func(pairs, rows int, cv, shift float64) compare.Answer {
		answers, _ := compare.DefaultRule().Judge(family(rng, rows, pairs, cv, shift))
		return answers[0]
	}
	if a := judge(3, 1, 0.01, 0); a.Verdict != report.Unsure || a.Needs < 6 || a.Needs > 12 {
		t.Errorf("three quiet pairs: %s, %d runs", a.Verdict, a.Needs)
	}
	if a := judge(6, 40, 0.01, 0.2); a.Verdict != report.Unsure || a.Needs != 8 {
		t.Errorf("a clear row among 40 that six pairs cannot tell: %s, %d runs; 2/2^n is below 0.01 from 8 on", a.Verdict, a.Needs)
	}
	narrow, wide := judge(10, 1, 0.05, 0), judge(10, 1, 0.2, 0)
	if narrow.Verdict != report.Unsure || wide.Verdict != report.Unsure || wide.Needs != 0 && wide.Needs <= narrow.Needs {
		t.Errorf("needs %d with little noise, %d with much", narrow.Needs, wide.Needs)
	}
}

func TestRowsWithoutAnyDifferenceTakeNoPartInTheFamily(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	questions := family(rng, 3, 10, 0.02, 0.1)
	questions[1].New = slices.Clone(questions[1].Base)
	answers, n := compare.DefaultRule().Judge(questions)
	if n != 2 || answers[1].PHolm != 1 || answers[1].Verdict != report.Same {
		t.Errorf("family of %d, %s", n, cmp.Diff(report.Same, answers[1].Verdict))
	}
}
