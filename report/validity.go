package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// Validity says whether the measurement can be trusted, and what that rests on. A run
// whose numbers the generator shaped, or that measured a smaller load than planned, is
// not valid; each reason gives its numbers and says what to do.
type Validity struct {
	Valid     bool     `json:"valid"`
	Reasons   []string `json:"reasons"`
	LimitedBy []string `json:"limited_by,omitempty"` // what in the generator shaped the numbers: one of the Limit constants each
	CPUShare  float64  `json:"cpu_share"`            // processor time used, of what there was (0 to 1)
	GCShare   float64  `json:"gc_share"`             // garbage collection's part of the same (0 to 1)
	Lag       Lag      `json:"lag_us"`               // of all requests of open loads; zero without any, as a closed load has none
	Little    []Little `json:"little"`
	InFlight  int      `json:"most_in_flight"`
	Sessions  int      `json:"sessions"`
	OpenFiles int      `json:"most_open_files"`
	FileLimit int      `json:"file_limit"` // 0 if unknown
}

// Lag is how late the generator was, in microseconds.
type Lag struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Little holds the two sides of Little's law L = λ·W (Little 1961) for one load: passes in
// flight as counted, and as rate and latency say. Think time is left out of both.
type Little struct {
	Load      string  `json:"load"`
	InFlight  float64 `json:"in_flight"`
	RateXTime float64 `json:"rate_x_time"`
}

// What in a generator can shape the numbers it measures.
const (
	LimitLag    = "lag"    // requests began late
	LimitCPU    = "cpu"    // no processor time was left
	LimitGC     = "gc"     // collecting garbage took too much of it
	LimitFiles  = "files"  // no more open files allowed
	LimitPorts  = "ports"  // no free source port
	LimitLittle = "little" // the counts contradict each other
)

// The bounds of the rules. Lag matters when it is both long in itself and a visible part
// of the latency it is contained in.
const (
	lagFloor      = 10 * time.Millisecond
	lagOfLatency  = 0.10
	busyCPU       = 0.90
	busyLagFloor  = time.Millisecond // with a busy processor, lag counts from here
	gcOfMachine   = 0.10             // of the processor time there was: the runtime's own account counts waiting for a processor too
	droppedShare  = 0.01
	notSentShare  = 0.001
	littleOff     = 0.10
	littleFloor   = 2 * time.Millisecond // per pass: work between two requests is not latency
	littleSamples = 100
	stageSamples  = 100 // below it one late request would be a hundredth of a stage
	noAnswerShare = 0.01
	saturatedTime = 0.20 // of the run: opening many connections at once takes a moment, and the run may be short
	lagOfBreach   = 0.50 // a broken promise of which this much is lag is not the target's
	tailSamples   = 10   // samples beyond a quantile that give it a meaning
)

// evidence is what the rules look at.
type evidence struct {
	total    *engine.Snapshot
	loads    []loadEvidence
	outcomes [engine.NumOutcomes]uint64
	errors   map[string]uint64
	health   engine.Health
	results  []budget.Result
	ended    Ending
	validity *Validity
	notes    []string
}

// loadEvidence is the evidence of one load.
type loadEvidence struct {
	engine.LoadLegend
	tally    engine.Tally
	span     time.Duration
	lag      latency.Histogram // of every sample
	latency  latency.Histogram // of the samples that percentiles speak of
	samples  uint64
	good     uint64        // samples that were OK
	bad      uint64        // samples that were answered badly, or not at all
	inFlight time.Duration // passes in flight but for think time, over time
	served   time.Duration // sum of the service of every sample
	felt     time.Duration // sum of the latency of every sample
}

// validate judges the measurement and returns, apart, what a reader should know though it
// spoils nothing. It is a pure function of its arguments.
func validate(total *engine.Snapshot, results []budget.Result, ended Ending) (Validity, []string) {
	e := gather(total, results, ended)
	for _, rule := range []func(*evidence){
		(*evidence).judgeData, (*evidence).judgeLag, (*evidence).judgeCPU, (*evidence).judgeGC,
		(*evidence).judgeLimits, (*evidence).judgeDropped, (*evidence).judgeNotSent,
		(*evidence).judgeLittle, (*evidence).noteExhausted, (*evidence).noteUnanswered, (*evidence).noteUnfinished,
		(*evidence).noteTail, (*evidence).noteFiles,
	} {
		rule(e)
	}
	e.validity.Valid = len(e.validity.Reasons) == 0
	return *e.validity, e.notes
}

