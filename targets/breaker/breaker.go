// Package breaker is a circuit breaker: it refuses calls to a dependency that fails or
// has become slow, lets exactly so many probes through after a while, and closes again
// when they go well. Its rules are those of resilience4j: rates over a window of calls or
// of time, judged from a minimum of calls on. What the fields call sliding windows,
// half-open permits and slow-call rates are called so here too. It makes no calls, sets no
// time limits and knows no errors; the caller says how a call went.
package breaker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// State is what a breaker does with the next call.
type State int

// The states of a breaker. The last three are forced by the mode and end with it.
const (
	Closed       State = iota // all calls pass, or a growing share of them just after it closed
	Open                      // none pass
	HalfOpen                  // a fixed number of probes pass
	Disabled                  // all calls pass, nothing is counted
	ForcedOpen                // none pass
	ForcedClosed              // all calls pass, the rates are counted but lead to nothing
)

// String returns "closed", "open", "half-open", "disabled", "forced-open" or "forced-closed".
func (s State) String() string {
	return [...]string{"closed", "open", "half-open", "disabled", "forced-open", "forced-closed"}[s]
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	for state := Closed; state <= ForcedClosed; state++ {
		if state.String() == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("%q is no state of a breaker", text)
}

// Result is how a call went.
type Result int

// The results of a call.
const (
	Success Result = iota
	Failure
	Ignored // says nothing about the dependency: the caller gave up, or was refused further on
)

// ErrOpen is what every refusal of a breaker is.
var ErrOpen = errors.New("circuit breaker is open")

// OpenError is a refusal.
type OpenError struct {
	State State         // what the breaker was when it refused
	Wait  time.Duration // until it probes; 0 when that is not known
}

// Error names the state.
func (e OpenError) Error() string {
	return "circuit breaker refuses the call: " + e.State.String()
}

// Is tells that it is an ErrOpen.
func (e OpenError) Is(target error) bool { return target == ErrOpen }

// Breaker decides about calls to one dependency. Create it with New.
type Breaker struct {
	// OnChange is told of every change of state, from the goroutine of the call that led
	// to it and without a lock. It is set before the first call. A breaker that is open
	// changes when a call comes, not when its time is over.
	OnChange func(from, to State)

	epoch   time.Time
	easy    atomic.Uint64 // the generation while every call passes, otherwise 0
	refused atomic.Uint64

	mu       sync.Mutex
	cfg      Config
	state    State
	gen      uint64 // counts changes of state; results of an older one are left out
	window   window
	trial    trial
	phase    phase
	counters counters
}

// phase is what goes with being in the present state.
type phase struct {
	since  int64   // when it began, ns since the epoch
	spread float64 // -1 … 1: where in the jitter this open time lies
	credit float64 // while recovering: calls that may pass; one passes at 1
}

type counters struct{ calls, failed, slow, ignored, opened uint64 }

// New returns a closed breaker, or one in the state that the mode forces.
func New(cfg Config) *Breaker {
	b := &Breaker{epoch: time.Now()}
	b.cfg = cfg.resolved()
	b.window = newWindow(b.cfg.Window)
	state, _ := b.cfg.forced()
	b.enter(state, 0)
	return b
}

// now is the time since the epoch, which is cheaper to ask for than the time of day.
func (b *Breaker) now() int64 { return int64(time.Since(b.epoch)) }

// Configure changes the rules. The state is kept unless the mode forces another; results
// are kept unless the window is another.
func (b *Breaker) Configure(cfg Config) {
	cfg = cfg.resolved()
	now := b.now()
	b.mu.Lock()
	from, old := b.state, b.cfg
	b.cfg = cfg
	if cfg.Window != old.Window {
		b.window = newWindow(cfg.Window)
	}
	switch state, forced := cfg.forced(); {
	case forced || cfg.Mode != old.Mode:
		if state != from {
			b.enter(state, now)
		}
	case from == HalfOpen && cfg.HalfOpen != old.HalfOpen:
		b.enter(HalfOpen, now)
	}
	to := b.state
	b.mu.Unlock()
	b.tell(from, to)
}

// Call is a call that was let through. Done is to be called on it once.
type Call struct {
	b     *Breaker
	gen   uint64
	began int64
	place int // of a probe
}

// Allow lets a call through or refuses it with an OpenError, which is an ErrOpen.
func (b *Breaker) Allow() (Call, error) {
	now := b.now()
	if gen := b.easy.Load(); gen != 0 {
		return Call{b: b, gen: gen, began: now}, nil
	}
	return b.decide(now)
}

func (b *Breaker) decide(now int64) (Call, error) {
	b.mu.Lock()
	from := b.state
	if from == Open && now >= b.reopen() {
		b.enter(HalfOpen, now)
	}
	call, ok := Call{b: b, gen: b.gen, began: now}, false
	refusal := OpenError{State: b.state}
	switch b.state {
	case Closed:
		ok = b.recover(now)
	case HalfOpen:
		call.place, ok = b.trial.admit(now, int64(b.cfg.ProbeWait))
	case Open:
		refusal.Wait = time.Duration(b.reopen() - now)
	case Disabled, ForcedClosed:
		ok = true
	}
	to := b.state
	b.mu.Unlock()
	b.tell(from, to)
	if !ok {
		b.refused.Add(1)
		return Call{}, refusal
	}
	return call, nil
}

// Done reports how the call went and how long it took, from Allow to now. Results that
// come after the state has changed are left out.
func (c Call) Done(result Result) {
	b := c.b
	now := b.now()
	b.mu.Lock()
	from := b.state
	if c.gen == b.gen {
		b.settle(c, now, result)
	}
	to := b.state
	b.mu.Unlock()
	b.tell(from, to)
}

// settle counts a result of the present generation and acts on it.
func (b *Breaker) settle(c Call, now int64, result Result) {
	call := tally{calls: 1}
	switch result {
	case Ignored:
		call.calls = 0
		b.counters.ignored++
	case Failure:
		call.failed = 1
	}
	if result != Ignored && now-c.began > int64(b.cfg.SlowAfter) {
		call.slow = 1
	}
	switch b.state {
	case HalfOpen:
		if b.trial.land(c.place, c.began, call) {
			b.counters.add(call)
			b.judge(now)
		}
	case Closed, ForcedClosed:
		if call.calls == 0 {
			return
		}
		b.counters.add(call)
		b.window.record(now, call)
		if b.state == Closed && b.window.sum.calls >= b.cfg.MinCalls && b.window.sum.over(&b.cfg) {
			b.enter(Open, now)
		}
	}
}

// judge closes or opens once all probes have returned.
func (b *Breaker) judge(now int64) {
	switch {
	case b.trial.sum.calls < len(b.trial.places):
	case b.trial.sum.over(&b.cfg):
		b.enter(Open, now)
	default:
		b.enter(Closed, now)
	}
}

// enter changes the state.
func (b *Breaker) enter(to State, now int64) {
	from := b.state
	b.state = to
	b.gen++
	b.easy.Store(0)
	b.phase = phase{since: now}
	switch to {
	case Open:
		b.counters.opened++
		b.phase.spread = 2*rand.Float64() - 1
	case HalfOpen:
		b.trial = trial{places: make([]place, b.cfg.HalfOpen)}
	case Closed:
		b.window.clear()
		if from == HalfOpen && b.cfg.Ramp > 0 {
			b.phase.credit = 1
		} else {
			b.easy.Store(b.gen)
		}
	case Disabled, ForcedClosed:
		b.window.clear()
		b.easy.Store(b.gen)
	}
}

// reopen is when an open breaker begins to probe.
func (b *Breaker) reopen() int64 {
	return b.phase.since + int64(float64(b.cfg.Open)*(1+b.cfg.Jitter*b.phase.spread))
}

// share is what part of the calls passes: ramp (1 + t), t in seconds since it closed.
func (b *Breaker) share(now int64) float64 {
	if b.easy.Load() != 0 || b.cfg.Ramp == 0 {
		return 1
	}
	return min(1, b.cfg.Ramp*(1+time.Duration(now-b.phase.since).Seconds()))
}

// recover lets its share of the calls through, evenly.
func (b *Breaker) recover(now int64) bool {
	share := b.share(now)
	if share == 1 {
		b.easy.Store(b.gen)
		return true
	}
	if b.phase.credit += share; b.phase.credit >= 1 {
		b.phase.credit--
		return true
	}
	return false
}

func (b *Breaker) tell(from, to State) {
	if from != to && b.OnChange != nil {
		b.OnChange(from, to)
	}
}

func (c *counters) add(call tally) {
	c.calls += uint64(call.calls)
	c.failed += uint64(call.failed)
	c.slow += uint64(call.slow)
}

// Stats is what a breaker has seen and how it stands.
type Stats struct {
	State       State   `json:"state"`
	Calls       uint64  `json:"calls_total"`
	Failed      uint64  `json:"failed_total"`
	Slow        uint64  `json:"slow_total"`
	Ignored     uint64  `json:"ignored_total"`
	Refused     uint64  `json:"refused_total"`
	Opened      uint64  `json:"opened_total"`
	WindowCalls int     `json:"window_calls"` // calls that the rates are taken over
	FailureRate float64 `json:"failure_rate"` // 0 … 1
	SlowRate    float64 `json:"slow_rate"`    // 0 … 1
	Probes      int     `json:"probes"`       // under way
	Share       float64 `json:"share"`        // of the calls that pass, 0 … 1
}

// Stats returns the counters and where the breaker stands now.
func (b *Breaker) Stats() Stats {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.window.advance(now)
	c := b.counters
	s := Stats{
		State: b.state, Calls: c.calls, Failed: c.failed, Slow: c.slow, Ignored: c.ignored,
		Refused: b.refused.Load(), Opened: c.opened, Share: b.share(now),
	}
	sum := b.window.sum
	switch b.state {
	case HalfOpen:
		sum, s.Probes, s.Share = b.trial.sum, b.trial.flying(), 0
	case Open, ForcedOpen:
		s.Share = 0
	}
	if s.WindowCalls = sum.calls; sum.calls > 0 {
		s.FailureRate = float64(sum.failed) / float64(sum.calls)
		s.SlowRate = float64(sum.slow) / float64(sum.calls)
	}
	return s
}
