package cmd

import (
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine/capacity"
	"plimsoll/engine/simulate"
	"plimsoll/report"
	"plimsoll/report/text"
)

// planFlags are the flags of plan, as they were written.
type planFlags struct {
	demand, growth, headroom string
	spare, zones             int
	losses                   lossFlags
	price, assume            string
	model                    modelFlags
	noSimulate               bool
	outputs                  []string
}

type modelFlags struct {
	slo     []string
	service time.Duration
	servers int
}

type lossFlags struct {
	maxUnavailable, ramp string
	lag                  time.Duration
	availability, target string
}

func newPlan(w *world) *cobra.Command {
	f := &planFlags{}
	cmd := &cobra.Command{
		Use:     "plan CAPACITY",
		GroupID: groupRead,
		Short:   "Say how many nodes a demand needs",
		Long: `Say how many nodes a demand needs, and which constraint decides it. The lower
bound of the load line is what a node is trusted with. CAPACITY is what plimsoll
capacity saved (the file or its directory), or a rate per node, such as 698/s.
Without it, --slo, --service and --servers describe a node as a queue.

Every constraint is met alone: nodes that are spare for one loss are spare for
any other, but not for two at once.`,
		Example: `  plimsoll plan runs/shop --demand 1M/s --headroom 20% --spare 2 --zones 3
  plimsoll plan 698.4/s --demand 1M/s --growth 30% --price '$120/month'
  plimsoll plan 250/s --demand 9k/s --max-unavailable 25% -o hpa=hpa.yaml
  plimsoll plan 250/s --demand 9k/s --ramp '500/s per minute' --scale-lag 3m
  plimsoll plan --slo 'p99 < 100ms' --service 20ms --servers 16 --demand 1M/s`,
		Annotations:       exitTable(exitOK, exitUsage, exitInconclusive, exitBreach),
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeCapacities,
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.plan(cmd, f, args)
		},
	}
	f.register(w, cmd)
	return cmd
}

func (f *planFlags) register(w *world, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.demand, "demand", "", "the `RATE` to carry at the peak, such as 1M/s")
	flags.StringVar(&f.growth, "growth", "0%", "`SHARE` by which the demand grows before the next plan")
	flags.StringVar(&f.headroom, "headroom", "0%", "`SHARE` of each node that stays free")
	flags.IntVar(&f.spare, "spare", 0, "`N` nodes that may be lost at once")
	flags.IntVar(&f.zones, "zones", 0, "`N` zones, any one of which may be lost")
	flags.StringVar(&f.losses.maxUnavailable, "max-unavailable", "", "`NODES` that a rolling deploy takes away: 1 or 25%")
	flags.StringVar(&f.losses.ramp, "ramp", "", "how fast the demand grows, a `RATE` like '500/s per minute'")
	flags.DurationVar(&f.losses.lag, "scale-lag", 0, "`TIME` until a node that is asked for serves")
	flags.StringVar(&f.losses.availability, "availability", "", "`SHARE` of time that a node is up, such as 99.9%")
	flags.StringVar(&f.losses.target, "target-availability", "", "`SHARE` of time that enough nodes shall be up")
	flags.StringVar(&f.price, "price", "", "price of a node, an `AMOUNT` like 120/month or $0.17/hour")
	flags.StringVar(&f.assume, "assume", "", "a `RATE` per node to go by instead of what was measured")
	flags.StringArrayVar(&f.model.slo, "slo", nil, "without CAPACITY: the `PROMISE` to keep, such as 'p99 < 100ms'")
	flags.DurationVar(&f.model.service, "service", 0, "without CAPACITY: the mean service `TIME`")
	flags.IntVar(&f.model.servers, "servers", 1, "without CAPACITY: `N` servers in a node")
	flags.BoolVar(&f.noSimulate, "no-simulate", false, "do not confirm the answer by simulation")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "also write `KIND=PATH`: html, json, text or hpa (a Kubernetes autoscaler)")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"html=", "json=", "text=", "hpa="}, cobra.ShellCompDirectiveNoSpace)) //nolint:errcheck // the flag is there
	w.jsonFlag(cmd)
}

// plan works out the plan and shows it.
func (w *world) plan(cmd *cobra.Command, f *planFlags, args []string) error {
	outputs, err := parseOutputs(f.outputs, "html", "json", "text", "hpa")
	if err != nil {
		return err
	}
	need, err := f.need(cmd)
	if err != nil {
		return err
	}
	cost, err := parsePrice(f.price)
	if err != nil {
		return err
	}
	node, err := f.node(cmd, args)
	if err != nil {
		return err
	}
	need.Lower = node.lower
	sizing, err := need.Size()
	if err != nil {
		return usageError(seeHelp(cmd), "plan: %w", err)
	}
	out := newPlanReport(node, need, sizing, cost)
	if !f.noSimulate {
		if err := node.check(cmd.Context(), out); err != nil {
			return err
		}
	}
	if err := w.showPlan(out, outputs); err != nil {
		return err
	}
	return planError(out)
}

// newPlanReport puts together what there is to say.
func newPlanReport(node *planNode, need *capacity.Need, s *capacity.Sizing, cost *report.Cost) *report.Plan {
	out := &report.Plan{
		Schema: report.PlanSchema, Sizing: *s, Need: *need, LagS: need.Lag.Seconds(), Basis: node.basis,
		States: need.States(s), Sensitivity: need.Sensitivity(s.Nodes), Autoscaler: need.Autoscaler(),
		Notes: append(node.notes, planNotes(need)...),
	}
	if cost != nil {
		cost.Month = cost.Node * float64(s.Nodes)
		out.Cost = cost
	}
	return out
}

func (w *world) showPlan(out *report.Plan, outputs []output) error {
	replaced := false
	for _, o := range outputs {
		if err := w.savePlan(o, out); err != nil {
			return err
		}
		replaced = replaced || o.path == "-"
	}
	switch {
	case replaced:
		return nil
	case w.json:
		return w.writeJSON(out)
	}
	return text.Plan(w.stdout, out, text.Options{Color: w.color(w.stdout), Width: w.width(w.stdout)})
}

// planError is how plan ends: a plan that the simulation contradicts is not sure.
func planError(out *report.Plan) error {
	for _, c := range out.Checks {
		if c.Promise == string(simulate.Broken) {
			return withCode(exitInconclusive, nil)
		}
	}
	return nil
}
