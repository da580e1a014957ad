package limiter

import "time"

// Algo names the algorithm that a quota is kept by.
type Algo string

// The algorithms. Token bucket, GCRA and the leaky bucket as a meter admit the same
// requests; they differ in what they remember. The leaky bucket as a shaper delays. The
// windows count.
const (
	TokenBucket   Algo = "token_bucket"
	LeakyBucket   Algo = "leaky_bucket"
	GCRA          Algo = "gcra"
	SlidingLog    Algo = "sliding_log"
	SlidingWindow Algo = "sliding_window"
	FixedWindow   Algo = "fixed_window"
)

// Rule is one quota in numbers that are exact in an int64 and in a double, so that Go and
// Lua come to the same decision. Instants are whole microseconds since 1970; the buckets
// reckon in nanoseconds of the time that a request takes of the rate.
type Rule struct {
	Algo     Algo
	Interval int64 // of the buckets: nanoseconds between two requests at the rate, above 0
	Burst    int64 // of the buckets: requests that may come at once, above 0
	Limit    int64 // of the windows: requests in a window, above 0
	Window   int64 // of the windows: microseconds, above 0
	Delay    int64 // of the leaky bucket: the longest delay in nanoseconds; 0: it meters, and delays nothing
}

// State is what a quota remembers of one key between two requests. The zero State is that
// of a key never seen. Its words mean:
//
//	gcra, leaky_bucket  instant, backlog in ns, interval in ns that the backlog was reckoned by
//	token_bucket        instant, credit in ns, interval in ns that the credit was reckoned by
//	fixed_window        begin of the window, count
//	sliding_window      begin of the window, count, count of the window before
//	sliding_log         a summary of the log: count, the instant that has to pass out of the
//	                    window before there is room, the newest instant
type State [3]int64

// Decision is the answer to one request under one rule.
type Decision struct {
	Allowed    bool
	Limit      int64         // requests: the burst of a bucket, the limit of a window
	Remaining  int64         // requests that would be admitted now, after this one
	RetryAfter time.Duration // 0, or how long until a refused request would be admitted if no other came
	ResetAfter time.Duration // how long until the whole limit is there again
	Delay      time.Duration // how long an admitted request has to be held back
}

// Take decides on a request of cost n at the instant now, in microseconds since 1970, and
// returns the state after it. A refused request leaves the state as it is. A cost of 0 is
// always admitted: it asks what remains. A cost above the burst or limit is never admitted.
func (r *Rule) Take(s State, now, n int64) (State, Decision) {
	switch r.Algo {
	case TokenBucket:
		return r.token(s, now, n)
	case LeakyBucket:
		return r.leaky(s, now, n)
	case SlidingLog:
		return s, r.logged(s, now, n)
	case SlidingWindow:
		return r.sliding(s, now, n)
	case FixedWindow:
		return r.fixed(s, now, n)
	default:
		return r.gcra(s, now, n)
	}
}

// Return gives back what a request of cost n took at the instant now, because another
// quota refused it. The sliding log has no state to give back to.
func (r *Rule) Return(s State, now, n int64) State {
	switch r.Algo {
	case TokenBucket:
		s[1] = min(s[1]+n*r.Interval, r.Burst*r.Interval)
	case FixedWindow, SlidingWindow:
		if s[0] == begin(now, r.Window) {
			s[1] = max(s[1]-n, 0)
		}
	case SlidingLog:
	default:
		s[1] = max(s[1]-n*r.Interval, 0)
	}
	return s
}

// Whole returns the instant from which the state is as good as that of a key never seen.
func (r *Rule) Whole(s State) int64 {
	switch r.Algo {
	case TokenBucket:
		return s[0] + ceilMicros(time.Duration(r.Burst*r.Interval-rescale(s[1], s[2], r.Interval)))
	case SlidingWindow:
		return s[0] + 2*r.Window
	case SlidingLog:
		return s[2] + r.Window
	case FixedWindow:
		return s[0] + r.Window
	default:
		return s[0] + ceilMicros(time.Duration(rescale(s[1], s[2], r.Interval)))
	}
}

// Forgettable returns the longest that a state may take to be whole.
func (r *Rule) Forgettable() time.Duration {
	switch r.Algo {
	case SlidingWindow:
		return micros(2 * r.Window)
	case SlidingLog, FixedWindow:
		return micros(r.Window)
	default:
		return time.Duration(r.Burst * r.Interval)
	}
}

// Quota returns what a client is told of the rule: q requests in w whole seconds. That is
// what the rate yields in the window, or in the time in which an empty bucket fills,
// rounded up to seconds: q is no less than what may remain, and q/w no more than the rate.
func (r *Rule) Quota() (q, w int64) {
	if r.windowed() {
		w = ceilSeconds(micros(r.Window))
		return r.Limit * w * 1e6 / r.Window, w
	}
	// An interval in whole nanoseconds may be a little long for the rate it stands for.
	slack := r.Interval / 1000
	w = max(ceilSeconds(time.Duration(r.Burst*r.Interval-slack)), 1)
	return (w*int64(time.Second) + slack) / r.Interval, w
}

// Most returns the largest cost that can ever be admitted.
func (r *Rule) Most() int64 {
	if r.windowed() {
		return r.Limit
	}
	return r.Burst
}

func (r *Rule) windowed() bool {
	return r.Algo == SlidingLog || r.Algo == SlidingWindow || r.Algo == FixedWindow
}

func ceilMicros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func ceilSeconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}
