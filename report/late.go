package report

import (
	"strconv"
	"strings"
	"time"

	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// judgeLag looks for loads and stages that began late.
func (e *evidence) judgeLag() {
	for i := range e.loads {
		l := &e.loads[i]
		if l.Model != "open" {
			continue
		}
		name, lag, felt := l.Name, l.lag.Quantile(0.99), l.latency.Quantile(0.99)
		if !tooLate(lag, felt) {
			name, lag, felt = e.latestStage(i)
		}
		switch {
		case tooLate(lag, felt):
			e.limit(LimitLag, "%s: requests began late, p99 of the lag is %s in a latency of %s; use a lower rate, fewer other programs or more generators",
				name, FormatDuration(lag), FormatDuration(felt))
		case l.explains(e.results):
			e.limit(LimitLag, "%s: a promise about latency is broken, but most of that latency is lag (p99 %s); use a lower rate, fewer other programs or more generators",
				l.Name, FormatDuration(l.lag.Quantile(0.99)))
		}
	}
}

func tooLate(lag, felt time.Duration) bool { return lag > max(lagFloor, portion(felt, lagOfLatency)) }

// latestStage returns the name of the first stage of an open load that was late, with the
// p99 of its lag and latency: a short stage hardly shows in the whole.
func (e *evidence) latestStage(load int) (name string, lag, felt time.Duration) {
	legend := e.loads[load].LoadLegend
	for g := range legend.Stages {
		var s loadEvidence
		for _, c := range e.total.Cells {
			if c.Load == load && c.Stage == g {
				s.add(c)
			}
		}
		lag, felt = s.lag.Quantile(0.99), s.latency.Quantile(0.99)
		if s.samples >= stageSamples && tooLate(lag, felt) {
			return legend.Name + ", stage " + legend.Stages[g].Name, lag, felt
		}
	}
	return legend.Name, 0, 0
}

// explains reports whether a promise about latency is broken, and most of the figure that
// it speaks of is lag.
func (l *loadEvidence) explains(results []budget.Result) bool {
	for _, r := range results {
		lag, felt := figureOf(&l.lag, r.Metric), figureOf(&l.latency, r.Metric)
		// What a budget says of another clock has the name of the clock before the metric.
		if r.Result == budget.Broken && strings.HasPrefix(r.Expr, r.Metric) && lag > max(busyLagFloor, portion(felt, lagOfBreach)) {
			return true
		}
	}
	return false
}

// figureOf returns what a budget's metric says of h, 0 if it is not about time.
func figureOf(h *latency.Histogram, metric string) time.Duration {
	switch metric {
	case "mean":
		return h.Mean()
	case "max":
		return h.Max()
	}
	if p, err := strconv.ParseFloat(strings.TrimPrefix(metric, "p"), 64); err == nil {
		return h.Quantile(p / 100)
	}
	return 0
}
