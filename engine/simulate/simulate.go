// Package simulate answers what-if questions about a service by discrete-event simulation:
// nodes with servers and a queue behind a balancer, clients that time out, try again and
// keep to a retry budget, nodes that fail and load that surges. Service times come from a
// law or are resampled from what was measured. [Run] plays a [Case] once, [Replicate]
// several times with other random numbers, [Judge] says whether the service comes back
// after a disturbance, and [Confirm] whether a number of nodes keeps a promise:
//
//	c, err := simulate.Confirm(ctx, simulate.Fleet{
//		Nodes: 1432, Servers: 16, Service: simulate.Exponential(20 * time.Millisecond), Rate: 1e6,
//	}, simulate.Promise{Quantile: 0.99, Within: 100 * time.Millisecond}, simulate.Effort{})
//	// c.Ruling is Kept, Broken or Open; c.Response.Value, Low and High are the percentile
//
// All random numbers come from streams of their own for arrivals, service times, balancing
// and waiting, so two cases with one seed see the same arrivals and service times. The
// package measures nothing, knows no clock, and does not choose the number of nodes.
package simulate

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Case is what is played: a cluster, its clients, and the load over a span of time.
type Case struct {
	Cluster Cluster
	Clients Clients
	Load    Load
	Length  time.Duration
	Spans   int    // into how many equal spans the result is cut; 0 stands for 200
	Seed    uint64 // of all random numbers
}

// Cluster is nodes of equal servers behind one balancer.
type Cluster struct {
	Nodes   int
	Servers int // of a node
	Service Law // of one request on a server at full speed
	Speeds  []float64
	Policy  Policy
	Choices int           // of the policy Choices; 0 stands for 2
	Weights []float64     // of the policy Weighted, one a node
	Stale   time.Duration // how old what LeastLoaded and Choices know may become; 0: they always know
	Queue   Queue         // of each node
}

// Queue is what waits at a node.
type Queue struct {
	Bounded bool
	Places  int // if Bounded: who finds all servers busy and all places taken is refused
	Order   Order
}

// Order is who of those that wait is next.
type Order int

// The orders. Shared is no queue: everybody is served at once and more slowly (processor
// sharing), as by a server that starts a thread for every request.
const (
	FIFO Order = iota
	LIFO
	Shared
)

// Policy is how the balancer chooses a node among those that are up.
type Policy int

// The policies. Those that look at load count what waits and what is served; among equals
// chance decides.
const (
	Random      Policy = iota
	RoundRobin         // in turn
	Weighted           // by chance, in proportion to the weights
	LeastLoaded        // the least loaded of all: least connections, join the shortest queue
	Choices            // the least loaded of a few chosen by chance: power of two choices
)

// Clients is how those who ask behave. The zero value waits for as long as it takes and
// asks once.
type Clients struct {
	Timeout time.Duration // of one try; 0: none
	Leave   Leave
	Retries int           // tries after the first one, at most
	Backoff time.Duration // before the n-th retry: by chance between 0 and Backoff·2ⁿ⁻¹ (full jitter)
	Longest time.Duration // bound of that; 0: none
	Budget  float64       // retries per first try that are allowed on average, saved up for a second; 0: no bound
}

// Leave is what becomes of a try that its client has given up.
type Leave int

// Ways to leave.
const (
	Stay   Leave = iota // nobody tells the node: the work is done though nobody waits for it
	Expire              // a node looks before it begins, and skips who has gone
	Cancel              // the node knows at once: the try leaves the queue or the server
)

// Load is how work arrives. Phases change the conditions from a moment on until the next
// phase; before the first one all is normal.
type Load struct {
	Rate   float64 // first tries per second
	Law    Arrivals
	Every  int // of the law Nth
	Phases []Phase
}

// Arrivals is the law of the times between arrivals.
type Arrivals int

// The laws of arrivals.
const (
	Poisson Arrivals = iota
	Even
	Nth // every Every-th arrival of a Poisson stream: what a node gets of Every in turn
)

