package export

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// How many different label values there may be: remote ends keep a series for each.
const (
	mostPairs   = 100 // of load and request
	mostLoads   = 20
	mostCodes   = 20 // of one load and request
	mostKinds   = 20
	mostBudgets = 50
)

// other is the label of what is beyond.
const other = "other"

// meter adds intervals up to metrics as other systems keep them: cumulative, so that a
// message that gets lost costs resolution and no counts.
type meter struct {
	id      Identity
	legend  *engine.Legend
	list    []*family
	by      map[string]*family
	pairs   map[[2]int]pair
	beyond  map[string]bool // what was put under other
	skipped int             // budgets that are not sent
	rested  time.Time       // when load was last let go first
}

// pair is the labels of a load and a request, and what was seen of it.
type pair struct {
	load, request string
	codes         map[string]bool
	kinds         map[string]bool
}

// form is what kind of metric a family is.
type form uint8

const (
	counter form = iota
	gauge
	histogram
)

// family is a metric with all its label values.
type family struct {
	name, unit, help string // name and unit as OpenTelemetry has them
	form             form
	keys             []string
	points           []*point
	index            map[string]*point
}

// point is one series of a family. An empty value is a label that does not apply.
type point struct {
	values []string
	value  float64
	curve  *curve
}

func newMeter(l *engine.Legend, id Identity) *meter {
	m := &meter{id: id, legend: l, by: map[string]*family{}, pairs: map[[2]int]pair{}, beyond: map[string]bool{}}
	define := func(f form, name, unit, help string, keys ...string) {
		one := &family{name: name, unit: unit, help: help, form: f, keys: keys, index: map[string]*point{}}
		m.list, m.by[name] = append(m.list, one), one
	}
	define(counter, "plimsoll.requests", "{request}", "Requests that ended.", "load", "request", "outcome", "code")
	define(counter, "plimsoll.errors", "{request}", "Requests without a complete answer, by why.", "load", "request", "error")
	define(histogram, "plimsoll.request.duration", "s", "From when a request was due to its end.", "load", "request", "outcome")
	define(histogram, "plimsoll.service.duration", "s", "From when a request began to its end.", "load", "request", "outcome")
	define(histogram, "plimsoll.lag", "s", "From when a request was due to when it began: what the generator added.", "load")
	define(counter, "plimsoll.received", "By", "Bytes of answers, on the wire.", "load")
	define(counter, "plimsoll.transmitted", "By", "Bytes of requests, on the wire.", "load")
	define(counter, "plimsoll.connections", "{connection}", "Connections that were opened.", "load")
	define(counter, "plimsoll.passes", "{pass}", "Passes through a flow that ended.", "load", "outcome")
	define(counter, "plimsoll.planned", "{pass}", "Passes that were planned.", "load")
	define(counter, "plimsoll.sent", "{pass}", "Passes that were begun.", "load")
	define(counter, "plimsoll.dropped", "{pass}", "Arrivals that were due and not sent, as too many were in flight.", "load")
	define(gauge, "plimsoll.in_flight", "", "The most arrivals or users at once in the interval.")
	define(gauge, "plimsoll.users", "", "Sessions in use.")
	define(gauge, "plimsoll.generator.cpu", "1", "Share of the processor time that the generator used.")
	define(gauge, "plimsoll.generator.gc", "1", "Share of the processor time that the generator spent on garbage.")
	define(gauge, "plimsoll.generator.open_files", "", "Open files of the generator.")
	define(gauge, "plimsoll.budget.margin", "1", "Distance of a budget from its limit, as a share of the limit; negative when broken.", "budget")
	define(gauge, "plimsoll.budget.observed", "", "What was observed of what a budget limits.", "budget", "unit")
	define(gauge, "plimsoll.budget.limit", "", "The limit of a budget.", "budget", "unit")
	define(gauge, "plimsoll.budget.kept", "", "1 while a budget is kept, 0 when it is broken, nothing while that is open.", "budget")
	define(gauge, "plimsoll.run.verdict", "", "1 for the verdict of the run, when it has ended.", "verdict")
	return m
}

// at returns the series of those values, made if it is not there.
func (m *meter) at(name string, values ...string) *point {
	f := m.by[name]
	key := strings.Join(values, "\x00")
	p := f.index[key]
	if p == nil {
		p = &point{values: values}
		if f.form == histogram {
			p.curve = newCurve()
		}
		f.index[key], f.points = p, append(f.points, p)
	}
	return p
}

func (m *meter) count(n uint64, name string, values ...string) {
	m.at(name, values...).value += float64(n)
}

// observe adds one interval.
func (m *meter) observe(s *engine.Snapshot) {
	for _, c := range s.Cells {
		m.cell(c)
		m.rest()
	}
	for l := range s.Tallies {
		var sum engine.Tally
		for g := range s.Tallies[l] {
			sum.Merge(&s.Tallies[l][g])
		}
		m.tally(m.load(l), &sum)
	}
	h := &s.Health
	m.at("plimsoll.in_flight").value = float64(h.InFlight)
	m.at("plimsoll.users").value = float64(h.Users)
	if h.Capacity > 0 {
		m.at("plimsoll.generator.cpu").value = float64(h.CPU) / float64(h.Capacity)
		m.at("plimsoll.generator.gc").value = float64(h.GC) / float64(h.Capacity)
	}
	if h.OpenFiles > 0 {
		m.at("plimsoll.generator.open_files").value = float64(h.OpenFiles)
	}
}

