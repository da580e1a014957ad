package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine/capacity"
	"plimsoll/engine/resource"
	"plimsoll/report"
)

// resourceFlags say what of the target is watched.
type resourceFlags struct {
	metrics []string
	pids    []int
}

func (f *resourceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.metrics, "metrics", nil, "watch what the target uses by its Prometheus page at this `URL`; repeatable")
	flags.IntSliceVar(&f.pids, "pid", nil, "watch the process with this `ID` and its children (Linux); repeatable")
}

// watching watches the resources of a target during trials.
type watching struct {
	sources []*source
	seen    map[string]seen // by name of the resource
	noted   []string
}

// seen is what is known of a resource.
type seen struct {
	source string
	units  float64
	aside  bool // tells of the surroundings, and is no bottleneck
}

// source is one place to watch from.
type source struct {
	kind  string // as in report.Resource
	watch resource.Watch
	every time.Duration // between two readings in a trial; 0: only at its ends
	ask   bool          // it was asked for, so it has to work
}

// How often what is in use is looked at: /proc costs little, a page something.
const (
	procEvery = 200 * time.Millisecond
	pageEvery = time.Second
)

// watch returns what watches the resources that the flags name, and those of the reference
// target if there is one.
func (f *resourceFlags) watch(ref *reference) (*watching, error) {
	w := &watching{seen: map[string]seen{}}
	if ref != nil {
		w.sources = append(w.sources, &source{kind: "reference target", watch: resource.NewReference(ref.admin)})
		if p, err := resource.NewProcesses(ref.cmd.Process.Pid, "the target"); err == nil {
			w.sources = append(w.sources, &source{kind: "proc", watch: p, every: procEvery})
		}
	}
	for _, address := range f.metrics {
		page, err := resource.NewPage(address)
		if err != nil {
			return nil, usageError("for instance --metrics http://127.0.0.1:9090/metrics", "--metrics: %w", err)
		}
		w.sources = append(w.sources, &source{kind: "prometheus", watch: page, every: pageEvery, ask: true})
	}
	for _, pid := range f.pids {
		p, err := resource.NewProcesses(pid, fmt.Sprintf("pid %d", pid))
		if err != nil {
			hint := "--pid takes the id of a running process on this machine"
			if errors.Is(err, errors.ErrUnsupported) {
				hint = "--metrics URL works everywhere"
			}
			return nil, usageError(hint, "--pid: %w", err)
		}
		w.sources = append(w.sources, &source{kind: "proc", watch: p, every: procEvery, ask: true})
	}
	return w, nil
}

