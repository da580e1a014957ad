package capacity

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// region is the set of laws that the points do not reject, one statement at a time, at the
// 95 % level: SSE ≤ SSEmin·(1 + F(1, n−3; 0.95)/(n−3)). The extremes of a quantity over it
// are its profile-likelihood interval (Bates and Watts, Nonlinear Regression Analysis and
// Its Applications, 1988, chapter 6), also at the bounds of the parameters and where the
// interval does not end.
//
// Laws are written with s = 1/N*, so that β = (1−α)s² and a law without a peak has s = 0.
// At given s and α the best γ has a closed form, Σwhx/Σwh² with h = N/slowdown.
type region struct {
	s         *sample
	limit     float64 // of the sum of squares
	low, high float64 // of s
	open      bool    // high is only where the search for it ended
	laws      []candidate
}

// candidate is a family of laws in the region: γ may lie between the two.
type candidate struct {
	alpha, s  float64
	low, high float64 // γ
}

// ceiling returns the highest throughput of the law with γ = 1, at N* or in the limit.
func (c candidate) ceiling() float64 {
	return 1 / (c.alpha + (1-c.alpha)*c.s*(2-c.s))
}

func shape(alpha, s float64) USL { return USL{1, alpha, (1 - alpha) * s * s} }

// best returns the best γ at a point, the sum of squares with it, and Σwh².
func (s *sample) best(alpha, inverse float64) (gamma, sum, curvature float64) {
	law := shape(alpha, inverse)
	var product float64
	for i, n := range s.n {
		d := law.slowdown(n)
		if !(d > 0) {
			return 0, math.Inf(1), 0
		}
		h := n / d
		product += s.w[i] * h * s.x[i]
		curvature += s.w[i] * h * h
	}
	law.Gamma = product / curvature
	return law.Gamma, s.squares(law), curvature
}

// profile returns the least sum of squares at an s, and the α that has it.
func (s *sample) profile(inverse float64) (sum, alpha float64) {
	const grid = 16
	at := func(i int) float64 { return math.Pow(float64(i)/grid, 3) } // α is small as a rule
	of := func(alpha float64) float64 { _, sum, _ := s.best(alpha, inverse); return sum }
	best := 0
	sum = math.Inf(1)
	for i := range grid + 1 {
		if v := of(at(i)); v < sum {
			sum, best = v, i
		}
	}
	alpha = at(best)
	if x, v := golden(at(max(best-1, 0)), at(min(best+1, grid)), of); v < sum {
		return v, x
	}
	return sum, alpha
}

// golden returns the minimum of a function with one minimum between a and b (golden
// section: Kiefer, 1953).
func golden(a, b float64, f func(float64) float64) (x, least float64) {
	ratio := (math.Sqrt(5) - 1) / 2
	c, d := b-ratio*(b-a), a+ratio*(b-a)
	atC, atD := f(c), f(d)
	for range 30 {
		if atC < atD {
			b, d, atD = d, c, atC
			c = b - ratio*(b-a)
			atC = f(c)
		} else {
			a, c, atC = c, d, atD
			d = a + ratio*(b-a)
			atD = f(d)
		}
	}
	if atC < atD {
		return c, atC
	}
	return d, atD
}

// newRegion finds the region around the best fit.
func newRegion(s *sample, f fitted) *region {
	r := newBounds(s, f)
	r.fill()
	if inverse := inversePeak(f.law); inverse <= r.high {
		r.laws = append(r.laws, r.family(f.law.Alpha, inverse))
	}
	return r
}

// inversePeak returns 1/N*, 0 without a peak.
func inversePeak(m USL) float64 {
	n, _, ok := m.Peak()
	if !ok {
		return 0
	}
	return 1 / n
}

