// Package search finds the load line of a target: the highest rate at which it keeps its
// promises, between a lower bound that was seen to hold and an upper one that was seen
// not to. A Search is a pure function of the trials so far: Next says which trial to make,
// Add takes what became of it, Line says what is known. So it can be saved after every
// trial and go on later, and it can be tested against targets whose line is known. It
// doubles the rate until a trial fails, then narrows the bracket geometrically by repeated
// trials in random order, and holds the lower bound in a soak. A bound is never final: a
// load is judged by all that is known of it, so one noisy trial early on does not decide
// the result. The package makes no load, keeps no time and knows no budgets.
package search

import (
	"math"
	"math/rand/v2"
	"time"
)

// Kind is what a trial is for.
type Kind string

// The kinds of trials.
const (
	Probe   Kind = "probe"   // short, on the way up to the first load that fails
	Measure Kind = "measure" // decides about a load, together with others
	Soak    Kind = "soak"    // long, holds the lower bound
)

// Goal is what to look for.
type Goal struct {
	Start   float64       // arrivals per second of the first probe
	Least   float64       // the lowest rate that is tried, at most Start
	Most    float64       // the highest rate that the generator can be trusted with; 0: not known
	Width   float64       // of the bracket, as a share of its lower bound, at which to stop
	Trials  int           // valid trials that a load needs before it is judged, at least
	Samples int           // requests that a trial needs before it can pass, as Needs gives it
	Seed    uint64        // of the order of trials
	Probe   time.Duration // measured part of a probe
	Trial   time.Duration // of a trial that decides
	Soak    time.Duration // of the soak; 0: none
}

// Step is a trial to make.
type Step struct {
	Kind Kind
	Rate float64       // arrivals per second
	For  time.Duration // to be measured
	Warm time.Duration // to go before it
}

// Length is how long the step takes, with what it takes to begin and to end it.
func (s Step) Length() time.Duration { return s.Warm + s.For + 500*time.Millisecond }

// Trial is what became of a step.
type Trial struct {
	Kind     Kind       `json:"kind"`
	Rate     float64    `json:"rate_per_s"` // that was asked for
	Seconds  float64    `json:"measured_s"` // without warm-up
	Verdict  Verdict    `json:"verdict"`
	Reason   string     `json:"reason,omitempty"` // why it is invalid
	Rising   bool       `json:"rising,omitempty"` // latency still rose: that the promises were kept says nothing yet
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Search is a search under way. It is not safe for concurrent use.
type Search struct {
	goal   Goal
	trials []Trial
}

// New returns a search for the goal that knows the trials of an earlier part of it.
func New(g Goal, before []Trial) *Search {
	s := &Search{goal: g}
	for _, t := range before {
		s.Add(t)
	}
	return s
}

// Add takes what became of a trial. Unless it is Invalid its verdict is worked out here,
// from its evidence and from how unsteady the trials around it were.
func (s *Search) Add(t Trial) {
	for i := range t.Evidence {
		t.Evidence[i].sum()
	}
	s.trials = append(s.trials, t)
	if t.Verdict == Invalid {
		return
	}
	last := &s.trials[len(s.trials)-1]
	if last.Verdict = conclude(t.Evidence, s.unrest(t.Rate)); t.Rising && last.Verdict == Pass {
		last.Verdict = Undecided
	}
}

// Trials returns all trials so far.
func (s *Search) Trials() []Trial { return s.trials }

// Next returns the trial to make when left is all the time there still is, and whether
// there is one worth making.
func (s *Search) Next(left time.Duration) (Step, bool) {
	b := s.bracket()
	if step, ok := s.climb(b); ok {
		return step, step.Length() <= left
	}
	soak, pending := s.soak(b)
	if s.goal.Soak > 0 {
		left -= s.hold(0).Length()
	}
	if step, ok := s.narrow(b); ok && step.Length() <= left {
		return step, true
	}
	return soak, pending && left >= 0
}

// climb returns the next probe on the way to a bracket: double the highest load that did
// not fail, or half the lowest that did if none is known to hold. A failure at the lowest
// rate of all, and a success at the generator's limit, are left to narrow, which looks more
// closely.
func (s *Search) climb(b bracket) (Step, bool) {
	switch {
	case b.upper != nil && b.lower != nil:
		return Step{}, false
	case b.upper != nil:
		rate := max(round(b.upper.rate/2), s.goal.Least)
		return s.probe(rate), rate < b.upper.rate && len(s.at(rate)) == 0
	case b.lower == nil:
		return s.probe(s.goal.Start), len(s.at(s.goal.Start)) == 0
	case s.goal.Most == 0:
		return s.probe(round(2 * b.lower.rate)), true
	}
	return s.probe(min(round(2*b.lower.rate), s.goal.Most)), b.lower.rate < s.goal.Most
}

// narrow returns a trial that says more about where the line is. Where several loads wait
// for theirs, chance takes one, so that a drift of the target does not look like an effect
// of the rate.
func (s *Search) narrow(b bracket) (Step, bool) {
	var rates []float64
	for _, l := range b.wanting(s.goal) {
		for range s.goal.Trials - l.valid {
			rates = append(rates, l.rate)
		}
	}
	if len(rates) == 0 {
		rate, ok := b.tighten(s.goal)
		if !ok {
			return Step{}, false
		}
		rates = append(rates, rate)
	}
	r := rand.New(rand.NewPCG(s.goal.Seed, uint64(len(s.trials)))) //nolint:gosec // an order, not a secret
	rate := rates[r.IntN(len(rates))]
	step := s.measure(rate)
	if s.judge(rate).sure(Fail) { // the samples are for a pass
		step = s.trial(rate, s.goal.Trial)
	}
	return step, true
}

// soak returns the soak of the lower bound if it has not had one, or of a load above it that
// only lacks a soak.
func (s *Search) soak(b bracket) (Step, bool) {
	switch {
	case s.goal.Soak == 0 || b.held == nil:
		return Step{}, false
	case b.next != nil:
		return s.hold(b.next.rate), true
	}
	return s.hold(b.held.rate), !b.held.soaked
}

func (s *Search) probe(rate float64) Step {
	return Step{Kind: Probe, Rate: rate, For: s.goal.Probe, Warm: s.goal.Probe / 4}
}

// measure returns a trial long enough for its samples.
func (s *Search) measure(rate float64) Step {
	need := time.Duration(float64(s.goal.Samples) / rate * float64(time.Second)).Round(100 * time.Millisecond)
	return s.trial(rate, max(s.goal.Trial, need))
}

func (s *Search) trial(rate float64, length time.Duration) Step {
	return Step{Kind: Measure, Rate: rate, For: length, Warm: min(length/4, longestWarmup)}
}

func (s *Search) hold(rate float64) Step {
	return Step{Kind: Soak, Rate: rate, For: s.goal.Soak, Warm: min(s.goal.Soak/4, longestWarmup)}
}

// longestWarmup is what goes before a trial at most: the target has been warm for long, and
// only has to get used to another rate.
const longestWarmup = 2 * time.Second

// at returns the trials at a rate.
func (s *Search) at(rate float64) (all []Trial) {
	for _, t := range s.trials {
		if t.Rate == rate {
			all = append(all, t)
		}
	}
	return all
}

// round keeps four digits of a rate, and of one below a thousand three decimals: easier to
// read and to ask for again.
func round(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-3)
	if unit < 1 {
		return math.Round(rate*1000) / 1000
	}
	return math.Round(rate/unit) * unit
}
