package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// defaultWindow is what an SLO speaks of if its author says nothing.
const defaultWindow = 30 * 24 * time.Hour

// slos decodes the service level objectives and holds them against the run as planned.
func (d *decoder) slos(n *yaml.Node, legend *engine.Legend) (slos []*budget.SLO) {
	seen := map[string]bool{}
	d.items(n, func(item *yaml.Node) {
		before := len(d.problems)
		s := d.slo(item)
		if s.Name != "" && seen[s.Name] {
			d.problem(item, "give one of them another name", "two SLOs are named %s", quote(s.Name))
		}
		seen[s.Name] = true
		if len(d.problems) == before && legend != nil {
			d.checkSLO(item, s, legend)
		}
		slos = append(slos, s)
	})
	return slos
}

func (d *decoder) slo(n *yaml.Node) *budget.SLO {
	s := &budget.SLO{Window: defaultWindow, Scale: 1}
	before := len(d.problems)
	isObject := d.object(n, "slo", fields{
		"name":      func(n *yaml.Node) { s.Name = d.name(n, "the name of an SLO") },
		"objective": func(n *yaml.Node) { s.Objective = value(d, n, "objective", budget.ParseShare) },
		"request": func(n *yaml.Node) {
			d.items(n, func(n *yaml.Node) { s.Requests = append(s.Requests, d.name(n, "a request")) })
		},
		"within":   func(n *yaml.Node) { s.Within = d.span(n, "within") },
		"window":   func(n *yaml.Node) { s.Window = value(d, n, "window", budget.ParsePeriod) },
		"scale":    func(n *yaml.Node) { s.Scale = value(d, n, "scale", budget.ParseScale) },
		"burn":     func(n *yaml.Node) { s.Gates = d.gates(n) },
		"downtime": func(n *yaml.Node) { s.Price = value(d, n, "downtime", budget.ParsePrice) },
	})
	switch {
	case !isObject || len(d.problems) > before:
	case s.Name == "":
		d.problem(n, "add  name: checkout works", "the SLO has no name")
	case valueOf(n, "objective") == nil:
		d.problem(n, "add  objective: 99.9%", "SLO %s has no objective", quote(s.Name))
	}
	if valueOf(n, "burn") == nil {
		s.Gates = budget.DefaultGates()
	}
	return s
}

func (d *decoder) gates(n *yaml.Node) (gates []budget.Gate) {
	d.items(n, func(n *yaml.Node) { gates = append(gates, value(d, n, "a gate", budget.ParseGate)) })
	if len(gates) == 0 {
		d.problem(n, "leave burn out for the usual gates, or write  burn: 1/run", "the SLO has no gates")
	}
	return gates
}

// checkSLO finds names that the run does not have, and gates that cannot do what they
// should.
func (d *decoder) checkSLO(n *yaml.Node, s *budget.SLO, legend *engine.Legend) {
	at := n
	if v := valueOf(n, "request"); v != nil {
		at = v
		for i, item := range v.Content {
			if one := (&budget.SLO{Requests: s.Requests[i : i+1]}); one.Bind(legend) != nil {
				at = item
			}
		}
	}
	if err := s.Bind(legend); err != nil {
		d.report(at, err)
		return
	}
	at = n
	for _, key := range []string{"objective", "scale", "burn"} {
		if v := valueOf(n, key); v != nil {
			at = v
		}
	}
	d.report(at, s.Possible(legend, interval, valueOf(n, "burn") != nil))
}

// explainSLOs writes what is promised about error budgets.
func (s *Scenario) explainSLOs(b *strings.Builder) {
	for _, slo := range s.slos {
		fmt.Fprintf(b, "\nslo %s\n", slo.Name)
		writeWrapped(b, slo.String())
		rows := [][]string{{"gate", "burn", "errors", "windows of the run", "spends"}}
		for _, g := range slo.Gates {
			rows = append(rows, gateRow(slo, g))
		}
		table(b, rows)
		if slices.ContainsFunc(slo.Gates, func(g budget.Gate) bool { return g.Guard }) {
			writeWrapped(b, "The run is too short for the windows of a guard: it can fire, but not be kept.")
		}
		if slo.Price != nil {
			writeWrapped(b, "Downtime costs "+slo.Price.String()+".")
		}
	}
}

// gateRow tells of a gate what it takes to fire, and what is then spent of the error budget.
func gateRow(s *budget.SLO, g budget.Gate) []string {
	row := []string{g.String(), fmt.Sprintf("%.4g", g.Burn), fmt.Sprintf("%.3g%%", 100*g.Burn*s.Allowed()), "all", "–"}
	if g.Long > 0 {
		row[3] = s.InRun(g.Long).Round(time.Millisecond).String() + " and " + s.InRun(g.Short).Round(time.Millisecond).String()
		row[4] = fmt.Sprintf("%.3g%%", 100*g.Burn*g.Long.Seconds()/s.Window.Seconds())
	}
	if g.Guard {
		row[0] += " (guard)"
	}
	return row
}
