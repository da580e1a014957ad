package search

import "math"

// curve says how the share that breaks a promise grows with the load around a rate:
// logit(share) = a + b·ln(rate/at), by logistic regression over the trials there, each
// weighing its samples over the design effect (quasi-likelihood; McCullagh and Nelder
// 1989, §4.4 and §9.2). Near the line, where each load by itself would need very long
// trials, this is what makes them shorter.
type curve struct {
	at         float64
	a, b       float64
	va, vb, vc float64 // variance of a, of b, and their covariance
}

// point is one trial: ln(rate/at), the share, and the weight.
type point struct{ x, p, n float64 }

// fit returns the curve of the i-th promise around a rate. It needs four trials at two
// loads at the least, on which the share is neither nothing nor everything, and a share
// that rises.
func fit(trials []Trial, i int, at, unrest float64) (curve, bool) {
	var points []point
	low, high := math.Inf(1), math.Inf(-1)
	var bad, of float64
	for _, t := range trials {
		if !t.around(at) || i >= len(t.Evidence) || t.Evidence[i].n == 0 {
			continue
		}
		e := t.Evidence[i]
		p := point{math.Log(t.Rate / at), e.bad / e.n, e.n / unrest}
		points = append(points, p)
		low, high = min(low, p.x), max(high, p.x)
		bad, of = bad+p.p*p.n, of+p.n
	}
	if len(points) < 4 || high-low < 1e-9 || bad <= 0 || bad >= of {
		return curve{}, false
	}
	c := curve{at: at, a: math.Log(bad / (of - bad))}
	for range 50 {
		step, ok := c.newton(points)
		if !ok {
			return curve{}, false
		}
		if step < 1e-9 {
			c.widen(points)
			return c, c.b > 0
		}
	}
	return curve{}, false
}

// widen takes into account how much further the trials lie from the curve than their
// samples explain: some may have been disturbed (Pearson's dispersion; McCullagh and
// Nelder 1989, §4.5).
func (c *curve) widen(points []point) {
	var squares float64
	for _, p := range points {
		mu := logistic(c.a + c.b*p.x)
		squares += p.n * (p.p - mu) * (p.p - mu) / (mu * (1 - mu))
	}
	by := max(1, squares/float64(len(points)-2))
	c.va, c.vb, c.vc = c.va*by, c.vb*by, c.vc*by
}

// newton takes one step of Newton's method and returns its length.
func (c *curve) newton(points []point) (float64, bool) {
	var g0, g1, h00, h01, h11 float64
	for _, p := range points {
		mu := logistic(c.a + c.b*p.x)
		w := p.n * mu * (1 - mu)
		g0 += p.n * (p.p - mu)
		g1 += p.n * (p.p - mu) * p.x
		h00, h01, h11 = h00+w, h01+w*p.x, h11+w*p.x*p.x
	}
	det := h00*h11 - h01*h01
	if !(det > 0) {
		return 0, false
	}
	da, db := (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
	c.a, c.b = c.a+da, c.b+db
	c.va, c.vb, c.vc = h11/det, h00/det, -h01/det
	return math.Abs(da) + math.Abs(db), true
}

// z95 is the 95 % quantile of the normal distribution: each bound of a line holds with
// that confidence.
const z95 = 1.644854

// interval returns between what the share at a rate lies; either bound holds with 95 %.
func (c curve) interval(rate float64) (low, high float64) {
	x := math.Log(rate / c.at)
	middle := c.a + c.b*x
	half := z95 * math.Sqrt(max(c.va+2*x*c.vc+x*x*c.vb, 0))
	return logistic(middle - half), logistic(middle + half)
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
