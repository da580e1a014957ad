package cmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/scenarios"
)

// capacityFlags are the flags of capacity: what to look for, how, and the request as curl
// describes it.
type capacityFlags struct {
	hitFlags
	slo           []string
	settings      []string
	goal          goalFlags
	resources     resourceFlags
	vary          string
	sweep, resume bool
	requests      string // digest of the flags that shape requests
}

type goalFlags struct {
	within, trial, soak time.Duration
	start, least, most  string
	width, arrivals     string
	trials              int
}

func newCapacity(w *world) *cobra.Command {
	f := &capacityFlags{}
	cmd := &cobra.Command{
		Use:     "capacity SCENARIO|URL",
		GroupID: groupLoad,
		Short:   "Find the load line, and fit the scalability model",
		Long: `Find the load line of a target: the highest rate at which it keeps its promises
(--slo), between a bound that was seen to hold and one that was seen not to.

The search tests the generator, warms the target up, measures throughput against
users for the scalability model, doubles the rate until a trial fails, narrows
the bracket with at least three trials at each load, and holds the lower bound
in a soak. A trial that the generator shaped is repeated, and never counts as a
failure. The flows of a scenario keep their shares; its own load is left out.

Ctrl-C saves what is known; the same command with --resume goes on from there.`,
		Example: `  plimsoll capacity http://127.0.0.1:8080/ --slo 'p99 < 200ms, errors < 0.1%'
  plimsoll capacity constant --slo 'p95 < 50ms' --within 3m --soak 20s
  plimsoll capacity shop.yaml --slo 'p99(checkout) < 300ms' --pid 4711
  plimsoll capacity constant --slo 'p99 < 50ms' --vary cluster.workers=1,2,4
  plimsoll capacity fit points.csv`,
		Annotations:       exitTable(exitOK, exitUsage, exitUnreachable, exitInconclusive, exitBreach, exitInterrupted, exitTerminated),
		Args:              oneArg("a scenario or a URL"),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.requests = digest(cmd.Flags())
			return w.capacity(cmd, f, args[0])
		},
	}
	f.register(w, cmd)
	cmd.AddCommand(newCapacityFit(w))
	return cmd
}

func (f *capacityFlags) register(w *world, cmd *cobra.Command) {
	f.kinds = capacityKinds()
	f.measureFlags.register(w, cmd)
	f.registerRequest(cmd)
	f.registerTravel(cmd)
	f.resources.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.slo, "slo", nil, "the `PROMISES` to keep: 'p99 < 200ms, errors < 0.1%' (default: the scenario's budgets)")
	flags.DurationVar(&f.goal.within, "within", 10*time.Minute, "stop after this `TIME`")
	flags.DurationVar(&f.goal.soak, "soak", time.Minute, "hold the lower bound for this `TIME` at the end; 0: do not")
	flags.StringVar(&f.goal.width, "width", "2%", "stop when the bounds are this `SHARE` apart")
	flags.IntVar(&f.goal.trials, "trials", 3, "`N` trials at each load, at least")
	flags.DurationVar(&f.goal.trial, "trial", 0, "length of a trial, a `TIME` (default: what fits into --within, 2s to 30s)")
	flags.StringVar(&f.goal.start, "start", "10/s", "begin at this `RATE`")
	flags.StringVar(&f.goal.least, "least", "1/s", "look no lower than this `RATE`")
	flags.StringVar(&f.goal.most, "most", "", "look no higher than this `RATE` (default: what the generator reaches)")
	flags.StringVar(&f.goal.arrivals, "arrivals", "poisson", "the `LAW`, poisson or constant")
	flags.BoolVar(&f.sweep, "sweep", true, "measure throughput against users, for the model")
	flags.StringVar(&f.vary, "vary", "", "search once for each value of a knob of the reference target: `KNOB=V1,V2,…`")
	flags.BoolVar(&f.resume, "resume", false, "go on with the search in --out")
	flags.StringArrayVarP(&f.vars, "var", "e", nil, "set the scenario's variable `NAME=VALUE`; repeatable")
	flags.StringArrayVar(&f.settings, "set", nil, "replace a value of the scenario: `PATH=VALUE`, like target.set.cluster.workers=4")
	flags.StringVar(&f.target, "target", "", "send to this `URL` instead of the scenario's target")
	cmd.RegisterFlagCompletionFunc("arrivals", cobra.FixedCompletions([]string{"poisson", "constant"}, cobra.ShellCompDirectiveNoFileComp)) //nolint:errcheck // the flag is there
}

