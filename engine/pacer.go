package engine

import (
	"context"
	"time"
)

// sleeper waits for a span of time as precisely as the system allows. Sleep returns
// false when the context it was made with ended first.
type sleeper interface {
	Sleep(d time.Duration) bool
	// Grain returns how late a sleep ends though nothing is wrong.
	Grain() time.Duration
	Close() error
}

// timerSleeper is the portable sleeper; Go rounds its timers up to a millisecond when
// the process is idle.
type timerSleeper struct {
	ctx   context.Context //nolint:containedctx // a sleeper lives as long as what it paces
	timer *time.Timer
}

func newTimerSleeper(ctx context.Context) sleeper {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &timerSleeper{ctx, t}
}

func (s *timerSleeper) Sleep(d time.Duration) bool {
	s.timer.Reset(d)
	select {
	case <-s.timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *timerSleeper) Grain() time.Duration { return timerGrain }

func (s *timerSleeper) Close() error {
	s.timer.Stop()
	return nil
}
