package cmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// planNode is what one node is trusted with, and why.
type planNode struct {
	lower    float64 // per second
	basis    report.Basis
	notes    []string
	measured *report.Capacity // nil unless it was measured
	model    *capacity.MMc    // nil unless it is a model
}

// node reads what one node carries: from a measurement, from a rate, or from a model.
func (f *planFlags) node(cmd *cobra.Command, args []string) (*planNode, error) {
	modelled := len(f.model.slo) > 0 || f.model.service > 0 || cmd.Flags().Changed("servers")
	switch {
	case len(args) > 1:
		return nil, usageError(seeHelp(cmd), "%s takes one argument, not %q as well", cmd.CommandPath(), args[1])
	case len(args) == 1 && modelled:
		return nil, usageError("leave out CAPACITY, or --slo, --service and --servers", "%s is measured or given already", args[0])
	case len(args) == 0 && modelled:
		return f.modelled()
	case len(args) == 0 && f.assume != "":
		return assumed(f.assume, "--assume ")
	case len(args) == 0:
		return nil, usageError(seeHelp(cmd), "%s needs what capacity saved, a rate per node, or --slo with --service", cmd.CommandPath())
	}
	if _, err := scenarios.ParseRate(args[0]); err == nil {
		return assumed(args[0], "")
	}
	saved, err := report.OpenCapacity(args[0])
	if err != nil {
		return nil, withHint("write a rate per node as 698/s, or name what plimsoll capacity saved", usageError("", "%w", err))
	}
	return f.measured(args[0], saved)
}

// assumed is a node that carries the rate in text.
func assumed(text, flag string) (*planNode, error) {
	rate, err := scenarios.ParseRate(text)
	if err == nil && rate <= 0 {
		err = errors.New("a node must carry a rate above zero")
	}
	if err != nil {
		return nil, withHint("for instance 698/s", usageError("", "%s%s: %w", flag, text, err))
	}
	return &planNode{
		lower: rate, basis: report.Basis{Kind: report.Assumed, About: "given by hand"},
		notes: []string{"a rate per node of " + rateText(rate) + " that was given by hand: nothing here says how it was measured"},
	}, nil
}

// measured is a node whose load line was found. A line that is not sure is refused, unless
// a rate is to be assumed.
func (f *planFlags) measured(path string, c *report.Capacity) (*planNode, error) {
	line := &c.LoadLine
	if f.assume != "" {
		n, err := assumed(f.assume, "--assume ")
		if err == nil {
			n.notes = append(n.notes, fmt.Sprintf("what was measured is left aside: %s", lineAbout(line)))
		}
		return n, err
	}
	if line.Lower == nil || *line.Lower <= 0 || line.Limit != search.TargetLimited && line.Limit != search.GeneratorLimited {
		err := fmt.Errorf("the load line in %s is %s: no number of nodes can be based on it", path, lineAbout(line))
		return nil, withHint("measure again with more time (plimsoll capacity … --within 30m), or go by a rate of your own with --assume RATE",
			withCode(exitInconclusive, err))
	}
	n := &planNode{lower: *line.Lower, measured: c, basis: report.Basis{
		Kind: report.Measured, About: lineAbout(line), Scenario: c.Scenario, SLO: c.SLO, Measured: c.Started, Upper: line.Upper, Soaked: line.Soaked,
	}}
	n.notes = measuredNotes(c)
	return n, nil
}

// lineAbout says what is known of a load line.
func lineAbout(l *report.LoadLine) string {
	switch {
	case l.Lower == nil && l.Upper == nil:
		return "not known, " + string(l.Limit)
	case l.Lower == nil:
		return fmt.Sprintf("below %s, without a lower bound", rateText(*l.Upper))
	case l.Upper == nil || l.Limit == search.GeneratorLimited:
		return fmt.Sprintf("at least %s, %s", rateText(*l.Lower), l.Limit)
	}
	return fmt.Sprintf("between %s and %s, %s", rateText(*l.Lower), rateText(*l.Upper), l.Limit)
}

func rateText(rate float64) string { return report.FormatNumber(rate) + "/s" }