// Phase is conditions that hold from a moment on.
type Phase struct {
	From  time.Duration
	Down  int     // nodes that are lost, with all that they held
	Speed float64 // of all nodes, relative; for what begins from now on
	Surge float64 // rate of arrivals, relative
}

// Normal returns the conditions of a normal phase from a moment on.
func Normal(from time.Duration) Phase { return Phase{From: from, Speed: 1, Surge: 1} }

// Check returns what is wrong with a case, nil if it can be played.
func (c *Case) Check() error {
	l := &c.Load
	bad := func(x float64) bool { return !(x > 0) || math.IsInf(x, 0) }
	switch {
	case c.Length <= 0:
		return errors.New("the length has to be more than 0")
	case c.Spans < 0 || c.Spans > 10_000 || c.Spans*c.Cluster.Nodes > 100_000_000:
		return fmt.Errorf("%d spans of %d nodes are too many to keep", c.Spans, c.Cluster.Nodes)
	case bad(l.Rate) || l.Rate > 1e9:
		return fmt.Errorf("a rate of %g/s is not more than 0 and at most 1e9", l.Rate)
	case l.Law == Nth && l.Every < 1:
		return fmt.Errorf("every %d-th arrival is none", l.Every)
	case c.Clients.Timeout < 0 || c.Clients.Backoff < 0 || c.Clients.Longest < 0 || c.Cluster.Stale < 0:
		return errors.New("a time is negative")
	case c.Clients.Retries < 0 || c.Clients.Retries > 100:
		return fmt.Errorf("%d retries are not between 0 and 100", c.Clients.Retries)
	case !(c.Clients.Budget >= 0):
		return fmt.Errorf("a retry budget of %g is negative", c.Clients.Budget)
	}
	last := time.Duration(-1)
	for _, p := range l.Phases {
		if p.From <= last || bad(p.Speed) || bad(p.Surge) || p.Down < 0 || p.Down > c.Cluster.Nodes {
			return fmt.Errorf("the phase from %s on is out of order or impossible", p.From)
		}
		last = p.From
	}
	return c.Cluster.check()
}

func (c *Cluster) check() error {
	switch {
	case c.Nodes < 1 || c.Nodes > 1_000_000:
		return fmt.Errorf("%d nodes are not between 1 and 1,000,000", c.Nodes)
	case c.Servers < 1 || c.Servers > 1_000_000:
		return fmt.Errorf("%d servers are not between 1 and 1,000,000", c.Servers)
	case !(c.Service.mean > 0):
		return errors.New("the service times have no mean above 0")
	case c.Choices < 0 || c.Choices > mostChoices:
		return fmt.Errorf("a choice among %d nodes is not between 1 and %d", c.Choices, mostChoices)
	case c.Queue.Places < 0:
		return fmt.Errorf("a queue of %d places is none", c.Queue.Places)
	case c.Queue.Order == Shared && c.Queue.Bounded:
		return errors.New("where servers are shared nobody waits, so the queue has no bound")
	}
	if err := positive("weights", c.Weights, c.Nodes, c.Policy == Weighted); err != nil {
		return err
	}
	return positive("speeds", c.Speeds, c.Nodes, false)
}

// positive checks a value for each node.
func positive(what string, values []float64, nodes int, needed bool) error {
	if len(values) != nodes && (needed || len(values) > 0) {
		return fmt.Errorf("there are %d %s for %d nodes", len(values), what, nodes)
	}
	for _, x := range values {
		if !(x > 0) || math.IsInf(x, 0) {
			return fmt.Errorf("%g among the %s is not more than 0", x, what)
		}
	}
	return nil
}

// Capacity returns how many requests a second the nodes carry in a phase at most, all
// servers busy.
func (c *Cluster) Capacity(p Phase) float64 {
	nodes := float64(c.Nodes - p.Down)
	if c.Speeds != nil {
		nodes = 0
		for _, s := range c.Speeds[:c.Nodes-p.Down] {
			nodes += s
		}
	}
	return nodes * float64(c.Servers) * p.Speed / c.Service.mean * 1e9
}
