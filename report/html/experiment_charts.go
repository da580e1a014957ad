package html

import (
	"fmt"
	"math"
	"strconv"

	"plimsoll/engine/latency"
	"plimsoll/report"
)

// variantBlocks show each load under all variants: a line of figures for each variant, and
// charts with all runs on the same axes.
func variantBlocks(run *report.Run, tries []*try) (blocks []Block) {
	loads := sharedLoads(tries)
	for i, name := range loads[:min(len(loads), mostLoads)] {
		group := ""
		if len(loads) > 1 {
			group = name
			blocks = append(blocks, Block{Group: group, Heading: name})
		}
		counts, times := variantTables(run, tries, i)
		blocks = append(blocks, Block{Group: group, Table: counts}, Block{Group: group, Table: times})
		s := &sideBySide{run: run, tries: tries, load: i}
		for _, c := range []*Chart{
			s.overTime("p99", "Latency p99 over time", Milliseconds, func(l *loadSeries) []float64 { return l.latency[3] }),
			s.overTime("p50", "Latency p50 over time", Milliseconds, func(l *loadSeries) []float64 { return l.latency[0] }),
			s.overTime("goodput", "Goodput", PerSecond, func(l *loadSeries) []float64 { return l.goodput }),
			s.percentiles(),
		} {
			if c != nil {
				blocks = append(blocks, Block{Group: group, Chart: c})
			}
		}
	}
	if more := len(loads) - mostLoads; more > 0 {
		blocks = append(blocks, Block{Note: &Note{Warn, fmt.Sprintf("%d more loads are left out here; each run has them.", more)}})
	}
	return blocks
}

// sharedLoads are the loads of the runs, which are those of the scenario.
func sharedLoads(tries []*try) (names []string) {
	for _, t := range tries {
		for i, l := range t.Loads {
			if i == len(names) {
				names = append(names, l.Name)
			}
		}
	}
	return names
}

// variantTables have the figures of each variant: sums of counts, percentiles of all its runs
// together, and in brackets from the least to the most that one of its runs has.
func variantTables(run *report.Run, tries []*try, load int) (counts, times *Table) {
	counts = &Table{Caption: "Arrivals or passes under each variant, all runs together", Sortable: true}
	counts.Columns = append([]Column{{Name: "variant"}}, numeric("runs", "sent", "failed", "dropped", "goodput")...)
	times = &Table{Caption: "Latency under each variant: of all its runs together, and in brackets that of single runs", Sortable: true}
	times.Columns = append([]Column{{Name: "variant"}}, numeric("p50", "p95", "p99", "max")...)
	for i, v := range run.Variants {
		var figures []report.Figures
		for _, r := range v.Runs {
			if load < len(r.Loads) {
				figures = append(figures, r.Loads[load].Figures)
			}
		}
		if len(figures) > 0 {
			counts.Rows = append(counts.Rows, countRow(v.Name, figures))
			h, complete := merged(tries, i, load)
			times.Rows = append(times.Rows, timeRow(v.Name, figures, h, complete))
		}
	}
	return counts, times
}

func countRow(name string, figures []report.Figures) Row {
	var sent, failed, dropped uint64
	var completed, span float64
	for _, f := range figures {
		sent, failed, dropped = sent+f.Sent, failed+f.Failed+f.Unfinished, dropped+f.Dropped
		completed, span = completed+float64(f.Completed), span+f.SpanS
	}
	goodput := math.NaN()
	if span > 0 {
		goodput = completed / span
	}
	return Row{
		{Text: name},
		countCell(uint64(len(figures))), countCell(sent), alarmCell(failed), alarmCell(dropped),
		spreadCell(goodput, figures, rateText, func(f report.Figures) float64 { return f.Goodput }),
	}
}

// timeRow has the percentiles of a histogram of all runs, if it is complete, and of each.
func timeRow(name string, figures []report.Figures, h *latency.Histogram, complete bool) Row {
	row := Row{{Text: name}}
	for _, q := range []struct {
		share float64
		of    func(*report.Quantiles) float64
	}{{0.5, p50}, {0.95, p95}, {0.99, p99}, {1, func(q *report.Quantiles) float64 { return q.Max }}} {
		all := math.NaN()
		if complete {
			all = quantile(h, q.share)
		}
		row = append(row, spreadCell(all, figures, ms, func(f report.Figures) float64 {
			if f.Latency == nil {
				return math.NaN()
			}
			return q.of(f.Latency)
		}))
	}
	return row
}

