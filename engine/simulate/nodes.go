package simulate

import "time"

// none is no try.
const none int32 = -1

// cluster is the nodes, what they hold, and the balancer before them.
type cluster struct {
	servers int32
	places  int32 // waiting, of a node; -1: no bound
	order   Order
	expire  bool
	nodes   []node
	tries   []try
	free    []int32 // places in tries
	waiting int     // at all nodes
	up      int     // the first of nodes are up, the others down
	speed   float64 // of all
	balancer
}

// node is servers and the list of those that wait for one.
type node struct {
	busy, waiting int32
	head, tail    int32 // of the tries that wait
	speed         float64
	jobs          *jobs // with shared servers
}

// try is one request to one node.
type try struct {
	ask        int32 // none: nobody waits for it
	node       int32
	prev, next int32 // in the queue
	state      state
	began      int64   // when it got its server
	service    float64 // nanoseconds at full speed
}

type state uint8

const (
	waits state = iota
	runs
	gone // its event is still to come, and nothing else is left of it
	unused
)

func newCluster(c *Case) cluster {
	k := &c.Cluster
	n := cluster{
		servers: int32(k.Servers), places: -1, order: k.Queue.Order, expire: c.Clients.Leave == Expire,
		nodes: make([]node, k.Nodes), up: k.Nodes, speed: 1, balancer: newBalancer(c),
	}
	if k.Queue.Bounded {
		n.places = int32(min(k.Queue.Places, 1<<30))
	}
	for i := range n.nodes {
		n.nodes[i] = node{head: none, tail: none, speed: 1}
		if k.Speeds != nil {
			n.nodes[i].speed = k.Speeds[i]
		}
		if k.Queue.Order == Shared {
			n.nodes[i].jobs = &jobs{}
		}
	}
	n.reset(n.nodes)
	return n
}

// offer gives a node a try of an ask and reports whether it was taken.
func (r *run) offer(on, asked int32, service int64) bool {
	c := &r.cluster
	n := &c.nodes[on]
	if n.jobs == nil && n.busy >= c.servers && c.places >= 0 && n.waiting >= c.places {
		return false
	}
	i := c.take()
	c.tries[i] = try{ask: asked, node: on, prev: none, next: none, service: float64(service)}
	r.clients.asks[asked].try = i
	c.more(on)
	switch {
	case n.jobs != nil:
		r.join(i)
	case n.busy < c.servers:
		r.begin(i)
	default:
		c.enqueue(i)
	}
	return true
}

// take returns a place for a try.
func (c *cluster) take() int32 {
	if n := len(c.free); n > 0 {
		i := c.free[n-1]
		c.free = c.free[:n-1]
		return i
	}
	c.tries = append(c.tries, try{})
	return int32(len(c.tries) - 1)
}

func (c *cluster) give(i int32) {
	c.tries[i].state = unused
	c.free = append(c.free, i)
}

// begin gives a try one of the servers.
func (r *run) begin(i int32) {
	c := &r.cluster
	t := &c.tries[i]
	n := &c.nodes[t.node]
	n.busy++
	t.state, t.began = runs, r.now
	r.events.push(event{at: r.now + int64(t.service/(n.speed*c.speed)), id: i, kind: served})
}

// serve ends a try that has had its service.
func (r *run) serve(i int32) {
	c := &r.cluster
	t := &c.tries[i]
	if t.state == gone {
		c.give(i)
		return
	}
	asked := t.ask
	r.release(i)
	c.give(i)
	if asked != none {
		r.answer(asked)
	}
}

// release takes the server of a try away and lets the next one begin.
func (r *run) release(i int32) {
	c := &r.cluster
	t := &c.tries[i]
	r.span.Busy[t.node] += time.Duration(r.now - t.began)
	c.nodes[t.node].busy--
	c.less(t.node)
	if next := c.dequeue(t.node); next != none {
		r.begin(next)
	}
}

// abandon is what a try sees of its client giving up.
func (r *run) abandon(i int32) {
	c := &r.cluster
	t := &c.tries[i]
	t.ask = none
	switch {
	case r.c.Clients.Leave != Cancel:
	case c.order == Shared:
		r.leave(i)
	case t.state == waits:
		c.unlink(i)
		c.less(t.node)
		c.give(i)
	default:
		r.release(i)
		c.tries[i].state = gone
	}
}

// enqueue lets a try wait.
func (c *cluster) enqueue(i int32) {
	t := &c.tries[i]
	n := &c.nodes[t.node]
	n.waiting++
	c.waiting++
	switch {
	case n.head == none:
		n.head, n.tail = i, i
	case c.order == LIFO:
		t.next = n.head
		c.tries[n.head].prev = i
		n.head = i
	default:
		t.prev = n.tail
		c.tries[n.tail].next = i
		n.tail = i
	}
}

// dequeue returns the next try of a node, none if nobody waits.
func (c *cluster) dequeue(on int32) int32 {
	n := &c.nodes[on]
	for n.head != none {
		i := n.head
		c.unlink(i)
		if c.tries[i].ask != none || !c.expire {
			return i
		}
		c.less(on)
		c.give(i)
	}
	return none
}

func (c *cluster) unlink(i int32) {
	t := &c.tries[i]
	n := &c.nodes[t.node]
	if t.prev == none {
		n.head = t.next
	} else {
		c.tries[t.prev].next = t.next
	}
	if t.next == none {
		n.tail = t.prev
	} else {
		c.tries[t.next].prev = t.prev
	}
	n.waiting--
	c.waiting--
}

// turn begins a phase: nodes go with all they hold, or come back empty; speeds change.
func (r *run) turn(p Phase) {
	c := &r.cluster
	up := len(c.nodes) - p.Down
	down := int32(min(up, c.up))
	c.up = up
	var dropped []int32
	for i := range c.tries {
		t := &c.tries[i]
		if t.node < down || t.state == unused || t.state == gone {
			continue
		}
		if t.ask != none {
			dropped = append(dropped, t.ask)
		}
		if t.state == runs {
			if c.order != Shared { // whose busy time pace settles
				r.span.Busy[t.node] += time.Duration(r.now - t.began)
			}
			t.state, t.ask = gone, none
			continue
		}
		c.waiting--
		c.give(int32(i))
	}
	for i := down; int(i) < len(c.nodes); i++ {
		n := &c.nodes[i]
		n.busy, n.waiting, n.head, n.tail = 0, 0, none, none
	}
	r.pace(p.Speed, int(down))
	c.reset(c.nodes[:up])
	for _, i := range dropped { // only now, as those that ask again at once must not find the old state
		r.fail(i, lost)
	}
}
