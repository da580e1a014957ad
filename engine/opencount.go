package engine

import "time"

// countable bounds how many arrivals that never fell due are counted one by one: a run
// that is stopped should not take seconds to say what it did not do.
const countable = 5_000_000

// openCount is what an open load counts under its lock: arrivals by stage, and how many
// are in flight.
type openCount struct {
	stages   []StageLegend
	tallies  []Tally // per stage, since the last harvest
	stage    int     // that the last arrival fell into
	inFlight int
	answered bool          // a pass has come to its end
	peak     int           // most in flight since the last harvest
	since    time.Duration // up to when Busy is integrated
}

// at returns the tally of the stage that due falls into. Due times rise, so the search
// goes on from the last one.
func (c *openCount) at(due time.Duration) *Tally {
	for c.stage+1 < len(c.stages) && due >= c.stages[c.stage].To {
		c.stage++
	}
	return &c.tallies[c.stage]
}

// accept counts an arrival that is in flight from now on.
func (c *openCount) accept(due, now time.Duration) {
	t := c.at(due)
	t.Planned++
	c.integrate(now)
	c.inFlight++
	c.peak = max(c.peak, c.inFlight)
}

// drop counts an arrival for which there was no room.
func (c *openCount) drop(due time.Duration) {
	t := c.at(due)
	t.Planned++
	t.Dropped++
}

// finish counts the end of a pass. How it ended is in the recorder.
func (c *openCount) finish(now time.Duration) {
	c.integrate(now)
	c.inFlight--
	c.answered = true
}

// integrate adds the time that the present number in flight has lasted.
func (c *openCount) integrate(now time.Duration) {
	if now > c.since {
		c.tallies[c.stage].Busy += time.Duration(c.inFlight) * (now - c.since)
		c.since = now
	}
}

// remain counts the arrivals of a schedule that was closed before they fell due, one by
// one, or by the stages' average rates if they are very many.
func (c *openCount) remain(d *dueList) {
	for n := 0; d.left && n < countable; n++ {
		c.at(d.step()).Planned++
	}
	if !d.left {
		return
	}
	for i := c.stage; i < len(c.stages); i++ {
		s := c.stages[i]
		c.tallies[i].Planned += uint64(s.Planned * (s.To - max(s.From, min(d.head, s.To))).Seconds())
	}
}

// end counts the end of a pass.
func (t *Tally) end(res passResult) {
	switch {
	case res.exhausted:
		t.Exhausted++
	case res.outcome == OK:
		t.Completed++
	case res.outcome == Unfinished:
		t.Unfinished++
	default:
		t.Failed++
	}
	t.Think += res.think
}
