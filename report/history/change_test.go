package history

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func close6(got, want float64) bool { return math.Abs(got-want) <= 1e-6*math.Abs(want) }

// hunters is the series of Hunter's own tests, with a change at 10.
var hunters = []float64{1.02, .95, .99, 1, 1.12, 1, 1.01, .98, 1.01, .96, .5, .51, .48, .48, .55, .5, .49, .51, .5, .49}

func TestEnergyGivesTheKnownAnswers(t *testing.T) {
	// computed apart, by the formula of the V-statistic
	want := []float64{
		0.303, 0.5041111111, 0.8026078431, 1.15675, 1.6096666667, 2.0710952381, 2.6208021978, 3.1971666667, 3.9543131313, 4.717,
		3.8472424242, 3.148, 2.5113516484, 1.9758571429, 1.6363333333, 1.228, 0.8575098039, 0.5574444444, 0.2756315789,
	}
	got := energy(hunters)
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if !close6(got[i], want[i]) {
			t.Errorf("split after %d: %.10f, want %.10f", i+1, got[i], want[i])
		}
	}
	if got := energy([]float64{1}); got != nil {
		t.Errorf("one value can be split: %v", got)
	}
}

func TestStudentGivesTheKnownAnswers(t *testing.T) {
	left, right := []float64{1, 1.02, 1.05, .95, .98}, []float64{.8, .82, .85, .79, .77}
	got := student(left, right, 0)
	if !close6(got.t, 8.89197542117) || !close6(got.p, 2.02497703293e-05) {
		t.Errorf("t %.10f, p %.10g, want 8.89197542117 and 2.02497703293e-05 (8.86790705296e-06 is the mistake of dividing by n)", got.t, got.p)
	}
}

func TestStudent(t *testing.T) {
	tests := map[string]struct {
		x, y       []float64
		resolution float64
		low, high  float64
	}{
		"equal sides say nothing":                          {[]float64{1, 2, 3}, []float64{1, 2, 3}, 0, 1, 1},
		"a side without values says nothing":               {nil, []float64{1, 2, 3}, 0, 1, 1},
		"two values have no freedom":                       {[]float64{1}, []float64{2}, 0, 1, 1},
		"values without noise are known to a digit":        {[]float64{1, 1, 1}, []float64{1.001, 1.001, 1.001}, 0.001, 0.1, 1},
		"and differ by more than that":                     {[]float64{1, 1, 1}, []float64{2, 2, 2}, 0.001, 0, 1e-9},
		"without a resolution p is 0 and not not a number": {[]float64{1, 1, 1}, []float64{2, 2, 2}, 0, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := student(test.x, test.y, test.resolution); !(got.p >= test.low && got.p <= test.high) {
				t.Errorf("p %g, want %g to %g", got.p, test.low, test.high)
			}
		})
	}
}

func places(splits []split) []int {
	var at []int
	for _, s := range splits {
		at = append(at, s.at)
	}
	return at
}

func TestChanges(t *testing.T) {
	steps := func(levels ...float64) (x []float64) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, l := range levels {
			for range 20 {
				x = append(x, l*math.Exp(0.02*r.NormFloat64()))
			}
		}
		return x
	}
	tests := map[string]struct {
		x    []float64
		want []int
	}{
		"Hunter's own series":                              {hunters, []int{10}},
		"nothing at all":                                   {nil, nil},
		"too few runs":                                     {[]float64{1, 1, 2, 2, 2}, nil},
		"the fewest runs that can show one":                {[]float64{1, 1, 1, 2, 2, 2}, []int{3}},
		"values that never differ":                         {slices.Repeat([]float64{7}, 60), nil},
		"a step of 20 %":                                   {steps(10, 12), []int{20}},
		"a step of 4 %, which is too small":                {append(slices.Repeat([]float64{10}, 20), slices.Repeat([]float64{10.4}, 20)...), nil},
		"up and back":                                      {steps(10, 12, 10), []int{20, 40}},
		"a staircase longer than a window":                 {steps(10, 12, 15, 12, 9, 12, 15), []int{20, 40, 60, 80, 100, 120}},
		"one run that is out of line, which does not stay": {slices.Concat(steps(10), []float64{40}, steps(10)), nil},
		"a step three runs ago":                            {append(steps(10), 13, 13.1, 12.9), []int{20}},
		"a step two runs ago, which is too early to say":   {append(steps(10), 13, 13.1), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := ratios()
			if got := places(s.changes(s.of(test.x))); !slices.Equal(got, test.want) {
				t.Errorf("change points at %v, want %v", got, test.want)
			}
		})
	}
}

