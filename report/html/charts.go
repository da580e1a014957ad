package html

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/flow"
	"plimsoll/engine/latency"
	"plimsoll/report"
)

// dashes give each line of a chart another look than its colour alone.
func dash(i int) []int {
	return [][]int{nil, {8, 4}, {2, 3}, {10, 3, 2, 3}, {5, 5}, {14, 4}, {3, 6}, {10, 3, 2, 3, 2, 3}}[i%8]
}

// plotter makes the charts of one load of a run.
type plotter struct {
	run   *report.Run
	time  *timeline
	load  int
	group string // empty if the run has one load
}

func (p *plotter) series() *loadSeries { return p.time.loads[p.load] }

// chart returns a chart over time, with the stages of the load and the events of the run.
func (p *plotter) chart(id, title string, unit Unit) *Chart {
	c := timeChart(p.run, p.time, id+"-"+strconv.Itoa(p.load), title, unit)
	for i, g := range p.run.Legend.Loads[p.load].Stages {
		c.Zones = append(c.Zones, Zone{From: g.From.Seconds(), To: min(g.To.Seconds(), p.time.end()), Label: g.Name, Shaded: i%2 == 0})
	}
	return c
}

// timeChart returns an empty chart over the time of the run.
func timeChart(run *report.Run, t *timeline, id, title string, unit Unit) *Chart {
	start, end := 0.0, t.end()
	c := &Chart{ID: id, Title: title, Sync: "time", Data: t.at(), X: Axis{Label: "time since the start", Unit: Seconds, Min: &start, Max: &end}, Y: Axis{Unit: unit}}
	for i, e := range run.Events {
		if i == mostEvents {
			break
		}
		c.Marks = append(c.Marks, Mark{At: e.AtS, Label: strconv.Itoa(i + 1)})
	}
	return c
}

func (c *Chart) line(name string, y []float64, color int) *Series {
	c.Series = append(c.Series, Series{Name: name, Y: y, Color: color, Dash: dash(len(c.Series))})
	return &c.Series[len(c.Series)-1]
}

func (p *plotter) rates() *Chart {
	l, c := p.series(), p.chart("chart-rates", "Arrivals per second", PerSecond)
	if p.run.Legend.Loads[p.load].Model == "closed" {
		c.Title = "Passes per second"
	}
	if at, rate := p.plan(); len(at) > 0 {
		s := c.line("planned (average of the stage)", rate, 6)
		s.X, s.Step, s.Dash = at, true, []int{2, 3}
	}
	c.line("offered", l.offered, 0).Dash = []int{8, 4}
	c.line("achieved", l.achieved, 1).Dash = nil
	c.line("goodput", l.goodput, 2).Dash = []int{10, 3, 2, 3}
	if f, ok := p.figures(); ok {
		c.Summary = fmt.Sprintf("On average %s/s offered, %s/s achieved, %s/s answered well.",
			report.FormatNumber(f.Offered), report.FormatNumber(f.Achieved), report.FormatNumber(f.Goodput))
	}
	return c
}