// begin reads every source once. One that was asked for and cannot be read is an error.
func (w *watching) begin(ctx context.Context) error {
	for _, s := range w.sources {
		r, err := s.watch.Read(ctx)
		switch {
		case err == nil:
			for _, n := range r.Notes {
				w.note(n)
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.ask:
			return withHint(s.hint(err), withCode(exitUnreachable, fmt.Errorf("watch the target: %w", err)))
		default:
			w.note("watching the target: " + err.Error())
		}
	}
	return nil
}

// hint says what may help against a source that cannot be read.
func (s *source) hint(err error) string {
	switch {
	case errors.Is(err, resource.ErrContent):
		return "--metrics takes the URL of a page in the text format of Prometheus, often http://HOST:PORT/metrics"
	case errors.Is(err, resource.ErrNothing):
		return "understood are " + resource.Understood
	case s.kind == "prometheus":
		return "look at the page that --metrics names: curl shows the same"
	}
	return ""
}

// recall takes over what an earlier part of a search knew of the resources.
func (w *watching) recall(resources []report.Resource) {
	for _, r := range resources {
		w.seen[r.Name] = seen{source: r.Source, units: r.Units}
	}
}

// start watches a trial that begins now, warms up for warm and counts for load after that.
// The function it returns ends the watching, and returns how busy each resource was while
// the trial counted: 0 to 1, by name. It is to be called once.
func (w *watching) start(ctx context.Context, warm, load time.Duration) (read func(context.Context) map[string]float64) {
	ctx, cancel := context.WithCancel(ctx)
	began, ended := time.Now(), make(chan struct{})
	spans := make([]resource.Span, len(w.sources))
	var all sync.WaitGroup
	for i, s := range w.sources {
		all.Go(func() { s.follow(ctx, &spans[i], began.Add(warm), began.Add(warm+load), ended) })
	}
	return func(ctx context.Context) map[string]float64 {
		stop := context.AfterFunc(ctx, cancel)
		defer stop()
		close(ended)
		all.Wait()
		cancel()
		return w.sum(spans)
	}
}

// follow reads a source from one moment to another, or until the trial ends before.
func (s *source) follow(ctx context.Context, span *resource.Span, from, to time.Time, ended <-chan struct{}) {
	every := cmp.Or(s.every, to.Sub(from))
	for at := from; ; at = later(at.Add(every), time.Now().Add(every/2)) {
		more := sleepUntil(earlier(at, to), ended)
		r, err := s.watch.Read(ctx)
		if err != nil {
			span.Fail(err)
			return
		}
		if span.Add(r); !more || !at.Before(to) {
			return
		}
	}
}

// sleepUntil waits for a moment, and returns false if the end came before it.
func sleepUntil(at time.Time, ended <-chan struct{}) bool {
	select {
	case <-ended:
		return false
	case <-time.After(time.Until(at)):
		return true
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// sum brings together what the sources tell of a trial. What two of them have under one
// name, as the processors of the machine, is the first one's.
func (w *watching) sum(spans []resource.Span) map[string]float64 {
	busy := map[string]float64{}
	for i, s := range w.sources {
		uses, notes := spans[i].Uses()
		for _, u := range uses {
			if _, there := busy[u.Name]; there {
				continue
			}
			busy[u.Name] = u.Utilisation
			w.seen[u.Name] = seen{source: s.kind, units: u.Units, aside: u.Context}
		}
		for _, n := range notes {
			w.note(fmt.Sprintf("resources (%s): in some trial nothing is known: %s", s.kind, n))
		}
	}
	return busy
}

// mostNotes is how many notes are kept.
const mostNotes = 20

func (w *watching) note(text string) {
	if len(w.noted) < mostNotes && !slices.Contains(w.noted, text) {
		w.noted = append(w.noted, text)
	}
}

// notes are what could not be told, once each.
func (w *watching) notes() []string { return w.noted }

// Up to where a trial tells what a pass costs: requests that are refused cost less, and
// where more are answered than came, or fewer, some of the work was done before or after.
const (
	mostErrors    = 0.01 // share of failed requests
	mostImbalance = 0.03 // of what was answered against what came
)

// resources returns what passes through the flows use up, the scarcest first, by the
// utilisation law over all trials: what does not grow with load is left out. Lower is the
// lower bound of the load line, 0 without one. Calls is how many requests a pass should make.
func (w *watching) resources(trials []report.LineTrial, lower, calls float64) []report.Resource {
	var all []report.Resource
	trials = slices.DeleteFunc(slices.Clone(trials), unbalanced)
	calls = callsPerPass(trials, calls)
	for _, name := range slices.Sorted(maps.Keys(w.seen)) {
		known := w.seen[name]
		rates, busy := passes(trials, name, calls)
		if known.aside || !capacity.Grows(rates, busy) {
			continue
		}
		demand, err := capacity.Demand(rates, busy, known.units)
		if err != nil || demand <= 0 {
			continue
		}
		all = append(all, report.Resource{
			Name: name, Source: known.source, DemandMS: demand * 1e3, Units: known.units,
			AtLower: busyAt(trials, name, lower, demand/known.units), Saturates: capacity.Saturation(demand, known.units),
		})
	}
	slices.SortStableFunc(all, func(a, b report.Resource) int { return cmp.Compare(a.Saturates, b.Saturates) })
	return all
}

// unbalanced reports whether a trial does not tell what a pass costs.
func unbalanced(t report.LineTrial) bool {
	return t.Achieved <= 0 || t.Errors > mostErrors || math.Abs(t.Achieved/t.Offered-1) > mostImbalance
}

// passes returns the rates of passes per second that the trials got through, and how busy a
// resource was.
func passes(trials []report.LineTrial, name string, calls float64) (rates, busy []float64) {
	for _, t := range trials {
		if u, there := t.Busy[name]; there {
			rates = append(rates, t.Achieved/calls)
			busy = append(busy, u)
		}
	}
	return rates, busy
}

// callsPerPass returns how many requests a pass made. Arrivals at random are more or fewer
// than their rate says, so what the flows say counts unless trials differ from it by more:
// redirects, for instance, are requests, too.
func callsPerPass(trials []report.LineTrial, planned float64) float64 {
	var requests, begun float64
	for _, t := range trials {
		requests += t.Offered * t.Seconds
		begun += t.Rate * t.Seconds
	}
	if begun == 0 || math.Abs(requests/begun/planned-1) < 0.2 {
		return planned
	}
	return requests / begun
}

// busyAt returns how busy a resource was on average in the trials at a rate, or would be by
// the law if it was not watched in any.
func busyAt(trials []report.LineTrial, name string, rate, each float64) float64 {
	var sum, n float64
	for _, t := range trials {
		if u, there := t.Busy[name]; there && t.Rate == rate {
			sum += u
			n++
		}
	}
	if n == 0 {
		return min(rate*each, 1)
	}
	return sum / n
}
