package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (s *Scenario) explainEvents(b *strings.Builder) {
	if len(s.Events) == 0 {
		return
	}
	var rows [][]string
	for _, e := range s.Events {
		at := e.At.String()
		if e.When != "" {
			at = e.When + " + " + at
		}
		what := e.String()
		if e.For > 0 {
			what += " for " + e.For.String()
		}
		rows = append(rows, []string{at, what})
	}
	fmt.Fprintln(b, "\nevents")
	table(b, rows)
}

func (s *Scenario) explainExperiment(b *strings.Builder) {
	e := s.Experiment
	if e == nil {
		return
	}
	var rows [][]string
	for _, v := range e.Variants {
		var parts []string
		for _, path := range slices.Sorted(maps.Keys(v.Scenario.Target.Set)) {
			if value := v.Scenario.Target.Set[path]; s.Target.Set[path] != value {
				parts = append(parts, path+"="+value)
			}
		}
		for _, path := range slices.Sorted(maps.Keys(v.Values)) {
			parts = append(parts, path+"="+v.Values[path])
		}
		for _, a := range v.Do {
			parts = append(parts, a.String())
		}
		rows = append(rows, []string{v.Name, strings.Join(parts, " ")})
	}
	fmt.Fprintln(b, "\nvariants")
	table(b, rows)
	target := "one target whose knobs are turned and whose caches and stores stay as they are"
	if e.Fresh {
		target = "a new target for each run"
	}
	fmt.Fprintf(b, "\n  in the order %s; %s; at most %s\n", strings.Join(e.Order, ", "), target, plural(e.Rounds, "round"))
	fmt.Fprintln(b, "\nclaims")
	for _, c := range e.Claims {
		fmt.Fprintf(b, "  %s\n", c)
	}
	if a := s.Article; a != nil {
		fmt.Fprintf(b, "\narticle, section %s\n  %s\n", a.Section, a.Says)
	}
}
