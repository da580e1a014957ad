package capacity

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// testdata/usl_reference.json has the data and fits of published studies, its sources
// named in it. The fits were computed with 60 decimal digits and agree with nls of R.

type parameters struct {
	Gamma, Alpha, Beta, SSE, WSSE, Sigma, CV, AICc float64
	SEGamma                                        float64 `json:"se_gamma"`
	SEAlpha                                        float64 `json:"se_alpha"`
	SEBeta                                         float64 `json:"se_beta"`
	PeakN                                          float64 `json:"peak_n"`
	PeakX                                          float64 `json:"peak_x"`
	Limit                                          float64
}

func studies(t *testing.T) map[string]map[string]json.RawMessage {
	t.Helper()
	var all map[string]map[string]json.RawMessage
	load(t, "usl_reference.json", &all)
	return all
}

// readStudy returns the points of a study and its verified answers by name.
func readStudy(t *testing.T, name string) (points []Point, verified map[string]json.RawMessage) {
	t.Helper()
	var n, x []float64
	all := studies(t)[name]
	for key, to := range map[string]any{"n": &n, "x": &x, "verified": &verified} {
		if err := json.Unmarshal(all[key], to); err != nil {
			t.Fatal(name, key, err)
		}
	}
	for i := range n {
		points = append(points, Point{n[i], x[i]})
	}
	return points, verified
}

func answers(t *testing.T, from map[string]json.RawMessage, name string) (p parameters) {
	t.Helper()
	if err := json.Unmarshal(from[name], &p); err != nil {
		t.Fatal(name, err)
	}
	return p
}

func model(t *testing.T, points []Point, w Weights) *Model {
	t.Helper()
	m, err := FitModel(points, w)
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

func (m *Model) candidate(kind string) Candidate {
	for _, c := range m.Models {
		if c.Kind == kind {
			return c
		}
	}
	return Candidate{}
}

func TestFitsHaveTheReferenceAnswers(t *testing.T) {
	for _, name := range []string{"specsdm91", "cisco", "cisco10", "raytracer"} {
		t.Run(name, func(t *testing.T) {
			points, verified := readStudy(t, name)
			m := model(t, points, EqualWeights)
			usl, amdahl := answers(t, verified, "unconstrained"), answers(t, verified, "amdahl_beta0")
			want := usl
			if usl.Beta < 0 {
				want = amdahl
			}
			near(t, "gamma", m.Gamma, want.Gamma, 1e-9)
			near(t, "alpha", m.Alpha, want.Alpha, 1e-8)
			near(t, "beta", m.Beta, want.Beta, 1e-8)
			near(t, "SSE", m.SSE, want.SSE, 1e-10)
			near(t, "sigma", m.Sigma, want.Sigma, 1e-10)
			near(t, "SE of gamma", *m.SE.Gamma, want.SEGamma, 1e-7)
			near(t, "SE of alpha", *m.SE.Alpha, want.SEAlpha, 1e-7)
			if want.Beta > 0 {
				near(t, "SE of beta", *m.SE.Beta, want.SEBeta, 1e-7)
				near(t, "AICc of the USL", m.candidate(KindUSL).AICc, usl.AICc, 1e-9)
				n, x, _ := m.USL().Peak()
				near(t, "N*", n, want.PeakN, 1e-8)
				near(t, "X*", x, want.PeakX, 1e-8)
			}
			near(t, "limit", m.USL().Asymptote(), want.Limit, 1e-8)
			near(t, "AICc of Amdahl's law", m.candidate(KindAmdahl).AICc, amdahl.AICc, 1e-9)

			var ci map[string][2]float64
			if err := json.Unmarshal(verified["ci95"], &ci); err != nil {
				t.Fatal(err)
			}
			half := m.Student() * *m.SE.Gamma
			near(t, "95 % of gamma, low", m.Gamma-half, ci["gamma"][0], 1e-7)
			near(t, "95 % of gamma, high", m.Gamma+half, ci["gamma"][1], 1e-7)

			var peak [2]*float64
			if err := json.Unmarshal(verified["profile_ci95_peak_n"], &peak); err != nil {
				t.Fatal(err)
			}
			for i, want := range peak {
				got := m.NStarCI[i]
				if (got == nil) != (want == nil) {
					t.Fatalf("95 %% of N*, end %d: %v, want %v", i, got, want)
				}
				if got != nil {
					near(t, fmt.Sprint("95 % of N*, end ", i), *got, *want, 1e-5)
				}
			}

			start := answers(t, verified, "linearised_nnls_start")
			s, err := newSample(points, EqualWeights)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "gamma to start from", s.start().Gamma, start.Gamma, 1e-9)
			near(t, "alpha to start from", s.start().Alpha, start.Alpha, 1e-9)
			near(t, "beta to start from", s.start().Beta, start.Beta, 1e-9)

			r, want := model(t, points, RelativeWeights), answers(t, verified, "relative_weights_fit")
			near(t, "gamma with relative weights", r.Gamma, want.Gamma, 1e-8)
			near(t, "alpha with relative weights", r.Alpha, want.Alpha, 1e-7)
			near(t, "beta with relative weights", r.Beta, want.Beta, 1e-5)
			near(t, "SSE with relative weights", r.SSE, want.WSSE, 1e-9)
			if want.CV > 0 {
				near(t, "cv", r.Sigma, want.CV, 1e-9)
				near(t, "SE of gamma with relative weights", *r.SE.Gamma, want.SEGamma, 1e-6)
				near(t, "SE of beta with relative weights", *r.SE.Beta, want.SEBeta, 1e-6)
			}
		})
	}
}

