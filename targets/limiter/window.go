package limiter

import "time"

// fixed counts from each full multiple of the window. Twice the limit may pass around the
// boundary of two windows.
func (r *Rule) fixed(s State, now, n int64) (State, Decision) {
	start := begin(now, r.Window)
	var count int64
	if s[0] >= start { // a clock that went back counts on in the later window
		start, count = s[0], s[1]
	}
	reset := micros(start + r.Window - now)
	if count+n > r.Limit {
		return s, Decision{Limit: r.Limit, Remaining: max(r.Limit-count, 0), RetryAfter: reset, ResetAfter: reset}
	}
	if count += n; count == 0 {
		reset = 0
	}
	return State{start, count}, Decision{Allowed: true, Limit: r.Limit, Remaining: r.Limit - count, ResetAfter: reset}
}

// sliding counts in fixed windows, and weighs the window before by the share of it that a
// window ending now would still cover, as if its requests had been spread evenly: one
// count per window approximates the sliding log.
func (r *Rule) sliding(s State, now, n int64) (State, Decision) {
	start, count, before := r.slide(s, now)
	elapsed := min(max(now-start, 0), r.Window)
	weighed := before * (r.Window - elapsed) // in requests × microseconds
	room := r.Limit*r.Window - weighed - count*r.Window
	if n*r.Window > room {
		return s, Decision{
			Limit: r.Limit, Remaining: max(room/r.Window, 0),
			RetryAfter: micros(r.slideRetry(count, before, n) - (now - start)),
			ResetAfter: micros(r.slideReset(count, before, start+r.Window-now)),
		}
	}
	count += n
	return State{start, count, before}, Decision{
		Allowed: true, Limit: r.Limit, Remaining: room/r.Window - n,
		ResetAfter: micros(r.slideReset(count, before, start+r.Window-now)),
	}
}

// slide returns the window that now lies in, its count and that of the window before.
func (r *Rule) slide(s State, now int64) (start, count, before int64) {
	start = begin(now, r.Window)
	switch {
	case s[0] >= start:
		return s[0], s[1], s[2]
	case s[0] == start-r.Window:
		return start, 0, s[1]
	}
	return start, 0, 0
}

// slideRetry returns how long after the start of the window a cost of n fits.
func (r *Rule) slideRetry(count, before, n int64) int64 {
	if free := r.Limit - count - n; free >= 0 && before > 0 {
		return r.Window - free*r.Window/before
	}
	// Not before the next window, which weighs this one's count.
	free := max(r.Limit-n, 0)
	if count <= free {
		return r.Window
	}
	return r.Window + r.Window - free*r.Window/count
}

// slideReset returns how long both counts still weigh.
func (r *Rule) slideReset(count, before, left int64) int64 {
	switch {
	case count > 0:
		return left + r.Window
	case before > 0:
		return left
	}
	return 0
}

// logged decides on a summary of the log of all requests admitted in the last window: how
// many there are, the one that has to pass out of the window before there is room, and the
// newest.
func (r *Rule) logged(s State, now, n int64) Decision {
	count, blocks, newest := s[0], s[1], s[2]
	now = max(now, newest)
	if count+n > r.Limit {
		return Decision{
			Limit: r.Limit, Remaining: max(r.Limit-count, 0),
			RetryAfter: micros(blocks + r.Window - now), ResetAfter: micros(newest + r.Window - now),
		}
	}
	d := Decision{Allowed: true, Limit: r.Limit, Remaining: r.Limit - count - n}
	switch {
	case n > 0:
		d.ResetAfter = micros(r.Window)
	case count > 0:
		d.ResetAfter = micros(newest + r.Window - now)
	}
	return d
}

// journal remembers the instants of the requests admitted in the last window, oldest first,
// in a ring that grows up to the limit.
type journal struct {
	ring  []int64
	first int
	count int
}

// summary forgets what has passed out of the window and sums up the rest for a request of
// cost n.
func (l *journal) summary(r *Rule, now, n int64) State {
	if l.count == 0 {
		return State{}
	}
	newest := l.at(l.count - 1)
	now = max(now, newest)
	for l.count > 0 && l.at(0) <= now-r.Window {
		l.first, l.count = (l.first+1)%len(l.ring), l.count-1
	}
	s := State{int64(l.count), 0, newest}
	if l.count == 0 {
		return State{}
	}
	if over := int64(l.count) + n - r.Limit; over > 0 {
		s[1] = l.at(int(min(over, int64(l.count))) - 1)
	}
	return s
}

// add remembers n requests.
func (l *journal) add(now, n int64) {
	if l.count > 0 {
		now = max(now, l.at(l.count-1))
	}
	for range n {
		if l.count == len(l.ring) {
			l.grow()
		}
		l.ring[(l.first+l.count)%len(l.ring)] = now
		l.count++
	}
}

// drop forgets the newest n.
func (l *journal) drop(n int64) { l.count = max(l.count-int(n), 0) }

func (l *journal) at(i int) int64 { return l.ring[(l.first+i)%len(l.ring)] }

func (l *journal) grow() {
	larger := make([]int64, max(2*len(l.ring), 8))
	for i := range l.count {
		larger[i] = l.at(i)
	}
	l.ring, l.first = larger, 0
}

// begin returns when the window that now lies in began: the windows of all keys and
// workers begin together.
func begin(now, window int64) int64 { return now - now%window }

// instant returns the time in the unit that rules reckon in.
func instant(t time.Time) int64 { return t.UnixMicro() }
