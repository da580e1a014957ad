package capacity

import "math"

// USL is the universal scalability law, X(N) = γN / (1 + α(N−1) + βN(N−1)): throughput per
// second at concurrency N, with γ > 0, 0 ≤ α ≤ 1 and β ≥ 0 (Gunther, Guerrilla Capacity
// Planning, 2007, chapter 4). With β = 0 it is Amdahl's law, with α = 0 too it is linear.
// It speaks of closed loops: N is how many are waiting for an answer at a time.
type USL struct {
	Gamma float64 // γ, throughput at concurrency 1, per second
	Alpha float64 // α, contention: share of the work that is done one at a time
	Beta  float64 // β, coherency: what each pair that works at the same time costs
}

// slowdown returns how many times longer the work takes at concurrency n than at 1.
func (m USL) slowdown(n float64) float64 { return 1 + m.Alpha*(n-1) + m.Beta*n*(n-1) }

// Throughput returns X(N), per second.
func (m USL) Throughput(n float64) float64 { return m.Gamma * n / m.slowdown(n) }

// Latency returns the mean latency in seconds by Little's law without think time,
// R(N) = N/X(N).
func (m USL) Latency(n float64) float64 { return m.slowdown(n) / m.Gamma }

// Efficiency returns what is left of linear scaling, X(N)/(γN), 1 at concurrency 1.
func (m USL) Efficiency(n float64) float64 { return 1 / m.slowdown(n) }

// Shares returns the time per unit of work, relative to concurrency 1, in the parts that
// parallel work, contention and coherency have in it: 1/N, α(N−1)/N and β(N−1). They add
// up to 1/(N·Efficiency(N)).
func (m USL) Shares(n float64) (parallel, contention, coherency float64) {
	return 1 / n, m.Alpha * (n - 1) / n, m.Beta * (n - 1)
}

// Peak returns where throughput is highest, N* = √((1−α)/β), and how high it is there. It
// is not ok if there is no peak, for β = 0.
func (m USL) Peak() (n, x float64, ok bool) {
	if !(m.Beta > 0) {
		return 0, 0, false
	}
	n = math.Sqrt((1 - m.Alpha) / m.Beta)
	return n, m.Throughput(n), true
}

// Asymptote returns what throughput tends to where coherency costs nothing, γ/α per
// second; without contention it is infinite.
func (m USL) Asymptote() float64 {
	if m.Alpha == 0 {
		return math.Inf(1)
	}
	return m.Gamma / m.Alpha
}

// ConcurrencyAtLatency returns the concurrency at which the mean latency is r seconds, the
// positive root of βN² + (α−β)N + 1 − α − γr = 0. It is not ok if latency is never r: for
// it is longer even without concurrency, or the law is linear and latency always the same.
func (m USL) ConcurrencyAtLatency(r float64) (n float64, ok bool) {
	b, c := m.Alpha-m.Beta, m.Gamma*r+m.Alpha-1
	root := math.Sqrt(b*b + 4*m.Beta*c)
	if b >= 0 { // the form that does not subtract what is nearly equal, and has no β below
		n = 2 * c / (b + root)
	} else {
		n = (root - b) / (2 * m.Beta)
	}
	return n, n > 0 && !math.IsInf(n, 1)
}

// ThroughputAtLatency returns the throughput at which the mean latency is r seconds,
// N(r)/r, under the conditions of ConcurrencyAtLatency.
func (m USL) ThroughputAtLatency(r float64) (x float64, ok bool) {
	n, ok := m.ConcurrencyAtLatency(r)
	return n / r, ok
}

// ConcurrencyAtThroughput returns the lower concurrency at which throughput is x per
// second, where more users still mean more throughput. It is not ok if x is never reached.
func (m USL) ConcurrencyAtThroughput(x float64) (n float64, ok bool) {
	n, _, ok = m.concurrencies(x)
	return n, ok
}

// RetrogradeConcurrency returns the higher concurrency at which throughput is x per second,
// beyond the peak. It is not ok if x is never reached, or there is no peak.
func (m USL) RetrogradeConcurrency(x float64) (n float64, ok bool) {
	_, n, ok = m.concurrencies(x)
	return n, ok && m.Beta > 0
}

// LatencyAtThroughput returns the mean latency in seconds at a throughput of x per second,
// below the peak, under the conditions of ConcurrencyAtThroughput.
func (m USL) LatencyAtThroughput(x float64) (r float64, ok bool) {
	n, ok := m.ConcurrencyAtThroughput(x)
	return n / x, ok
}

// concurrencies returns the roots of βxN² + ((α−β)x − γ)N + (1−α)x = 0.
func (m USL) concurrencies(x float64) (lower, upper float64, ok bool) {
	a, c := m.Beta*x, (1-m.Alpha)*x
	minusB := m.Gamma - (m.Alpha-m.Beta)*x
	square := minusB*minusB - 4*a*c
	if square < 0 && square > -rounding*minusB*minusB { // at the peak itself, but for rounding
		square = 0
	}
	if !(x > 0 && c > 0 && minusB > 0 && square >= 0) {
		return 0, 0, false
	}
	sum := minusB + math.Sqrt(square)
	return 2 * c / sum, sum / (2 * a), true
}
