package capacity

import (
	"math"
	"sort"
)

// Finite is the steady state of a queue that cannot grow without end.
type Finite struct {
	Empty       float64 // probability that nobody is there
	Full        float64 // probability that an arrival finds no place
	Waits       float64 // probability that all servers are busy
	Throughput  float64 // served, per second
	Utilisation float64 // of each server, 0 to 1
	InSystem    float64 // on average
	InQueue     float64
	Response    float64 // seconds in the system, of those who are let in
	Wait        float64 // seconds in the queue, of those who are let in
}

// MMcK returns the queue M/M/c/K: as M/M/c, but whoever finds room in the system, that of
// the servers included, taken is turned away (Kleinrock, volume 1, section 3.6). With room
// for no more than the servers it is Erlang's loss system.
func MMcK(rate, service float64, servers, room int) Finite {
	room = max(room, servers)
	f := birthDeath(servers, room, func(n int) float64 { return rate * service / float64(min(n+1, servers)) })
	f.Throughput = rate * (1 - f.Full)
	f.serve(service, servers)
	return f
}

// Machines returns the closed queue M/M/c//N (machine repair): users who think for think
// seconds, exponentially distributed, and wait for one of the servers (Kleinrock, volume 1,
// section 3.8). Full is 0, as nobody is turned away.
func Machines(users int, think, service float64, servers int) Finite {
	if think == 0 { // everybody is always there
		f := Finite{InSystem: float64(users), InQueue: float64(max(users-servers, 0))}
		f.Throughput = float64(min(users, servers)) / service
		if users >= servers {
			f.Waits = 1
		}
		f.serve(service, servers)
		return f
	}
	f := birthDeath(servers, users, func(n int) float64 {
		return float64(users-n) / think * service / float64(min(n+1, servers))
	})
	f.Full = 0
	f.Throughput = (float64(users) - f.InSystem) / think
	f.serve(service, servers)
	return f
}

// serve fills in what follows by Little's law.
func (f *Finite) serve(service float64, servers int) {
	f.Utilisation = f.Throughput * service / float64(servers)
	if f.Throughput > 0 {
		f.Response, f.Wait = f.InSystem/f.Throughput, f.InQueue/f.Throughput
	}
}

// ErlangA is the steady state of a queue whose customers give up.
type ErlangA struct {
	Waits    float64 // probability of having to wait
	Abandons float64 // share that gives up
	InQueue  float64 // on average
	Wait     float64 // seconds in the queue, of all, whether served or not
	Goodput  float64 // served, per second
}

// Impatient returns the queue M/M/c+M (Palm 1957; Garnett, Mandelbaum and Reiman 2002): as
// M/M/c, but who waits gives up after an exponential time of 1/patience seconds on average,
// so patience is a rate per second, above zero. It is stable at any load.
func Impatient(rate, service float64, servers int, patience float64) ErlangA {
	f := birthDeath(servers, math.MaxInt32, func(n int) float64 {
		leave := float64(min(n+1, servers))/service + float64(max(n+1-servers, 0))*patience
		return rate / leave
	})
	a := ErlangA{Waits: f.Waits, InQueue: f.InQueue}
	if rate > 0 {
		a.Wait = a.InQueue / rate
		a.Abandons = patience * a.InQueue / rate
	}
	a.Goodput = rate * (1 - a.Abandons)
	return a
}

// vanishing is a weight, relative to the largest one, that is as good as none even where it
// is the answer.
const vanishing = 1e-300

// birthDeath returns the probabilities and means of a birth-death chain over 0 … last; up
// is the rate from n to n+1 over the rate back, which must not rise with n. Weights are
// multiplied out from the most likely state in both directions, so they neither overflow
// nor lose more than a few digits, even with tens of thousands of states.
func birthDeath(servers, last int, up func(n int) float64) Finite {
	mode := sort.Search(last, func(n int) bool { return up(n) <= 1 })
	var f Finite
	var total float64
	visit := func(n int, w float64) {
		total += w
		f.InSystem += w * float64(n)
		if n >= servers {
			f.Waits += w
			f.InQueue += w * float64(n-servers)
		}
		if n == 0 {
			f.Empty = w
		}
		if n == last {
			f.Full = w
		}
	}
	visit(mode, 1)
	for n, w := mode, 1.0; n < last && w > vanishing; n++ {
		w *= up(n)
		visit(n+1, w)
	}
	for n, w := mode, 1.0; n > 0 && w > vanishing; n-- {
		w /= up(n - 1)
		visit(n-1, w)
	}
	for _, x := range []*float64{&f.Empty, &f.Full, &f.Waits, &f.InSystem, &f.InQueue} {
		*x /= total
	}
	return f
}
