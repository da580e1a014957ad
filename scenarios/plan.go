package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
	"plimsoll/report/budget"
)

// Plan is a scenario ready to run. It holds files open: Close it when the run is over.
type Plan struct {
	engine.Plan
	Budgets []*budget.Budget // bound to the legend
	SLOs    []*budget.SLO    // likewise
	Target  string           // where requests go that name no host; may be empty
	Seed    uint64           // of everything random
	Notes   []string         // what was decided for the author and should be said
	Do      []Action         // what is done before the load
	Events  []Event          // what is done to the target meanwhile, as in the scenario
	Figures []Figure         // what is taken from the target, as in the scenario
	open    []io.Closer
}

// Close closes the data files.
func (p *Plan) Close() error {
	var all []error
	for _, c := range p.open {
		all = append(all, c.Close())
	}
	return errors.Join(all...)
}

// Options are what a run adds to its scenario.
type Options struct {
	Target    string            // replaces the scenario's target; must be set if that is the reference target
	Vars      map[string]string // values for entries of vars
	Seed      *uint64           // replaces the scenario's seed
	Round     int               // of an experiment, from 1: each has a seed of its own; 0: it is none
	Do        []Action          // what is to be done before the load
	FileLimit int               // how many files this process may open; 0: not known
}

// Plan works out everything that is needed to run the scenario: files are opened, the
// protocols made, the arrivals set. Errors have no position any more: they come from the
// options and from this machine.
func (s *Scenario) Plan(opt Options) (*Plan, error) {
	if len(s.from.missing) > 0 {
		return nil, &ValueError{
			Msg:  fmt.Sprintf("scenario %s needs the file %s, and it is not known where to look", quote(s.Name), quote(s.from.missing[0])),
			Hint: "save the scenario beside its files and run it from there",
		}
	}
	vars, err := s.values(opt.Vars)
	if err != nil {
		return nil, err
	}
	p := &Plan{Budgets: s.budgets, SLOs: s.slos}
	if p.Target, err = s.base(opt.Target, vars); err != nil {
		return nil, err
	}
	if err := p.fill(s, opt.Do, vars); err != nil {
		return nil, err
	}
	p.Legend, p.Grace = s.legend, s.run.grace
	flows, err := s.compile(p.Target)
	if err != nil {
		return nil, err
	}
	b := &planner{scenario: s, plan: p, vars: vars, seed: s.run.seed, round: opt.Round, flows: flows}
	if opt.Seed != nil {
		b.seed = *opt.Seed
	}
	b.seed = ofRound(b.seed, opt.Round)
	p.Seed = b.seed
	if err := b.build(opt.FileLimit); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// values returns the variables, those given from outside in place of the author's.
func (s *Scenario) values(given map[string]string) (map[string]string, error) {
	vars := map[string]string{}
	var names []string
	for _, v := range s.vars {
		names = append(names, v.name)
		value, ok := given[v.name]
		if !ok && v.required {
			return nil, &ValueError{
				Msg:  fmt.Sprintf("variable %s has no value", quote(v.name)),
				Hint: fmt.Sprintf("give it one with  -e %s=VALUE", v.name),
			}
		}
		if !ok {
			value = v.value
		}
		vars[v.name] = value
	}
	for name := range given {
		if !slices.Contains(names, name) {
			return nil, &ValueError{Msg: fmt.Sprintf("the scenario has no variable %s", quote(name)), Hint: didYouMean(name, names)}
		}
	}
	return vars, nil
}

// base returns where requests go that name no host.
func (s *Scenario) base(given string, vars map[string]string) (string, error) {
	if given != "" {
		return given, checkTarget(given)
	}
	if s.Target.Reference != "" {
		return "", fmt.Errorf("plan %s: the reference target is not running", quote(s.Name))
	}
	if !strings.Contains(s.Target.URL, "{{") {
		return s.Target.URL, nil
	}
	f, err := newFiller(vars)
	if err != nil {
		return "", fmt.Errorf("target: %w", err)
	}
	text, err := f.text(s.Target.URL, flow.ParseTemplate)
	if err != nil {
		return "", fmt.Errorf("target: %w", err)
	}
	return text, checkTarget(text)
}

// compile makes the flows that the engine runs, by name.
func (s *Scenario) compile(base string) (map[string]*flow.Flow, error) {
	flows := map[string]*flow.Flow{}
	for _, f := range s.flows {
		compiled, err := f.compile(base, s.run.defaults)
		if bad, ok := errors.AsType[*callError](err); ok {
			return nil, Problems{{File: s.from.file, Line: bad.call.node.Line, Col: bad.call.node.Column, Msg: bad.Error(), Hint: hintOf(bad.err)}}
		}
		flows[f.name] = compiled
	}
	return flows, nil
}

// planner builds the loads of a plan.
type planner struct {
	scenario *Scenario
	plan     *Plan
	vars     map[string]string
	seed     uint64
	round    int
	flows    map[string]*flow.Flow
	feeds    map[string]*flow.Feed    // by source
	clients  map[string]*http1.Client // by how they use connections
}

func (b *planner) build(fileLimit int) error {
	b.feeds, b.clients = map[string]*flow.Feed{}, map[string]*http1.Client{}
	for _, src := range b.scenario.data {
		feed, closer, err := src.open(b.scenario.from.files)
		if err != nil {
			return err
		}
		b.feeds[src.name] = feed
		b.plan.open = append(b.plan.open, closer)
	}
	inFlight, err := b.inFlight(fileLimit)
	if err != nil {
		return err
	}
	for i, l := range b.scenario.loads {
		load, err := b.load(i, l)
		if err != nil {
			return err
		}
		if load.Open != nil {
			load.Open.MaxInFlight = inFlight[i]
		}
		b.plan.Loads = append(b.plan.Loads, load)
	}
	return nil
}

func (b *planner) load(i int, l *loadSpec) (engine.Load, error) {
	seed := b.seed + uint64(i)*3
	if l.given["seed"] != nil {
		seed = ofRound(l.seed, b.round)
	}
	client, err := b.client(l)
	if err != nil {
		return engine.Load{}, err
	}
	world := &flow.World{Vars: b.vars, Feeds: b.feedsOf(l), Seed: mix(seed)}
	load := engine.Load{Protocol: client, Seed: mix(seed + 1)}
	load.NewUser = func(id int) (*flow.User, error) { return flow.NewUser(world, id) }
	for _, w := range l.flows {
		load.Flows = append(load.Flows, engine.Weighted{Flow: b.flows[w.flow], Weight: w.weight})
	}
	if l.open() {
		load.Open = &engine.Open{Schedule: l.schedule(mix(seed + 2))}
		return load, nil
	}
	load.Closed = &engine.Closed{Iterations: l.iterations, Pacing: l.pacing}
	for _, s := range l.stages {
		load.Closed.Users = append(load.Closed.Users, engine.UserStage{From: s.fromUsers, To: s.toUsers})
	}
	return load, nil
}

// ofRound returns the seed for a round of an experiment, the same for all of its runs:
// pairs of them stay comparable, and a further round shows something new. It has 53 bits,
// which every reader of JSON keeps.
func ofRound(seed uint64, round int) uint64 {
	if round <= 1 {
		return seed
	}
	return mix(mix(seed)+uint64(round)) >> 11
}

// mix spreads seeds that lie close together (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// feedsOf returns the feeds that the load's flows use, and no others: every pass takes a
// row from each.
func (b *planner) feedsOf(l *loadSpec) (feeds []*flow.Feed) {
	used := map[string]bool{}
	for _, f := range b.scenario.flows {
		if !slices.ContainsFunc(l.flows, func(w share) bool { return w.flow == f.name }) {
			continue
		}
		for _, c := range f.calls() {
			for _, u := range slices.Concat(c.uses, b.scenario.run.defaults.uses) {
				source, _, _ := strings.Cut(u.name, ".")
				used[source] = true
			}
		}
	}
	for _, src := range b.scenario.data {
		if used[src.name] {
			feeds = append(feeds, b.feeds[src.name])
		}
	}
	return feeds
}

// client returns the protocol for the load. Loads that use connections alike share one.
func (b *planner) client(l *loadSpec) (*http1.Client, error) {
	spec := b.scenario.run.http
	how := spec.connections
	if l.connections != "" {
		how = l.connections
	}
	if c := b.clients[how]; c != nil {
		return c, nil
	}
	spec.config.NewConnection = how == "new"
	c, err := http1.New(spec.config)
	b.clients[how] = c
	return c, err
}

// Files that a run needs beside its connections: data, results, the program's own.
const spareFiles = 64

// defaultInFlight is how many passes of an open load may be under way at once.
const defaultInFlight = 10_000

// inFlight returns how many passes each open load may have under way: what the author
// says, else the default, but never more than this process may open connections. What
// there is goes to modest loads first.
func (b *planner) inFlight(fileLimit int) ([]int, error) {
	wanted := make([]int, len(b.scenario.loads))
	var open []int
	users := 0
	for i, l := range b.scenario.loads {
		users += l.mostUsers()
		if l.open() {
			open = append(open, i)
			wanted[i] = cmp.Or(l.maxInFlight, defaultInFlight)
		}
	}
	left := fileLimit - spareFiles - users
	if fileLimit == 0 {
		return wanted, nil
	}
	if left < len(open) {
		return nil, &ValueError{
			Msg:  fmt.Sprintf("%d users need a connection each, but this process may open only %d files", users, fileLimit),
			Hint: fmt.Sprintf("raise the limit:  ulimit -n %d", users+spareFiles+1000*len(open)),
		}
	}
	slices.SortStableFunc(open, func(i, j int) int { return wanted[i] - wanted[j] })
	var capped []string
	for k, i := range open {
		if most := left / (len(open) - k); wanted[i] > most {
			wanted[i] = most
			capped = append(capped, fmt.Sprintf("%s %s", quote(b.scenario.loads[i].name), count(float64(most))))
		}
		left -= wanted[i]
	}
	if len(capped) > 0 {
		b.plan.Notes = append(b.plan.Notes, fmt.Sprintf("at most so many may be in flight: %s; this process may open only %s files (ulimit -n)",
			strings.Join(capped, ", "), count(float64(fileLimit))))
	}
	return wanted, nil
}
