package html_test

import (
	"io"
	"testing"

	"plimsoll/engine/capacity"
	"plimsoll/report"
	"plimsoll/report/html"
)

func ofPlan(t *testing.T) (func(io.Writer) error, points) {
	need := capacity.Need{Lower: 508, Demand: 100_000, Growth: 0.2, Headroom: 0.2, Spare: 2, Zones: 3}
	s, err := need.Size()
	if err != nil {
		t.Fatal(err)
	}
	names := hostileNames()
	p := &report.Plan{
		Schema: report.PlanSchema, Sizing: *s, Need: need, Basis: report.Basis{Kind: report.Measured, Scenario: names[0], SLO: names[1]},
		States:      []capacity.State{{Name: "all nodes up", Nodes: s.Nodes, Each: 300, Utilisation: 0.6}},
		Sensitivity: []capacity.Change{{What: "demand 10% higher", Nodes: s.Nodes + 20, More: 20, Binding: "zones"}},
		Cost:        &report.Cost{Currency: "€", Node: 40, Month: 40 * float64(s.Nodes)},
		Checks:      []report.PlanCheck{{Name: "one zone lost", Nodes: s.Serving, Promise: "broken", About: names[2]}}, Notes: names,
	}
	return func(w io.Writer) error { return html.Plan(w, p) }, nil
}
