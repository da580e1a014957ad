package cmd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"plimsoll/scenarios"
	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
)

// checkLive refuses variants that one target cannot be in turn: those of two presets, and
// those that differ in what a target heeds only when its workers start.
func checkLive(s *scenarios.Scenario) error {
	const hint = "with  fresh: true  every run gets a target of its own"
	first := s.Experiment.Variants[0]
	was, err := topologyOf(first.Scenario.Target)
	if err != nil {
		return err
	}
	for _, v := range s.Experiment.Variants[1:] {
		if one, other := first.Scenario.Target.Reference, v.Scenario.Target.Reference; one != other {
			return usageError(hint, "variants %s and %s need different targets, %s and %s, and  fresh: false  has one for both", first.Name, v.Name, one, other)
		}
		is, err := topologyOf(v.Scenario.Target)
		if err != nil {
			return err
		}
		for _, c := range knob.Diff(was, is) {
			if c.Restart {
				return usageError(hint, "variants %s and %s differ in %s, which takes effect in new workers only", first.Name, v.Name, c.Path)
			}
		}
	}
	return nil
}

func topologyOf(t scenarios.Target) (*topology.Config, error) {
	c, err := topology.Load(t.Reference, settingsOf(t.Set)...)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	return c, nil
}

// putBack makes a target that lives on what the next run expects to find: no change is
// still to come, no fault is under way, every knob is as t says, and all workers serve.
// What the runs before have left in caches and stores stays.
func (c *control) putBack(ctx context.Context, t scenarios.Target) error {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	topology, err := topologyOf(t)
	if err != nil {
		return err
	}
	if err := c.cancelPending(ctx); err != nil {
		return err
	}
	if err := c.send(ctx, scenarios.Action{Method: http.MethodDelete, URL: "/faults"}); err != nil {
		return err
	}
	var now struct{ Knobs []knob.Setting }
	if err := c.ask(ctx, "/knobs", &now); err != nil {
		return err
	}
	was, turned, workers := map[string]string{}, map[string]string{}, ""
	for _, s := range now.Knobs {
		was[s.Path] = s.Value
	}
	for _, s := range knob.Settings(topology) {
		if was[s.Path] != s.Value {
			turned[s.Path] = s.Value
		}
		if s.Path == "cluster.workers" {
			workers = s.Value
		}
	}
	if err := c.turn(ctx, turned, 0); err != nil {
		return err
	}
	return c.awaitWorkers(ctx, workers)
}

// cancelPending drops all changes of knobs that are still to come.
func (c *control) cancelPending(ctx context.Context) error {
	for {
		var pending []knob.Pending
		if err := c.ask(ctx, "/knobs/pending", &pending); err != nil || len(pending) == 0 {
			return err
		}
		for _, p := range pending {
			drop := scenarios.Action{Method: http.MethodDelete, URL: "/knobs/pending/" + strconv.Itoa(p.ID)}
			c.send(ctx, drop) //nolint:errcheck // it may have come meanwhile; the list tells
		}
	}
}

// begin has the target count anew, so that its truth is that of one run.
func (c *control) begin(ctx context.Context, run string) error {
	if c.admin == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	if err := c.send(ctx, scenarios.Action{Method: http.MethodPost, URL: "/epoch?name=" + url.QueryEscape(run)}); err != nil {
		return fmt.Errorf("have the target count anew: %w", err)
	}
	return nil
}
