package simulate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Trigger is a disturbance that begins and ends: nodes are lost, the others get slower, load
// surges, or all of that at once.
type Trigger struct {
	At, For time.Duration
	Lose    int     // nodes
	Speed   float64 // of the nodes that are left, relative; 0 stands for 1
	Surge   float64 // rate of arrivals, relative; 0 stands for 1
}

// phases returns the trigger as it changes the conditions of a case.
func (t Trigger) phases() []Phase {
	p := Normal(t.At)
	p.Down = t.Lose
	if t.Speed != 0 {
		p.Speed = t.Speed
	}
	if t.Surge != 0 {
		p.Surge = t.Surge
	}
	return []Phase{p, Normal(t.At + t.For)}
}

// Stability is what becomes of a service after a disturbance.
type Stability string

// The verdicts, after Bronson et al. (HotOS 2021) and Huang et al. (OSDI 2022).
const (
	Stable     Stability = "stable"     // it came back, and retries cannot keep it down
	Vulnerable Stability = "vulnerable" // it came back, but there are enough retries to keep it down once it is
	Metastable Stability = "metastable" // it did not come back after the trigger had ended
)

// Judgement is a verdict with what it rests on. Rates are per second.
type Judgement struct {
	Stability Stability
	Reasons   []string // sentences, the most important one first
	Normal    Margin   // outside of the trigger
	Worst     Margin   // within it
	Before    *Figures
	During    *Figures
	After     *Figures      // the last part of what came after the trigger
	Back      time.Duration // from the end of the trigger until goodput was back; -1: it never was
	Harder    *Trigger      // one that was tried besides, as there are enough retries to keep the service down; nil: none
	Tipped    bool          // the harder one kept it down for good
	Length    time.Duration // of what was simulated
	Outcomes  []*Outcome
}

// Margin is what is asked of the nodes and what they can do under one condition.
type Margin struct {
	Rate     float64 // first tries
	Most     float64 // with every retry that clients may make
	Capacity float64
}

// enough is the share of the goodput before the trigger that counts as being back.
const enough = 0.95

// well is the least share of good asks before the trigger without which there is nothing to
// come back to.
const well = 0.9

// patience is how often the time after the trigger is lengthened while queues still shrink.
const patience = 3

// Judge plays the trigger within the case, n times, and says whether the service comes back.
// The case is long enough for the trigger and a time after it; phases of its own it has
// none. Where queues are still getting shorter at its end, it is played on for longer.
func Judge(ctx context.Context, c Case, t Trigger, n int) (*Judgement, error) {
	switch {
	case t.At <= 0 || t.For <= 0 || t.At+t.For >= c.Length:
		return nil, fmt.Errorf("a trigger from %s for %s does not lie within %s", t.At, t.For, c.Length)
	case t.Lose < 0 || t.Lose >= c.Cluster.Nodes:
		return nil, fmt.Errorf("of %d nodes, %d cannot be lost", c.Cluster.Nodes, t.Lose)
	case len(c.Load.Phases) > 0:
		return nil, errors.New("the case has phases beside the trigger")
	}
	c.Load.Phases = t.phases()
	j := &Judgement{Normal: margin(&c, Normal(0)), Worst: margin(&c, c.Load.Phases[0])}
	for try := 0; ; try++ {
		if err := j.play(ctx, &c, t, n); err != nil {
			return nil, err
		}
		if j.Back >= 0 || try == patience || !j.shrinking() {
			break
		}
		c.Length += 2 * (c.Length - t.At - t.For)
	}
	if j.Back >= 0 && j.Normal.bistable() {
		if err := j.push(ctx, c, t); err != nil {
			return nil, err
		}
	}
	j.conclude()
	return j, nil
}

// push tries a harder trigger: four times as long, and with so little capacity left that half
// of what is asked for cannot be done.
func (j *Judgement) push(ctx context.Context, c Case, t Trigger) error {
	t.For *= 4
	t.Speed = c.Load.Phases[0].Speed * min(1, j.Worst.Rate/2/j.Worst.Capacity)
	c.Load.Phases = t.phases()
	c.Length = t.At + 3*t.For
	o, err := Run(ctx, c)
	if err != nil {
		return err
	}
	after := o.Between(t.At+2*t.For, c.Length)
	j.Harder, j.Tipped = &t, !j.back(float64(after.Good)/float64(max(after.Arrivals, 1)))
	return nil
}

// play plays the case and takes the figures before, during and after the trigger.
func (j *Judgement) play(ctx context.Context, c *Case, t Trigger, n int) error {
	outcomes, err := Replicate(ctx, *c, n)
	if err != nil {
		return err
	}
	end := t.At + t.For
	late := end + (c.Length-end)/2
	j.Outcomes, j.Length = outcomes, c.Length
	j.Before = Describe(c, outcomes, t.At/4, t.At)
	j.During = Describe(c, outcomes, t.At, end)
	j.After = Describe(c, outcomes, late, c.Length)
	j.Back = j.recovery(end)
	return nil
}

