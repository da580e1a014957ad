package cmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"plimsoll/scenarios"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
	"plimsoll/targets/topology"
)

// inspection holds what scenarios ask of the reference target against what that can do,
// before anything is started. A mistake is said once, however many variants share it.
type inspection struct {
	problems scenarios.Problems
	seen     map[scenarios.Problem]bool
}

// scenario inspects one, and its variants; part is what it is of the file, empty for all.
func (i *inspection) scenario(s *scenarios.Scenario, part ...string) {
	i.conditions(s, nil, part)
	if s.Experiment == nil {
		return
	}
	for _, v := range s.Experiment.Variants {
		i.conditions(v.Scenario, v.Do, append(slices.Clone(part), "variant "+strconv.Quote(v.Name)))
	}
}

// conditions inspects the knobs of the target, and what is done to it before and during
// the load.
func (i *inspection) conditions(s *scenarios.Scenario, do []scenarios.Action, part []string) {
	if s.Target.Reference == "" {
		return
	}
	set := maps.Clone(s.Target.Set)
	if set == nil {
		set = map[string]string{}
	}
	cfg := i.load(s.Target.Reference, set, s.Target.Spots, part)
	if cfg == nil {
		return
	}
	actions := slices.Clone(do)
	for _, e := range s.Events {
		actions = append(actions, e.Action)
	}
	targets := cfg.FaultTargets()
	for _, a := range actions {
		targets = append(targets, i.turn(s.Target.Reference, set, a, part)...)
	}
	slices.Sort(targets)
	targets = slices.Compact(targets)
	for _, a := range actions {
		i.fault(a, targets, part)
	}
}

// turn inspects the knobs of an action on a target with knobs set, and leaves them there if
// they stay. It returns what faults can be aimed at then.
func (i *inspection) turn(preset string, set map[string]string, a scenarios.Action, part []string) []string {
	if len(a.Knobs) == 0 {
		return nil
	}
	turned := maps.Clone(set)
	maps.Copy(turned, a.Knobs)
	cfg := i.load(preset, turned, a.Spots, part)
	if cfg == nil {
		return nil
	}
	if a.For == 0 {
		maps.Copy(set, turned)
	}
	return cfg.FaultTargets()
}

// load returns the topology with the knobs set, without those that are wrong, which it takes
// out of set; nil if they are good one by one and do not fit together.
func (i *inspection) load(preset string, set map[string]string, spots map[string]scenarios.Spot, part []string) *topology.Config {
	for {
		cfg, err := topology.Load(preset, settingsOf(set)...)
		if err == nil {
			return cfg
		}
		p, ok := knobProblem(err)
		if !ok {
			p = knob.Problem{Msg: err.Error()}
		}
		msg := "the knobs of the target: " + p.Msg
		if p.Path != "" {
			msg = "knob " + p.Path + ": " + p.Msg
		}
		_, one := set[p.Path]
		if !one {
			p.Path = cmp.Or(culprit(preset, set), p.Path)
		}
		i.report(spotOf(spots, p.Path).Problem(msg, p.Hint), part)
		if !one {
			return nil
		}
		delete(set, p.Path)
	}
}

// culprit returns the first knob without which the others fit together, empty if there is
// none.
func culprit(preset string, set map[string]string) string {
	for _, path := range slices.Sorted(maps.Keys(set)) {
		others := maps.Clone(set)
		delete(others, path)
		if _, err := topology.Load(preset, settingsOf(others)...); err == nil {
			return path
		}
	}
	return ""
}

// fault inspects the fault of an action, if it is one.
func (i *inspection) fault(a scenarios.Action, targets, part []string) {
	if a.Fault == nil {
		return
	}
	var f fault.Fault
	err := json.Unmarshal(a.Fault, &f)
	if err == nil {
		err = fault.Check(f, targets)
	}
	if err == nil {
		return
	}
	p, ok := errors.AsType[knob.Problem](err)
	if !ok {
		p.Msg = err.Error()
	}
	msg := "fault: " + p.Msg
	if p.Path != "" {
		msg = "fault: " + p.Path + ": " + p.Msg
	}
	i.report(spotOf(a.Spots, p.Path).Problem(msg, p.Hint), part)
}

// spotOf returns where a path was written, else where the first below it was, else where
// the whole stands.
func spotOf(spots map[string]scenarios.Spot, path string) scenarios.Spot {
	if spot, ok := spots[path]; ok {
		return spot
	}
	for _, below := range slices.Sorted(maps.Keys(spots)) {
		if path != "" && strings.HasPrefix(below, path+".") {
			return spots[below]
		}
	}
	return spots[""]
}

func (i *inspection) report(p scenarios.Problem, part []string) {
	if i.seen[p] {
		return
	}
	if i.seen == nil {
		i.seen = map[scenarios.Problem]bool{}
	}
	i.seen[p] = true
	found := scenarios.Problems{p}
	for _, name := range slices.Backward(part) {
		found = found.Within(name)
	}
	i.problems = append(i.problems, found...)
}
