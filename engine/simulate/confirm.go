package simulate

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"
)

// Fleet is the nodes that a plan proposes.
type Fleet struct {
	Nodes   int
	Servers int     // of a node
	Service Law     // of one request on a server
	Policy  Policy  // of the balancer
	Rate    float64 // of all nodes, per second
}

// Promise is a quantile of the response time and its bound.
type Promise struct {
	Quantile float64       // 0 to 1, such as 0.99
	Within   time.Duration // what it must not exceed
}

// Effort is how much may be simulated. Zero values stand for the defaults.
type Effort struct {
	Requests     int    // in all, at most; 0 stands for 20 million
	Replications int    // 0 stands for 5
	Seed         uint64 // of all random numbers
}

// Ruling is what simulation says about a promise.
type Ruling string

// The rulings.
const (
	Kept   Ruling = "kept"   // the whole interval of the quantile is within the promise
	Broken Ruling = "broken" // it lies above, or the nodes cannot carry the rate at all
	Open   Ruling = "open"   // the promise lies in the interval: the nodes are just at their limit
)

// Confirmation is what was found out about a fleet.
type Confirmation struct {
	Ruling      Ruling
	Response    Interval // the quantile, in seconds
	Utilisation float64  // of the servers, 0 to 1: offered work over what they can do
	Requests    uint64   // simulated, without warm-up
	Simulated   int      // nodes that were simulated: one stands for all if the balancer does not look at load
	Span        time.Duration
	Why         string // one sentence
}

// enoughNodes is how many nodes are simulated at most where the balancer looks at load: the
// response depends on their number by less than 0.1 % from there on, and more nodes do better
// (Mitzenmacher 2001).
const enoughNodes = 2000

// Confirm says by simulation whether the nodes keep the promise at the rate. With N and
// with N−k nodes it is the answer of two calls. Nodes that get their work without regard to
// their load do not know of each other, so one of them stands for all: of a random split it
// gets a Poisson stream, of turns every N-th arrival. An error is an impossible fleet or a
// context that ended.
func Confirm(ctx context.Context, f Fleet, p Promise, e Effort) (*Confirmation, error) {
	if !(p.Quantile > 0 && p.Quantile < 1) || p.Within <= 0 {
		return nil, fmt.Errorf("a quantile of %g within %s is no promise", p.Quantile, p.Within)
	}
	c := f.representative(e.Seed)
	c.Length = time.Second // for Check; each glance below has a length of its own
	if err := c.Check(); err != nil {
		return nil, err
	}
	a := &Confirmation{Simulated: c.Cluster.Nodes}
	a.Utilisation = f.Rate * f.Service.Mean().Seconds() / float64(f.Nodes*f.Servers)
	if a.Utilisation >= 1 {
		a.Ruling, a.Why = Broken, fmt.Sprintf("the rate is %.1f%% of what %d nodes can do at all: queues grow without bound", 100*a.Utilisation, f.Nodes)
		return a, nil
	}
	requests, n := cmp.Or(e.Requests, 20_000_000), cmp.Or(e.Replications, 5)
	for _, g := range glances() {
		c.Length = time.Duration(g.share * float64(requests) / float64(n) / c.Load.Rate * 1e9)
		c.Seed++
		outcomes, err := Replicate(ctx, c, n)
		if err != nil {
			return nil, err
		}
		if a.rule(&c, outcomes, p, g.margin); a.Ruling != Open {
			break
		}
	}
	return a, nil
}

// glance is one simulation of a fleet: its share of the requests, and how many times its
// interval the promise has to be away from the quantile for a ruling.
type glance struct{ share, margin float64 }

// glances returns the two simulations: a short one that is enough where the answer is clear, and
// is not trusted where it is not, and a long one.
func glances() []glance { return []glance{{0.2, 2}, {0.8, 1}} }

// representative returns the case that stands for the fleet.
func (f *Fleet) representative(seed uint64) Case {
	c := Case{
		Cluster: Cluster{Nodes: f.Nodes, Servers: f.Servers, Service: f.Service, Policy: f.Policy},
		Load:    Load{Rate: f.Rate}, Spans: 100, Seed: seed,
	}
	switch {
	case f.Nodes < 1:
		return c // Check refuses it
	case f.Policy == Random || f.Policy == RoundRobin:
		c.Cluster.Nodes = 1
		if f.Policy == RoundRobin {
			c.Load.Law, c.Load.Every = Nth, f.Nodes
		}
	case f.Nodes > enoughNodes:
		c.Cluster.Nodes = enoughNodes
	}
	c.Load.Rate *= float64(c.Cluster.Nodes) / float64(f.Nodes)
	return c
}

// rule takes the quantile from the steady state and decides.
func (a *Confirmation) rule(c *Case, outcomes []*Outcome, p Promise, margin float64) {
	steady, warmup, settled := Steady(c, outcomes)
	a.Response = quantile(outcomes, warmup, c.Length, p.Quantile)
	a.Requests, a.Span = steady.Requests, c.Length-warmup
	limit := p.Within.Seconds()
	away := margin * (a.Response.High - a.Response.Value)
	name := "p" + strconv.FormatFloat(100*p.Quantile, 'g', 6, 64)
	figure := fmt.Sprintf("%s is %.4g ms (%.4g to %.4g)", name, 1e3*a.Response.Value, 1e3*a.Response.Low, 1e3*a.Response.High)
	switch {
	case a.Response.Value-away > limit:
		a.Ruling, a.Why = Broken, figure+", above "+p.Within.String()
	case !settled:
		a.Ruling, a.Why = Open, figure+" and was still rising when the simulation ended"
	case a.Response.Value+away <= limit:
		a.Ruling, a.Why = Kept, figure+", within "+p.Within.String()
	default:
		a.Ruling, a.Why = Open, figure+": the nodes are just at the limit of "+p.Within.String()
	}
}

// quantile returns one of the response between two moments, with its interval.
func quantile(outcomes []*Outcome, from, to time.Duration, q float64) Interval {
	var spans []*Span
	all := &Span{From: -1}
	for _, o := range outcomes {
		s := o.Between(from, to)
		spans = append(spans, s)
		all.merge(s)
	}
	return percentile(spans, &all.Response, q)
}