// recovery returns how long after the end of the trigger goodput was back to stay, -1 if it
// is not.
func (j *Judgement) recovery(end time.Duration) time.Duration {
	if !j.back(j.After.Good) {
		return -1
	}
	good := Series(j.Outcomes, func(s *Span) float64 { return float64(s.Good) })
	all := Series(j.Outcomes, func(s *Span) float64 { return float64(s.Arrivals) })
	spans := j.Outcomes[0].Spans
	since := len(spans)
	var g, a float64
	for i := len(spans) - 1; i >= 0 && spans[i].From >= end; i-- {
		if g, a = g+good[i], a+all[i]; a < 100 { // too few to tell
			continue
		}
		if !j.back(g / a) {
			break
		}
		since, g, a = i, 0, 0
	}
	if since == len(spans) {
		return 0
	}
	return spans[since].From - end
}

// back tells whether a share of asks that were good is as before the trigger.
func (j *Judgement) back(good float64) bool { return good >= enough*min(j.Before.Good, 1) }

// shrinking tells whether the queues got clearly shorter over the last quarter.
func (j *Judgement) shrinking() bool {
	waiting := Series(j.Outcomes, func(s *Span) float64 { return float64(s.Waiting) })
	last, before := waiting[len(waiting)-1], waiting[len(waiting)*3/4]
	return last < 0.95*before
}

// margin returns what clients can ask at most under conditions. Tries that cannot fail are
// not made again: without a timeout, a bounded queue or a loss there are no retries.
func margin(c *Case, p Phase) Margin {
	m := Margin{Rate: c.Load.Rate * p.Surge, Capacity: c.Cluster.Capacity(p)}
	m.Most = m.Rate
	if c.Clients.Timeout == 0 && !c.Cluster.Queue.Bounded {
		return m
	}
	more := float64(c.Clients.Retries)
	if c.Clients.Budget > 0 {
		more = min(more, c.Clients.Budget)
	}
	m.Most *= 1 + more
	return m
}

// bistable tells whether the same conditions can hold both a good state and a bad one, in
// which retries fill the capacity: λ < C ≤ λ(1+r).
func (m Margin) bistable() bool { return m.Rate < m.Capacity && m.Most >= m.Capacity }

// conclude finds the verdict and says why.
func (j *Judgement) conclude() {
	n, w := j.Normal, j.Worst
	switch {
	case n.Rate >= n.Capacity:
		j.Stability = Metastable
		j.say("%s/s are more than the nodes carry (%s/s) without any trigger: this is plain overload", whole(n.Rate), whole(n.Capacity))
		return
	case j.Before.Good < well:
		j.Stability = Metastable
		j.say("goodput was %.1f%% of what is asked for even before the trigger: timeouts and retries tip it by themselves", 100*j.Before.Good)
	case j.Back < 0:
		j.Stability = Metastable
		j.say("goodput is %.1f%% of what is asked for long after the trigger ended; before it, it was %.1f%%", 100*j.After.Good, 100*j.Before.Good)
		j.say("%s tries/s arrive where the nodes carry %s/s, and keep them busy with work that nobody waits for any more", whole(j.After.Attempts), whole(n.Capacity))
	case n.bistable():
		j.Stability = Vulnerable
		j.say("it came back, but clients may make up to %s tries/s where the nodes carry %s/s", whole(n.Most), whole(n.Capacity))
		j.hard()
	case w.bistable():
		j.Stability = Vulnerable
		j.say("it came back, but while the trigger lasts clients may make up to %s tries/s where the nodes carry %s/s: a hiccup then would last as long as the trigger", whole(w.Most), whole(w.Capacity))
		j.say("once it is over the nodes carry all tries there can be, %s/s", whole(n.Most))
	default:
		j.Stability = Stable
		j.say("it came back, and all tries that clients may make, %s/s, stay below the %s/s that the nodes carry", whole(n.Most), whole(n.Capacity))
	}
	if w.Rate >= w.Capacity {
		j.say("while the trigger lasts, %s/s are more than the nodes carry (%s/s), whatever clients do", whole(w.Rate), whole(w.Capacity))
	}
}

// hard says what the harder trigger did.
func (j *Judgement) hard() {
	if j.Harder == nil {
		return
	}
	if j.Tipped {
		j.say("a trigger of %s that leaves half of what is asked for undone tips it for good", j.Harder.For)
		return
	}
	j.say("even a trigger of %s that leaves half of what is asked for undone did not tip it: queue and timeouts keep lost work small enough", j.Harder.For)
}

// whole writes a rate without decimals, its thousands set apart.
func whole(rate float64) string {
	s := strconv.FormatFloat(rate, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (j *Judgement) say(format string, args ...any) {
	j.Reasons = append(j.Reasons, fmt.Sprintf(format, args...))
}
