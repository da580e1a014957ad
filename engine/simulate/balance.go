package simulate

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
)

// balancer chooses a node among those that are up.
type balancer struct {
	policy  Policy
	choices int
	random  rand.PCG
	turn    int32
	below   []float64 // of Weighted: sums of the weights
	ranks   *ranks    // of LeastLoaded
	view    []int32   // loads as they were when the balancer last looked; nil: as they are
	nodes   []node    // that are up
}

func newBalancer(c *Case) balancer {
	k := &c.Cluster
	b := balancer{policy: k.Policy, choices: k.Choices, random: stream(c.Seed, streamBalance)}
	if b.choices == 0 {
		b.choices = 2
	}
	sum := 0.0
	for _, w := range k.Weights {
		sum += w
		b.below = append(b.below, sum)
	}
	if k.Policy == LeastLoaded {
		b.ranks = &ranks{at: make([]int32, k.Nodes), load: make([]int32, k.Nodes)}
	}
	if k.Stale > 0 {
		b.view = make([]int32, k.Nodes)
	}
	return b
}

// reset tells the balancer which nodes are up from now on.
func (b *balancer) reset(up []node) {
	b.nodes = up
	b.look()
}

// look brings what the balancer knows about loads up to date.
func (b *balancer) look() {
	if b.ranks != nil {
		b.ranks.reset(b.nodes)
	}
	if b.view != nil {
		for i := range b.nodes {
			b.view[i] = b.nodes[i].load()
		}
	}
}

// load is how many tries a node holds.
func (n *node) load() int32 { return n.busy + n.waiting }

// more and less tell the balancer that a node holds one try more or less.
func (b *balancer) more(on int32) {
	if b.ranks != nil && b.view == nil {
		b.ranks.move(on, 1)
	}
}

func (b *balancer) less(on int32) {
	if b.ranks != nil && b.view == nil && int(on) < len(b.nodes) {
		b.ranks.move(on, -1)
	}
}

// under returns a random number of 0 … n−1.
func (b *balancer) under(n int) int {
	hi, _ := bits.Mul64(b.random.Uint64(), uint64(n))
	return int(hi)
}

// pick returns the node for the next try, none if all are down.
func (b *balancer) pick() int32 {
	n := len(b.nodes)
	if n <= 1 {
		return int32(n) - 1 // the only one, or none
	}
	switch b.policy {
	case RoundRobin:
		b.turn++
		if int(b.turn) >= n {
			b.turn = 0
		}
		return b.turn
	case Weighted:
		x := uniform(&b.random) * b.below[n-1]
		return int32(min(sort.Search(n, func(i int) bool { return b.below[i] > x }), n-1))
	case LeastLoaded:
		least := b.ranks.least()
		return least[b.under(len(least))]
	case Choices:
		return b.pickOfSome(n)
	default:
		return int32(b.under(n))
	}
}

// mostChoices is among how many nodes Choices can choose at most.
const mostChoices = 16

// pickOfSome returns the least loaded of a few different nodes chosen by chance; of equal
// ones the first chosen.
func (b *balancer) pickOfSome(n int) int32 {
	var chosen [mostChoices]int32
	count, best := min(b.choices, n), 0
	for k := 0; k < count; {
		chosen[k] = int32(b.under(n))
		if slices.Contains(chosen[:k], chosen[k]) {
			continue
		}
		if b.known(chosen[k]) < b.known(chosen[best]) {
			best = k
		}
		k++
	}
	return chosen[best]
}

// known returns the load of a node, as far as the balancer knows it.
func (b *balancer) known(i int32) int32 {
	if b.view != nil {
		return b.view[i]
	}
	return b.nodes[i].load()
}

// ranks is nodes by load, so that the least loaded ones are found and a load changes in a
// few steps, however many nodes there are.
type ranks struct {
	level [][]int32 // the nodes of each load
	at    []int32   // the place of a node in its level
	load  []int32
	low   int // no level below has nodes
}

func (r *ranks) reset(nodes []node) {
	for l := range r.level {
		r.level[l] = r.level[l][:0]
	}
	r.low = 0
	for i := range nodes {
		r.load[i] = nodes[i].load()
		r.insert(int32(i))
	}
}

func (r *ranks) insert(i int32) {
	l := int(r.load[i])
	for l >= len(r.level) {
		r.level = append(r.level, nil)
	}
	r.at[i] = int32(len(r.level[l]))
	r.level[l] = append(r.level[l], i)
}

// move changes the load of a node by one.
func (r *ranks) move(i, by int32) {
	l := r.level[r.load[i]]
	last := l[len(l)-1]
	l[r.at[i]] = last
	r.at[last] = r.at[i]
	r.level[r.load[i]] = l[:len(l)-1]
	r.load[i] += by
	r.insert(i)
	r.low = min(r.low, int(r.load[i]))
}

// least returns the least loaded nodes; there is one at least.
func (r *ranks) least() []int32 {
	for len(r.level[r.low]) == 0 {
		r.low++
	}
	return r.level[r.low]
}
