package simulate

import (
	"math/rand/v2"
	"time"
)

// clients is those who ask.
type clients struct {
	asks    []ask
	free    []int32 // places in asks
	service rand.PCG
	retry   rand.PCG // service times of retries
	backoff rand.PCG
	tokens  float64 // retries that the budget allows now
	most    float64 // tokens that can be saved up
}

// ask is one arrival until it has its answer, or has failed.
type ask struct {
	arrived int64
	try     int32 // the one under way; -1: none
	tries   int32 // so far
	stamp   uint32
}

func newClients(c *Case) clients {
	return clients{
		service: stream(c.Seed, streamService), retry: stream(c.Seed, streamRetryService), backoff: stream(c.Seed, streamBackoff),
		most: max(c.Clients.Budget*c.Load.Rate, 1),
	}
}

// arrive lets the next arrival ask for the first time.
func (r *run) arrive() {
	c := &r.clients
	var i int32
	if n := len(c.free); n > 0 {
		i = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		i = int32(len(c.asks))
		c.asks = append(c.asks, ask{})
	}
	a := &c.asks[i]
	a.arrived, a.tries = r.now, 0
	c.tokens = min(c.tokens+r.c.Clients.Budget, c.most)
	r.span.Arrivals++
	r.work.advance()
	r.send(i)
}

// send tries an ask, for the first time or again.
func (r *run) send(i int32) {
	a := &r.clients.asks[i]
	a.tries++
	a.try = -1
	r.span.Attempts++
	random := &r.clients.service
	if a.tries > 1 {
		random = &r.clients.retry
	}
	service := r.c.Cluster.Service.draw(random)
	node := r.cluster.pick()
	if node < 0 {
		r.fail(i, lost)
		return
	}
	if !r.offer(node, i, service) {
		r.fail(i, refused)
		return
	}
	if r.c.Clients.Timeout > 0 {
		a = &r.clients.asks[i]
		r.timeout.push(deadline{r.now + int64(r.c.Clients.Timeout), i, a.stamp})
	}
}

// giveUp ends a try whose time is over, unless it has ended already.
func (r *run) giveUp(d deadline) {
	a := &r.clients.asks[d.ask]
	if a.stamp != d.stamp {
		return
	}
	r.abandon(a.try)
	r.fail(d.ask, timedOut)
}

// answer ends an ask well.
func (r *run) answer(i int32) {
	a := &r.clients.asks[i]
	r.span.Good++
	r.span.Response.Record(time.Duration(r.now - a.arrived))
	r.end(i)
}

// fail ends a try and asks again later, or ends the ask, too.
func (r *run) fail(i int32, why failure) {
	a := &r.clients.asks[i]
	a.try = -1
	a.stamp++
	r.span.Tries.count(why)
	limits := &r.c.Clients
	if int(a.tries) > limits.Retries || limits.Budget > 0 && r.clients.tokens < 1 {
		r.span.Failed.count(why)
		r.end(i)
		return
	}
	if limits.Budget > 0 {
		r.clients.tokens--
	}
	r.events.push(event{at: r.now + r.pause(a.tries), id: i, kind: again})
}

// pause returns how long to wait before the n-th retry: exponential backoff with full
// jitter (Brooker, AWS Architecture Blog 2015).
func (r *run) pause(n int32) int64 {
	limits := &r.c.Clients
	if limits.Backoff == 0 {
		return 0
	}
	most := float64(limits.Backoff) * float64(uint64(1)<<min(n-1, 30))
	if limits.Longest > 0 {
		most = min(most, float64(limits.Longest))
	}
	return int64(most * uniform(&r.clients.backoff))
}

// end gives the place of an ask back. Deadlines that still know it see another stamp.
func (r *run) end(i int32) {
	r.clients.asks[i].stamp++
	r.clients.free = append(r.clients.free, i)
}
