package limiter

import "sync"

// sharers counts the clients that were active lately, for fair: token. A client counts
// from its first request until between one and two windows after its last.
type sharers struct {
	mu     sync.Mutex
	start  int64 // when the current window began
	now    map[string]struct{}
	before map[string]struct{}
	fresh  int // clients in now that are not in before
}

// see notes a request of the client and returns how many clients are active, at least 1.
// Beyond most clients in one window it counts no new ones.
func (s *sharers) see(client string, now, window int64, most int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		s.now, s.before = map[string]struct{}{}, map[string]struct{}{}
	}
	if passed := now - s.start; passed >= window {
		s.turn(passed >= 2*window)
		s.start = begin(now, window)
	}
	if _, known := s.now[client]; !known && len(s.now) < most {
		s.now[client] = struct{}{}
		if _, old := s.before[client]; !old {
			s.fresh++
		}
	}
	return max(s.fresh+len(s.before), 1)
}

// turn begins another window, after one without any request if idle.
func (s *sharers) turn(idle bool) {
	s.before, s.now = s.now, s.before
	if idle {
		clear(s.before)
	}
	clear(s.now)
	s.fresh = 0
}

// active returns how many clients are active.
func (s *sharers) active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh + len(s.before)
}

// share returns the rule of one of n active clients: an nth of the rate and of the burst.
// What a client leaves of its share nobody else gets.
func share(all *Rule, n int) Rule {
	return Rule{Algo: GCRA, Interval: min(all.Interval*int64(n), exact), Burst: max(all.Burst/int64(n), 1)}
}
