package budget

import (
	"fmt"
	"time"

	"plimsoll/engine"
)

// Objective is a budget that speaks about single requests: that no more than a share of
// them break it. p99 < 200ms is one, as no more than 1 % may take longer, and errors < 0.1%
// is another. A service level objective is a list of them. A request that got no answer
// breaks a percentile, too: a target that gives up on the slow ones is not fast.
type Objective struct {
	budget  *Budget
	allowed float64
}

// Objective returns the budget as an objective. The error, a *BindError, says why it is
// none.
func (b *Budget) Objective() (*Objective, error) {
	no := func(hint, format string, args ...any) (*Objective, error) {
		return nil, &BindError{Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	m := b.left.metric
	switch {
	case m.ppm == 0 && m.name != "errors":
		return no("write a percentile or a share of errors: p99 < 200ms, errors < 0.1%", "%s says nothing about single requests", m)
	case m.clock == lagClock:
		return no("latency is what users feel, service what the target takes", "lag is the generator's, not the target's")
	case b.op[0] != '<':
		return no("write < or <=", "%s %s: an objective has an upper limit", m, b.op)
	case !b.right.constant():
		return no("write a number", "%s: an objective has a limit of its own", b.right)
	case b.left.stage != "" || b.left.variant != "":
		return no("leave the brackets out", "a search has no stages and no variants")
	case len(b.left.loads) > 0:
		return no("name a request, or leave it out", "a search has one load only")
	case b.over > 0 || b.after > 0 || b.action != "":
		return no("leave out over, after, warn and abort", "an objective holds for a whole trial")
	}
	if m.ppm != 0 && b.right.plus.amount() <= 0 {
		return no("write a time above zero", "no request is that fast: %s", b)
	}
	allowed := float64(1_000_000-m.ppm) / 1e6
	if m.ppm == 0 {
		allowed = b.right.plus.amount()
	}
	if allowed <= 0 || allowed >= 1 {
		return no("allow at least a few: errors < 0.01%", "no number of requests could show %s", b)
	}
	return &Objective{b, allowed}, nil
}

// String returns the objective in canonical form.
func (o *Objective) String() string { return o.budget.String() }

// Allowed is the share of requests that may break the objective, above 0 and below 1.
func (o *Objective) Allowed() float64 { return o.allowed }

// Limit is how long a request may take, 0 if the objective is not about time.
func (o *Objective) Limit() time.Duration {
	if o.budget.left.metric.ppm == 0 {
		return 0
	}
	return time.Duration(o.budget.right.plus.amount())
}

// OnService returns the same objective on the service clock, which does not hold what the
// generator adds.
func (o *Objective) OnService() *Objective {
	b := *o.budget
	if b.left.metric.clock == latencyClock {
		b.left.metric.clock = serviceClock
	}
	return &Objective{&b, o.allowed}
}

// Bind checks that the requests in the objective are requests of the run. The error is a
// *BindError.
func (o *Objective) Bind(l *engine.Legend) error { return o.budget.Bind(l) }

// Count returns how many requests of a snapshot the objective is about, and how many of
// them break it. An arrival that was dropped, as too many were in flight, counts as one that
// does. The names in the objective must be those of the snapshot, as Bind checks.
func (o *Objective) Count(s *engine.Snapshot) (n, broken uint64) {
	t := &o.budget.left
	sel, err := t.resolve(s.Legend)
	if err != nil {
		return 0, 0
	}
	all := len(t.outcomes) == 0
	for _, c := range s.Cells {
		if !sel.holds(c.Key) {
			continue
		}
		switch {
		case t.metric.ppm == 0:
			n += c.Count()
			if sel.outcomes[c.Outcome] {
				broken += c.Count()
			}
		case sel.outcomes[c.Outcome]:
			n += c.Count()
			broken += o.slow(c)
		case all:
			n += c.Count()
			broken += c.Count()
		}
	}
	for l := range s.Tallies {
		for _, g := range s.Tallies[l] {
			n += g.Dropped
			broken += g.Dropped
		}
	}
	return n, broken
}

// slow counts the requests of a cell that take longer than the limit.
func (o *Objective) slow(c *engine.Cell) (n uint64) {
	limit := o.Limit()
	for highest, count := range o.budget.left.metric.clock.of(c).Buckets {
		if highest > limit || highest == limit && o.budget.op == "<" {
			n += count
		}
	}
	return n
}