func gather(total *engine.Snapshot, results []budget.Result, ended Ending) *evidence {
	h := total.Health
	e := &evidence{total: total, errors: map[string]uint64{}, health: h, results: results, ended: ended, validity: &Validity{
		Reasons: []string{}, Little: []Little{},
		CPUShare: share(h.CPU, h.Capacity), GCShare: share(h.GC, h.Capacity),
		InFlight: h.InFlight, Sessions: h.Connections, OpenFiles: h.OpenFiles, FileLimit: h.FileLimit,
	}}
	var lag latency.Histogram
	for i, legend := range total.Legend.Loads {
		l := loadEvidence{LoadLegend: legend, span: spanOf(legend, total.To), tally: tallyOf(total, i)}
		l.inFlight = l.tally.Busy - l.tally.Think
		e.loads = append(e.loads, l)
	}
	for _, c := range total.Cells {
		e.loads[c.Load].add(c)
		e.outcomes[c.Outcome] += c.Count()
		for _, n := range c.Errors {
			e.errors[n.Kind] += n.N
		}
		if e.loads[c.Load].Model == "open" {
			lag.Merge(&c.Lag)
		}
	}
	e.validity.Lag = Lag{microseconds(lag.Quantile(0.5)), microseconds(lag.Quantile(0.99)), microseconds(lag.Max())}
	return e
}

func (l *loadEvidence) add(c *engine.Cell) {
	l.lag.Merge(&c.Lag)
	if c.Outcome != engine.Error {
		l.latency.Merge(&c.Latency)
	}
	l.samples += c.Count()
	switch c.Outcome {
	case engine.OK:
		l.good += c.Count()
	case engine.Failed, engine.Error:
		l.bad += c.Count()
	}
	l.served += c.Service.Sum()
	l.felt += c.Latency.Sum()
}

func (e *evidence) spoil(format string, args ...any) {
	e.validity.Reasons = append(e.validity.Reasons, fmt.Sprintf(format, args...))
}

func (e *evidence) limit(by, format string, args ...any) {
	if !slices.Contains(e.validity.LimitedBy, by) {
		e.validity.LimitedBy = append(e.validity.LimitedBy, by)
	}
	e.spoil(format, args...)
}

func (e *evidence) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

func (e *evidence) judgeData() {
	good, bad := e.outcomes[engine.OK], e.outcomes[engine.Failed]
	switch {
	case good+bad+e.outcomes[engine.Error]+e.outcomes[engine.Unfinished] == 0:
		e.spoil("no request was sent: there is nothing to judge")
	case good == 0 && bad > 0:
		e.spoil("nothing succeeded: %s answers, all of them bad; look at the codes and checks, the load may be aimed at the wrong place", FormatCount(bad))
	}
	for _, l := range e.loads {
		switch {
		case l.good > 0 && l.tally.Completed == 0 && l.tally.Failed > 0:
			e.spoil("%s: not one of %s passes through its flow succeeded; look at the request that ends them",
				l.Name, FormatCount(l.tally.Failed))
		case good > 0 && l.good == 0 && l.bad > 0:
			e.spoil("%s: nothing succeeded in %s requests, so it was no such load; look at the errors, codes and checks, it may be aimed at the wrong place",
				l.Name, FormatCount(l.samples))
		}
	}
}

func (e *evidence) judgeCPU() {
	used := e.validity.CPUShare
	often := share(e.health.Saturated, e.total.To)
	if used <= busyCPU && often <= saturatedTime {
		return
	}
	how := "used " + FormatShare(used) + " of its processor time"
	if used <= busyCPU {
		how = "had no processor time to spare for " + FormatShare(often) + " of the run"
	}
	for _, l := range e.loads {
		switch {
		case l.Model == "closed" && l.samples > 0:
			e.limit(LimitCPU, "%s: the generator %s, so rate and latency are its own; use fewer users, more processors or more generators", l.Name, how)
		case l.Model == "open" && l.lag.Quantile(0.99) > busyLagFloor:
			e.limit(LimitCPU, "%s: the generator %s and began late (p99 %s); use a lower rate, more processors or more generators",
				l.Name, how, FormatDuration(l.lag.Quantile(0.99)))
		}
	}
}

func (e *evidence) judgeGC() {
	if e.validity.GCShare > gcOfMachine {
		e.limit(LimitGC, "collecting garbage took %s of the processor time there was; large bodies that are read, or many variables, cost this: read less, or use more memory (GOGC)",
			FormatShare(e.validity.GCShare))
	}
}

func (e *evidence) judgeLimits() {
	if n := e.errors[engine.ErrFiles]; n > 0 {
		e.limit(LimitFiles, "%s requests failed because this machine allows no more open files (limit %s); raise it with ulimit -n, or lower max_in_flight",
			FormatCount(n), FormatCount(uint64(max(e.health.FileLimit, 0))))
	}
	if n := e.errors[engine.ErrPorts]; n > 0 {
		e.limit(LimitPorts, "%s requests failed because this machine had no free port; keep connections open, use more source addresses, or widen net.ipv4.ip_local_port_range",
			FormatCount(n))
	}
}

