//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The figures, by the names they are shown under.
const (
	cpuPerRequest = "CPU/request µs"
	achieved      = "rate /s"
	rateError     = "rate off by %"
	dropped       = "dropped"
	connections   = "connections"
	latencyMean   = "latency mean µs"
	latencyP50    = "latency p50 µs"
	latencyP99    = "latency p99 µs"
	lagP50        = "lag p50 µs"
	lagP99        = "lag p99 µs"
	resident      = "resident peak MB"
	allStarted    = "all started s"
	wallTime      = "wall time ms"
	binarySize    = "stripped MB"
)

// inOrder returns the figures in the order of the table.
func inOrder() []string {
	return []string{
		cpuPerRequest, achieved, rateError, dropped, connections, latencyMean, latencyP50, latencyP99, lagP50, lagP99,
		resident, allStarted, wallTime, binarySize,
	}
}

// noisy is how much of a core others may use on average before a measurement is marked.
const noisy = 0.1

// result is what a case came to.
type result struct {
	Case     string         `json:"case"`
	Peer     string         `json:"peer,omitempty"`
	Pairs    int            `json:"pairs"`
	Noisy    int            `json:"noisy_pairs"`
	Foreign  float64        `json:"foreign_cores_max"`
	Verdicts map[string]int `json:"verdicts,omitempty"`
	Figures  []figure       `json:"figures"`
}

// figure is a median, beside the peer's and the median of the ratios pair by pair where
// the peer shows it too.
type figure struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Peer  *float64 `json:"peer,omitempty"`
	Ratio *float64 `json:"ratio,omitempty"`
	Bound string   `json:"bound,omitempty"`
}

// compare measures the case in pairs and says to stderr how it goes.
func (b benchmark) compare(ctx context.Context, r *rig, pairs, seconds int) (result, error) {
	found := result{Case: b.name, Peer: b.peer, Pairs: pairs, Verdicts: map[string]int{}}
	if b.once {
		found.Pairs = 1
	}
	var ours, theirs []reading
	for i := range found.Pairs {
		mine, err := r.measure(ctx, b.ours, seconds)
		if err != nil {
			return found, err
		}
		ours = append(ours, mine)
		foreign, line := mine.foreign, describe("plimsoll", mine)
		if b.theirs != nil {
			other, err := r.measure(ctx, b.theirs, seconds)
			if err != nil {
				return found, err
			}
			theirs = append(theirs, other)
			foreign, line = max(foreign, other.foreign), line+describe(b.peer, other)
		}
		if foreign > noisy {
			found.Noisy++
			line += "  noisy"
		}
		if mine.verdict != "" {
			found.Verdicts[mine.verdict]++
		}
		found.Foreign = max(found.Foreign, foreign)
		fmt.Fprintf(os.Stderr, "%-10s  %d/%d%s\n", b.name, i+1, found.Pairs, line)
	}
	found.Figures = figures(ours, theirs, b.bounds)
	return found, nil
}

// measure lets the generator work and adds what others used meanwhile.
func (r *rig) measure(ctx context.Context, g generator, seconds int) (reading, error) {
	before, err := r.foreign()
	if err != nil {
		return reading{}, err
	}
	began := time.Now()
	found, err := g(ctx, r, seconds)
	if err != nil {
		return reading{}, err
	}
	took := time.Since(began)
	after, err := r.foreign()
	found.foreign = max(0, float64(after-before)/float64(took))
	return found, err
}

// describe is a part of a line of progress.
func describe(who string, r reading) string {
	text := ""
	if cpu, ok := r.figures[cpuPerRequest]; ok {
		text = fmt.Sprintf(" %.2f µs/request,", cpu)
	}
	return fmt.Sprintf("  %s%s foreign %.0f %%", who, text, 100*r.foreign)
}

// figures sums up readings that were made in turns; theirs may be none.
func figures(ours, theirs []reading, bounds map[string]string) []figure {
	var all []figure
	for _, name := range inOrder() {
		mine, others, ratios := series(ours, name), series(theirs, name), []float64(nil)
		if len(mine) == 0 {
			continue
		}
		f := figure{Name: name, Value: median(mine), Bound: bounds[name]}
		if len(others) == len(mine) {
			for i := range mine {
				ratios = append(ratios, mine[i]/others[i])
			}
			f.Peer, f.Ratio = new(median(others)), new(median(ratios))
		}
		all = append(all, f)
	}
	return all
}

// series returns one figure of all readings that have it.
func series(readings []reading, name string) []float64 {
	var values []float64
	for _, r := range readings {
		if v, ok := r.figures[name]; ok {
			values = append(values, v)
		}
	}
	return values
}

func write(w io.Writer, results []result, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false) // bounds contain <
		return e.Encode(results)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "case\tfigure\tplimsoll\tpeer\tratio\tbound\n")
	for _, r := range results {
		name := r.Case
		for _, f := range r.Figures {
			peer, ratio := "", ""
			if f.Peer != nil {
				peer, ratio = r.Peer+" "+show(*f.Peer), fmt.Sprintf("%.2f", *f.Ratio)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", name, f.Name, show(f.Value), peer, ratio, f.Bound)
			name = ""
		}
	}
	fmt.Fprintln(t)
	for _, r := range results {
		var verdicts []string
		for _, v := range slices.Sorted(maps.Keys(r.Verdicts)) {
			verdicts = append(verdicts, fmt.Sprintf("%d %s", r.Verdicts[v], v))
		}
		fmt.Fprintf(t, "%s\t%d of %d noisy, foreign CPU up to %.0f %% of a core\t%s\n",
			r.Case, r.Noisy, r.Pairs, 100*r.Foreign, strings.Join(verdicts, ", "))
	}
	return t.Flush()
}

// show writes a number with four digits or so.
func show(value float64) string {
	if value >= 100 || value == math.Trunc(value) {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