func TestChangesInShares(t *testing.T) {
	zeros := slices.Repeat([]float64{0}, 10)
	tests := map[string]struct {
		after float64
		want  []int
	}{
		"from none to a hundredth":            {0.01, []int{10}},
		"from none to less than a thousandth": {0.0005, nil},
		"from none to all":                    {1, []int{10}},
		"none to none":                        {0, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			x := slices.Concat(zeros, slices.Repeat([]float64{test.after}, 5))
			if got := places(shares().changes(x)); !slices.Equal(got, test.want) {
				t.Errorf("change points at %v, want %v", got, test.want)
			}
		})
	}
	t.Run("a share that is large differs in proportion", func(t *testing.T) {
		x := slices.Concat(slices.Repeat([]float64{0.5}, 10), slices.Repeat([]float64{0.51}, 10))
		if got := places(shares().changes(x)); got != nil {
			t.Errorf("change points at %v", got)
		}
	})
}

// TestChangesBackwards holds that time has no direction for change points.
func TestChangesBackwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(6, 180).Draw(t, "runs")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		x := make([]float64, n)
		level := 0.0
		for i := range x {
			if r.IntN(25) == 0 {
				level += r.NormFloat64() * 0.2
			}
			x[i] = level + 0.03*r.NormFloat64()
		}
		forwards := places(ratios().changes(x))
		slices.Reverse(x)
		var backwards []int
		for _, at := range places(ratios().changes(x)) {
			backwards = append(backwards, n-at)
		}
		slices.Reverse(backwards)
		if !slices.Equal(forwards, backwards) {
			t.Errorf("%v forwards, %v backwards", forwards, backwards)
		}
	})
}

// TestChangesDependOnRatiosOnly holds that a unit changes nothing.
func TestChangesDependOnRatiosOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(1, 100), 6, 60).Draw(t, "x")
		s := ratios()
		want := places(s.changes(s.of(x)))
		for i := range x {
			x[i] *= 1024
		}
		if got := places(s.changes(s.of(x))); !slices.Equal(got, want) {
			t.Errorf("%v in another unit, %v before", got, want)
		}
	})
}

// simulated returns in which share of series of n runs with independent noise, and a shift from
// one run on, something is found.
func simulated(series, n int, cv, shift float64, from int, found func([]split) bool) float64 {
	r := rand.New(rand.NewPCG(uint64(n), 42))
	hits := 0
	for range series {
		x := make([]float64, n)
		for i := range x {
			x[i] = cv * r.NormFloat64()
			if i >= from {
				x[i] += math.Log1p(shift)
			}
		}
		if found(ratios().changes(x)) {
			hits++
		}
	}
	return float64(hits) / float64(series)
}

func some(s []split) bool { return len(s) > 0 }

// TestFalseAlarms holds what is said of chance: at the most one trend in 2000 per run
// in it has a false change point, as long as the noise of one run has nothing to do with that of the next.
// Measured in 3000 trends each: with noise of 2 % a share of 0.0003 in 10 and in 50 runs; of
// 5 % 0.0037 in 10, 0.018 in 50, 0.071 in 200 runs; of 10 % 0.0037, 0.023 and 0.099. With noise
// that drifts (5 %, correlation 0.8 from run to run) it is 0.3 in 20 and 0.65 in 50 runs.
func TestFalseAlarms(t *testing.T) {
	for n, series := range map[int]int{10: 300, 50: 300, 200: 80} {
		for _, cv := range []float64{0.02, 0.05, 0.1} {
			got, said := simulated(series, n, cv, 0, n, some), byChance*float64(n)
			t.Logf("%d runs with noise of %g: %.4f", n, cv, got)
			if got > said+3*math.Sqrt(said/float64(series)) {
				t.Errorf("%d runs with noise of %g: a share of %g has a change point, and %g was said", n, cv, got, said)
			}
			if cv == 0.02 && got > 0.02 {
				t.Errorf("%d runs with noise of %g: %g", n, cv, got)
			}
		}
	}
}

// TestPlantedShift holds that a step of 10 % is found once as many runs were made on each side
// as Trend.Shows says, 4 times in 5, and with little noise nearly always and in its place.
func TestPlantedShift(t *testing.T) {
	for _, cv := range []float64{0.02, 0.03, 0.05} {
		n := runsToShow(cv, math.Log1p(plain))
		if got := simulated(400, 2*n, cv, 0.10, n, some); got < 0.75 {
			t.Errorf("noise %g, %d runs on each side: found a share of %g", cv, n, got)
		}
	}
	near := func(s []split) bool { return len(s) == 1 && s[0].at >= 19 && s[0].at <= 21 }
	if got := simulated(400, 30, 0.02, 0.10, 20, near); got < 0.99 {
		t.Errorf("10 runs after a step of 10 %%: found in its place a share of %g", got)
	}
}

func TestDriftIsSaid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	drifting, steady := make([]float64, 100), make([]float64, 100)
	level := 0.0
	for i := range drifting {
		steady[i] = 0.02 * r.NormFloat64()
		level = 0.8*level + 0.6*0.02*r.NormFloat64()
		drifting[i] = level
	}
	if drifts(steady, nil, 0.0003) {
		t.Error("independent runs are said to drift")
	}
	if drifts([]float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.0001}, nil, 0.0003) {
		t.Error("what lies below the resolution is said to drift")
	}
	if !drifts(drifting, nil, 0.0003) {
		t.Error("runs that resemble their neighbours are not said to drift")
	}
}
