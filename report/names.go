package report

import (
	"fmt"
	"strings"

	"plimsoll/engine"
	"plimsoll/engine/flow"
	"plimsoll/engine/latency"
)

// clock is one of the histograms of a cell; its name is the last part of a tag.
type clock int

const (
	clockLatency clock = iota
	clockService
	clockLag
	firstPhase
	clockTTFB = firstPhase + clock(flow.FirstByte)
	numClocks = firstPhase + clock(flow.NumPhases)
)

func (c clock) String() string {
	if c >= firstPhase {
		return flow.Phase(c - firstPhase).String()
	}
	return [...]string{"latency", "service", "lag"}[c]
}

// of returns the histogram of the clock.
func (c clock) of(cell *engine.Cell) *latency.Histogram {
	switch c {
	case clockLatency:
		return &cell.Latency
	case clockService:
		return &cell.Service
	case clockLag:
		return &cell.Lag
	}
	return &cell.Phases[c-firstPhase]
}

// tags gives every cell of a legend its name in the files of a run:
//
//	load;stage;request;outcome
//
// A histogram's tag adds ";" and the clock: latency, service, lag, dns, connect, tls,
// first_byte or body. A ";" or "\" within a name stands behind a "\". Of equal names the
// second is written with "#2" behind it, and so on.
type tags struct {
	loads, requests []string
	stages          [][]string
}

func newTags(l *engine.Legend) *tags {
	t := &tags{}
	var loads, requests []string
	for _, load := range l.Loads {
		loads = append(loads, load.Name)
		var stages []string
		for _, g := range load.Stages {
			stages = append(stages, g.Name)
		}
		if len(stages) == 0 {
			stages = []string{""} // a snapshot counts it as stage 0 all the same
		}
		t.stages = append(t.stages, escaped(unique(stages)))
	}
	for _, r := range l.Requests {
		requests = append(requests, r.Name)
	}
	t.loads, t.requests = escaped(unique(loads)), escaped(unique(requests))
	return t
}

func (t *tags) cell(k engine.Key) string {
	return t.loads[k.Load] + ";" + t.stages[k.Load][k.Stage] + ";" + t.requests[k.Request] + ";" + k.Outcome.String()
}

// keys returns the cell of every tag.
func (t *tags) keys() map[string]engine.Key {
	keys := map[string]engine.Key{}
	for l := range t.loads {
		for g := range t.stages[l] {
			for r := range t.requests {
				for o := range engine.NumOutcomes {
					k := engine.Key{Load: l, Stage: g, Request: r, Outcome: o}
					keys[t.cell(k)] = k
				}
			}
		}
	}
	return keys
}

// splitClock takes the clock off the end of a tag.
func splitClock(tag string) (cell string, c clock, ok bool) {
	i := strings.LastIndexByte(tag, ';')
	if i < 0 {
		return "", 0, false
	}
	for c := range numClocks {
		if c.String() == tag[i+1:] {
			return tag[:i], c, true
		}
	}
	return "", 0, false
}

// unique returns the names with "#2", "#3" … behind those that were there before.
func unique(names []string) []string {
	taken := map[string]bool{}
	for _, name := range names {
		taken[name] = true
	}
	seen := map[string]bool{}
	var out []string
	for _, name := range names {
		own := name
		for n := 2; seen[own] || own != name && taken[own]; n++ {
			own = fmt.Sprintf("%s#%d", name, n)
		}
		seen[own] = true
		out = append(out, own)
	}
	return out
}

func escaped(names []string) []string {
	escape := strings.NewReplacer(`\`, `\\`, `;`, `\;`)
	for i := range names {
		names[i] = escape.Replace(names[i])
	}
	return names
}
