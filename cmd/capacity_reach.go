package cmd

import (
	"context"
	"errors"
	"time"

	"plimsoll/engine"
	"plimsoll/scenarios"
)

// selfTest is what the generator does by itself, against a server that does nothing.
type selfTest struct {
	reach float64       // requests per second
	floor time.Duration // what one request takes by itself
}

// test measures the generator against a server that does nothing, in a process of its own. A
// target needs more processor time, so the reach is more than a trial can have beside one
// on the same machine; the trials themselves say when the generator is the limit.
func (r *rig) test(ctx context.Context) (_ selfTest, err error) {
	address, stop, err := startNull(ctx)
	if err != nil {
		return selfTest{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s, err := scenarios.Hit{URL: "http://" + address}.Scenario()
	if err != nil {
		return selfTest{}, err
	}
	self := &rig{scenario: s, options: scenarios.Options{FileLimit: r.options.FileLimit}}
	// Now and then one, as in a target that takes some time: what it costs to wake up for an
	// answer is a part of it.
	alone, err := self.answered(ctx, scenarios.Substitute{Rate: 200, Arrivals: "constant", For: reachTime})
	if err != nil {
		return selfTest{}, err
	}
	many, err := self.answered(ctx, scenarios.Substitute{Users: 32, For: reachTime})
	if err != nil {
		return selfTest{}, err
	}
	return selfTest{reach: float64(many.Count()) / reachTime.Seconds(), floor: alone.Service.Quantile(0.5)}, nil
}

// answered returns the good answers under a load.
func (r *rig) answered(ctx context.Context, load scenarios.Substitute) (*engine.Cell, error) {
	p, err := r.plan(load)
	if err != nil {
		return nil, err
	}
	defer p.Close() //nolint:errcheck // no data files
	total, err := engine.Run(ctx, p.Plan, func(*engine.Snapshot) {})
	if err != nil {
		return nil, err
	}
	return total.Select(func(k engine.Key) bool { return k.Outcome == engine.OK }), nil
}

const reachTime = 700 * time.Millisecond