// newBounds finds how far the region reaches in s. The search upwards ends at a peak
// at half of the smallest concurrency, far from all points, or at one user.
func newBounds(s *sample, f fitted) *region {
	freedom := float64(len(s.n) - 3)
	factor := 1 + distuv.F{D1: 1, D2: freedom}.Quantile(0.95)/freedom
	r := &region{s: s, limit: math.Max(f.sum*factor, f.sum+s.negligible())}
	within := func(inverse float64) bool { sum, _ := s.profile(inverse); return sum <= r.limit }
	most := math.Min(2/s.n[0], 1)
	middle := math.Min(inversePeak(f.law), most)
	if !within(0) {
		r.low = edge(middle, 0, within)
	}
	inside, outside := middle, math.Max(middle*1.5, 0.25/s.largest())
	for outside < most && within(outside) {
		inside, outside = outside, outside*1.5
	}
	if outside >= most && within(most) {
		r.high, r.open = most, true
		return r
	}
	r.high = edge(inside, math.Min(outside, most), within)
	return r
}

// edge returns where the region ends between a point inside and one outside of it.
func edge(inside, outside float64, within func(float64) bool) float64 {
	for range 32 {
		middle := (inside + outside) / 2
		if within(middle) {
			inside = middle
		} else {
			outside = middle
		}
	}
	return inside
}

// mesh is how many values of s, and of α at each, stand for the region. They lie closer
// together towards its edges, where the extremes are.
const mesh = 24

func spread(low, high float64, i int) float64 {
	return low + (high-low)*(1-math.Cos(math.Pi*float64(i)/mesh))/2
}

// fill covers the region with laws.
func (r *region) fill() {
	for i := range mesh + 1 {
		inverse := spread(r.low, r.high, i)
		_, middle := r.s.profile(inverse)
		within := func(alpha float64) bool { _, sum, _ := r.s.best(alpha, inverse); return sum <= r.limit }
		low, high := 0.0, 1.0
		if !within(0) {
			low = edge(middle, 0, within)
		}
		if !within(1) {
			high = edge(middle, 1, within)
		}
		for k := range mesh + 1 {
			r.laws = append(r.laws, r.family(spread(low, high, k), inverse))
		}
	}
}

// family returns the laws of a shape that are in the region: the sum of squares is a
// parabola in γ.
func (r *region) family(alpha, inverse float64) candidate {
	gamma, sum, curvature := r.s.best(alpha, inverse)
	half := math.Sqrt(math.Max(r.limit-sum, 0) / curvature)
	return candidate{alpha: alpha, s: inverse, low: math.Max(gamma-half, 0), high: gamma + half}
}

// interval returns the extremes of γ times a function of the shape; nil where there is no
// end.
func (r *region) interval(of func(candidate) float64) [2]*float64 {
	low, high := math.Inf(1), 0.0
	for _, c := range r.laws {
		v := of(c)
		if high = math.Max(high, c.high*v); !math.IsInf(v, 1) {
			low = math.Min(low, c.low*v)
		}
	}
	return [2]*float64{unlessEndless(low), unlessEndless(high)}
}

func unlessEndless(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// peak returns the interval of N*.
func (r *region) peak() (ci [2]*float64) {
	if !r.open {
		n := 1 / r.high
		ci[0] = &n
	}
	if r.low > 0 {
		n := 1 / r.low
		ci[1] = &n
	}
	return ci
}

// curve returns the model with its band, from the smallest concurrency to half as much
// again as the largest or the peak.
func (r *region) curve(s *sample, m *Model) (all []CurvePoint) {
	const points = 32
	from, to := s.n[0], 1.5*s.largest()
	if m.NStar != nil {
		to = math.Max(to, 1.5**m.NStar)
	}
	law := m.USL()
	for i := range points + 1 {
		n := from * math.Pow(to/from, float64(i)/points)
		ci := r.interval(func(c candidate) float64 { return shape(c.alpha, c.s).Throughput(n) })
		all = append(all, CurvePoint{n, law.Throughput(n), ci[0], ci[1]})
	}
	return all
}
