package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// FitModel fits the universal scalability law to throughput at given concurrency, and
// ranks it against Amdahl's law and linear scaling. Points at the same concurrency are
// replicates. The error says what is wrong with a point, or that there are too few.
//
// The fit starts from a non-negative linear estimate, is polished by Levenberg–Marquardt,
// and takes the best of the optima in the interior and at the bounds 0 ≤ α ≤ 1 and β ≥ 0.
// Intervals are by profile likelihood. A peak is given only if the points show one: its
// interval ends, and throughput was seen to have stopped growing.
func FitModel(points []Point, weights Weights) (Model, error) {
	s, err := newSample(points, weights)
	if err != nil {
		return Model{}, fmt.Errorf("fit a scalability model: %w", err)
	}
	f := s.fit(faces())
	m := Model{
		Kind: f.kind(), Gamma: f.law.Gamma, Alpha: f.law.Alpha, Beta: f.law.Beta,
		Notes:   append([]string{}, s.notes...),
		Quality: Quality{Weights: weights, Levels: len(s.levels), SSE: f.sum, Models: s.rank()},
	}
	f.errors(s, &m)
	for i, n := range s.n {
		fitted := f.law.Throughput(n)
		m.Points = append(m.Points, FittedPoint{n, s.x[i], fitted, s.x[i] - fitted})
	}
	r := newRegion(s, f)
	m.NStarCI = r.peak()
	m.XStarCI = r.interval(func(at candidate) float64 { return at.ceiling() })
	s.judgePeak(f, &m)
	m.Curve = r.curve(s, &m)
	f.explain(&m)
	return m, nil
}

// fitted is a law fitted to a sample, and where it lies.
type fitted struct {
	law  USL
	sum  float64
	face face
}

// fit returns the best of the optima on these faces. Where two are equal but for rounding,
// the one with fewer parameters is taken.
func (s *sample) fit(among []face) fitted {
	start := s.start()
	start.Alpha = min(start.Alpha, 1)
	best := fitted{sum: math.Inf(1)}
	for _, f := range among {
		law, sum, ok := s.polish(start, f)
		if ok && (math.IsInf(best.sum, 1) || sum < best.sum*(1-1e-9)-s.negligible()) {
			best = fitted{law, sum, f}
		}
	}
	return best
}

// negligible is a sum of squares that is rounding and nothing else.
func (s *sample) negligible() float64 { return 1e-18 * s.total }

// kind names the law that is left of the USL on its face.
func (f fitted) kind() string {
	switch {
	case f.law.Beta > 0:
		return KindUSL
	case f.law.Alpha > 0:
		return KindAmdahl
	}
	return KindLinear
}

// errors sets the standard errors, from the Jacobian of the free parameters alone:
// s²·(JᵀJ)⁻¹ with s² = SSE/(points − free parameters).
func (f fitted) errors(s *sample, m *Model) {
	j := s.jacobian(f.law, f.face)
	rows, columns := j.Dims()
	m.DF = rows - columns
	m.Sigma = math.Sqrt(f.sum / float64(m.DF))
	free := 0
	for k, to := range []**float64{&m.SE.Gamma, &m.SE.Alpha, &m.SE.Beta} {
		if f.face.fixed[k] {
			continue
		}
		// One over the diagonal of (JᵀJ)⁻¹ is what a column has that the others do not.
		b := mat.VecDenseCopyOf(j.ColView(free))
		if others := without(j, free); others != nil {
			x, err := leastSquares(others, b)
			if err != nil {
				free++
				continue
			}
			var explained mat.VecDense
			explained.MulVec(others, x)
			b.SubVec(b, &explained)
		}
		if own := mat.Norm(b, 2); own > 0 {
			se := m.Sigma / own
			*to = &se
		}
		free++
	}
}

// without returns j without a column, or nil if there is no other.
func without(j *mat.Dense, column int) *mat.Dense {
	rows, columns := j.Dims()
	if columns == 1 {
		return nil
	}
	others := mat.NewDense(rows, columns-1, nil)
	at := 0
	for c := range columns {
		if c != column {
			others.ColView(at).(*mat.VecDense).CopyVec(j.ColView(c)) //nolint:forcetypeassert // a column of a Dense is one
			at++
		}
	}
	return others
}

// Student returns the quantile of Student's t for a two-sided 95 % interval.
func (q *Quality) Student() float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(q.DF)}.Quantile(0.975)
}

// rank fits the laws one by one and orders them by Akaike's criterion for small samples,
// AICc = n·ln(SSE/n) + 2k + 2k(k+1)/(n−k−1), where k counts the parameters and the spread
// (Hurvich and Tsai, 1989).
func (s *sample) rank() []Candidate {
	n := float64(len(s.n))
	var all []Candidate
	for i, kind := range []string{KindLinear, KindAmdahl, KindUSL} {
		var among []face
		for _, f := range faces() {
			if kind == KindUSL || f.fixed[2] && (kind == KindAmdahl || f.fixed[1] && f.alpha == 0) {
				among = append(among, f)
			}
		}
		f, k := s.fit(among), float64(i+2)
		sum := math.Max(f.sum, s.negligible())
		all = append(all, Candidate{
			Kind: kind, Gamma: f.law.Gamma, Alpha: f.law.Alpha, Beta: f.law.Beta, SSE: f.sum,
			AICc: n*math.Log(sum/n) + 2*k + 2*k*(k+1)/(n-k-1),
		})
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return cmp.Compare(a.AICc, b.AICc) })
	for i := range all {
		all[i].Delta = all[i].AICc - all[0].AICc
	}
	return all
}
