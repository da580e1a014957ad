package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/engine/flow"
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
		s.eachRequest("every request has a latency budget", "- p99(NAME) < 200ms  under budgets", func(c *callSpec) bool {
			return s.promised(c, (*budget.Budget).Limits)
		}),
		s.eachRequest("every request has an error budget", "- errors < 0.1%  under budgets, for all of them", func(c *callSpec) bool {
			return s.promised(c, (*budget.Budget).LimitsErrors)
		}),
		s.eachRequest("every request has a timeout", "timeout: 1s  beside the request, or under defaults for all of them", func(c *callSpec) bool {
			return c.Timeout != flow.Timeouts{} || s.run.defaults.timeout != flow.Timeouts{}
		}),
		s.eachRequest("every request has a named owner", "owner: TEAM  beside the request", func(c *callSpec) bool { return c.labels.Owner != "" }),
		s.eachRequest("every request has a tier", "tier: critical  beside the request", func(c *callSpec) bool { return c.labels.Tier != "" }),
		s.eachRequest("every answer is checked", "check: status == 200  beside the request", func(c *callSpec) bool { return len(c.Checks) > 0 }),
		s.eachLoad("every open load says how much may be in flight", "max_in_flight: 500  in the load", func(l *loadSpec) bool {
			return l.arrivals == "" || l.given["max_in_flight"] != nil
		}),
		s.whole("a run that goes wrong stops by itself", "errors < 50% over 5s abort  under budgets", func() bool {
			return slices.ContainsFunc(s.budgets, (*budget.Budget).Aborts)
		}),
		s.whole("there is an error budget over a window", "slos:, with an objective and a window", func() bool { return len(s.slos) > 0 }),
	}
}

// promised reports whether a budget of a kind is about the request.
func (s *Scenario) promised(c *callSpec, kind func(*budget.Budget) bool) bool {
	return slices.ContainsFunc(s.budgets, func(b *budget.Budget) bool { return kind(b) && b.About(s.legend, c.Index) })
}

// eachRequest asks something of every request, once for each name.
func (s *Scenario) eachRequest(asks, hint string, done func(*callSpec) bool) Item {
	item := Item{Asks: asks, Hint: hint, Missing: []string{}}
	var seen []string
	for _, f := range s.flows {
		for _, c := range f.calls() {
			if slices.Contains(seen, c.Name) {
				continue
			}
			if seen = append(seen, c.Name); !done(c) {
				item.Missing = append(item.Missing, s.at(c.node.Line, c.node.Column, c.Name))
			}
		}
	}
	return item
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