// The first six rows of raytracer fit a peak beyond the last, and the others show that
// there is none.
func TestAPeakThatIsOnlyExtrapolatedIsNotReported(t *testing.T) {
	ray, _ := readStudy(t, "raytracer")
	cut := model(t, ray[:6], EqualWeights)
	near(t, "gamma", cut.Gamma, 20.856045303, 1e-9)
	near(t, "alpha", cut.Alpha, 0.0244440414219, 1e-9)
	near(t, "beta", cut.Beta, 0.00162680928041, 1e-9)
	near(t, "95 % of N*, low", *cut.NStarCI[0], 20.3932, 1e-5)
	near(t, "95 % of N*, high", *cut.NStarCI[1], 36.1223, 1e-5)
	short, _ := readStudy(t, "cisco10")
	for _, m := range []*Model{cut, model(t, ray, EqualWeights), model(t, short, EqualWeights), model(t, short, RelativeWeights)} {
		if m.NStar != nil || m.XStar != nil {
			t.Errorf("%s with %d points: a peak at %v", m.Kind, len(m.Points), *m.NStar)
		}
		if !strings.Contains(strings.Join(m.Notes, "\n"), "peak not observed") {
			t.Errorf("%s with %d points does not say that no peak was observed: %q", m.Kind, len(m.Points), m.Notes)
		}
	}
	if note := model(t, short, EqualWeights).Notes[0]; !strings.Contains(note, "24.623") {
		t.Errorf("the finite end of the interval is not named: %s", note)
	}
}

func TestAPeakThatWasSeenIsReported(t *testing.T) {
	for name, peak := range map[string][2]float64{"specsdm91": {96.5195609666, 1883.89899601}, "cisco": {35.573788201, 12342.8525538}} {
		points, _ := readStudy(t, name)
		m := model(t, points, EqualWeights)
		if m.NStar == nil || m.XStar == nil {
			t.Fatalf("%s: no peak: %q", name, m.Notes)
		}
		near(t, name+": N*", *m.NStar, peak[0], 1e-9)
		near(t, name+": X*", *m.XStar, peak[1], 1e-9)
		if !(*m.XStarCI[0] < *m.XStar && *m.XStar < *m.XStarCI[1]) {
			t.Errorf("%s: X* of %g is not within %g and %g", name, *m.XStar, *m.XStarCI[0], *m.XStarCI[1])
		}
	}
}

