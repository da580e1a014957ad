package simulate

import "time"

// jobs is what a node with shared servers works on. All jobs progress alike: with n of them
// on c servers, each at min(1, c/n) of the speed. So a job is done when the service that
// each got so far has grown by its own need, whatever comes and goes meanwhile (the virtual
// time of generalised processor sharing).
type jobs struct {
	got   float64 // service that a job got that was there all along, nanoseconds
	since int64   // when got was right
	n     int32
	mark  uint32 // of the state for which the event that counts was made
	queue jobHeap
}

// job is a try and what got will be when it is done.
type job struct {
	due float64
	try int32
}

// rate returns how much service a job gets per nanosecond, and how many servers are busy.
func (r *run) share(n *node) (rate, busy float64) {
	c := &r.cluster
	count, servers := float64(n.jobs.n), float64(c.servers)
	if count == 0 {
		return 0, 0
	}
	return min(1, servers/count) * n.speed * c.speed, min(count, servers)
}

// settle brings the progress of a node's jobs up to now.
func (r *run) settle(on int32) {
	n := &r.cluster.nodes[on]
	rate, busy := r.share(n)
	passed := float64(r.now - n.jobs.since)
	n.jobs.got += rate * passed
	n.jobs.since = r.now
	r.span.Busy[on] += time.Duration(busy * passed)
}

// schedule makes the event at which the next of a node's jobs is done.
func (r *run) schedule(on int32) {
	n := &r.cluster.nodes[on]
	j := n.jobs
	j.mark++
	for len(j.queue) > 0 && r.cluster.tries[j.queue[0].try].state == gone {
		r.cluster.give(j.queue.pop().try)
	}
	n.busy = j.n
	if j.n == 0 {
		return
	}
	rate, _ := r.share(n)
	wait := max(j.queue[0].due-j.got, 0) / rate
	r.events.push(event{at: r.now + int64(wait+0.5), id: on, kind: drained, mark: j.mark})
}

// join adds a try to the jobs of its node.
func (r *run) join(i int32) {
	t := &r.cluster.tries[i]
	r.settle(t.node)
	j := r.cluster.nodes[t.node].jobs
	t.state, t.began = runs, r.now
	j.n++
	j.queue.push(job{j.got + t.service, i})
	r.schedule(t.node)
}

// drain ends the job that is due, unless the jobs have changed since the event was made.
func (r *run) drain(e event) {
	c := &r.cluster
	j := c.nodes[e.id].jobs
	if e.mark != j.mark {
		return
	}
	r.settle(e.id)
	i := j.queue.pop().try
	asked := c.tries[i].ask
	j.n--
	c.give(i)
	r.schedule(e.id)
	c.less(e.id)
	if asked != none {
		r.answer(asked)
	}
}

// leave takes a try out of the jobs of its node.
func (r *run) leave(i int32) {
	t := &r.cluster.tries[i]
	r.settle(t.node)
	t.state = gone
	r.cluster.nodes[t.node].jobs.n--
	on := t.node
	r.schedule(on)
	r.cluster.less(on)
}

// pace changes the speed of all nodes; those from down on have lost their jobs.
func (r *run) pace(speed float64, down int) {
	c := &r.cluster
	if c.order != Shared {
		c.speed = speed
		return
	}
	for i := range c.nodes {
		r.settle(int32(i))
	}
	c.speed = speed
	for i := range c.nodes {
		j := c.nodes[i].jobs
		if i >= down {
			for _, lost := range j.queue {
				c.give(lost.try)
			}
			j.queue, j.n = nil, 0
		}
		r.schedule(int32(i))
	}
}

// jobHeap is jobs, the one that is done first in front.
type jobHeap []job

func (h *jobHeap) push(e job) {
	s := append(*h, e)
	i := len(s) - 1
	for i > 0 && s[(i-1)/2].due > e.due {
		s[i] = s[(i-1)/2]
		i = (i - 1) / 2
	}
	s[i] = e
	*h = s
}

// pop takes the first job; there is one.
func (h *jobHeap) pop() job {
	s := *h
	first, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].due < s[child].due {
			child++
		}
		if s[child].due >= last.due {
			break
		}
		s[i] = s[child]
		i = child
	}
	if len(s) > 0 {
		s[i] = last
	}
	return first
}