// spreadCell is a figure of all runs together, if it is known, with the least and the most of
// single runs.
func spreadCell(all float64, figures []report.Figures, write func(float64) string, of func(report.Figures) float64) Cell {
	least, most := math.Inf(1), math.Inf(-1)
	for _, f := range figures {
		if x := of(f); !math.IsNaN(x) {
			least, most = min(least, x), max(most, x)
		}
	}
	if least > most {
		return Cell{Text: "—", Tone: Dim}
	}
	spread := write(least)
	if from, to := write(least), write(most); from != to {
		spread = from + " to " + to
	}
	if math.IsNaN(all) {
		return valueCell("("+spread+")", least)
	}
	if len(figures) == 1 {
		return valueCell(write(all), all)
	}
	return valueCell(write(all)+" ("+spread+")", all)
}

// sideBySide makes charts with the runs of all variants.
type sideBySide struct {
	run   *report.Run
	tries []*try
	load  int
}

// overTime draws one line for each run: the colour is that of its variant, and the dash
// tells its runs apart.
func (s *sideBySide) overTime(id, title string, unit Unit, of func(*loadSeries) []float64) *Chart {
	c := &Chart{
		ID: fmt.Sprintf("variants-%s-%d", id, s.load), Title: title, Sync: "variants-" + strconv.Itoa(s.load), Height: 240,
		X: Axis{Label: "time since the start of the run", Unit: Seconds, Min: new(0.0)}, Y: Axis{Unit: unit, Log: unit == Milliseconds},
		Summary: "One line for each run, in the colour of its variant.",
	}
	turn := map[int]int{}
	for _, t := range s.tries {
		if s.load >= len(t.time.loads) || len(t.time.from) == 0 {
			continue
		}
		c.Series = append(c.Series, Series{Name: t.name(), X: t.time.at(), Y: of(t.time.loads[s.load]), Color: t.index, Dash: dash(turn[t.index])})
		turn[t.index]++
	}
	if len(c.Series) == 0 {
		return nil
	}
	c.Zones, c.Marks = s.stages(), s.events()
	return c
}

// stages are those of the first run: variants share the load of the scenario.
func (s *sideBySide) stages() (zones []Zone) {
	for _, t := range s.tries {
		if t.saved == nil || s.load >= len(t.saved.Legend.Loads) {
			continue
		}
		if stages := t.saved.Legend.Loads[s.load].Stages; len(stages) > 1 {
			for i, g := range stages {
				zones = append(zones, Zone{From: g.From.Seconds(), To: g.To.Seconds(), Label: g.Name, Shaded: i%2 == 0})
			}
		}
		return zones
	}
	return nil
}

// events are what the scenario does, which is the same in all runs.
func (s *sideBySide) events() (marks []Mark) {
	if len(s.tries) == 0 {
		return nil
	}
	for _, e := range s.tries[0].Events {
		if e.By == "scenario" && len(marks) < mostHappenings {
			marks = append(marks, Mark{At: e.AtS, Label: e.Text})
		}
	}
	return marks
}

// percentiles draws the curve of all runs of each variant together.
func (s *sideBySide) percentiles() *Chart {
	c := &Chart{
		ID: fmt.Sprintf("variants-percentiles-%d", s.load), Title: "Latency by percentile", Height: 300,
		X: Axis{Label: "percentile", Unit: Percentile, Log: true, Min: new(1.0)}, Y: Axis{Unit: Milliseconds, Log: true},
		Summary: "All runs of a variant together; each further nine has as much room as the first.",
	}
	most := 100.0
	for i := range s.run.Variants {
		h, _ := merged(s.tries, i, s.load)
		most = max(most, min(float64(h.Count()), 1e5))
	}
	c.X.Max = &most
	for x := 0.0; x <= math.Log10(most)+1e-9; x += 0.04 {
		c.Data = append(c.Data, math.Pow(10, x))
	}
	for i, v := range s.run.Variants {
		h, complete := merged(s.tries, i, s.load)
		if h.Count() == 0 {
			continue
		}
		name := v.Name
		if !complete {
			name += " (not all runs)"
		}
		c.Series = append(c.Series, Series{Name: name, Y: curve(h, c.Data), Color: i, Dash: dash(i)})
	}
	if len(c.Series) == 0 {
		return nil
	}
	return c
}
