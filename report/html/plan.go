package html

import (
	"fmt"
	"io"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/report"
)

// Plan writes the page of a plan: the number of nodes and what decides it, every constraint,
// how the fleet stands after losses, what would change the answer, and what it rests on.
func Plan(w io.Writer, p *report.Plan) error { return Write(w, planPage(p)) }

func planPage(p *report.Plan) *Page {
	title := p.Basis.Scenario
	if title == "" {
		title = "Nodes for a demand"
	}
	return &Page{
		Title: title, Kind: "Plan", Banner: planBanner(p),
		Sections: []Section{
			{ID: "constraints", Title: "Constraints", Blocks: constraintBlocks(p)},
			{ID: "states", Title: "At the peak", Blocks: stateBlocks(p.States)},
			{ID: "simulated", Title: "Simulated", Blocks: planCheckBlocks(p.Checks)},
			{ID: "sensitivity", Title: "What would change the answer", Short: "Sensitivity", Blocks: sensitivityBlocks(p.Sensitivity)},
			{ID: "autoscaler", Title: "Kubernetes autoscaler", Short: "Autoscaler", Blocks: autoscalerBlocks(&p.Autoscaler)},
			{ID: "basis", Title: "Rests on", Blocks: listBlocks(p.Notes)},
		},
		Footer: "This page is complete in itself and asks nothing of a network.",
	}
}

func planBanner(p *report.Plan) Banner {
	b := Banner{
		Word: plural(p.Nodes, "node"), Tone: Good,
		Text: fmt.Sprintf("for %s at the peak; what decides is: %s", rateText(p.Peak), p.Binding),
		Facts: []Fact{
			{Name: "Peak", Value: rateText(p.Peak), Note: fmt.Sprintf("demand of %s with growth of %s", rateText(p.Need.Demand), report.FormatShare(p.Need.Growth))},
			{Name: "Each carries", Value: rateText(p.Need.Lower), Note: p.Basis.Kind},
			{Name: "Headroom", Value: report.FormatShare(p.Need.Headroom)},
			{Name: "Spare", Value: fmt.Sprint(p.Need.Spare), Note: "nodes that may be lost"},
		},
	}
	if p.Basis.SLO != "" {
		b.Facts = append(b.Facts, Fact{Name: "Promises", Value: p.Basis.SLO})
	}
	if !p.Basis.Measured.IsZero() {
		b.Facts = append(b.Facts, Fact{Name: "Measured", Value: p.Basis.Measured.UTC().Format(time.DateOnly)})
	}
	if c := p.Cost; c != nil {
		b.Facts = append(b.Facts, Fact{Name: "A month", Value: c.Money(c.Month), Note: c.Money(c.Node) + " a node"})
	}
	for _, c := range p.Checks {
		if c.Promise == "broken" {
			b.Tone = Bad
			b.Reasons = append(b.Reasons, "in the simulation, "+c.Name+": "+c.About)
		}
	}
	return b
}

func constraintBlocks(p *report.Plan) []Block {
	t := &Table{Caption: "Each alone; the largest decides", Columns: []Column{{Name: "constraint"}, {Name: "nodes", Numeric: true}, {Name: "decides"}, {Name: "because"}}}
	for _, c := range p.Constraints {
		mark := Cell{}
		if c.Name == p.Binding {
			mark = Cell{Text: "← this one", Tone: Good}
		}
		t.Rows = append(t.Rows, Row{{Text: c.Name}, countCell(uint64(max(c.Nodes, 0))), mark, {Text: c.Why}})
	}
	return []Block{{Table: t}}
}

func stateBlocks(states []capacity.State) []Block {
	if len(states) == 0 {
		return nil
	}
	t := &Table{Caption: "How busy the nodes are", Sortable: true, Columns: append([]Column{{Name: "when"}}, numeric("nodes", "each", "of its line")...)}
	for _, s := range states {
		t.Rows = append(t.Rows, Row{{Text: s.Name}, countCell(uint64(max(s.Nodes, 0))), rateCell(s.Each), shareCell(s.Utilisation)})
	}
	return []Block{{Table: t}}
}

func planCheckBlocks(checks []report.PlanCheck) []Block {
	if len(checks) == 0 {
		return nil
	}
	t := &Table{Caption: "What a simulation of the plan showed", Columns: []Column{{Name: "when"}, {Name: "nodes", Numeric: true}, {Name: "promise"}, {Name: "seen"}}}
	for _, c := range checks {
		word, tone := c.Promise, map[string]Tone{"kept": Good, "broken": Bad}[c.Promise]
		if word == "open" {
			word, tone = "on the edge", Warn
		}
		t.Rows = append(t.Rows, Row{{Text: c.Name}, countCell(uint64(max(c.Nodes, 0))), {Text: word, Tone: tone}, {Text: c.About}})
	}
	return []Block{{Table: t}}
}

func sensitivityBlocks(changes []capacity.Change) []Block {
	if len(changes) == 0 {
		return nil
	}
	t := &Table{Caption: "One thing changed at a time", Sortable: true, Columns: append([]Column{{Name: "if"}}, numeric("nodes", "more or less")...)}
	t.Columns = append(t.Columns, Column{Name: "decides"})
	for _, c := range changes {
		t.Rows = append(t.Rows, Row{{Text: c.What}, countCell(uint64(max(c.Nodes, 0))), valueCell(fmt.Sprintf("%+d", c.More), float64(c.More)), {Text: c.Binding}})
	}
	return []Block{{Table: t}}
}

func autoscalerBlocks(a *capacity.Autoscaler) []Block {
	return []Block{{Text: fmt.Sprintf("Hold %s per pod, %s of what it carries: pods = ⌈current × metric ÷ target⌉, and nothing is done up to %s (10 %% tolerance). plimsoll plan -o hpa=PATH writes the manifest.",
		rateText(a.AverageValue), report.FormatShare(a.Utilisation), rateText(a.Tolerated))}}
}
