package text

import (
	"fmt"
	"io"

	"plimsoll/report"
)

// Plan writes how many nodes a demand needs: the number and what decides it, every
// constraint, how the fleet stands after losses, and what the answer rests on.
func Plan(w io.Writer, plan *report.Plan, opt Options) error {
	p := newPrinter(w, opt)
	planHead(p, plan)
	planConstraints(p, plan)
	planStates(p, plan)
	planChecks(p, plan)
	planSensitivity(p, plan)
	p.section("Kubernetes autoscaler")
	a := plan.Autoscaler
	p.wrapped("", plain, fmt.Sprintf("hold %s/s per pod, %s of what it carries: pods = ⌈current × metric ÷ target⌉, and nothing is done up to %s/s (10%% tolerance)",
		report.FormatNumber(a.AverageValue), report.FormatShare(a.Utilisation), report.FormatNumber(a.Tolerated)))
	p.section("Rests on")
	for _, n := range plan.Notes {
		p.wrapped("  · ", plain, clean(n))
	}
	return p.err
}

func planHead(p *printer, plan *report.Plan) {
	const mark = "PLAN  "
	p.wrapped(mark, green, fmt.Sprintf("%s for %s/s at the peak; what decides is: %s", nodeCount(plan.Nodes), report.FormatNumber(plan.Peak), plan.Binding))
	about := fmt.Sprintf("each carries %s/s", report.FormatNumber(plan.Need.Lower))
	if plan.Basis.SLO != "" {
		about += " within " + clean(plan.Basis.SLO)
	}
	p.wrapped("      ", plain, about+" ("+plan.Basis.Kind+")")
	if c := plan.Cost; c != nil {
		p.wrapped("      ", plain, fmt.Sprintf("%s a month, at %s a node", c.Money(c.Month), c.Money(c.Node)))
	}
}

func planConstraints(p *printer, plan *report.Plan) {
	p.line("")
	t := table{columns: []column{{title: "constraint", left: true}, {title: "nodes"}, {title: "", left: true}, {title: "because", left: true, flex: true}}}
	for _, c := range plan.Constraints {
		mark, s := "", plain
		if c.Name == plan.Binding {
			mark, s = "← decides", bold
		}
		t.add(cell{text: c.Name, style: s}, cell{text: report.FormatCount(uint64(c.Nodes)), style: s}, cell{text: mark, style: s}, cell{text: c.Why})
	}
	t.write(p)
}

func planStates(p *printer, plan *report.Plan) {
	p.line("")
	t := table{columns: []column{{title: "at the peak", left: true}, {title: "nodes"}, {title: "each"}, {title: "of its line"}}}
	for _, s := range plan.States {
		t.add(cell{text: s.Name}, cell{text: report.FormatCount(uint64(s.Nodes))}, cell{text: report.FormatNumber(s.Each) + "/s"}, cell{text: report.FormatShare(s.Utilisation)})
	}
	t.write(p)
}

func planChecks(p *printer, plan *report.Plan) {
	if len(plan.Checks) == 0 {
		return
	}
	p.section("Simulated")
	t := table{columns: []column{{title: "at the peak", left: true}, {title: "nodes"}, {title: "promise", left: true}, {title: "seen", left: true, flex: true}}}
	for _, c := range plan.Checks {
		word, s := c.Promise, map[string]style{"kept": green, "broken": red}[c.Promise]
		if word == "open" {
			word = "on the edge"
		}
		t.add(cell{text: c.Name}, cell{text: report.FormatCount(uint64(c.Nodes))}, cell{text: word, style: s}, cell{text: clean(c.About)})
	}
	t.write(p)
}

func planSensitivity(p *printer, plan *report.Plan) {
	p.section("What would change the answer")
	t := table{columns: []column{{title: "if", left: true}, {title: "nodes"}, {title: "more or less"}, {title: "decides", left: true, drop: 1}}}
	for _, c := range plan.Sensitivity {
		t.add(cell{text: c.What}, cell{text: report.FormatCount(uint64(c.Nodes))}, cell{text: fmt.Sprintf("%+d", c.More)}, cell{text: c.Binding, style: dim})
	}
	t.write(p)
}

func nodeCount(n int) string {
	if n == 1 {
		return "1 node"
	}
	return report.FormatCount(uint64(n)) + " nodes"
}
