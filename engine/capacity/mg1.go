package capacity

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// MG1 is the queue M/G/1: Poisson arrivals at a rate per second, one server, and service
// times of any law with a mean of Service seconds and a squared coefficient of variation.
type MG1 struct {
	Rate    float64
	Service float64
	SCV     float64 // variance over squared mean: 0 for constant, 1 for exponential service
}

// Utilisation returns ρ = λS.
func (q MG1) Utilisation() float64 { return q.Rate * q.Service }

// Wait returns the mean time in the queue in seconds, first come first served:
// ρS(1 + Cs²)/(2(1 − ρ)) (Pollaczek 1930, Khinchine 1932).
func (q MG1) Wait() float64 {
	rho := q.Utilisation()
	if rho >= 1 {
		return math.Inf(1)
	}
	return rho * q.Service * (1 + q.SCV) / (2 * (1 - rho))
}

// Response returns the mean time in queue and service in seconds, first come first served.
func (q MG1) Response() float64 { return q.Wait() + q.Service }

// Shared returns the mean time in seconds if the server works on all that are there at
// once, in equal shares: S/(1 − ρ), whatever the law of service is (Kleinrock, volume 2,
// section 4.4). Servers that start a thread for each request are nearer to this.
func (q MG1) Shared() float64 { return q.SharedOf(q.Service) }

// SharedOf returns the mean time in seconds of a request that alone would take need
// seconds, if the server is shared: need/(1 − ρ).
func (q MG1) SharedOf(need float64) float64 {
	rho := q.Utilisation()
	if rho >= 1 {
		return math.Inf(1)
	}
	return need / (1 - rho)
}

// MD1 is the queue M/D/1: as M/G/1, with service times that are all the same.
type MD1 struct {
	Rate    float64
	Service float64
}

// WaitWithin returns the probability of waiting no longer than t seconds. Erlang's sum has
// terms of alternating sign that cancel to nothing at high t; Franx's form (A simple
// solution for the M/D/c waiting time distribution, Operations Research Letters 2001,
// equation 5) has positive ones only: with k−1 ≤ t < k, in service times,
// P(W ≤ t) = Σ_j P(L ≤ k−j)·e^{−ρ(k−t)}(ρ(k−t))^j/j!, with L in the system.
func (q MD1) WaitWithin(t float64) float64 {
	if q.Rate*q.Service >= 1 || t < 0 {
		return 0
	}
	d := newDeterministic(q.Rate * q.Service)
	return d.waitWithin(t / q.Service)
}

// WaitQuantile returns the seconds that the share p of arrivals does not wait longer than.
func (q MD1) WaitQuantile(p float64) float64 {
	rho := q.Rate * q.Service
	switch {
	case rho >= 1:
		return math.Inf(1)
	case p <= 1-rho:
		return 0
	}
	d := newDeterministic(rho)
	k := 1
	for d.waitWithin(float64(k)) < p {
		k++
	}
	return q.Service * bisect(float64(k-1), float64(k), func(t float64) bool { return d.waitWithin(t) < p })
}

// negligible is a probability that changes no digit of a sum of probabilities near 1.
const negligible = 1e-22

// deterministic is M/D/1 with a service time of 1.
type deterministic struct {
	rho    float64
	beyond []float64 // P(A > n) of the arrivals A in a service time
	state  []float64 // P(L = n)
	within []float64 // P(L ≤ n)
}

func newDeterministic(rho float64) *deterministic {
	d := &deterministic{rho: rho, state: []float64{1 - rho}, within: []float64{1 - rho}}
	for n := 0; ; n++ {
		tail := mathext.GammaIncReg(float64(n+1), rho)
		d.beyond = append(d.beyond, tail)
		if tail < negligible {
			return d
		}
	}
}

// upTo returns P(L ≤ n). The state is seen at departures; what goes up past a level must
// come down past it, so P(L=n+1)·P(A=0) = P(L=0)·P(A>n) + Σ_{j=1}^{n} P(L=j)·P(A>n+1−j).
func (d *deterministic) upTo(n int) float64 {
	for len(d.state) <= n {
		m := len(d.state) - 1
		sum := d.state[0] * d.more(m)
		for j := max(1, m+2-len(d.beyond)); j <= m; j++ {
			sum += d.state[j] * d.more(m+1-j)
		}
		p := sum / math.Exp(-d.rho)
		d.state = append(d.state, p)
		d.within = append(d.within, min(1, d.within[m]+p))
	}
	return d.within[n]
}

func (d *deterministic) more(n int) float64 {
	if n >= len(d.beyond) {
		return 0
	}
	return d.beyond[n]
}

func (d *deterministic) waitWithin(t float64) float64 {
	k := int(math.Floor(t)) + 1
	x := d.rho * (float64(k) - t)
	sum, weight := 0.0, math.Exp(-x)
	for j := 0; j < k && weight > negligible; j++ {
		sum += weight * d.upTo(k-j)
		weight *= x / float64(j+1)
	}
	return sum
}
