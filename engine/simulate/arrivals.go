package simulate

import "math/rand/v2"

// arrivals is the stream of first tries. It is made at a rate of one and stretched by the
// rate that holds, so a surge speeds up the same arrivals and does not draw others.
type arrivals struct {
	next   int64   // when the next one comes, nanoseconds
	at     float64 // the same, exactly
	law    Arrivals
	every  float64
	rate   float64 // normal, per nanosecond
	surge  float64
	phases []Phase // still to come
	random rand.PCG
}

func newArrivals(c *Case) arrivals {
	a := arrivals{
		law: c.Load.Law, every: float64(c.Load.Every), rate: c.Load.Rate / 1e9, surge: 1,
		phases: c.Load.Phases, random: stream(c.Seed, streamArrivals),
	}
	a.advance()
	return a
}

// advance moves on to the next arrival.
func (a *arrivals) advance() {
	work := 1.0
	switch a.law {
	case Poisson:
		work = unitExp(&a.random)
	case Nth:
		work = unitGamma(&a.random, a.every) / a.every
	case Even:
	}
	for len(a.phases) > 0 {
		edge := float64(a.phases[0].From)
		room := (edge - a.at) * a.rate * a.surge
		if work <= room {
			break
		}
		work -= max(room, 0)
		a.at, a.surge, a.phases = max(edge, a.at), a.phases[0].Surge, a.phases[1:]
	}
	a.at += work / (a.rate * a.surge)
	a.next = int64(a.at)
}
