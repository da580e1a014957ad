package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/report/budget"
)

// Item is a line of the release checklist.
type Item struct {
	Asks    string   `json:"asks"`    // what has to be so
	Missing []string `json:"missing"` // where it is not, with file and line; empty: done
	Hint    string   `json:"hint,omitempty"`
}

// Done reports whether nothing is missing.
func (i Item) Done() bool { return len(i.Missing) == 0 }

// Checklist returns what a scenario should say before a release rests on it: a promise, a
// time limit, somebody who answers for each request, and bounds for when it goes wrong.
func (s *Scenario) Checklist() []Item {
	return []Item{
		s.eachRequest("every request has a latency budget", "- p99(NAME) < 200ms  under budgets", func(c *callSpec, loads []int) bool {
			return s.promised(c, loads, (*budget.Budget).Limits)
		}),
		s.eachRequest("every request has an error budget", "- errors < 0.1%  under budgets, for all of them", func(c *callSpec, loads []int) bool {
			return s.promised(c, loads, (*budget.Budget).LimitsErrors)
		}),
		s.eachRequest("every request has a timeout", "timeout: 1s  beside the request, or under defaults for all of them", func(c *callSpec, _ []int) bool {
			return c.Timeout.Total > 0 || s.run.defaults.timeout.Total > 0 // the others leave an answer that trickles
		}),
		s.eachRequest("every request has a named owner", "owner: TEAM  beside the request", func(c *callSpec, _ []int) bool { return c.labels.Owner != "" }),
		s.eachRequest("every request has a tier", "tier: critical  beside the request", func(c *callSpec, _ []int) bool { return c.labels.Tier != "" }),
		s.eachRequest("every answer is checked", "check: status == 200  beside the request", func(c *callSpec, _ []int) bool { return len(c.Checks) > 0 }),
		s.eachLoad("every open load says how much may be in flight", "max_in_flight: 500  in the load", func(l *loadSpec) bool {
			return l.arrivals == "" || l.given["max_in_flight"] != nil
		}),
		s.whole("a run that goes wrong stops by itself", "errors < 50% over 5s abort  under budgets", func() bool {
			return slices.ContainsFunc(s.budgets, (*budget.Budget).Aborts) || slices.ContainsFunc(s.slos, (*budget.SLO).Aborts)
		}),
		s.whole("there is an error budget over a window", "slos:, with an objective and a window", func() bool { return len(s.slos) > 0 }),
	}
}

// promised reports whether a budget of a kind is about the request in one of the loads.
func (s *Scenario) promised(c *callSpec, loads []int, kind func(*budget.Budget) bool) bool {
	return slices.ContainsFunc(s.budgets, func(b *budget.Budget) bool { return kind(b) && b.About(s.legend, c.Index, loads) })
}

// eachRequest asks something of every request, with the loads that make it; of one that
// stands in several places wherever it does, and names it once.
func (s *Scenario) eachRequest(asks, hint string, done func(c *callSpec, loads []int) bool) Item {
	item := Item{Asks: asks, Hint: hint, Missing: []string{}}
	var named []string
	for _, f := range s.flows {
		loads := s.loadsOf(f)
		for _, c := range f.calls() {
			if !done(c, loads) && !slices.Contains(named, c.Name) {
				named = append(named, c.Name)
				item.Missing = append(item.Missing, s.at(c.node.Line, c.node.Column, c.Name))
			}
		}
	}
	return item
}

// loadsOf returns the loads that go through the flow, by their index.
func (s *Scenario) loadsOf(f *flowSpec) (loads []int) {
	for i, l := range s.loads {
		if slices.ContainsFunc(l.flows, func(x share) bool { return x.flow == f.name }) {
			loads = append(loads, i)
		}
	}
	return loads
}

func (s *Scenario) eachLoad(asks, hint string, done func(*loadSpec) bool) Item {
	item := Item{Asks: asks, Hint: hint, Missing: []string{}}
	for _, l := range s.loads {
		if !done(l) {
			item.Missing = append(item.Missing, s.at(l.node.Line, l.node.Column, l.name))
		}
	}
	return item
}

func (s *Scenario) whole(asks, hint string, done func() bool) Item {
	item := Item{Asks: asks, Hint: hint, Missing: []string{}}
	if !done() {
		item.Missing = append(item.Missing, s.from.file)
	}
	return item
}

// at is a place in the scenario's file, and what is there.
func (s *Scenario) at(line, column int, name string) string {
	return strings.TrimSpace(fmt.Sprintf("%s:%d:%d: %s", s.from.file, line, column, name))
}
