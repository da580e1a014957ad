package limiter

import (
	"context"
	"slices"
	"sync"
	"time"
)

// queue is a deficit round robin scheduler (Shreedhar and Varghese, "Efficient fair
// queuing using deficit round robin", 1995) with a quantum of one request: clients that
// wait take turns, a client's turn adds one to what it may spend, and a request leaves
// once its cost is covered. It leaves the queue at the pace of a GCRA rule, so what one
// client does not use goes to the others. A request that finds nobody waiting and room
// under the rule does not wait.
type queue struct {
	mu      sync.Mutex
	rule    Rule
	depth   int
	state   State
	flows   map[string]*flow
	turns   []*flow // the clients that wait, the one whose turn it is first
	waiting int
	due     int64 // the instant at which the next request may leave
	timer   *time.Timer
}

// flow is one client that waits.
type flow struct {
	client  string
	tickets []*ticket // its requests, oldest first
	deficit int64
	begun   bool // its turn has begun: the quantum is added
}

// ticket is one request that waits.
type ticket struct {
	cost  int64
	leave chan Decision // holds the decision once it may leave
}

func newQueue() *queue { return &queue{flows: map[string]*flow{}} }

// configure sets the pace and how many requests of one client may wait. Those that wait
// already stay.
func (q *queue) configure(rule Rule, depth int) {
	rule.Algo = GCRA
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rule, q.depth = rule, depth
	if q.waiting > 0 {
		q.due = instant(time.Now())
		q.timer.Reset(0)
	}
}

// enter waits until the client's request may go on, at most the given time (0: no bound)
// or until ctx ends. The decision is a refusal if the client has too many waiting, or if
// the wait was too long.
func (q *queue) enter(ctx context.Context, client string, cost int64, most time.Duration) Decision {
	q.mu.Lock()
	now := instant(time.Now())
	cost = min(cost, q.rule.Burst)
	if q.waiting == 0 {
		after, d := q.rule.Take(q.state, now, cost)
		if d.Allowed {
			q.state = after
			q.mu.Unlock()
			return d
		}
	}
	f := q.flows[client]
	if f == nil {
		f = &flow{client: client}
	}
	if len(f.tickets) >= q.depth {
		d := q.refusal(now)
		q.mu.Unlock()
		return d
	}
	t := &ticket{cost: cost, leave: make(chan Decision, 1)}
	q.join(f, t, now)
	q.mu.Unlock()
	return q.wait(ctx, f, t, most)
}

// join lets the ticket wait, and sees to it that somebody is woken.
func (q *queue) join(f *flow, t *ticket, now int64) {
	if f.tickets = append(f.tickets, t); len(f.tickets) == 1 {
		q.flows[f.client] = f
		q.turns = append(q.turns, f)
	}
	if q.waiting++; q.waiting == 1 {
		q.due = now
		q.serve(now)
	}
}

// wait waits for the ticket's turn.
func (q *queue) wait(ctx context.Context, f *flow, t *ticket, most time.Duration) Decision {
	var late <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case d := <-t.leave:
		return d
	case <-late:
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case d := <-t.leave: // its turn came in the same moment
		return d
	default:
	}
	q.remove(f, t)
	return q.refusal(instant(time.Now()))
}

// wake is called by the timer.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting > 0 {
		q.serve(instant(time.Now()))
	}
}

// serve lets go all requests that are due by now. A timer that fires late costs no pace:
// each request leaves by the book at the instant at which it was due.
func (q *queue) serve(now int64) {
	for q.waiting > 0 {
		f := q.next()
		t := f.tickets[0]
		after, d := q.rule.Take(q.state, q.due, t.cost)
		if !d.Allowed {
			q.due = max(q.due, q.state[0]) + ceilMicros(d.RetryAfter)
			if q.due > now {
				break
			}
			continue
		}
		q.state = after
		f.deficit -= t.cost
		q.remove(f, t)
		t.leave <- d
	}
	if q.waiting == 0 {
		return
	}
	if q.timer == nil {
		q.timer = time.AfterFunc(micros(q.due-now), q.wake)
	} else {
		q.timer.Reset(micros(q.due - now))
	}
}

// next returns the client whose request leaves next.
func (q *queue) next() *flow {
	for {
		f := q.turns[0]
		if !f.begun {
			f.begun, f.deficit = true, f.deficit+1
		}
		if f.deficit >= f.tickets[0].cost {
			return f
		}
		f.begun = false
		q.turns = append(q.turns[1:], f)
	}
}

// remove takes the ticket out of the queue, and the client if it was its last.
func (q *queue) remove(f *flow, t *ticket) {
	i := slices.Index(f.tickets, t)
	f.tickets = slices.Delete(f.tickets, i, i+1)
	q.waiting--
	if len(f.tickets) == 0 {
		delete(q.flows, f.client)
		q.turns = slices.DeleteFunc(q.turns, func(other *flow) bool { return other == f })
	}
}

// refusal says when another request may find room: after a round of all who wait.
func (q *queue) refusal(now int64) Decision {
	_, d := q.rule.Take(q.state, now, 0)
	d.Allowed, d.Remaining = false, 0
	d.RetryAfter = time.Duration(q.rule.Interval * int64(max(len(q.turns), 1)))
	return d
}

// length returns how many requests wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// look returns what remains under the rule, charging nothing.
func (q *queue) look() Decision {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, d := q.rule.Take(q.state, instant(time.Now()), 0)
	return d
}
