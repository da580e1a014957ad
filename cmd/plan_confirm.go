package cmd

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/simulate"
	"plimsoll/report"
)

// replica is a node as it is simulated, and the promise it shall keep.
type replica struct {
	servers int
	service simulate.Law
	promise simulate.Promise
	about   string
}

// simulated is how many requests are simulated at most in one situation, so that a plan with
// four of them takes seconds even where the answer is on the edge.
const simulated = 8_000_000

// check confirms the plan by simulation, with all nodes and after each loss that was asked
// for. A node that cannot be simulated is a note, not an error.
func (n *planNode) check(ctx context.Context, out *report.Plan) error {
	r, why := n.replica()
	if why != "" {
		out.Notes = append(out.Notes, "not simulated: "+why)
		return nil
	}
	confirm := func(nodes int, rate float64) (*simulate.Confirmation, error) {
		f := simulate.Fleet{Nodes: nodes, Servers: r.servers, Service: r.service, Policy: simulate.Random, Rate: rate}
		c, err := simulate.Confirm(ctx, f, r.promise, simulate.Effort{Requests: simulated, Seed: 1})
		if err != nil {
			return nil, fmt.Errorf("simulate %d nodes: %w", nodes, err)
		}
		return c, nil
	}
	if n.measured != nil { // does the replica do what the node did?
		c, err := confirm(1, n.lower)
		if err != nil {
			return err
		}
		if c.Ruling == simulate.Broken {
			out.Notes = append(out.Notes, fmt.Sprintf("not simulated: %s would break the promise at the rate that the node was seen to hold", r.about))
			return nil
		}
	}
	for _, s := range out.States {
		c, err := confirm(s.Nodes, out.Peak)
		if err != nil {
			return err
		}
		out.Checks = append(out.Checks, report.PlanCheck{Name: s.Name, Nodes: s.Nodes, Promise: string(c.Ruling), About: checkAbout(c, r.promise.Quantile)})
	}
	out.Notes = append(out.Notes, "simulated: "+r.about+", behind a balancer that chooses by chance; one that looks at load does better")
	return nil
}

// checkAbout says what a simulation showed.
func checkAbout(c *simulate.Confirmation, quantile float64) string {
	if math.IsInf(c.Response.Value, 0) || c.Response.Value <= 0 {
		return c.Why
	}
	at := func(seconds float64) string {
		return report.FormatDuration(time.Duration(seconds * float64(time.Second)))
	}
	return fmt.Sprintf("p%s %s (%s to %s), servers %s busy", capacity.Percentile(quantile), at(c.Response.Value), at(c.Response.Low), at(c.Response.High),
		report.FormatShare(c.Utilisation))
}

// replica makes the node that is simulated, or says why there is none.
func (n *planNode) replica() (r *replica, why string) {
	switch {
	case n.model != nil:
		r = &replica{servers: n.model.Servers, service: simulate.Exponential(time.Duration(n.model.Service * float64(time.Second)))}
		r.about = fmt.Sprintf("nodes of %d servers with exponential service", r.servers)
	case n.measured == nil:
		return nil, "nothing is known about a node but its rate"
	default:
		if r, why = measuredReplica(n.measured); why != "" {
			return nil, why
		}
	}
	for text := range strings.SplitSeq(n.basis.SLO, ",") {
		if o, err := promise(text); err == nil {
			r.promise = simulate.Promise{Quantile: 1 - o.Allowed(), Within: o.Limit()}
			return r, ""
		}
	}
	return nil, "there is no promise about a percentile"
}

// measuredReplica is a node with the service times that were measured at the lowest load.
// It has as many servers as requests are in service when it saturates (Little's law), and the times are scaled by the little that rounding takes, so that
// both saturate at the same rate.
func measuredReplica(c *report.Capacity) (*replica, string) {
	s := c.Node.Service
	if s == nil || len(s.Shares) == 0 || !(s.MeanMS > 0) {
		return nil, "no service times were measured"
	}
	saturates := c.Saturates()
	if !(saturates > 0) {
		return nil, "no resource of the node was watched and it was not swept with users, so nobody knows at which rate it saturates"
	}
	servers := max(1, int(math.Round(capacity.Little(saturates, s.MeanMS/1000))))
	scale := float64(servers) / saturates / (s.MeanMS / 1000)
	at := make([]time.Duration, len(s.Quantiles))
	for i, ms := range s.Quantiles {
		at[i] = time.Duration(ms * scale * float64(time.Millisecond))
	}
	law, err := simulate.Quantiles(s.Shares, at)
	if err != nil {
		return nil, err.Error()
	}
	return &replica{
		servers: servers, service: law,
		about: fmt.Sprintf("nodes of %d servers with the service times that were measured at the lowest load", servers),
	}, ""
}
