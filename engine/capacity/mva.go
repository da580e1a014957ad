package capacity

import "math"

// Closed is the steady state of a closed network of queues.
type Closed struct {
	Throughput float64   // X, per second
	Response   float64   // R, seconds without thinking
	Queues     []float64 // users at each station, in service or waiting
}

// MVA returns the closed network of single-server stations with these demands per request,
// in seconds, and users who think for think seconds, exactly (mean value analysis, Reiser
// and Lavenberg 1980): R_k(n) = D_k(1 + Q_k(n−1)). It takes time in proportion to users
// times stations.
func MVA(demands []float64, think float64, users int) Closed {
	c := Closed{Queues: make([]float64, len(demands))}
	for n := 1; n <= users; n++ {
		c.step(demands, think, n, func(q float64) float64 { return q })
	}
	return c
}

// Schweitzer approximates MVA without going through all smaller numbers of users: an
// arrival sees Q_k(n−1) ≈ Q_k(n)(n−1)/n (Schweitzer 1979). It is off by up to 5 % around
// the knee.
func Schweitzer(demands []float64, think float64, users int) Closed {
	c := Closed{Queues: make([]float64, len(demands))}
	if users == 0 {
		return c
	}
	for k := range demands {
		c.Queues[k] = float64(users) / float64(len(demands))
	}
	others := float64(users-1) / float64(users)
	for range 1_000_000 {
		before := c.Throughput
		moved := c.step(demands, think, users, func(q float64) float64 { return q * others })
		if moved < 1e-13*float64(users) && math.Abs(c.Throughput-before) <= 1e-14*before {
			break
		}
	}
	return c
}

// step works out the network with n users from what an arrival sees of the queues so far,
// and returns how far a queue changed.
func (c *Closed) step(demands []float64, think float64, n int, seen func(float64) float64) (moved float64) {
	c.Response = 0
	stay := make([]float64, len(demands))
	for k, d := range demands {
		stay[k] = d * (1 + seen(c.Queues[k]))
		c.Response += stay[k]
	}
	c.Throughput = float64(n) / (c.Response + think)
	for k := range demands {
		q := c.Throughput * stay[k]
		moved = max(moved, math.Abs(q-c.Queues[k]))
		c.Queues[k] = q
	}
	return moved
}
