package capacity

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Point is throughput measured at a concurrency: how many were waiting for an answer at a
// time, on average.
type Point struct {
	Concurrency float64
	Throughput  float64 // per second, or in any other unit that all points share
}

// Weights say how much each point counts in a fit.
type Weights string

// The weights. Noise of throughput grows with throughput, which relative weights (1/X²)
// suit; replicates (1/s²) takes it from points at the same concurrency; none is ordinary
// least squares, for comparison with other tools: it trusts the largest values too much.
const (
	RelativeWeights  Weights = "relative"
	ReplicateWeights Weights = "replicates"
	EqualWeights     Weights = "none"
)

// MinLevels is how many different concurrencies a fit needs at least: the USL has three
// parameters, and a peak needs points on both of its sides.
const MinLevels = 6

// Why points cannot be fitted.
var (
	ErrTooFew   = errors.New("too few points")
	ErrNoSpread = errors.New("no weights from replicates")
)

// sameLevel is how much two concurrencies may differ, relatively, and still be the same
// one: those that were measured are averages over time.
const sameLevel = 0.005

// extent bounds what is believed of a number, so that squares of it stay numbers.
const extent = 1e15

// sample is points ready to be fitted, in the order of concurrency.
type sample struct {
	n, x, w []float64 // concurrency, throughput, weight
	levels  [][2]int  // from and to of each group of equal concurrency
	total   float64   // weighted sum of squares of x
	notes   []string
}

// newSample checks and orders the points and gives them their weights.
func newSample(points []Point, weights Weights) (*sample, error) {
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Concurrency, b.Concurrency), cmp.Compare(a.Throughput, b.Throughput))
	})
	s := &sample{w: make([]float64, len(points))}
	for i, p := range points {
		if !(p.Concurrency > 1/extent && p.Concurrency < extent && p.Throughput > 1/extent && p.Throughput < extent) {
			return nil, fmt.Errorf("throughput %g at concurrency %g: both must be above zero, and finite", p.Throughput, p.Concurrency)
		}
		s.n, s.x = append(s.n, p.Concurrency), append(s.x, p.Throughput)
		if i == 0 || p.Concurrency > s.n[s.levels[len(s.levels)-1][0]]*(1+sameLevel) {
			s.levels = append(s.levels, [2]int{i, i})
		}
		s.levels[len(s.levels)-1][1] = i + 1
	}
	if len(s.levels) < MinLevels {
		return nil, fmt.Errorf("%w: %d different concurrencies, and a model needs at least %d", ErrTooFew, len(s.levels), MinLevels)
	}
	s.noteCopies(points)
	if err := s.weigh(weights); err != nil {
		return nil, err
	}
	for i, x := range s.x {
		s.total += s.w[i] * x * x
	}
	return s, nil
}

// noteCopies tells of rows that are exactly like others.
func (s *sample) noteCopies(points []Point) {
	copies := len(points) - len(slices.Compact(slices.Clone(points)))
	if copies > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s like another in every digit: if they are copies and no replicates, the intervals are too narrow",
			counted(copies, "point is", "points are")))
	}
}

func (s *sample) weigh(weights Weights) error {
	switch weights {
	case EqualWeights:
		for i := range s.w {
			s.w[i] = 1
		}
	case RelativeWeights:
		for i, x := range s.x {
			s.w[i] = 1 / (x * x)
		}
	case ReplicateWeights:
		return s.weighReplicates()
	default:
		return fmt.Errorf("unknown weights %q", weights)
	}
	return nil
}

// prior is how many degrees of freedom the common spread has for that of a level.
const prior = 4

// weighReplicates sets weights to 1/s², where s is the spread of the points at a level. The
// variance of a few points is a poor estimate that may be near zero by chance, so it is
// drawn towards the common one, the median relative to the mean, as if that had been seen
// in prior further points (moderated variances: Smyth, Linear models and empirical Bayes
// methods, 2004). Levels with one point have the common one.
func (s *sample) weighReplicates() error {
	mean, squares := make([]float64, len(s.levels)), make([]float64, len(s.levels))
	var relative []float64 // variances over squared means
	for l, at := range s.levels {
		x := s.x[at[0]:at[1]]
		for _, v := range x {
			mean[l] += v / float64(len(x))
		}
		for _, v := range x {
			squares[l] += (v - mean[l]) * (v - mean[l])
		}
		if len(x) > 1 {
			relative = append(relative, squares[l]/(mean[l]*mean[l]*float64(len(x)-1)))
		}
	}
	if len(relative) == 0 {
		return fmt.Errorf("%w: no concurrency was measured more than once", ErrNoSpread)
	}
	slices.Sort(relative)
	common := relative[len(relative)/2]
	if common == 0 {
		return fmt.Errorf("%w: most points at the same concurrency are equal", ErrNoSpread)
	}
	for l, at := range s.levels {
		variance := (squares[l] + prior*common*mean[l]*mean[l]) / (float64(at[1]-at[0]-1) + prior)
		for i := at[0]; i < at[1]; i++ {
			s.w[i] = 1 / variance
		}
	}
	return nil
}

// squares returns the weighted sum of squared residuals of a law; infinite where the law
// makes no sense.
func (s *sample) squares(m USL) float64 {
	sum := 0.0
	for i, n := range s.n {
		d := m.slowdown(n)
		if !(d > 0) {
			return math.Inf(1)
		}
		r := s.x[i] - m.Gamma*n/d
		sum += s.w[i] * r * r
	}
	return sum
}

// largest returns the largest concurrency.
func (s *sample) largest() float64 { return s.n[len(s.n)-1] }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
