package scenarios

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// origin is where a scenario came from, to read it again with other settings.
type origin struct {
	text     []byte
	settings []string
	quick    bool
}

// Quick returns the scenario in its quick form: with the values that it gives under
// quick. The error is a *ValueError if it has none.
func (s *Scenario) Quick() (*Scenario, error) {
	if !s.hasQuick {
		return nil, &ValueError{
			Msg:  fmt.Sprintf("scenario %s has no quick form", quote(s.Name)),
			Hint: "add  quick: {load[0].for: 2s}  to it, or run it without --quick",
		}
	}
	again := s.origin
	again.quick = true
	q, err := parse(s.from.file, s.from.files, again)
	if found, ok := errors.AsType[Problems](err); ok {
		return nil, found.Within("the quick form")
	}
	return q, err
}

// HasQuick reports whether the scenario gives a quick form.
func (s *Scenario) HasQuick() bool { return s.hasQuick }

// edit makes the tree that of one variant: its knobs go to the target, its variables and
// other values to where they belong.
func (d *decoder) edit(variant string) (do *yaml.Node) {
	n := valueOf(valueOf(d.root, "variants"), variant)
	d.pairs(n, "a variant", func(key, value *yaml.Node) {
		switch key.Value {
		case "do":
			do = value
		case "scenario":
			d.pairs(value, "scenario", func(path, value *yaml.Node) { d.place(path, value) })
		case "vars":
			d.pairs(value, "vars", func(name, value *yaml.Node) {
				d.place(&yaml.Node{Value: "vars." + name.Value, Line: name.Line, Column: name.Column}, value)
			})
		default:
			d.addKnob(key, value)
		}
	})
	return do
}

// place puts a value where the path says.
func (d *decoder) place(path, value *yaml.Node) {
	fail := func(msg, hint string) *Problem {
		return &Problem{File: d.file, Line: path.Line, Col: path.Column, Msg: msg, Hint: hint}
	}
	if p := d.put(path.Value, value, fail); p != nil {
		d.problems = append(d.problems, *p)
	}
}

// addKnob sets a knob of the reference target.
func (d *decoder) addKnob(key, value *yaml.Node) {
	target := valueOf(d.root, "target")
	if target == nil || target.Kind != yaml.MappingNode {
		d.problem(key, "other targets are changed by  do:, vars:  or  scenario:", "knob %s: the scenario does not use the reference target", quote(key.Value))
		return
	}
	set := valueOf(target, "set")
	if set == nil {
		set = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: target.Line, Column: target.Column}
		target.Content = append(target.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "set"}, set)
	}
	if slot := find(set, key.Value); slot >= 0 {
		set.Content[slot-1], set.Content[slot] = key, value // both, for the place in the file
		return
	}
	set.Content = append(set.Content, key, value)
}

// quicken sets the values of the quick form.
func (d *decoder) quicken() {
	if n := valueOf(d.root, "quick"); n != nil {
		d.pairs(n, "quick", d.place)
	}
}

// variants reads the scenario anew for each variant, and holds the claims against them.
func (s *Scenario) variants() error {
	var problems Problems
	for i := range s.Experiment.Variants {
		v := &s.Experiment.Variants[i]
		var err error
		if v.Scenario, v.Do, err = parseVariant(s.from.file, s.from.files, s.origin, v.Name); err != nil {
			found, ok := errors.AsType[Problems](err)
			if !ok {
				return err
			}
			problems = append(problems, found.Within("variant "+quote(v.Name))...)
			continue
		}
		problems = append(problems, s.bind(v)...)
	}
	if len(problems) == 0 && !s.Experiment.Fresh {
		problems = s.live()
	}
	return problems.OrNil()
}

// live finds knobs that one variant sets and another leaves alone: on a target that lives
// on, nobody would turn them back.
func (s *Scenario) live() (problems Problems) {
	setters := map[string][]string{} // knob to variants
	for _, v := range s.Experiment.Variants {
		for path := range v.Scenario.Target.Set {
			setters[path] = append(setters[path], v.Name)
		}
	}
	for path, with := range setters {
		without := slices.DeleteFunc(s.Experiment.names(), func(name string) bool { return slices.Contains(with, name) })
		if len(without) == 0 {
			continue
		}
		msg := fmt.Sprintf("in variant %s: knob %s is not set in variant %s", quote(with[0]), quote(path), quote(without[0]))
		spot := s.Experiment.Variant(with[0]).Scenario.Target.Spots[path]
		problems = append(problems, spot.Problem(msg, "with  fresh: false  every variant sets the same knobs"))
	}
	return problems
}

// bind holds the names in the claims against those of the variant.
func (s *Scenario) bind(v *Variant) (problems Problems) {
	for _, c := range s.Experiment.Claims {
		if err := c.Bind(v.Name, v.Scenario.legend); err != nil {
			p := Problem{File: s.from.file, Line: 1, Col: 1, Msg: fmt.Sprintf("claim %s: %s", c, err), Hint: hintOf(err)}
			if n := s.claimNodes[c.String()]; n != nil {
				p.Line, p.Col = n.Line, n.Column
			}
			problems = append(problems, p)
		}
	}
	return problems
}
