package history

import (
	"fmt"
	"math"
	"slices"

	"plimsoll/report"
)

// metric is a figure that runs are compared by.
type metric struct {
	name  string
	unit  string
	scale scale
	good  int // 1: more is better, -1: less is, 0: neither
}

// The units of metrics.
const (
	unitMS    = "ms"
	unitShare = "share"
	unitPerS  = "per_s"
)

// quantile is a metric of one clock.
type quantile struct {
	name string
	tail float64 // share of the values beyond it; 0: no quantile
	of   func(*report.Quantiles) float64
}

func quantiles() []quantile {
	return []quantile{
		{"p50", 0.5, func(q *report.Quantiles) float64 { return q.P50 }},
		{"p90", 0.1, func(q *report.Quantiles) float64 { return q.P90 }},
		{"p95", 0.05, func(q *report.Quantiles) float64 { return q.P95 }},
		{"p99", 0.01, func(q *report.Quantiles) float64 { return q.P99 }},
		{"p99.9", 0.001, func(q *report.Quantiles) float64 { return q.P999 }},
		{"max", 0, func(q *report.Quantiles) float64 { return q.Max }},
		{"mean", 0, func(q *report.Quantiles) float64 { return q.Mean }},
	}
}

// metrics returns all metrics in the order in which they are shown.
func metrics() []metric {
	var all []metric
	for _, clock := range []string{"", "service.", "lag."} {
		for _, q := range quantiles() {
			all = append(all, metric{clock + q.name, unitMS, ratios(), -1})
		}
	}
	return append(all,
		metric{"errors", unitShare, shares(), -1},
		metric{"dropped", unitShare, shares(), -1},
		metric{"rate", unitPerS, ratios(), 1},
		metric{"goodput", unitPerS, ratios(), 1},
		metric{"offered", unitPerS, ratios(), 0},
	)
}

// Metrics returns the names of all metrics; they are those of budgets.
func Metrics() []string {
	var names []string
	for _, m := range metrics() {
		names = append(names, m.name)
	}
	return names
}

// Usual returns the metrics that are shown if none is asked for.
func Usual() []string { return []string{"p50", "p99", "errors", "goodput"} }

// metricOf returns the metric of a name.
func metricOf(name string) (metric, bool) {
	all := metrics()
	i := slices.IndexFunc(all, func(m metric) bool { return m.name == name })
	if i < 0 {
		return metric{}, false
	}
	return all[i], true
}

// figure is the value of a metric in one run.
type figure struct {
	load, request, metric string // request "": the load as a whole
	value                 float64
}

// figuresOf returns what a run says. A quantile beyond its samples is their maximum, which
// says nothing over many runs, and is left out; so is what is no finite number from 0 on.
func figuresOf(run *report.Run) []figure {
	var all []figure
	loads := names{}
	for _, l := range run.Loads {
		name := loads.unique(l.Name)
		add := func(metric string, value float64) { all = appendFigure(all, figure{name, "", metric, value}) }
		clocks(l.Latency, "", add)
		clocks(l.Service, "service.", add)
		clocks(l.Lag, "lag.", add)
		var bad, sent uint64
		requests := names{"": true} // that is the load as a whole
		for _, r := range l.Requests {
			bad, sent = bad+r.Failed+r.Unfinished, sent+r.Count
			request := requests.unique(r.Name)
			add := func(metric string, value float64) { all = appendFigure(all, figure{name, request, metric, value}) }
			clocks(r.Latency, "", add)
			clocks(r.Service, "service.", add)
			add("errors", share(r.Failed+r.Unfinished, r.Count))
		}
		add("errors", share(bad, sent))
		add("dropped", share(l.Dropped, l.Sent+l.Dropped))
		add("rate", l.Achieved)
		add("goodput", l.Goodput)
		add("offered", l.Offered)
	}
	return all
}

func appendFigure(all []figure, f figure) []figure {
	if math.IsNaN(f.value) || math.IsInf(f.value, 0) || f.value < 0 {
		return all
	}
	return append(all, f)
}

// names tells equal names apart.
type names map[string]bool

func (n names) unique(name string) string {
	own := name
	for i := 2; n[own]; i++ {
		own = fmt.Sprintf("%s#%d", name, i)
	}
	n[own] = true
	return own
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}

func clocks(q *report.Quantiles, prefix string, add func(string, float64)) {
	if q == nil {
		return
	}
	for _, m := range quantiles() {
		if float64(q.Count)*m.tail >= 1 || m.tail == 0 && q.Count > 0 {
			add(prefix+m.name, m.of(q))
		}
	}
}
