package capacity

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// face is the part of the space of parameters in which alpha, beta or both lie at a bound.
type face struct {
	alpha, beta float64 // where they are fixed
	fixed       [3]bool // gamma, alpha, beta
}

// faces returns where an optimum may lie, those with the fewest free parameters first.
func faces() []face {
	alpha, beta := [3]bool{false, true, false}, [3]bool{false, false, true}
	both := [3]bool{false, true, true}
	return []face{
		{0, 0, both},
		{1, 0, both},
		{0, 0, beta},
		{0, 0, alpha},
		{1, 0, alpha},
		{0, 0, [3]bool{}},
	}
}

// put moves m onto the face.
func (f face) put(m USL) USL {
	if f.fixed[1] {
		m.Alpha = f.alpha
	}
	if f.fixed[2] {
		m.Beta = f.beta
	}
	return m
}

// start returns a first estimate that needs no guess. N/X is linear in 1, N−1 and N(N−1)
// with coefficients 1/γ, α/γ and β/γ, none of which is negative. They are found by least
// squares with each of the four sets of the last two that may be zero. Errors in N/X are
// those in X by a factor of N/X², to first order, which the weights make up for.
func (s *sample) start() USL {
	best, found := math.Inf(1), USL{Gamma: 1}
	for set := range 4 {
		columns := []int{0}
		for c := 1; c <= 2; c++ {
			if set&c != 0 {
				columns = append(columns, c)
			}
		}
		a, b := s.linear(columns)
		solved, err := leastSquares(a, b)
		if err != nil {
			continue
		}
		var c [3]float64
		for i, column := range columns {
			c[column] = solved.AtVec(i)
		}
		if c[0] <= 0 || c[1] < 0 || c[2] < 0 {
			continue
		}
		var residual mat.VecDense
		residual.MulVec(a, solved)
		residual.SubVec(b, &residual)
		if sum := mat.Dot(&residual, &residual); sum < best {
			best, found = sum, USL{Gamma: 1 / c[0], Alpha: c[1] / c[0], Beta: c[2] / c[0]}
		}
	}
	return found
}

// linear returns the weighted equations of start with these columns.
func (s *sample) linear(columns []int) (*mat.Dense, *mat.VecDense) {
	a, b := mat.NewDense(len(s.n), len(columns), nil), mat.NewVecDense(len(s.n), nil)
	for i, n := range s.n {
		w := math.Sqrt(s.w[i]) * s.x[i] * s.x[i] / n
		row := [3]float64{w, w * (n - 1), w * n * (n - 1)}
		for j, c := range columns {
			a.Set(i, j, row[c])
		}
		b.SetVec(i, w*n/s.x[i])
	}
	return a, b
}

// leastSquares solves a·x = b by QR with columns scaled to length 1.
func leastSquares(a *mat.Dense, b *mat.VecDense) (*mat.VecDense, error) {
	rows, columns := a.Dims()
	scaled, scale := mat.NewDense(rows, columns, nil), make([]float64, columns)
	for j := range columns {
		c := a.ColView(j)
		if scale[j] = mat.Norm(c, 2); scale[j] == 0 {
			scale[j] = 1
		}
		for i := range rows {
			scaled.Set(i, j, c.AtVec(i)/scale[j])
		}
	}
	var qr mat.QR
	qr.Factorize(scaled)
	x := mat.NewVecDense(columns, nil)
	if err := qr.SolveVecTo(x, false, b); err != nil {
		return nil, err
	}
	for j := range columns {
		x.SetVec(j, x.AtVec(j)/scale[j])
	}
	return x, nil
}

// jacobian returns the weighted derivatives of throughput by the free parameters of a face:
// N/D, −γN(N−1)/D² and −γN²(N−1)/D², where D is the slowdown.
func (s *sample) jacobian(m USL, f face) *mat.Dense {
	columns := 0
	for _, fixed := range f.fixed {
		if !fixed {
			columns++
		}
	}
	j := mat.NewDense(len(s.n), columns, nil)
	for i, n := range s.n {
		w, d := math.Sqrt(s.w[i]), m.slowdown(n)
		by := [3]float64{n / d, -m.Gamma * n * (n - 1) / (d * d), -m.Gamma * n * n * (n - 1) / (d * d)}
		c := 0
		for k, fixed := range f.fixed {
			if !fixed {
				j.Set(i, c, w*by[k])
				c++
			}
		}
	}
	return j
}

const (
	steps     = 200
	stillness = 1e-12 // a step that moves the curve by less, relatively, is the last
	rounded   = 1e-12 // and a sum of squares that is larger by less is not larger
	stiffest  = 1e16
)

// polish minimises the weighted squares on a face by the method of Levenberg (1944) and
// Marquardt (1963), damped in proportion to the length of each column of the Jacobian, with
// each step from the QR of the augmented equations. It is not ok if it ends outside of what
// the parameters may be.
func (s *sample) polish(m USL, f face) (best USL, sum float64, ok bool) {
	m = f.put(m)
	sum = s.squares(m)
	damping := 1e-3
	for range steps {
		j := s.jacobian(m, f)
		step, length, err := s.step(m, f, j, damping)
		next := USL{m.Gamma + step[0], m.Alpha + step[1], m.Beta + step[2]}
		after := s.squares(next)
		better := err == nil && next.Gamma > 0 && after <= sum*(1+rounded)
		if better {
			m, sum = next, after
			damping = math.Max(damping/10, 1e-16)
		} else if damping *= 10; damping > stiffest {
			break
		}
		if err == nil && length <= stillness*math.Sqrt(s.total) {
			break
		}
	}
	ok = m.Gamma > 0 && m.Alpha >= 0 && m.Alpha <= 1 && m.Beta >= 0 && !math.IsInf(sum, 1)
	return m, sum, ok
}

// step returns the change of gamma, alpha and beta, and how far it moves the curve.
func (s *sample) step(m USL, f face, j *mat.Dense, damping float64) (change [3]float64, length float64, err error) {
	rows, columns := j.Dims()
	a, b := mat.NewDense(rows+columns, columns, nil), mat.NewVecDense(rows+columns, nil)
	a.Slice(0, rows, 0, columns).(*mat.Dense).Copy(j) //nolint:forcetypeassert // a slice of a Dense is one
	for c := range columns {
		a.Set(rows+c, c, math.Sqrt(damping)*mat.Norm(j.ColView(c), 2))
	}
	for i, n := range s.n {
		b.SetVec(i, math.Sqrt(s.w[i])*(s.x[i]-m.Throughput(n)))
	}
	solved, err := leastSquares(a, b)
	if err != nil {
		return change, 0, err
	}
	c := 0
	for k, fixed := range f.fixed {
		if !fixed {
			change[k] = solved.AtVec(c)
			c++
		}
	}
	var moved mat.VecDense
	moved.MulVec(j, solved)
	return change, mat.Norm(&moved, 2), nil
}
