package cmd

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine/simulate"
	"plimsoll/scenarios"
)

// simulateFlags are the flags of simulate: the cluster, its clients, and what happens to it.
type simulateFlags struct {
	cluster clusterFlags
	clients clientFlags
	trigger triggerFlags

	rate, utilisation, arrivals string
	length                      time.Duration
	seed                        uint64
	replications                int
}

type clusterFlags struct {
	nodes, servers     int
	policy, discipline string
	weights            []float64
	stale              time.Duration
	queue              int
}

type clientFlags struct {
	timeout     time.Duration
	cancel      bool
	dropExpired bool
	retries     int
	backoff     time.Duration
	budget      string
}

type triggerFlags struct {
	lose     int
	at, last time.Duration
	surge    float64
	slow     float64
}

func newSimulate(w *world) *cobra.Command {
	f := &simulateFlags{}
	cmd := &cobra.Command{
		Use:     "simulate MODEL",
		GroupID: groupRead,
		Short:   "Play what-if with nodes, balancers, retries and failures",
		Long: `Play what-if: nodes with servers and queues behind a balancer, clients that time
out and try again, nodes that fail while load surges. Shows response times and
goodput in the steady state, then whether the service comes back after nodes are
lost in a surge: stable, vulnerable (retries could keep it down) or metastable
(they did).

MODEL says how long a request keeps a server busy: what plimsoll capacity saved
(the file or its directory); the directory of a run at low load; or a law with
its mean: exp(10ms), fixed(5ms), lognormal(5ms, 0.5), gamma(10ms, 0.5) or
hyper(10ms, 2), where the second number is the coefficient of variation (or
scv=0.25, its square).

A large case is cut down to what can be played in seconds, and it says to what.`,
		Example: `  plimsoll simulate 'exp(10ms)' --nodes 1 --servers 100 --rate 7k/s --slow 0.5
  plimsoll simulate runs/shop --rate 20k/s --policy two-choices --queue 100
  plimsoll simulate 'lognormal(20ms, 1)' --servers 16 --rate 1M/s --lose 2
  plimsoll simulate 'exp(10ms)' --utilisation 70% --retries 3 --retry-budget 10%`,
		Annotations:       exitTable(exitOK, exitUsage, exitInterrupted, exitTerminated),
		Args:              oneArg("a model: what capacity saved, a run, or a law such as 'exp(10ms)'"),
		ValidArgsFunction: completeModels,
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.simulate(cmd, f, args[0])
		},
	}
	f.register(w, cmd)
	return cmd
}

