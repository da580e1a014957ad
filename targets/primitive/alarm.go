package primitive

import (
	"context"
	"time"
)

// coarse is how much of a wait is left to the exact clock at the end. The timers of an
// idle Go process are rounded up to a millisecond (epoll_wait counts in them), which
// would make /x/io?ms=0.3 take 1.3 ms and every pause half a millisecond too long.
const coarse = 2 * time.Millisecond

// wait waits d, to some ten microseconds, or until ctx ends.
func (a *alarm) wait(ctx context.Context, d time.Duration) {
	end := time.Now().Add(d)
	if d > coarse {
		timer := time.NewTimer(d - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
	if rest := time.Until(end); rest > 0 {
		a.exactly(rest)
	}
}