// digest returns a digest of the flags given that shape what is sent, so that values that
// nobody should read are not saved; empty if there are none. SLO, arrivals and target are
// compared by themselves.
func digest(flags *pflag.FlagSet) string {
	searching := []string{ // say how to search, show and save
		"within", "trial", "soak", "start", "least", "most", "width", "trials", "sweep", "vary", "resume", "slo", "arrivals", "seed",
		"metrics", "pid", "target", "out", "output", "ui", "json", "quiet", "no-color",
	}
	h, some := sha256.New(), false
	flags.Visit(func(f *pflag.Flag) { // in the order of their names
		if !slices.Contains(searching, f.Name) {
			some = true
			fmt.Fprintf(h, "%q=%q\n", f.Name, f.Value)
		}
	})
	if !some {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// isAddress reports whether the argument of capacity is a URL and no scenario.
func isAddress(arg string) bool { return strings.Contains(arg, "://") }

// capacity reads what is asked for and looks for it.
func (w *world) capacity(cmd *cobra.Command, f *capacityFlags, arg string) error {
	m, err := w.newMeasurement(cmd, &f.measureFlags)
	if err != nil {
		return err
	}
	s, err := f.scenario(w, m, arg)
	if err != nil {
		return err
	}
	objectives, err := f.objectives(s)
	if err != nil {
		return err
	}
	v, err := parseVary(f.vary, s, f.target)
	if err != nil {
		return err
	}
	if v != nil {
		if err := f.checkVary(w, m, arg, v); err != nil {
			return err
		}
	}
	goal, err := f.search(cmd.Flags().Changed("soak"), objectives)
	if err != nil {
		return err
	}
	x := &exploration{w: w, m: m, flags: f, scenario: s, objectives: objectives, goal: goal, vary: v}
	return x.run(cmd.Context())
}

// scenario returns the scenario that the argument names, or one made of the URL.
func (f *capacityFlags) scenario(w *world, m *measurement, arg string) (*scenarios.Scenario, error) {
	if isAddress(arg) {
		h, err := f.hit(w, arg)
		if err != nil {
			return nil, err
		}
		s, err := h.Scenario()
		if err != nil {
			return nil, f.hitError(err)
		}
		return s, nil
	}
	s, err := w.openScenario(arg, false, append(m.gaps, f.settings...)...)
	if err != nil {
		return nil, err
	}
	if s.Experiment != nil {
		return nil, usageError("set the knobs of one variant with --set target.set.KNOB=VALUE on a plain scenario, or compare them with --vary",
			"%s is an experiment: its variants have a load line each", s.Name)
	}
	if len(s.Events) > 0 {
		m.w.note("note: the events of %s are left out", s.Name)
	}
	_, err = s.Under(scenarios.Substitute{Users: 1, For: time.Second})
	return s, err
}

// exploration is one call of capacity.
type exploration struct {
	w          *world
	m          *measurement
	flags      *capacityFlags
	scenario   *scenarios.Scenario
	objectives []*budget.Objective
	goal       search.Goal
	vary       *variation
}

// run surveys the target, or one for each value of the varied knob.
func (x *exploration) run(ctx context.Context) error {
	dir := x.flags.out
	if dir == "" {
		dir = report.DefaultDir("capacity-"+x.scenario.Name, time.Now())
	}
	if x.vary == nil {
		out, err := x.survey(ctx, dir, x.scenario.Target.Set, x.flags.goal.within)
		return x.finish(ctx, out, dir, err)
	}
	return x.scale(ctx, dir)
}

// survey surveys the target with these knobs set.
func (x *exploration) survey(ctx context.Context, dir string, set map[string]string, within time.Duration) (*report.Capacity, error) {
	out := x.blank()
	if err := x.resume(dir, out); err != nil {
		return nil, err
	}
	opt := x.m.options
	var ref *reference
	if x.scenario.Target.Reference != "" && opt.Target == "" {
		var err error
		if ref, err = startReference(ctx, x.scenario.Target.Reference, set); err != nil {
			return nil, err
		}
		opt.Target = ref.url
		defer func() {
			if stopped := ref.stop(); stopped != nil {
				x.w.note("warning: %v", stopped)
			}
		}()
	}
	watch, err := x.flags.resources.watch(ref)
	if err != nil {
		return nil, err
	}
	r := &rig{
		scenario: x.scenario, options: opt, objectives: x.objectives, arrivals: x.flags.goal.arrivals, seed: x.goal.Seed,
		tries: uint64(10 * out.DurationS), // more than an earlier part made, whose arrivals should not come again
	}
	watch.recall(out.Node.Resources)
	if err := x.reachable(ctx, r, out); err != nil {
		return nil, err
	}
	s := &survey{
		rig: r, goal: x.goal, within: within, sweep: x.flags.sweep, watch: watch, dir: dir, out: out,
		say: x.narrate(out, set),
	}
	defer s.say.close()
	err = s.run(ctx)
	if ref != nil {
		if gone := ref.gone(); gone != nil {
			err = errors.Join(withCode(exitUnreachable, gone), err)
		}
	}
	return out, err
}

// reachable connects once to the target.
func (x *exploration) reachable(ctx context.Context, r *rig, out *report.Capacity) error {
	p, err := r.plan(scenarios.Substitute{Users: 1, For: time.Second})
	if err != nil {
		return err
	}
	defer p.Close() //nolint:errcheck // data files are only read
	target := report.RedactURL(p.Target)
	if own := x.scenario.Target.Reference != "" && x.m.options.Target == ""; !own && out.Target != "" && out.Target != target {
		return usageError("resume with the arguments that it was started with, or choose another --out",
			"the search in that directory is of %s, not of %s", out.Target, target)
	}
	out.Target = target
	return preflight(ctx, p)
}

// blank is a capacity of which nothing is known yet.
func (x *exploration) blank() *report.Capacity {
	var slo []string
	for _, o := range x.objectives {
		slo = append(slo, o.String())
	}
	b := readBuild()
	return &report.Capacity{
		Plimsoll: report.Build{Version: b.Version, Go: b.Go, OS: b.OS + "/" + b.Arch, CPUs: runtime.GOMAXPROCS(0)},
		Scenario: x.scenario.Name, Command: report.Redact(append([]string{"plimsoll"}, x.w.args...)),
		Started: time.Now(), SLO: strings.Join(slo, ", "), Arrivals: x.flags.goal.arrivals, Seed: x.goal.Seed, Requests: x.flags.requests,
		LoadLine: report.LoadLine{Trials: []report.LineTrial{}, Limit: search.Inconclusive}, Curve: []report.CurvePoint{},
	}
}

// resume takes over what an earlier part of the search found out. Without --resume, a
// directory that holds one already is an error.
func (x *exploration) resume(dir string, out *report.Capacity) error {
	saved, err := report.OpenCapacity(dir)
	switch {
	case err != nil && x.flags.resume && x.vary == nil:
		return usageError("name the directory with --out", "--resume: %w", err)
	case err != nil:
		return nil //nolint:nilerr // there is none, so this is the beginning
	case !x.flags.resume:
		return usageError("add --resume to go on with it, or choose another --out", "%s holds a search already", dir)
	}
	if err := sameSearch(saved, out); err != nil {
		return err
	}
	*out = *saved
	out.Finished = false
	return nil
}

// finish shows what was found and returns the exit code for it.
func (x *exploration) finish(ctx context.Context, out *report.Capacity, dir string, err error) error {
	if out == nil || len(out.LoadLine.Trials) == 0 && err != nil && interrupted(ctx) == nil {
		return err
	}
	if isDir(dir) {
		x.m.keepScenario(dir, x.scenario)
	}
	if shown := x.w.showCapacity(out, dir, x.m.outputs); shown != nil {
		return shown
	}
	if i := interrupted(ctx); i != nil {
		x.w.note("to go on:   plimsoll %s", again(x.w.args, dir))
		return withCode(i.exitCode(), nil)
	}
	if err != nil {
		return err
	}
	return lineError(&out.LoadLine)
}

// lineError is how capacity ends by what it found: a line is a result, also a wide one; a
// target that breaks its promises at the lowest rate breaks them.
func lineError(l *report.LoadLine) error {
	switch {
	case l.Limit != search.TargetLimited:
		return withCode(exitInconclusive, nil)
	case l.Lower == nil:
		return withCode(exitBreach, nil)
	}
	return nil
}