func (f *simulateFlags) register(w *world, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.rate, "rate", "r", "", "first tries of all clients, a `RATE` like 7k/s")
	flags.StringVar(&f.utilisation, "utilisation", "", "instead: the rate that keeps servers busy for this `SHARE` of time (70%)")
	flags.StringVar(&f.arrivals, "arrivals", "poisson", "the `LAW`, poisson or constant")
	flags.IntVar(&f.cluster.nodes, "nodes", 0, "`N` nodes (default 10, or with --rate what is 70% busy)")
	flags.IntVar(&f.cluster.servers, "servers", 0, "`N` requests that a node works on at once (default 1, or what was measured)")
	flags.StringVar(&f.cluster.policy, "policy", "round-robin", "the balancer's `POLICY`: round-robin, random, weighted, two-choices, least-connections")
	flags.Float64SliceVar(&f.cluster.weights, "weights", nil, "with --policy weighted: `W,…`, one for each node")
	flags.DurationVar(&f.cluster.stale, "stale", 0, "how old the balancer's knowledge of loads is, a `TIME`")
	flags.StringVar(&f.cluster.discipline, "discipline", "fifo", "`ORDER` of a node's queue: fifo, lifo, or shared (all at once, more slowly)")
	flags.IntVar(&f.cluster.queue, "queue", -1, "`N` requests may wait at a node, more are refused; -1: any number")
	flags.DurationVar(&f.clients.timeout, "timeout", 0, "clients wait this `TIME` for a try (default 10 mean service times; 0 does not end)")
	flags.BoolVar(&f.clients.cancel, "cancel", false, "a node stops at once when its client gives up")
	flags.BoolVar(&f.clients.dropExpired, "drop-expired", false, "a node does not begin what its client gave up")
	flags.IntVar(&f.clients.retries, "retries", 2, "`N` more tries after the first")
	flags.DurationVar(&f.clients.backoff, "backoff", 0, "mean `TIME` scale of waits before retries, doubling, with full jitter (default a mean service time)")
	flags.StringVar(&f.clients.budget, "retry-budget", "", "retries are at most this `SHARE` of first tries, such as 10%")
	flags.IntVar(&f.trigger.lose, "lose", 1, "lose `N` nodes in the trigger")
	flags.DurationVar(&f.trigger.at, "at", 10*time.Second, "the trigger begins at this `TIME`")
	flags.DurationVar(&f.trigger.last, "for", 5*time.Second, "the trigger lasts for this `TIME`")
	flags.Float64Var(&f.trigger.surge, "surge", 1.5, "the rate changes by this `FACTOR` in the trigger")
	flags.Float64Var(&f.trigger.slow, "slow", 1, "the nodes that are left change in speed by this `FACTOR` in the trigger")
	flags.DurationVar(&f.length, "length", time.Minute, "`TIME` that is played")
	flags.Uint64Var(&f.seed, "seed", 1, "`N` that chooses the random numbers")
	flags.IntVar(&f.replications, "replications", 5, "play `N` times, for the intervals")
	w.jsonFlag(cmd)
	for flag, words := range map[string][]string{
		"arrivals": {"poisson", "constant"}, "discipline": {"fifo", "lifo", "shared"},
		"policy": {"random", "round-robin", "weighted", "two-choices", "least-connections"},
	} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
	}
}

// completeModels offers what capacity saved, then runs.
func completeModels(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	dirs, _ := completeCapacities(cmd, args, typed)
	runs, directive := completeRuns(cmd, args, typed)
	return append(dirs, runs...), directive
}

// mostTries is how many tries are played in each of the two parts at most.
const mostTries = 20e6

// simulate plays the case without and with the trigger, and shows what came of it.
func (w *world) simulate(cmd *cobra.Command, f *simulateFlags, model string) error {
	m, err := openModel(model)
	if err != nil {
		return err
	}
	c, err := f.readCase(cmd, m)
	if err != nil {
		return err
	}
	t := f.trigger.read(cmd.Flags().Changed("lose"), c.Cluster.Nodes)
	if err := checkTrigger(&c, t, f.replications); err != nil {
		return err
	}
	for _, n := range m.notes {
		w.note("note: %s", n)
	}
	s := &simulation{model: m, policyName: f.cluster.policy, whole: c, trigger: t, replications: f.replications}
	if err := s.play(cmd.Context()); err != nil {
		return err
	}
	if w.json {
		return w.writeJSON(s.saved())
	}
	return w.writeSimulation(s)
}

// simulation is both parts of what simulate plays.
type simulation struct {
	model        *serviceModel
	policyName   string
	whole        simulate.Case // as it was asked for
	trigger      simulate.Trigger
	replications int

	steadyCase simulate.Case // as it was played
	steady     *simulate.Figures
	warmup     time.Duration
	settled    bool

	judgedCase    simulate.Case
	judgedTrigger simulate.Trigger
	judgement     *simulate.Judgement
}

// play plays the steady state on the whole cluster, for as long as mostTries allow, and the
// trigger for its whole length, on a slice of the cluster if need be.
func (s *simulation) play(ctx context.Context) error {
	s.steadyCase = s.whole
	tries := s.whole.Load.Rate * s.whole.Length.Seconds() * float64(s.replications)
	if tries > mostTries {
		s.steadyCase.Length = time.Duration(float64(s.whole.Length) * mostTries / tries)
	}
	outcomes, err := simulate.Replicate(ctx, s.steadyCase, s.replications)
	if err != nil {
		return err
	}
	s.steady, s.warmup, s.settled = simulate.Steady(&s.steadyCase, outcomes)
	s.judgedCase, s.judgedTrigger = simulate.Slice(s.whole, s.trigger, mostTries/float64(min(s.replications, 2)))
	s.judgement, err = simulate.Judge(ctx, s.judgedCase, s.judgedTrigger, min(s.replications, 2))
	return err
}

