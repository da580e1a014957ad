package limiter

import (
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/knob"
)

// dynamic moves the rates by additive increase and multiplicative decrease (Chiu and Jain,
// "Analysis of the increase and decrease algorithms for congestion avoidance", 1989).
type dynamic struct {
	next atomic.Int64 // the instant of the next step
	mu   sync.Mutex   // held while the plan is replaced
}

// step moves the rates if it is time to. Requests drive it: intervals in which none came
// count as ones without saturation.
func (l *Limiter) step(now time.Time) {
	due := l.dynamic.next.Load()
	if instant(now) < due || !l.plan.Load().Dynamic.Enabled || l.parts.Saturation == nil {
		return
	}
	saturation := l.parts.Saturation()
	l.dynamic.mu.Lock()
	p := l.plan.Load()
	interval := max(p.Dynamic.Interval.Microseconds(), 1)
	if !p.Dynamic.Enabled || !l.dynamic.next.CompareAndSwap(due, instant(now)+interval) {
		l.dynamic.mu.Unlock() // another request has made the step, or the settings changed
		return
	}
	factor := p.Dynamic.after(p.factor, saturation, (instant(now)-due)/interval)
	if factor == p.factor {
		l.dynamic.mu.Unlock()
		return
	}
	l.use(p.Config, factor)
	l.dynamic.mu.Unlock()
	if l.parts.OnRate != nil {
		l.parts.OnRate(p.Rate*knob.Rate(p.factor), p.Rate*knob.Rate(factor))
	}
}

// after returns the factor after one step, and idle further intervals before it.
func (d Dynamic) after(factor, saturation float64, idle int64) float64 {
	factor += float64(idle) * d.Increase
	factor = min(factor, d.Ceiling)
	if saturation > d.Target {
		factor *= d.Decrease
	} else {
		factor += d.Increase
	}
	return min(max(factor, d.Floor), d.Ceiling)
}
