package budget

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
)

// term is a metric of the samples that the selectors accept. Names of one kind are
// alternatives; the kinds narrow each other.
type term struct {
	metric   metric
	requests []string
	loads    []string
	labels   []label
	outcomes []engine.Outcome
	variant  string
	stage    string
}

// metric is a figure. A percentile has ppm > 0: the share of samples, in millionths, that
// lie at or below it.
type metric struct {
	name   string
	clock  clock
	ppm    uint64
	figure bool // a number that the target gives, in a claim
}

// clock is which of the durations in a sample a metric is about.
type clock int

// The clocks; those from dns on are the phases of a call in their order.
const (
	noClock clock = iota
	latencyClock
	serviceClock
	lagClock
	dnsClock
	connectClock
	tlsClock
	ttfbClock
	bodyClock
)

// clockNames is indexed by clock.
func clockNames() []string {
	return []string{"", "latency", "service", "lag", "dns", "connect", "tls", "ttfb", "body"}
}

func (c clock) String() string { return clockNames()[c] }

// of returns the cell's histogram for the clock.
func (c clock) of(cell *engine.Cell) *latency.Histogram {
	switch c {
	case serviceClock:
		return &cell.Service
	case lagClock:
		return &cell.Lag
	case latencyClock:
		return &cell.Latency
	default:
		return &cell.Phases[c-dnsClock]
	}
}

func (m metric) String() string {
	if m.clock == noClock || m.clock == latencyClock {
		return m.name
	}
	return m.clock.String() + "." + m.name
}

// measure is what a metric is counted in. Two metrics compare if they have the same.
type measure int

// The measures, in the unit that figures have while they are worked out.
const (
	duration  measure = iota // nanoseconds
	share                    // 0 to 1
	perSecond                // per second
	count                    // a number
)

// unit returns the name of the unit in results, and what to multiply by to get there.
func (m measure) unit() (name string, factor float64) {
	switch m {
	case duration:
		return "ms", 1e-6
	case share:
		return "share", 1
	case perSecond:
		return "/s", 1
	default:
		return "count", 1
	}
}

// String names the measure in messages.
func (m measure) String() string {
	return [...]string{"a duration", "a share", "a rate", "a number"}[m]
}

// measure returns what the metric is counted in by itself; "dropped" may be a share, too.
func (m metric) measure() measure {
	if m.figure {
		return count
	}
	switch m.name {
	case "errors":
		return share
	case "rate", "goodput":
		return perSecond
	case "dropped", "count":
		return count
	default:
		return duration
	}
}

// quantity is a number with its unit as it was written.
type quantity struct {
	number float64 // nanoseconds, percent, per second, or plain
	unit   string  // "ns", "%", "/s" or ""
}

func (q quantity) String() string {
	switch q.unit {
	case "ns":
		return short(time.Duration(q.number))
	default:
		return decimal(q.number) + q.unit
	}
}

// amount returns the quantity in the unit of its measure.
func (q quantity) amount() float64 {
	if q.unit != "%" {
		return q.number
	}
	// Dividing by 100 would make 0.7 % a little less than 7 of 1,000.
	x, _ := strconv.ParseFloat(decimal(q.number)+"e-2", 64)
	return x
}

// parseMetric understands the name of a metric with or without its clock. A message says
// what is wrong.
func parseMetric(word string) (m metric, msg, hint string) {
	prefix, name, dotted := strings.Cut(word, ".")
	if !dotted || strings.Trim(prefix, "p0123456789") == "" {
		return parseFigure(noClock, word)
	}
	clocks := clockNames()
	if i := slices.Index(clocks, prefix); i > 0 {
		return parseFigure(clock(i), name)
	}
	hint = "clocks are latency, service, lag, dns, connect, tls, ttfb and body"
	if near := nearest(prefix, clocks[1:]); near != "" {
		hint = "did you mean " + near + "?"
	}
	return metric{}, "unknown clock " + strconv.Quote(prefix), hint
}

// parseFigure understands the name of a metric on a clock.
func parseFigure(c clock, name string) (m metric, msg, hint string) {
	switch name {
	case "mean", "max":
		return metric{name: name, clock: cmp.Or(c, latencyClock)}, "", ""
	case "errors", "rate", "goodput", "dropped", "count":
		if c != noClock {
			return m, name + " has no clock", "write " + name
		}
		return metric{name: name}, "", ""
	}
	if ppm, canonical, ok := parsePercentile(name); ok {
		return metric{name: canonical, clock: cmp.Or(c, latencyClock), ppm: ppm}, "", ""
	}
	return m, "unknown metric " + strconv.Quote(name), metricHint(name)
}

// parsePercentile understands p50 or p99.99, with at most four decimals.
func parsePercentile(name string) (ppm uint64, canonical string, ok bool) {
	digits, found := strings.CutPrefix(name, "p")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if !found || whole == "" || len(whole) > 2 || len(fraction) > 4 || dotted && fraction == "" {
		return 0, "", false
	}
	ppm, err := strconv.ParseUint(whole+fraction+"0000"[len(fraction):], 10, 64)
	if err != nil || ppm == 0 {
		return 0, "", false
	}
	return ppm, "p" + decimal(float64(ppm)/1e4), true
}

func metricHint(name string) string {
	switch name {
	case "avg", "average":
		return "write mean"
	case "median", "min":
		return "the lowest figures are p50, the median, or a percentile such as p1"
	case "p100":
		return "write max"
	case "p999", "p99_9":
		return "write p99.9"
	case "latency", "service", "lag", "dns", "connect", "tls", "ttfb", "body":
		return "say which figure: " + name + ".p99, " + name + ".mean or " + name + ".max"
	}
	if near := nearest(name, []string{"mean", "max", "errors", "rate", "goodput", "dropped", "count", "p99"}); near != "" {
		return "did you mean " + near + "?"
	}
	return "metrics are p50 to p99.99, mean, max, errors, rate, goodput, dropped and count"
}

// IsMetric reports whether a word names a metric of requests.
func IsMetric(word string) bool {
	_, msg, _ := parseMetric(word)
	return msg == ""
}