// R's usl takes the standard errors of raytracer from all three columns, with beta at its
// bound: 0.013293 for alpha. Its intervals have a one-sided quantile with n−1 degrees.
func TestStandardErrorsAreThoseOfTheLawThatIsLeft(t *testing.T) {
	ray, _ := readStudy(t, "raytracer")
	m := model(t, ray, EqualWeights)
	near(t, "SE of alpha", *m.SE.Alpha, 0.00525797884, 1e-8)
	if m.Kind != KindAmdahl || m.Beta != 0 || m.SE.Beta != nil || m.DF != 9 {
		t.Errorf("raytracer is %s with beta %g ± %v, %d degrees of freedom", m.Kind, m.Beta, m.SE.Beta, m.DF)
	}
	near(t, "Student's t", m.Student(), 2.2621571627982, 1e-10)
	near(t, "throughput at 96", m.USL().Throughput(96), 323.3, 2e-4)
}

func TestCurvesPassThroughTheirBand(t *testing.T) {
	for name := range studies(t) {
		points, _ := readStudy(t, name)
		for _, w := range []Weights{EqualWeights, RelativeWeights} {
			m := model(t, points, w)
			for i, c := range m.Curve {
				if !(*c.Low < c.Throughput && c.Throughput < *c.High) {
					t.Fatalf("%s: %g is not within %g and %g", name, c.Throughput, *c.Low, *c.High)
				}
				near(t, "the curve", c.Throughput, m.USL().Throughput(c.Concurrency), 1e-14)
				if i > 0 && c.Concurrency <= m.Curve[i-1].Concurrency {
					t.Fatal("the curve goes back")
				}
			}
			if last := m.Curve[len(m.Curve)-1].Concurrency; last < 1.49*points[len(points)-1].Concurrency {
				t.Errorf("%s: the curve ends at %g", name, last)
			}
		}
	}
}

// The band of a curve is the delta method's where the law is close to linear in its
// parameters, so the two may differ little in the middle of the cisco data.
func TestTheBandAgreesWithTheDeltaMethod(t *testing.T) {
	points, _ := readStudy(t, "cisco")
	s, err := newSample(points, EqualWeights)
	if err != nil {
		t.Fatal(err)
	}
	m, f := model(t, points, EqualWeights), s.fit(faces())
	// X* has the gradient of the curve at N*: the reference has 130.038579 as its error.
	r := newRegion(s, f)
	ci := r.interval(func(c candidate) float64 { return c.ceiling() })
	near(t, "half width of X*", (*ci[1]-*ci[0])/2, m.Student()*130.03857929, 0.04)
	first := m.Curve[0] // where throughput is gamma
	near(t, "half width of X(1)", (*first.High-*first.Low)/2, m.Student()**m.SE.Gamma, 0.02)
}

func TestLawsComeBackFromTheirPoints(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		law := USL{
			rapid.Float64Range(1e-3, 1e6).Draw(rt, "gamma"),
			rapid.SampledFrom([]float64{0, 1e-4, 0.003, 0.05, 0.3, 0.9}).Draw(rt, "alpha"),
			rapid.SampledFrom([]float64{0, 1e-6, 1e-4, 0.01}).Draw(rt, "beta"),
		}
		var points []Point
		for n := 1.0; n <= 256; n *= 2 {
			points = append(points, Point{n, law.Throughput(n)})
		}
		s, err := newSample(points, RelativeWeights)
		if err != nil {
			rt.Fatal(err)
		}
		got := s.fit(faces())
		for _, c := range []struct{ got, want, scale float64 }{
			{got.law.Gamma, law.Gamma, law.Gamma}, {got.law.Alpha, law.Alpha, 1}, {got.law.Beta, law.Beta, 1e-2},
		} {
			if math.Abs(c.got-c.want) > 1e-8*c.scale {
				rt.Errorf("%+v came back as %+v", law, got.law)
			}
		}
		kind := KindUSL
		if law.Beta == 0 {
			kind = KindAmdahl
			if law.Alpha == 0 {
				kind = KindLinear
			}
		}
		if got.kind() != kind {
			rt.Errorf("%+v is called %s", law, got.kind())
		}
	})
}

