// Package experiment runs the variants of a scenario in turn and does things to the target
// while the load runs. An Order says which variant runs when, a Timeline what happens
// meanwhile and when; what a run is, what is done and when a claim is decided come in as
// functions. It measures nothing, judges nothing and knows no target.
package experiment

import "context"

// Order is the turns that variants take.
type Order struct {
	Round []string // names of the variants in the order of one round, such as off, on, off
	Most  int      // rounds, at least 1
}

// Turn is one run of one variant.
type Turn struct {
	Variant string
	Number  int  // counts the runs from 1
	Round   int  // counts the rounds from 1
	Last    bool // the last one of its round
}

// Run takes the turns of one round after the other until settled says that nothing is
// open any more, or there were most rounds. It returns how many rounds were whole. The
// error is that of the run that failed, or the context's cause between two runs.
func (o Order) Run(ctx context.Context, run func(context.Context, Turn) error, settled func() bool) (rounds int, err error) {
	number := 0
	for rounds < o.Most && (rounds == 0 || !settled()) {
		for i, variant := range o.Round {
			if ctx.Err() != nil {
				return rounds, context.Cause(ctx)
			}
			number++
			if err := run(ctx, Turn{variant, number, rounds + 1, i == len(o.Round)-1}); err != nil {
				return rounds, err
			}
		}
		rounds++
	}
	return rounds, nil
}
