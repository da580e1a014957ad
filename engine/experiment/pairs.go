package experiment

import (
	"context"
	"math/rand/v2"
)

// Arm is one of the two that a comparison holds against each other.
type Arm string

// The arms.
const (
	Base      Arm = "base" // what is there
	Candidate Arm = "new"  // what may replace it
)

// Pairs is how a base and a candidate take turns: always both, one right after the other,
// and chance says which goes first. So what drifts on the machine meets both alike
// (randomised multiple interleaved trials; Abedi and Brecht, ICPE 2017).
type Pairs struct {
	First int // pairs before the first look at what they say
	More  int // pairs before each further look
	Most  int // pairs in all
	Seed  uint64
}

// Looks returns how often the pairs are looked at, at most. Who decides at each look, and
// not once, has to ask more of each.
func (p Pairs) Looks() int {
	if p.Most <= p.First {
		return 1
	}
	return 1 + (p.Most-p.First+p.More-1)/p.More
}

// Order returns the arms of a pair, which counts from 1, in their order. It depends on the
// seed and the number alone, so a comparison that was cut short goes on as it would have.
func (p Pairs) Order(pair int) [2]Arm {
	if rand.New(rand.NewPCG(p.Seed, uint64(pair))).IntN(2) == 0 { //nolint:gosec // an order, not a secret
		return [2]Arm{Base, Candidate}
	}
	return [2]Arm{Candidate, Base}
}

// Run runs pairs, of which done are there already, until settled says at a look that it is
// decided, or there were most. It returns how many pairs there are. The error is that of
// the run that failed, or the context's cause between two runs.
func (p Pairs) Run(ctx context.Context, done int, run func(ctx context.Context, pair int, arm Arm) error, settled func() bool) (pairs int, err error) {
	for pair := done; ; pair++ {
		if pair >= p.Most || p.look(pair) && settled() {
			return pair, nil
		}
		for _, arm := range p.Order(pair + 1) {
			if ctx.Err() != nil {
				return pair, context.Cause(ctx)
			}
			if err := run(ctx, pair+1, arm); err != nil {
				return pair, err
			}
		}
	}
}

// look reports whether to look after this many pairs.
func (p Pairs) look(pairs int) bool {
	return pairs >= p.First && (pairs-p.First)%p.More == 0
}