// noisy returns points of the law that fits cisco, with noise of a constant coefficient of
// variation.
func noisy(r *rand.Rand, cv float64, at ...float64) (points []Point) {
	law := USL{995.648785929, 0.0267159450357, 0.00076909392061}
	for _, n := range at {
		points = append(points, Point{n, law.Throughput(n) * (1 + cv*r.NormFloat64())})
	}
	return points
}

// The reference study found 0.940 of 400 for the first design and 0.985 for the second, of
// which 0.970 had no upper end.
func TestIntervalsCoverThePeak(t *testing.T) {
	const runs, truth = 200, 35.573788201
	for _, c := range []struct {
		name                 string
		at                   []float64
		least, most, endless float64
	}{
		{"beyond the knee", []float64{1, 2, 4, 8, 12, 16, 24, 32, 48, 64}, 0.91, 0.98, 0},
		{"before the knee", []float64{1, 2, 4, 6, 8, 10}, 0.95, 1, 0.9},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		covered, endless, claimed := 0, 0, 0
		for range runs {
			s, err := newSample(noisy(r, 0.03, c.at...), RelativeWeights)
			if err != nil {
				t.Fatal(err)
			}
			m := Model{}
			f := s.fit(faces())
			m.NStarCI = newBounds(s, f).peak()
			low, high := m.NStarCI[0], m.NStarCI[1]
			if (low == nil || *low <= truth) && (high == nil || truth <= *high) {
				covered++
			}
			if high == nil {
				endless++
			}
			if s.judgePeak(f, &m); m.NStar != nil {
				claimed++
			}
		}
		share := float64(covered) / runs
		t.Logf("%s: %.3f of the intervals hold the peak, %.3f have no upper end, %.3f claim a peak", c.name, share, float64(endless)/runs, float64(claimed)/runs)
		if share < c.least || share > c.most || float64(endless)/runs < c.endless {
			t.Errorf("%s: %.3f of the intervals hold the peak, %d have no upper end", c.name, share, endless)
		}
		if c.endless > 0 && claimed > runs/50 {
			t.Errorf("%s: %d of %d claim a peak", c.name, claimed, runs)
		}
	}
}

func TestReplicatesSayHowMuchALevelCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var points []Point
	for _, n := range []float64{1, 2, 4, 8, 16, 32, 64} {
		cv := 0.005
		if n == 16 {
			cv = 0.3 // something disturbed this level
		}
		points = append(points, noisy(r, cv, n, n, n, n, n)...)
	}
	m := model(t, points, ReplicateWeights)
	near(t, "alpha", m.Alpha, 0.0267159450357, 0.1)
	near(t, "N*", *m.NStar, 35.57, 0.05)
	if m.Levels != 7 || len(m.Points) != 35 {
		t.Errorf("%d levels of %d points", m.Levels, len(m.Points))
	}
	s, _ := newSample(points, ReplicateWeights)
	if s.w[20]*s.x[20]*s.x[20]*20 > s.w[0]*s.x[0]*s.x[0] {
		t.Errorf("the disturbed level counts %g, another one %g", s.w[20]*s.x[20]*s.x[20], s.w[0]*s.x[0]*s.x[0])
	}
}

// A level that was measured once has the spread that is common to the others.
func TestALevelMeasuredOnceHasTheCommonSpread(t *testing.T) {
	points := noisy(rand.New(rand.NewPCG(7, 8)), 0.02, 1, 1, 2, 2, 4, 4, 8, 8, 16, 32)
	s, err := newSample(points, ReplicateWeights)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "relative weight", s.w[8]*s.x[8]*s.x[8], s.w[9]*s.x[9]*s.x[9], 1e-12)
	if cv := 1 / math.Sqrt(s.w[8]) / s.x[8]; cv < 0.005 || cv > 0.04 {
		t.Errorf("the spread of a level measured once is taken to be %g", cv)
	}
}

func TestThroughputThatDoesNotGrow(t *testing.T) {
	var points []Point
	for n := 1.0; n <= 64; n *= 2 {
		points = append(points, Point{n, 250})
	}
	m := model(t, points, RelativeWeights)
	if m.Kind != KindAmdahl || m.Alpha != 1 || m.NStar != nil || m.SE.Alpha != nil {
		t.Errorf("%s %+v, peak %v", m.Kind, m.USL(), m.NStar)
	}
	near(t, "gamma", m.Gamma, 250, 1e-12)
	if !strings.Contains(strings.Join(m.Notes, ""), "one at a time") {
		t.Errorf("notes %q", m.Notes)
	}
}