// measuredNotes says what a measured rate per node rests on.
func measuredNotes(c *report.Capacity) []string {
	line := &c.LoadLine
	first := fmt.Sprintf("the lower bound of the load line of one node, measured on %s with scenario %s", c.Started.UTC().Format("2006-01-02 15:04 UTC"), c.Scenario)
	if c.Target != "" {
		first += " against " + c.Target
	}
	notes := []string{first}
	if line.Upper != nil && line.Limit == search.TargetLimited {
		notes = append(notes, fmt.Sprintf("bounds of %s and %s, %s apart, from %d trials", rateText(*line.Lower), rateText(*line.Upper),
			report.FormatShare(*line.Upper / *line.Lower - 1), len(line.Trials)))
	} else {
		notes = append(notes, "the generator, not the node, was the limit: a node may carry more than "+rateText(*line.Lower))
	}
	if line.Soaked {
		notes = append(notes, "the lower bound was held in a soak")
	} else {
		notes = append(notes, "no soak: what a node does only after minutes (leaks, garbage collection, log rotation) was not seen")
	}
	switch c.Arrivals {
	case "":
	case "poisson":
		notes = append(notes, "Poisson arrivals: traffic that comes in bursts needs more nodes")
	default:
		notes = append(notes, c.Arrivals+" arrivals: real traffic is less even, so a node carries less of it")
	}
	if !c.Finished {
		notes = append(notes, "the search was stopped before its end")
	}
	if r := c.Bottleneck(); r != nil {
		notes = append(notes, fmt.Sprintf("%s saturates first, at %s; it was %s busy at the lower bound", r.Name, rateText(r.Saturates), report.FormatShare(r.AtLower)))
	}
	return notes
}

// modelled is a node as a queue M/M/c.
func (f *planFlags) modelled() (*planNode, error) {
	if len(f.model.slo) != 1 || f.model.service <= 0 || f.model.servers < 1 {
		return nil, usageError("for instance --slo 'p99 < 100ms' --service 20ms --servers 16",
			"a node as a queue needs one --slo, a --service above zero and one or more --servers")
	}
	if f.assume != "" {
		return nil, usageError("leave out --slo, --service and --servers, or --assume", "--assume stands for the rate that the queue would give")
	}
	if f.model.servers > 1_000_000 {
		return nil, usageError("", "--servers %d: a million is the most", f.model.servers)
	}
	o, err := promise(f.model.slo[0])
	if err != nil {
		return nil, err
	}
	q := capacity.MMc{Service: f.model.service.Seconds(), Servers: f.model.servers}
	rate, err := q.RateWithin(1-o.Allowed(), o.Limit().Seconds())
	if err != nil {
		return nil, withHint("make the service faster, or promise less", withCode(exitBreach, fmt.Errorf("%s cannot be kept: %w", o, err)))
	}
	q.Rate = rate
	about := fmt.Sprintf("a node as a queue M/M/%d: %d servers, exponential service of %s on average, Poisson arrivals", f.model.servers, f.model.servers, f.model.service)
	return &planNode{
		lower: rate, model: &q, basis: report.Basis{Kind: report.Modelled, About: about, SLO: o.String()},
		notes: []string{
			about,
			fmt.Sprintf("%s holds up to a utilisation of %s, which is %s", o, report.FormatShare(q.Utilisation()), rateText(rate)),
			"nothing was measured: find the load line of a node with plimsoll capacity before you buy",
		},
	}, nil
}

// promise reads a promise about a percentile of latency.
func promise(text string) (*budget.Objective, error) {
	b, err := budget.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--slo %q: %w", text, err)
	}
	o, err := b.Objective()
	if err != nil {
		return nil, fmt.Errorf("--slo %q: %w", text, err)
	}
	if o.Limit() <= 0 {
		return nil, usageError("for instance --slo 'p99 < 100ms'", "--slo %q: a queue says how long requests take, not how they fail", text)
	}
	return o, nil
}

// planNotes says what a plan rests on besides the rate per node.
func planNotes(n *capacity.Need) []string {
	notes := []string{
		"the load is spread evenly over equal nodes, and nothing that they share saturates first",
		"each constraint is met alone: two losses at once are not covered",
	}
	if n.Headroom == 0 {
		notes = append(notes, "no headroom: at the peak the nodes that must serve run at their line, and any surprise breaks the promises")
	}
	if n.Target > 0 {
		notes = append(notes, "nodes fail independently of each other; a fault that they share is not in the availability")
	}
	if n.Lag > 0 {
		notes = append(notes, fmt.Sprintf("until the autoscaler has helped, after %s, the demand grows into %s of the nodes: the headroom is for that, too",
			report.FormatDuration(n.Lag), report.FormatShare(n.LagHeadroom())))
	}
	if a := n.Autoscaler(); a.Tolerated > n.Lower {
		notes = append(notes, fmt.Sprintf("an autoscaler does nothing up to %s per pod, which is over the line of %s: give it a headroom of 10%% or more",
			rateText(a.Tolerated), rateText(n.Lower)))
	}
	return notes
}

// completeCapacities offers the directories that hold a capacity.json.
func completeCapacities(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	files, _ := filepath.Glob(filepath.Join("runs", "*", report.CapacityFile)) // the pattern is a constant
	var dirs []string
	for _, f := range files {
		if dir := filepath.Dir(f); strings.HasPrefix(dir, typed) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, cobra.ShellCompDirectiveDefault
}
