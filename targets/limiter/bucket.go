package limiter

import "time"

// gcra is the generic cell rate algorithm in its continuous-state form (ITU-T I.371, the
// leaky bucket that is equivalent to virtual scheduling): the backlog drains as time
// passes, a request adds its interval to it, and the backlog never exceeds burst × interval.
func (r *Rule) gcra(s State, now, n int64) (State, Decision) {
	at, level := r.backlog(s, now)
	room := r.Burst*r.Interval - level
	if over := n*r.Interval - room; over > 0 {
		return s, Decision{
			Limit: r.Burst, Remaining: room / r.Interval,
			RetryAfter: time.Duration(over), ResetAfter: time.Duration(level),
		}
	}
	level += n * r.Interval
	room -= n * r.Interval
	return State{at, level, r.Interval}, Decision{
		Allowed: true, Limit: r.Burst, Remaining: room / r.Interval, ResetAfter: time.Duration(level),
	}
}

// token is the token bucket: credit accrues as time passes up to burst × interval, and a
// request pays its interval. It is the mirror image of gcra, and starts full.
func (r *Rule) token(s State, now, n int64) (State, Decision) {
	full := r.Burst * r.Interval
	at, credit := max(s[0], now), full
	if s[2] != 0 {
		credit = min(rescale(s[1], s[2], r.Interval)+1000*(at-s[0]), full)
	}
	if short := n*r.Interval - credit; short > 0 {
		return s, Decision{
			Limit: r.Burst, Remaining: credit / r.Interval,
			RetryAfter: time.Duration(short), ResetAfter: time.Duration(full - credit),
		}
	}
	credit -= n * r.Interval
	return State{at, credit, r.Interval}, Decision{
		Allowed: true, Limit: r.Burst, Remaining: credit / r.Interval, ResetAfter: time.Duration(full - credit),
	}
}

// leaky is the leaky bucket. As a meter it is gcra. As a shaper it is a queue of at most
// burst requests that leave one interval apart: each is delayed by the backlog that it
// finds, and refused if that is longer than the longest delay.
func (r *Rule) leaky(s State, now, n int64) (State, Decision) {
	if r.Delay == 0 {
		return r.gcra(s, now, n)
	}
	_, ahead := r.backlog(s, now)
	if late := ahead - r.Delay; late > 0 && n > 0 {
		_, d := r.gcra(s, now, 0)
		over := max(late, ahead+n*r.Interval-r.Burst*r.Interval)
		return s, Decision{Limit: d.Limit, Remaining: 0, RetryAfter: time.Duration(over), ResetAfter: d.ResetAfter}
	}
	s, d := r.gcra(s, now, n)
	// What may still come is bounded by the delay of the last of them as well.
	if backlog := int64(d.ResetAfter); backlog > r.Delay {
		d.Remaining = 0
	} else {
		d.Remaining = min(d.Remaining, (r.Delay-backlog)/r.Interval+1)
	}
	if d.Allowed {
		d.Delay = time.Duration(ahead)
	}
	return s, d
}

// backlog returns the instant and the backlog at it, in nanoseconds. A clock that goes
// back stands still. A backlog reckoned by another interval keeps its number of requests.
func (r *Rule) backlog(s State, now int64) (at, level int64) {
	at = max(s[0], now)
	level = min(rescale(s[1], s[2], r.Interval), r.Burst*r.Interval)
	return at, max(level-1000*(at-s[0]), 0)
}

// rescale turns an amount of time at one interval into that of as many requests at another.
func rescale(amount, from, to int64) int64 {
	if from == to || from == 0 {
		return amount
	}
	// In floating point, because Lua has no other numbers.
	return int64(float64(amount) * float64(to) / float64(from))
}
