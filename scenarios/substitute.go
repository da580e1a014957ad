package scenarios

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Substitute is a load that takes the place of a scenario's own, so that its flows can be
// tried at another rate or with other users.
type Substitute struct {
	Rate        float64 // arrivals per second; 0: a closed load of Users
	Arrivals    string  // with Rate: constant or poisson
	MaxInFlight int     // with Rate; 0: the default
	Users       int
	For         time.Duration
	Seed        uint64 // 0: the scenario's
}

// Under returns the scenario under another load: one stream in which the flows have the
// shares that they have in the scenario. What goes with the scenario's own load is left
// out: budgets, events, figures and variants. The error is a *ValueError if the shares
// cannot be told.
func (s *Scenario) Under(sub Substitute) (*Scenario, error) {
	mix, err := s.mix()
	if err != nil {
		return nil, err
	}
	first := s.loads[0]
	l := &loadSpec{
		node: first.node, given: map[string]*yaml.Node{}, name: "load", flows: mix, connections: first.connections,
		maxInFlight: sub.MaxInFlight, shape: shape{speed: 1},
	}
	stage := stageSpec{node: first.node, name: "main", length: sub.For}
	if sub.Rate > 0 {
		l.arrivals = sub.Arrivals
		stage.fromRate, stage.toRate, stage.hasRate = sub.Rate, sub.Rate, true
	} else {
		stage.fromUsers, stage.toUsers, stage.hasUsers = sub.Users, sub.Users, true
	}
	l.stages = []stageSpec{stage}
	under := *s
	under.loads = []*loadSpec{l}
	under.budgets, under.Events, under.Figures, under.Experiment = nil, nil, nil, nil
	if sub.Seed != 0 {
		under.run.seed = sub.Seed
	}
	legend := *s.legend
	legend.Loads = nil
	legend.Loads = append(legend.Loads, l.legend())
	under.legend = &legend
	return &under, nil
}

// mix returns the flows of all loads, with their shares of the passes.
func (s *Scenario) mix() (flows []share, err error) {
	for _, l := range s.loads {
		weight := 1.0
		if len(s.loads) > 1 {
			if weight = l.meanRate(); weight <= 0 {
				return nil, &ValueError{
					Msg:  fmt.Sprintf("load %s has no rate that would tell its share beside the others", quote(l.name)),
					Hint: "a search takes open loads, or one load alone",
				}
			}
			if l.connections != s.loads[0].connections {
				return nil, &ValueError{
					Msg:  fmt.Sprintf("loads %s and %s use connections in different ways", quote(s.loads[0].name), quote(l.name)),
					Hint: "a search has one stream of requests: give both the same  connections:",
				}
			}
		}
		var sum float64
		for _, f := range l.flows {
			sum += f.weight
		}
		for _, f := range l.flows {
			f.weight *= weight / sum
			flows = append(flows, f)
		}
	}
	return flows, nil
}

// meanRate is the planned arrivals of an open load over its length, per second; 0 of a
// closed one.
func (l *loadSpec) meanRate() float64 {
	var arrivals, length float64
	for _, s := range l.legend().Stages {
		span := (s.To - s.From).Seconds()
		arrivals += s.Planned * span
		length += span
	}
	if length == 0 {
		return 0
	}
	return arrivals / length
}

// Budgets returns the scenario's budgets in canonical form.
func (s *Scenario) Budgets() (all []string) {
	for _, b := range s.budgets {
		all = append(all, b.String())
	}
	return all
}

// CallsPerPass returns how many requests a pass makes on average.
func (s *Scenario) CallsPerPass() float64 {
	mix, err := s.mix()
	if err != nil {
		return 1
	}
	var calls, weights float64
	for _, m := range mix {
		for _, f := range s.flows {
			if f.name == m.flow {
				calls += m.weight * float64(len(f.calls()))
			}
		}
		weights += m.weight
	}
	return max(calls/weights, 1)
}
