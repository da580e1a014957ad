package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/engine/simulate"
	"plimsoll/report"
)

// serviceModel is how long a request keeps a server busy, and where that is from.
type serviceModel struct {
	law     simulate.Law
	source  string
	servers int // of a node, as measured; 0: not known
	notes   []string
}

// openModel reads MODEL: what capacity saved, a run, or a law. What is there on disk comes
// first.
func openModel(arg string) (*serviceModel, error) {
	_, err := os.Stat(arg)
	switch {
	case err != nil && strings.Contains(arg, "("):
		law, err := simulate.ParseLaw(arg)
		if bad, ok := errors.AsType[*simulate.LawError](err); ok {
			return nil, usageError(bad.Hint, "%w", err)
		}
		return &serviceModel{law: law, source: law.String()}, err
	case errors.Is(err, fs.ErrNotExist):
		return nil, usageError("a law is written as exp(10ms), in quotes", "%s is no file, no directory and no law", arg)
	case err != nil:
		return nil, usageError("", "%w", err)
	case isRun(arg):
		return modelOfRun(arg)
	}
	c, err := report.OpenCapacity(arg)
	if err != nil {
		return nil, withHint("MODEL is what plimsoll capacity saved, the directory of a run, or a law such as 'exp(10ms)'", usageError("", "%w", err))
	}
	return modelOfCapacity(arg, c)
}

// isRun reports whether path is a run's directory or its run.json.
func isRun(path string) bool {
	return filepath.Base(path) == report.RunFile || isFile(filepath.Join(path, report.RunFile)) && !isFile(filepath.Join(path, report.CapacityFile))
}

// modelOfCapacity takes the service times that the search measured at low load.
func modelOfCapacity(path string, c *report.Capacity) (*serviceModel, error) {
	s := c.Node.Service
	if s == nil {
		return nil, usageError("measure again with plimsoll capacity, or write a law such as 'exp(10ms)'", "%s has no service times", path)
	}
	m := &serviceModel{source: fmt.Sprintf("%d service times at the lowest loads in %s", s.Count, path)}
	if r, why := measuredReplica(c); why == "" {
		m.law, m.servers = r.service, r.servers
		return m, nil
	}
	at := make([]time.Duration, len(s.Quantiles))
	for i, ms := range s.Quantiles {
		at[i] = time.Duration(ms * float64(time.Millisecond))
	}
	var err error
	if m.law, err = simulate.Quantiles(s.Shares, at); err != nil {
		return nil, usageError("", "%s: service times: %w", path, err)
	}
	m.guessServers(&c.Node)
	return m, nil
}

// guessServers takes a node to have as many servers as its load line kept busy, for want of
// a resource that was watched.
func (m *serviceModel) guessServers(n *report.Node) {
	line := cmp.Or(n.Upper, n.Lower)
	if line == nil {
		return
	}
	m.servers = max(int(math.Ceil(*line*m.law.Mean().Seconds())), 1)
	m.notes = append(m.notes, fmt.Sprintf("a node is taken to have %d servers, as many as %s at its load line keep busy; --servers says it better", m.servers, rateText(*line)))
}

// modelOfRun takes the service times of a run's good answers.
func modelOfRun(path string) (*serviceModel, error) {
	saved, err := openRun(path)
	if err != nil {
		return nil, err
	}
	var h latency.Histogram
	for s, err := range saved.Intervals() {
		if errors.Is(err, report.ErrTruncated) {
			break
		}
		if err != nil {
			return nil, usageError("", "%w", err)
		}
		for _, cell := range s.Cells {
			if cell.Outcome == engine.OK {
				h.Merge(&cell.Service)
			}
		}
	}
	law, err := simulate.Recorded(&h)
	if err != nil {
		return nil, usageError("an experiment's runs are in directories of their own", "%s: %w", saved.Dir, err)
	}
	m := &serviceModel{law: law, source: fmt.Sprintf("%d service times of the run %s", h.Count(), saved.Dir)}
	inFlight := 0.0
	for _, l := range saved.Run.Loads {
		inFlight += l.InFlight
	}
	if inFlight > 1 {
		m.notes = append(m.notes, fmt.Sprintf("the run had %s requests in flight on average: its service times contain the target's own queues, which are simulated once more; take a run at low load", report.FormatNumber(inFlight)))
	}
	return m, nil
}

// read returns the cluster that the flags describe, without its number of nodes.
func (f *clusterFlags) read(m *serviceModel) (c simulate.Cluster, err error) {
	c = simulate.Cluster{Servers: cmp.Or(f.servers, m.servers, 1), Service: m.law, Stale: f.stale}
	if f.nodes < 0 || f.servers < 0 {
		return c, usageError("", "--nodes %d and --servers %d: there has to be one at least", f.nodes, f.servers)
	}
	if c.Policy, err = oneOf("policy", f.policy, map[string]simulate.Policy{
		"random": simulate.Random, "round-robin": simulate.RoundRobin, "weighted": simulate.Weighted,
		"two-choices": simulate.Choices, "least-connections": simulate.LeastLoaded,
	}); err != nil {
		return c, err
	}
	if c.Queue.Order, err = oneOf("discipline", f.discipline, map[string]simulate.Order{
		"fifo": simulate.FIFO, "lifo": simulate.LIFO, "shared": simulate.Shared,
	}); err != nil {
		return c, err
	}
	if (c.Policy == simulate.Weighted) != (f.weights != nil) {
		return c, usageError("for instance --policy weighted --weights 3,1,1", "--policy weighted and --weights need one another")
	}
	c.Weights = f.weights
	if c.Queue.Bounded = f.queue >= 0; c.Queue.Bounded {
		c.Queue.Places = f.queue
	}
	if c.Queue.Bounded && c.Queue.Order == simulate.Shared {
		return c, usageError("nobody waits where all are served at once", "--queue and --discipline shared do not go together")
	}
	return c, nil
}

// read returns the clients that the flags describe; mean is that of the service times.
func (f *clientFlags) read(cmd *cobra.Command, mean time.Duration) (c simulate.Clients, err error) {
	c = simulate.Clients{Timeout: f.timeout, Retries: f.retries, Backoff: f.backoff}
	if !cmd.Flags().Changed("timeout") {
		c.Timeout = 10 * mean
	}
	if !cmd.Flags().Changed("backoff") {
		c.Backoff = mean
	}
	switch {
	case f.cancel && f.dropExpired:
		return c, usageError("--cancel does all that --drop-expired does", "--cancel and --drop-expired do not go together")
	case f.cancel:
		c.Leave = simulate.Cancel
	case f.dropExpired:
		c.Leave = simulate.Expire
	}
	if f.budget != "" {
		if c.Budget, err = parsePercentage("retry-budget", f.budget); err != nil {
			return c, err
		}
		if c.Budget <= 0 {
			return c, usageError("--retries 0 means no retries", "--retry-budget %s: it has to be more than 0%%", f.budget)
		}
	}
	return c, nil
}

// oneOf returns what a word stands for.
func oneOf[T any](flag, word string, meanings map[string]T) (T, error) {
	meaning, known := meanings[word]
	if known {
		return meaning, nil
	}
	words := slices.Sorted(maps.Keys(meanings))
	hint := "it is one of " + strings.Join(words, ", ")
	if best := nearest(word, words); best != "" {
		hint = "did you mean " + best + "?"
	}
	return meaning, usageError(hint, "--%s %s is not known", flag, word)
}
