package capacity

import (
	"errors"
	"fmt"
	"math"
)

// ErrInfeasible is the error of a promise that no rate keeps, however low it is.
var ErrInfeasible = errors.New("no number of nodes helps")

// MMc is the queue M/M/c: Poisson arrivals at a rate per second, exponential service of
// Service seconds on average, Servers equal servers, and one queue without end, first come
// first served (Erlang 1917; Kleinrock, Queueing Systems, volume 1, section 3.5). With one
// server it is M/M/1. Times are in seconds; they are infinite when the servers cannot keep
// up.
type MMc struct {
	Rate    float64
	Service float64
	Servers int
}

// Offered returns the offered load a = λS in servers (Erlangs).
func (q MMc) Offered() float64 { return q.Rate * q.Service }

// Utilisation returns the share of time that each server works, ρ = a/c; from 1 on the
// queue grows without end.
func (q MMc) Utilisation() float64 { return q.Offered() / float64(q.Servers) }

// ErlangB returns the probability that an arrival finds all servers of M/M/c/c busy, for
// an offered load in Erlangs: B(0) = 1, B(k) = aB(k−1)/(k + aB(k−1)). All of its terms are
// positive and at most 1, so it neither overflows nor cancels.
func ErlangB(servers int, offered float64) float64 {
	b := 1.0
	for k := 1; k <= servers; k++ {
		b = offered * b / (float64(k) + offered*b)
	}
	return b
}

// ErlangC returns the probability that an arrival at M/M/c has to wait,
// C = B/(1 − ρ(1 − B)); 1 when the servers cannot keep up.
func ErlangC(servers int, offered float64) float64 {
	rho := offered / float64(servers)
	if rho >= 1 {
		return 1
	}
	b := ErlangB(servers, offered)
	return b / (1 - rho*(1-b))
}

// relief is what the servers could do more than they have to, cμ − λ, per second.
func (q MMc) relief() float64 { return float64(q.Servers)/q.Service - q.Rate }

// Wait returns the mean time in the queue, C/(cμ − λ).
func (q MMc) Wait() float64 {
	if q.Offered() == 0 {
		return 0
	}
	if q.Utilisation() >= 1 {
		return math.Inf(1)
	}
	return ErlangC(q.Servers, q.Offered()) / q.relief()
}

// Response returns the mean time in queue and service.
func (q MMc) Response() float64 { return q.Wait() + q.Service }

// InQueue returns how many wait, on average.
func (q MMc) InQueue() float64 { return Little(q.Rate, q.Wait()) }

// WaitBeyond returns the probability of a wait longer than t, C·e^{−(cμ−λ)t}.
func (q MMc) WaitBeyond(t float64) float64 {
	if q.Utilisation() >= 1 {
		return 1
	}
	return ErlangC(q.Servers, q.Offered()) * math.Exp(-q.relief()*t)
}

// WaitQuantile returns the time that the share p of arrivals does not wait longer than; 0
// if so many do not wait at all.
func (q MMc) WaitQuantile(p float64) float64 {
	if q.Utilisation() >= 1 {
		return math.Inf(1)
	}
	return max(0, math.Log(ErlangC(q.Servers, q.Offered())/(1-p))/q.relief())
}

// ResponseBeyond returns the probability of a response slower than t.
func (q MMc) ResponseBeyond(t float64) float64 {
	if q.Utilisation() >= 1 {
		return 1
	}
	return beyond(ErlangC(q.Servers, q.Offered()), q.relief()*q.Service, t/q.Service)
}

// beyond is P(T > t) with the mean service time as the unit of time: with probability c a
// wait, exponential with rate theta, comes before the service. The textbook form
// (1−C)e^{−t} + C(θe^{−t} − e^{−θt})/(θ−1) is rewritten as e^{−t}(1 + C(1−e^{−(θ−1)t})/(θ−1)),
// which has no gap at θ = 1.
func beyond(c, theta, t float64) float64 {
	x := (theta - 1) * t
	switch {
	case x == 0:
		return math.Exp(-t) * (1 + c*t)
	case math.Abs(x) < 1:
		return math.Exp(-t) * (1 - c*t*math.Expm1(-x)/x)
	}
	return math.Exp(-t) + c*(math.Exp(-t)-math.Exp(-theta*t))/(theta-1)
}

// ResponseQuantile returns the time that the share p of responses is not slower than.
func (q MMc) ResponseQuantile(p float64) float64 {
	if q.Utilisation() >= 1 {
		return math.Inf(1)
	}
	c, theta := ErlangC(q.Servers, q.Offered()), q.relief()*q.Service
	low := -math.Log1p(-p) // the service alone
	high := 2*low + 1
	for beyond(c, theta, high) > 1-p {
		low, high = high, 2*high
	}
	return q.Service * bisect(low, high, func(t float64) bool { return beyond(c, theta, t) > 1-p })
}

// RateWithin returns the largest rate per second at which the share p of responses takes no
// longer than limit seconds, for this service time and number of servers; Rate of q is not
// looked at. If the service alone takes longer than that, the error is ErrInfeasible with
// the reason.
func (q MMc) RateWithin(p, limit float64) (float64, error) {
	if alone := -math.Log1p(-p) * q.Service; alone >= limit {
		return 0, fmt.Errorf("%w: without any queue, p%s of the service time is %.4g ms already, %.3g times its mean, and the limit is %.4g ms",
			ErrInfeasible, Percentile(p), alone*1000, alone/q.Service, limit*1000)
	}
	c := float64(q.Servers)
	rho := bisect(0, 1, func(rho float64) bool {
		q.Rate = rho * c / q.Service
		return q.ResponseBeyond(limit) <= 1-p
	})
	return rho * c / q.Service, nil
}

// Percentile writes a share as people name percentiles, such as 99 or 99.9.
func Percentile(p float64) string { return fmt.Sprintf("%.6g", math.Round(p*1e8)/1e6) }

// bisect returns the place between low and high up to which below holds, as exactly as
// floating point allows.
func bisect(low, high float64, below func(float64) bool) float64 {
	for {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			return low
		}
		if below(middle) {
			low = middle
		} else {
			high = middle
		}
	}
}