func TestPointsThatCannotBeFittedAreRefused(t *testing.T) {
	six := noisy(rand.New(rand.NewPCG(5, 6)), 0, 1, 2, 4, 8, 16, 32)
	for _, c := range []struct {
		points  []Point
		weights Weights
		want    string
	}{
		{nil, RelativeWeights, "too few points: 0 different concurrencies, and a model needs at least 6"},
		{append(six[:5:5], six[0], six[1]), RelativeWeights, "too few points: 5 different"},
		{append(six, Point{-1, 3}), RelativeWeights, "above zero"},
		{append(six, Point{0, 3}), RelativeWeights, "above zero"},
		{append(six, Point{3, 0}), RelativeWeights, "above zero"},
		{append(six, Point{3, math.NaN()}), RelativeWeights, "above zero"},
		{append(six, Point{math.Inf(1), 3}), RelativeWeights, "above zero"},
		{six, ReplicateWeights, "more than once"},
		{append(six, six...), ReplicateWeights, "are equal"},
		{six, "heavy", "unknown weights"},
	} {
		if _, err := FitModel(c.points, c.weights); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v by %s: %v, want %q", c.points, c.weights, err, c.want)
		}
	}
}

func TestCopiesAreNoted(t *testing.T) {
	points, _ := readStudy(t, "cisco")
	m := model(t, append(points, points[3], points[7]), RelativeWeights)
	if !strings.Contains(m.Notes[0], "2 points are like another in every digit") {
		t.Errorf("notes %q", m.Notes)
	}
}

// Averages over time differ a little between trials of the same number of users.
func TestMeasuredConcurrenciesShareALevel(t *testing.T) {
	var points []Point
	for _, n := range []float64{1, 2, 4, 8, 16} {
		for _, off := range []float64{0.998, 0.9985, 0.9999} {
			points = append(points, noisy(rand.New(rand.NewPCG(1, uint64(n))), 0.01, n*off)...)
		}
	}
	if _, err := FitModel(points, RelativeWeights); err == nil || !strings.Contains(err.Error(), "5 different") {
		t.Error(err)
	}
}

func TestThroughputThatOnlyFalls(t *testing.T) {
	var points []Point
	for i, n := range []float64{10, 20, 40, 60, 80, 100} {
		points = append(points, Point{n, (1 + 0.001*float64(i%2)) * USL{100, 0.1, 0.05}.Throughput(n)})
	}
	m := model(t, points, RelativeWeights)
	if m.NStar != nil || !strings.Contains(strings.Join(m.Notes, ""), "falls from the smallest") {
		t.Errorf("peak %v, notes %q", m.NStar, m.Notes)
	}
}

// Whatever positive numbers are fitted, a model is within its bounds and can be written
// as JSON.
func TestAnyPointsGiveAModelWithinBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		number := rapid.Custom(func(rt *rapid.T) float64 {
			return math.Pow(10, rapid.Float64Range(-3, 6).Draw(rt, "exponent"))
		})
		n := rapid.IntRange(MinLevels, 8).Draw(rt, "n")
		var points []Point
		for i := range n {
			points = append(points, Point{float64(i+1) * rapid.Float64Range(0.9, 1.1).Draw(rt, "at"), number.Draw(rt, "x")})
		}
		m, err := FitModel(points, rapid.SampledFrom([]Weights{RelativeWeights, EqualWeights}).Draw(rt, "weights"))
		if err != nil {
			if !strings.Contains(err.Error(), "too few") {
				rt.Fatal(err)
			}
			return
		}
		if !(m.Gamma > 0 && m.Alpha >= 0 && m.Alpha <= 1 && m.Beta >= 0) {
			rt.Errorf("%+v", m.USL())
		}
		if _, err := json.Marshal(m); err != nil {
			rt.Error(err)
		}
	})
}
