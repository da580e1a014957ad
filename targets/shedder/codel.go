package shedder

import "time"

// codel tells whether a queue delays everybody, the way folly's Codel does: of RFC 8289 it
// keeps the test, whether the shortest wait of an interval exceeds the target, and not the
// control law. While that is so, whoever waited more than twice the target is dropped.
// The first request of an interval never is. The zero value is ready for use.
type codel struct {
	end        time.Time     // of this interval
	shortest   time.Duration // wait in this interval
	started    bool          // somebody came in this interval
	overloaded bool          // the last interval was too slow
}

// drop takes in how long a request has waited, in the order in which requests leave the
// queue, and tells whether it is to be dropped.
func (c *codel) drop(cfg CoDelConfig, wait time.Duration, now time.Time) bool {
	if c.started && now.After(c.end) {
		c.end = now.Add(cfg.Interval)
		c.overloaded = c.shortest > cfg.Target
		c.started = false
	}
	if !c.started {
		c.started = true
		c.shortest = wait
		return false
	}
	c.shortest = min(c.shortest, wait)
	return c.overloaded && wait > 2*cfg.Target
}