// read returns the trigger that the flags describe. A single node is not lost unless that is
// asked for.
func (f *triggerFlags) read(explicit bool, nodes int) simulate.Trigger {
	t := simulate.Trigger{At: f.at, For: f.last, Lose: f.lose, Surge: f.surge, Speed: f.slow}
	if nodes == 1 && !explicit {
		t.Lose = 0
	}
	return t
}

// checkTrigger refuses a case or a trigger that cannot be played.
func checkTrigger(c *simulate.Case, t simulate.Trigger, replications int) error {
	switch {
	case replications < 1 || replications > 1000:
		return usageError("", "--replications %d: between 1 and 1000 are possible", replications)
	case t.Surge <= 0:
		return usageError("1.5 is half as much again", "--surge %g: the factor has to be more than 0", t.Surge)
	case t.Speed <= 0:
		return usageError("0.5 halves the speed; to lose nodes, use --lose", "--slow %g: the factor has to be more than 0", t.Speed)
	case t.Lose < 0 || t.Lose >= c.Cluster.Nodes:
		return usageError("at least one has to be left", "--lose %d: there are %d nodes", t.Lose, c.Cluster.Nodes)
	case t.At <= 0 || t.For <= 0 || t.At+t.For >= c.Length:
		return usageError("for instance --at 10s --for 5s --length 60s", "the trigger (--at %s --for %s) has to begin and end within --length %s", t.At, t.For, c.Length)
	}
	if err := c.Check(); err != nil {
		return usageError("", "simulate: %w", err)
	}
	return nil
}

// readCase puts the case together from the model and the flags.
func (f *simulateFlags) readCase(cmd *cobra.Command, m *serviceModel) (simulate.Case, error) {
	c := simulate.Case{Length: f.length, Seed: f.seed}
	var err error
	if c.Cluster, err = f.cluster.read(m); err != nil {
		return c, err
	}
	if c.Clients, err = f.clients.read(cmd, m.law.Mean()); err != nil {
		return c, err
	}
	laws := map[string]simulate.Arrivals{"poisson": simulate.Poisson, "constant": simulate.Even}
	if c.Load.Law, err = oneOf("arrivals", f.arrivals, laws); err != nil {
		return c, err
	}
	return c, f.readLoad(&c)
}

// busyShare is how busy servers are if nothing else is said.
const busyShare = 0.7

// readLoad sets the rate by --rate or --utilisation, and the number of nodes that is open.
func (f *simulateFlags) readLoad(c *simulate.Case) error {
	busy := busyShare
	var err error
	if f.utilisation != "" {
		if busy, err = parsePercentage("utilisation", f.utilisation); err != nil {
			return err
		}
		if busy <= 0 {
			return usageError("", "--utilisation %s: it has to be more than 0%%", f.utilisation)
		}
	}
	one := c.Cluster
	one.Nodes, one.Speeds = 1, nil
	perNode := one.Capacity(simulate.Normal(0)) * busy
	switch {
	case f.rate != "" && f.utilisation != "" && f.cluster.nodes > 0:
		return usageError("two of them say the third", "--rate, --utilisation and --nodes do not go together")
	case f.rate == "":
		c.Cluster.Nodes = cmp.Or(f.cluster.nodes, len(f.cluster.weights), 10)
		c.Load.Rate = perNode * float64(c.Cluster.Nodes)
		return nil
	}
	if c.Load.Rate, err = scenarios.ParseRate(f.rate); err != nil {
		return withHint("for instance 7k/s", usageError("", "--rate %s: %w", f.rate, err))
	}
	c.Cluster.Nodes = cmp.Or(f.cluster.nodes, len(f.cluster.weights), int(math.Ceil(min(c.Load.Rate/perNode, 1e7)-1e-9)))
	return nil
}
