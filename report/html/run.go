package html

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"plimsoll/report"
)

// mostEvents bounds how many events are marked in charts and listed.
const mostEvents = 60

// Run writes the page of an ordinary run: the verdict and whether it may be believed first,
// then budgets, then figures over time from the general to the particular. What cannot be
// read of the run's directory is left out, and the page says so.
func Run(w io.Writer, s *report.Saved) error {
	return Write(w, runPage(s, readTimeline(s)))
}

func runPage(s *report.Saved, t *timeline) *Page {
	run := s.Run
	p := &Page{Title: run.Scenario, Kind: "Load test", Banner: runBanner(run, t)}
	p.Sections = []Section{
		{ID: "validity", Title: "Can it be believed?", Short: "Validity", Blocks: validityBlocks(run)},
		{ID: "budgets", Title: "Budgets", Blocks: budgetBlocks(run)},
		{ID: "slos", Title: "Error budgets", Short: "SLOs", Blocks: sloBlocks(run)},
		{ID: "loads", Title: "Loads and stages", Short: "Loads", Blocks: loadBlocks(run)},
	}
	p.Sections = append(p.Sections, chartSections(run, t)...)
	p.Sections = append(p.Sections,
		Section{ID: "traces", Title: "Slowest traced requests", Short: "Traces", Blocks: traceBlocks(run)},
		Section{ID: "generator", Title: "The generator", Short: "Generator", Blocks: generatorBlocks(run, t)},
		Section{ID: "figures", Title: "What the target said of itself", Short: "Figures", Blocks: saidBlocks(run)},
		Section{ID: "events", Title: "Events", Blocks: eventBlocks(run.Events)},
		Section{ID: "notes", Title: "Notes", Blocks: listBlocks(append(append([]string{}, run.Remarks...), run.Notes...))},
		Section{ID: "environment", Title: "Environment", Blocks: environmentBlocks(run, t)},
		Section{ID: "scenario", Title: "Scenario", Blocks: scenarioBlocks(s.Dir, noteOf(run.Source))},
	)
	p.Footer = "plimsoll " + run.Plimsoll.Version + ". This page is complete in itself and asks nothing of a network."
	return p
}

// chartSections are the parts with something for each load.
func chartSections(run *report.Run, t *timeline) []Section {
	rates := Section{ID: "rates", Title: "Rates"}
	times := Section{ID: "latency", Title: "Latency over time", Short: "Latency"}
	heat := Section{ID: "heat", Title: "Latency heat map", Short: "Heat map"}
	curve := Section{ID: "percentiles", Title: "Percentiles", Short: "Percentiles"}
	requests := Section{ID: "requests", Title: "Requests"}
	errors := Section{ID: "errors", Title: "Errors"}
	phases := Section{ID: "phases", Title: "Phases"}
	flight := Section{ID: "in-flight", Title: "In flight", Short: "In flight"}
	names := groupNames(run)
	for i := range run.Legend.Loads {
		p := &plotter{run: run, time: t, load: i}
		if len(names) > 1 {
			p.group = names[i]
		}
		if i == mostLoads {
			rates.Blocks = append(rates.Blocks, Block{Note: &Note{Warn, fmt.Sprintf("The run has %d loads; charts are shown of the first %d.", len(names), mostLoads)}})
		}
		drawn := i < mostLoads && len(t.from) > 0
		if drawn {
			rates.Blocks = append(rates.Blocks, p.blocks(p.rates(), nil)...)
			times.Blocks = append(times.Blocks, p.blocks(p.latency(), p.overTime())...)
			heat.Blocks = append(heat.Blocks, p.blocks(p.heat(), nil)...)
			flight.Blocks = append(flight.Blocks, p.blocks(p.inFlight(), nil)...)
		}
		curve.Blocks = append(curve.Blocks, p.blocks(p.only(drawn, p.percentiles), p.percentileTable())...)
		requests.Blocks = append(requests.Blocks, p.blocks(nil, p.requestTable(), p.outcomeTable())...)
		errors.Blocks = append(errors.Blocks, p.blocks(p.only(drawn, p.errors), p.errorTable())...)
		phases.Blocks = append(phases.Blocks, p.blocks(p.only(drawn, p.phases), p.phaseTable())...)
	}
	if len(errors.Blocks) == 0 {
		errors.Blocks = []Block{{Text: "Nothing failed, nothing was dropped, and nothing was unfinished at the end."}}
	}
	return []Section{rates, times, heat, curve, requests, errors, phases, flight}
}

// only makes a chart if there is something to draw.
func (p *plotter) only(drawn bool, chart func() *Chart) *Chart {
	if !drawn {
		return nil
	}
	return chart()
}

// blocks are a chart and the tables below it, under the name of the load if there are
// several. What is nil is left out.
func (p *plotter) blocks(c *Chart, tables ...*Table) (blocks []Block) {
	if c != nil {
		blocks = append(blocks, Block{Group: p.group, Chart: c})
	}
	for _, t := range tables {
		if t != nil {
			blocks = append(blocks, Block{Group: p.group, Table: t})
		}
	}
	if p.group != "" && len(blocks) > 0 {
		blocks = slices.Insert(blocks, 0, Block{Group: p.group, Heading: p.group})
	}
	return blocks
}

// groupNames returns the names of the loads, told apart where they are equal.
func groupNames(run *report.Run) (names []string) {
	seen := map[string]int{}
	for _, l := range run.Legend.Loads {
		name := l.Name
		if seen[l.Name]++; seen[l.Name] > 1 {
			name += " #" + strconv.Itoa(seen[l.Name])
		}
		names = append(names, name)
	}
	return names
}