// judgeDropped leaves out stages in which a budget says how much may be dropped.
func (e *evidence) judgeDropped() {
	for i, l := range e.loads {
		var due, gone uint64
		for g, t := range e.total.Tallies[i] {
			if !e.bounded(i, g) {
				due += t.Sent + t.Dropped
				gone += t.Dropped
			}
		}
		if dropped := ratio(gone, due); dropped > droppedShare {
			e.spoil("%s: %s of %s arrivals (%s) were dropped at max_in_flight, so the percentiles describe a smaller load; raise max_in_flight, or promise a bound on dropped",
				l.Name, FormatCount(gone), FormatCount(due), FormatShare(dropped))
		}
	}
}

func (e *evidence) bounded(load, stage int) bool {
	return slices.ContainsFunc(e.results, func(r budget.Result) bool {
		if r.Metric != "dropped" {
			return false
		}
		b, err := budget.Parse(r.Expr)
		return err == nil && b.Covers(e.total.Legend, load, stage)
	})
}

func (e *evidence) judgeNotSent() {
	for _, l := range e.loads {
		missing := countsOf(l.tally).NotDue
		offered := FormatCount(l.tally.Planned - missing)
		planned := FormatCount(l.tally.Planned)
		switch {
		case l.Model != "open" || missing == 0:
		case e.ended != Complete:
			e.note("%s: %s of %s planned arrivals were not due yet when the run was stopped", l.Name, FormatCount(missing), planned)
		case missing == 1 || ratio(missing, l.tally.Planned) <= notSentShare:
		case l.tally.Exhausted > 0:
			e.spoil("%s: only %s of %s planned arrivals were offered, then a data source had no more rows; give it more rows, or let it pick at random",
				l.Name, offered, planned)
		default:
			e.spoil("%s: only %s of %s planned arrivals were offered; the generator could not keep the rate, use a lower one or more generators",
				l.Name, offered, planned)
		}
	}
}

// judgeLittle holds the passes in flight against the sum of what each request took. An
// arrival is counted in flight from when the generator saw that it was due, so the count
// may lie anywhere between the sums of service and latency.
func (e *evidence) judgeLittle() {
	for _, l := range e.loads {
		if l.span <= 0 || l.tally.Busy == 0 {
			continue
		}
		e.validity.Little = append(e.validity.Little, Little{l.Name, share(l.inFlight, l.span), share(l.felt, l.span)})
		off := max(l.served-l.inFlight, l.inFlight-l.felt, 0)
		if l.samples < littleSamples || off < littleFloor*time.Duration(l.tally.Sent) {
			continue
		}
		if off > portion(l.felt, littleOff) {
			e.limit(LimitLittle, "%s: %.3g passes were in flight on average, but rate and latency make %.3g (Little's law); the machine stalled or the counts are wrong, run `plimsoll doctor` and repeat",
				l.Name, share(l.inFlight, l.span), share(l.felt, l.span))
		}
	}
}

func (e *evidence) noteExhausted() {
	for _, l := range e.loads {
		if l.tally.Exhausted > 0 {
			e.note("%s: a data source had no more rows after %s passes", l.Name, FormatCount(l.tally.Sent))
		}
	}
}

// noteUnanswered speaks up where percentiles pass over more than they are about: a p99
// says little where a hundredth of the requests were never answered.
func (e *evidence) noteUnanswered() {
	for _, l := range e.loads {
		none, answered := l.samples-l.latency.Count(), l.latency.Count()
		if answered > 0 && ratio(none, l.samples) > noAnswerShare {
			e.note("%s: %s of %s requests (%s) got no answer and are not in the percentiles",
				l.Name, FormatCount(none), FormatCount(l.samples), FormatShare(ratio(none, l.samples)))
		}
	}
}

func (e *evidence) noteUnfinished() {
	for _, l := range e.loads {
		if n := l.tally.Unfinished; n > 0 {
			e.note("%s: %s of %s (%s) were unfinished at the end and count at their age: what they would have taken is longer",
				l.Name, FormatCount(n), FormatCount(l.tally.Sent), FormatShare(ratio(n, l.tally.Sent)))
		}
	}
}

func (e *evidence) noteTail() {
	need := uint64(math.Round(tailSamples / (1 - 0.999)))
	var few []string
	for _, l := range e.loads {
		if n := l.latency.Count(); n > 0 && n < need {
			few = append(few, fmt.Sprintf("%s (%s requests)", l.Name, FormatCount(n)))
		}
	}
	if len(few) > 0 {
		e.note("p99.9 rests on fewer than %d slow requests in %s; it takes %s requests to have them",
			tailSamples, strings.Join(few, ", "), FormatCount(need))
	}
}

func (e *evidence) noteFiles() {
	if v := e.validity; v.FileLimit > 0 && v.OpenFiles*10 > v.FileLimit*9 {
		e.note("%s of %s allowed files were open", FormatCount(uint64(v.OpenFiles)), FormatCount(uint64(v.FileLimit)))
	}
}

func share(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func portion(d time.Duration, of float64) time.Duration { return time.Duration(float64(d) * of) }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
