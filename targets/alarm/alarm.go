// Package alarm waits for a time more exactly than the runtime's timers do, which an idle
// process rounds up to a millisecond. It knows no clock but the machine's: within a
// testing/synctest bubble, where time is not real, use package time.
package alarm

import (
	"context"
	"time"
)

// coarse is how much of a wait is left to the exact clock at the end. The timers of an
// idle Go process are rounded up to a millisecond (epoll_wait counts in them), which
// would make a wait of 0.3 ms take 1.3 ms and every wait half a millisecond too long.
const coarse = 2 * time.Millisecond

// Wait waits d, to some ten microseconds, or until ctx ends, which it returns the error of.
func (a *Alarm) Wait(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	if d > coarse {
		timer := time.NewTimer(d - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if rest := time.Until(end); rest > 0 {
		a.exactly(rest)
	}
	return ctx.Err()
}
