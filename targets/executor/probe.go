package executor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/station"
)

// resolution is how often the lag of the loop is looked for.
const resolution = 10 * time.Millisecond

// lagProbe looks for the lag of the loop: how much later than due a timer's task begins.
type lagProbe struct {
	lags   station.Times
	last   atomic.Int64 // the latest lag, in nanoseconds
	due    atomic.Int64 // when the task that waits now was due, in Unix nanoseconds; 0: none waits
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// start begins to look, if nobody does.
func (p *lagProbe) start(loop *station.Station) {
	if p.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.ended.Go(func() { p.watch(ctx, loop) })
}

// stop ends the looking and waits for its end.
func (p *lagProbe) stop() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.ended.Wait()
	p.cancel = nil
	p.last.Store(0)
}

func (p *lagProbe) watch(ctx context.Context, loop *station.Station) {
	timer := time.NewTimer(resolution)
	defer timer.Stop()
	due := time.Now().Add(resolution)
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		p.due.Store(due.UnixNano())
		_, err := loop.Probe(ctx)
		p.due.Store(0)
		if err != nil {
			return
		}
		now := time.Now()
		lag := now.Sub(due)
		p.last.Store(int64(lag))
		p.lags.Record(lag)
		due = now.Add(resolution)
		timer.Reset(resolution)
	}
}

// lag returns the latest lag, or that of the task that waits if it is longer already.
func (p *lagProbe) lag() time.Duration {
	last := time.Duration(p.last.Load())
	if due := p.due.Load(); due > 0 {
		return max(last, time.Since(time.Unix(0, due)))
	}
	return last
}