// stretch is how long the meter works before it lets load go first.
const stretch = 200 * time.Microsecond

func (m *meter) rest() {
	if time.Since(m.rested) > stretch {
		engine.Yield()
		m.rested = time.Now()
	}
}

func (m *meter) tally(load string, t *engine.Tally) {
	m.count(t.Completed, "plimsoll.passes", load, "completed")
	m.count(t.Failed, "plimsoll.passes", load, "failed")
	m.count(t.Unfinished, "plimsoll.passes", load, "unfinished")
	m.count(t.Planned, "plimsoll.planned", load)
	m.count(t.Sent, "plimsoll.sent", load)
	m.count(t.Dropped, "plimsoll.dropped", load)
}

func (m *meter) cell(c *engine.Cell) {
	p, outcome := m.pair(c.Load, c.Request), c.Outcome.String()
	rest := c.Count()
	for _, code := range c.Codes {
		text := m.bounded(p.codes, strconv.Itoa(code.Status), mostCodes, "status codes")
		m.count(code.N, "plimsoll.requests", p.load, p.request, outcome, text)
		rest -= min(rest, code.N)
	}
	if rest > 0 {
		m.count(rest, "plimsoll.requests", p.load, p.request, outcome, "")
	}
	for _, e := range c.Errors {
		kind := m.bounded(p.kinds, label(e.Kind), mostKinds, "kinds of errors")
		m.count(e.N, "plimsoll.errors", p.load, p.request, kind)
	}
	m.record(&c.Latency, "plimsoll.request.duration", p.load, p.request, outcome)
	m.record(&c.Service, "plimsoll.service.duration", p.load, p.request, outcome)
	m.record(&c.Lag, "plimsoll.lag", p.load)
	m.count(uint64(c.BytesIn), "plimsoll.received", p.load)
	m.count(uint64(c.BytesOut), "plimsoll.transmitted", p.load)
	m.count(c.NewConnections, "plimsoll.connections", p.load)
}

func (m *meter) record(h *latency.Histogram, name string, values ...string) {
	m.at(name, values...).curve.add(h)
}

// load returns the label of a load.
func (m *meter) load(l int) string {
	if l >= mostLoads {
		m.beyond[fmt.Sprintf("loads after the first %d", mostLoads)] = true
		return other
	}
	return label(m.legend.Loads[l].Name)
}

// pair returns the labels of a load and a request.
func (m *meter) pair(l, r int) pair {
	p, known := m.pairs[[2]int{l, r}]
	if !known {
		p = pair{load: m.load(l), request: other, codes: map[string]bool{}, kinds: map[string]bool{}}
		if len(m.pairs) < mostPairs {
			p.request = label(m.legend.Requests[r].Name)
		} else {
			m.beyond[fmt.Sprintf("requests after the first %d", mostPairs)] = true
		}
		m.pairs[[2]int{l, r}] = p
	}
	return p
}

// bounded returns the value if it was seen before or there is room for it.
func (m *meter) bounded(seen map[string]bool, value string, most int, what string) string {
	if !seen[value] && len(seen) >= most {
		m.beyond[fmt.Sprintf("%s after the first %d of a request", what, most)] = true
		return other
	}
	seen[value] = true
	return value
}

// budgets takes over how the budgets stand.
func (m *meter) budgets(results []budget.Result) {
	m.skipped = max(len(results)-mostBudgets, 0)
	set := func(v *float64, name string, values ...string) {
		if v != nil {
			m.at(name, values...).value = *v
		}
	}
	for _, r := range results[:min(len(results), mostBudgets)] {
		name := label(r.Expr)
		set(r.Observed, "plimsoll.budget.observed", name, r.Unit)
		set(r.Limit, "plimsoll.budget.limit", name, r.Unit)
		set(r.Margin, "plimsoll.budget.margin", name)
		switch r.Result {
		case budget.Kept:
			m.at("plimsoll.budget.kept", name).value = 1
		case budget.Broken:
			m.at("plimsoll.budget.kept", name).value = 0
		}
	}
}

// verdict takes over what the run came to.
func (m *meter) verdict(run *report.Run) {
	m.at("plimsoll.run.verdict", string(run.Verdict)).value = 1
}

// notes says what is not told apart.
func (m *meter) notes() (notes []string) {
	for what := range m.beyond {
		notes = append(notes, "live metrics: "+what+` are counted together, as "`+other+`"`)
	}
	slices.Sort(notes)
	if m.skipped > 0 {
		notes = append(notes, fmt.Sprintf("live metrics: %s after the first %d were not sent", plural(m.skipped, "budget"), mostBudgets))
	}
	return notes
}