// plan returns the planned rate at the middle of each bucket, and where stages begin and
// end, so that its steps are where they belong. It is empty if nothing was planned.
func (p *plotter) plan() (at, rate Numbers) {
	stages, end := p.run.Legend.Loads[p.load].Stages, p.time.end()
	planned := func(t float64) float64 {
		for _, g := range slices.Backward(stages) { // where two meet, the later one counts
			if from, to := g.From.Seconds(), g.To.Seconds(); g.Planned > 0 && t >= from && t <= to {
				return g.Planned
			}
		}
		return math.NaN()
	}
	at = p.time.at()
	for _, g := range stages {
		for _, t := range []float64{g.From.Seconds(), g.To.Seconds()} {
			if t <= end {
				at = append(at, t)
			}
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	for _, t := range at {
		rate = append(rate, planned(t))
	}
	if !someNumber(rate) {
		return nil, nil
	}
	return at, rate
}

func (p *plotter) figures() (report.Load, bool) {
	if p.load >= len(p.run.Loads) {
		return report.Load{}, false
	}
	return p.run.Loads[p.load], true
}

func (p *plotter) latency() *Chart {
	l, c := p.series(), p.chart("chart-latency", "Latency over time", Milliseconds)
	c.Height, c.Y.Log = 300, true
	for i, name := range []string{"p50", "p90", "p95", "p99", "p99.9", "max"} {
		s := c.line(name, l.latency[i], []int{2, 5, 0, 1, 3, 6}[i])
		s.Hidden = name == "p90" || name == "p99.9"
	}
	s := c.line("service p99", l.service[3], 7)
	s.Hidden = true
	if f, ok := p.figures(); ok && f.Latency != nil {
		c.Summary = fmt.Sprintf("Of the whole run p50 is %s, p99 %s, the maximum %s. The scale is logarithmic.", ms(f.Latency.P50), ms(f.Latency.P99), ms(f.Latency.Max))
	}
	for i, n := range l.requests {
		if n > 0 && math.IsNaN(l.latency[0][i]) {
			c.Summary += " Gaps are where no request got an answer."
			break
		}
	}
	return c
}

func (p *plotter) heat() *Chart {
	l, c := p.series(), p.chart("chart-heat", "How many requests took how long", Milliseconds)
	low, high := math.MaxInt, math.MinInt
	for _, rows := range l.heat {
		for row := range rows {
			low, high = min(low, row), max(high, row)
		}
	}
	if low > high {
		return nil
	}
	c.Y.Log, c.Height, c.Data, c.Zones = true, 300, p.time.edges(), nil
	h := &Heat{What: "requests"}
	for row := low; row <= high+1; row++ {
		h.Edges = append(h.Edges, math.Pow(10, float64(row)/rowsPerDecade))
	}
	for _, rows := range l.heat {
		column := []uint64{}
		for _, row := range slices.Sorted(maps.Keys(rows)) {
			column = append(column, uint64(row-low), rows[row])
		}
		h.Columns = append(h.Columns, column)
	}
	c.Heat = h
	c.Summary = fmt.Sprintf("Each column is %s, each row a twelfth of a decade of latency; the colour counts requests on a logarithmic scale. Two bands one above the other are two kinds of answer.", report.FormatDuration(p.time.width))
	return c
}

// percentiles is the curve that HdrHistogram's plots made known: every further nine has as
// much room as the first.
func (p *plotter) percentiles() *Chart {
	l := p.series()
	n := l.allLatency.Count()
	if n == 0 {
		return nil
	}
	low, high := 1.0, math.Max(100, math.Min(1e5, float64(n)))
	c := &Chart{
		ID: "chart-percentiles-" + strconv.Itoa(p.load), Title: "Latency against service by percentile", Height: 300,
		X: Axis{Label: "percentile", Unit: Percentile, Log: true, Min: &low, Max: &high}, Y: Axis{Unit: Milliseconds, Log: true},
	}
	for x := 0.0; x <= math.Log10(high)+1e-9; x += 0.04 {
		c.Data = append(c.Data, math.Pow(10, x))
	}
	c.line("latency (what a user felt)", curve(&l.allLatency, c.Data), 1)
	c.line("service (what the target took)", curve(&l.allService, c.Data), 0)
	felt, took := l.allLatency.Quantile(0.99), l.allService.Quantile(0.99)
	if p.run.Legend.Loads[p.load].Model == "closed" {
		c.Summary = fmt.Sprintf("p99 is %s. Both are the same here: a user asks again when the answer has come, so no request waits to be sent.", report.FormatDuration(felt))
		return c
	}
	c.Summary = fmt.Sprintf("p99 is %s by latency and %s by service. Service counts from when a request was sent; where it lies below latency, it leaves out the time that requests waited to be sent (coordinated omission).",
		report.FormatDuration(felt), report.FormatDuration(took))
	return c
}

func curve(h *latency.Histogram, xs []float64) []float64 {
	ys := make([]float64, len(xs))
	for i, x := range xs {
		if ys[i] = math.NaN(); x <= float64(h.Count())*1.0001 {
			ys[i] = quantile(h, 1-1/x)
		}
	}
	return ys
}

func (p *plotter) errors() *Chart {
	l := p.series()
	if len(l.errors) == 0 {
		return nil
	}
	c := p.chart("chart-errors", "Failures per second, by kind", PerSecond)
	kinds := l.kinds()
	for i, kind := range kinds[:min(len(kinds), mostKinds)] {
		c.line(kind, p.perSecond(l.errors[kind]), i)
	}
	c.Summary = fmt.Sprintf("Most frequent: %s (%s).", kinds[0], report.FormatCount(sum(l.errors[kinds[0]])))
	if rest := len(kinds) - mostKinds; rest > 0 {
		c.Summary += fmt.Sprintf(" %d rarer kinds have no line; they are in the table.", rest)
	}
	return c
}

// kinds returns the kinds of error, most frequent first.
func (l *loadSeries) kinds() []string {
	return slices.SortedFunc(maps.Keys(l.errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(sum(l.errors[b]), sum(l.errors[a])), strings.Compare(a, b))
	})
}

func (p *plotter) perSecond(counts []uint64) []float64 {
	out := make([]float64, len(p.time.from))
	for i, n := range counts {
		out[i] = float64(n) / (p.time.to[i] - p.time.from[i])
	}
	return out
}

func (p *plotter) phases() *Chart {
	l, c := p.series(), p.chart("chart-phases", "Phases over time", Milliseconds)
	c.Y.Log = true
	for phase := range flow.NumPhases {
		for k, name := range []string{"p50", "p99"} {
			if someNumber(l.phases[phase][k]) {
				s := c.line(strings.ReplaceAll(phase.String(), "_", " ")+" "+name, l.phases[phase][k], int(phase))
				s.Hidden, s.Dash = k == 0 && phase < flow.FirstByte, [][]int{{3, 3}, nil}[k]
			}
		}
	}
	if len(c.Series) == 0 {
		return nil
	}
	c.Summary = "Requests on a new connection alone have the phases before the first byte."
	return c
}

func (p *plotter) inFlight() *Chart {
	name := "in flight, on average"
	title := "Arrivals in flight"
	if p.run.Legend.Loads[p.load].Model == "closed" {
		name, title = "users, on average", "Users"
	}
	c := p.chart("chart-flight", title, Number)
	c.line(name, p.series().inFlight, 0).Fill = true
	c.Height = 200
	if f, ok := p.figures(); ok {
		c.Summary = fmt.Sprintf("%s on average over the load.", report.FormatNumber(f.InFlight))
	}
	return c
}

// generator returns the charts of the generator's own health.
func generatorCharts(run *report.Run, t *timeline) []*Chart {
	h := &t.health
	one := 1.0
	cpu := timeChart(run, t, "chart-cpu", "Processor time of the generator", Share)
	cpu.line("processor", h.cpu, 0).Fill = true
	cpu.line("garbage collection", h.gc, 1)
	cpu.Y.Max = &one
	cpu.Summary = fmt.Sprintf("Over the run %s of what there was, %s for garbage collection.", report.FormatShare(run.Validity.CPUShare), report.FormatShare(run.Validity.GCShare))
	files := timeChart(run, t, "chart-files", "Open files, and most in flight", Number)
	files.line("open files", h.files, 0)
	files.line("most in flight", h.inFlight, 1)
	files.line("users", h.users, 2).Hidden = true
	files.Summary = fmt.Sprintf("At most %s open files of %s allowed.", whole(run.Validity.OpenFiles), whole(run.Validity.FileLimit))
	charts := []*Chart{cpu}
	if someNumber(h.lag) {
		lag := timeChart(run, t, "chart-lag", "Lag: how late requests began", Milliseconds)
		lag.line("lag p99", h.lag, 0)
		lag.Y.Log = true
		lag.Summary = fmt.Sprintf("Over the run p99 is %s, the maximum %s.", ms(run.Validity.Lag.P99/1000), ms(run.Validity.Lag.Max/1000))
		charts = append(charts, lag)
	}
	for _, c := range charts {
		c.Height = 180
	}
	files.Height = 180
	return append(charts, files)
}

func someNumber(all []float64) bool {
	return slices.ContainsFunc(all, func(x float64) bool { return !math.IsNaN(x) })
}

func sum(all []uint64) (n uint64) {
	for _, x := range all {
		n += x
	}
	return n
}

func ms(x float64) string { return report.FormatDuration(time.Duration(x * float64(time.Millisecond))) }

func whole(n int) string { return report.FormatCount(uint64(max(n, 0))) }
