package retry

import (
	"sync"
	"time"

	"plimsoll/targets/knob"
)

// Budget bounds how many repeats there may be among the requests, whatever each call's
// own limit is. It is that of Finagle's RetryBudget: a request deposits ratio, a repeat
// withdraws 1, and what was deposited expires. So within the last span there are never
// more repeats than
//
//	ratio · requests + min · span
type Budget struct {
	Ratio float64       `yaml:"ratio" default:"0.2" min:"0" max:"10" about:"repeats per request; 0: no budget, every call may use its attempts"`
	Min   knob.Rate     `yaml:"min" default:"10/s" min:"0/s" max:"100k/s" about:"repeats that are allowed besides, so that a quiet service may repeat too"`
	Span  time.Duration `yaml:"span" default:"10s" min:"100ms" max:"10m" about:"how long requests and repeats are counted"`
}

// slices is how finely the span is divided.
const slices = 10

type account struct{ requests, repeats float64 }

// ledger counts requests and repeats of the last span.
type ledger struct {
	epoch time.Time

	mu    sync.Mutex
	cfg   Budget
	sum   account
	parts [slices]account
	at    int64 // the newest part, counted from the epoch
}

func (l *ledger) configure(cfg Budget) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cfg.Span < slices {
		cfg.Span = 10 * time.Second
	}
	if cfg.Span != l.cfg.Span { // the parts are of another length from now on
		l.sum, l.parts, l.at = account{}, [slices]account{}, 0
	}
	l.cfg = cfg
	l.advance()
}

// advance forgets what is older than the span.
func (l *ledger) advance() {
	to := int64(time.Since(l.epoch)) / (int64(l.cfg.Span) / slices)
	if to-l.at >= slices {
		l.sum, l.parts, l.at = account{}, [slices]account{}, to
	}
	for l.at < to {
		l.at++
		part := &l.parts[l.at%slices]
		l.sum.requests -= part.requests
		l.sum.repeats -= part.repeats
		*part = account{}
	}
}

// deposit counts a request.
func (l *ledger) deposit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	l.sum.requests++
	l.parts[l.at%slices].requests++
}

// withdraw counts a repeat if there may be one.
func (l *ledger) withdraw() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	if l.cfg.Ratio > 0 && l.sum.repeats+1 > l.most() {
		return false
	}
	l.sum.repeats++
	l.parts[l.at%slices].repeats++
	return true
}

// most is how many repeats there may be within the span.
func (l *ledger) most() float64 {
	return l.cfg.Ratio*l.sum.requests + float64(l.cfg.Min)*l.cfg.Span.Seconds()
}

// used returns the share of the budget that is used up, 0 without a budget.
func (l *ledger) used() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance()
	most := l.most()
	switch {
	case l.cfg.Ratio <= 0 || l.sum.repeats == 0:
		return 0
	case most <= l.sum.repeats:
		return 1
	}
	return l.sum.repeats / most
}
