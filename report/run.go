// Package report turns what the engine counted into a run that people and tools can read:
// it sums a snapshot up, decides whether the measurement can be trusted and what the
// verdict is, writes the run to disk while it goes, and reads it back. Subpackages show
// it. It does not measure, it does not print, and it does not choose an exit code.
package report

import (
	"time"

	"plimsoll/engine"
	"plimsoll/report/budget"
)

// Schema is the version of run.json that this package writes and the newest it reads.
const Schema = "plimsoll.run/1"

// Run is a test as it stands in run.json: what was asked, what happened, and whether it
// may be believed. Keys may be added to it, but none is renamed or changes its meaning
// within a schema version.
type Run struct {
	Schema string `json:"schema"`
	Meta
	DurationS   float64              `json:"duration_s"` // from the start to the last answer or the end of the grace period
	Ended       Ending               `json:"ended"`
	Verdict     Verdict              `json:"verdict"`
	Validity    Validity             `json:"validity"`
	Loads       []Load               `json:"loads"`
	Budgets     []budget.Result      `json:"budgets"` // gates of SLOs among them
	SLOs        []budget.ErrorBudget `json:"slos,omitempty"`
	Notes       []string             `json:"notes,omitempty"` // what a reader should know and what does not spoil the run
	Events      []Happening          `json:"events,omitempty"`
	Figures     map[string]float64   `json:"figures,omitempty"` // what the target said of itself
	Traces      *Traces              `json:"traces,omitempty"`  // nil: nothing was traced
	Legend      Legend               `json:"legend"`            // what intervals.hlog and intervals.jsonl refer to
	*Experiment                      // nil: the scenario has no variants
}

// Meta is what is known of a run before it starts.
type Meta struct {
	Plimsoll  Build     `json:"plimsoll"`
	Scenario  string    `json:"scenario"`
	Source    Source    `json:"source,omitzero"`
	About     string    `json:"about,omitempty"`
	Target    string    `json:"target,omitempty"`
	Command   []string  `json:"command,omitempty"` // the command line, through Redact
	Seed      uint64    `json:"seed,omitempty"`
	Started   time.Time `json:"started"`
	IntervalS float64   `json:"interval_s"`
	Remarks   []string  `json:"remarks,omitempty"` // what the plan had to say, such as a bound that was lowered
}

// Source says what ran of which scenario file.
type Source struct {
	SHA256  string `json:"sha256"`            // of the file
	Changed bool   `json:"changed,omitempty"` // values in it were replaced for this run
	Quick   bool   `json:"quick,omitempty"`   // it was its quick form
}

// Build says which program measured, and where.
type Build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`   // such as linux/amd64
	CPUs    int    `json:"cpus"` // processors that the generator could use
}

// Ending is how a run came to its end.
type Ending string

// The endings of a run.
const (
	Complete Ending = "complete"    // every stage ran
	Aborted  Ending = "aborted"     // a budget marked abort was broken
	Stopped  Ending = "interrupted" // somebody or something stopped it
)

// Load is what became of one load. The figures are those of its own span.
type Load struct {
	Name  string `json:"name"`
	Model string `json:"model"` // "open" or "closed"
	Figures
	Requests []Request `json:"requests"`
	Stages   []Stage   `json:"stages"`
}

// Stage is what became of the part of a load that was due during one stage.
type Stage struct {
	Name  string  `json:"name"`
	FromS float64 `json:"from_s"`
	ToS   float64 `json:"to_s"`
	Figures
}

// Figures are the numbers of a load or of one of its stages.
type Figures struct {
	Counts
	Rates
	Times
	Outcomes map[string]Outcome `json:"outcomes"` // by outcome; only those that occurred
}

// Counts are numbers of arrivals in an open load and of passes through the flow in a
// closed one; in a flow of one step that is the number of requests.
//
//	planned = sent + dropped + not_due      sent = completed + failed + unfinished
type Counts struct {
	Planned    uint64 `json:"planned"`
	Sent       uint64 `json:"sent"`
	Completed  uint64 `json:"completed"` // every request of the pass was answered well
	Failed     uint64 `json:"failed"`
	Dropped    uint64 `json:"dropped"`             // due, and not sent: max_in_flight was reached
	Unfinished uint64 `json:"unfinished"`          // under way at the end of the grace period
	NotDue     uint64 `json:"not_due"`             // never sent, because the run was stopped or its data ran out before
	Exhausted  uint64 `json:"exhausted,omitempty"` // passes that found no more data and could not begin
}

// Rates are counts per second of the span: the time from the load's (or stage's) first
// moment to its last, or to the end of the run if that came first. The grace period is
// not part of it, so what was answered then counts in the rate it was sent at.
type Rates struct {
	SpanS     float64 `json:"span_s"`
	Offered   float64 `json:"offered_per_s"`  // (sent + dropped) / span
	Achieved  float64 `json:"achieved_per_s"` // (completed + failed) / span
	Goodput   float64 `json:"goodput_per_s"`  // completed / span
	InFlight  float64 `json:"in_flight"`      // on average: arrivals in flight, or users
	BytesIn   int64   `json:"bytes_in"`       // on the wire, all requests of the span
	BytesOut  int64   `json:"bytes_out"`
	Connected uint64  `json:"new_connections"`
}

// Times are the three clocks over all requests that were answered, well or not, and those
// that were unfinished, at the age they had reached. Requests without an answer are left
// out: Figures.Outcomes has them. Nil without samples.
type Times struct {
	Latency *Quantiles `json:"latency_ms"` // from when a request was due to its end
	Service *Quantiles `json:"service_ms"` // from when it began to its end
	Lag     *Quantiles `json:"lag_ms"`     // from when it was due to when it began
}

// Quantiles describe durations, in milliseconds. A quantile that lies beyond the samples
// is the maximum; Count is there to tell.
type Quantiles struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	Min   float64 `json:"min"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	Max   float64 `json:"max"`
}

// Outcome is how many requests ended one way, and how long they took.
type Outcome struct {
	Count   uint64     `json:"count"`
	Latency *Quantiles `json:"latency_ms"`
	Service *Quantiles `json:"service_ms"`
}

// Request is what became of one named request within a load.
//
//	count = ok + failed + unfinished
type Request struct {
	Name       string                `json:"name"`
	Count      uint64                `json:"count"`
	OK         uint64                `json:"ok"`
	Failed     uint64                `json:"failed"` // answered badly, or not at all
	Unfinished uint64                `json:"unfinished"`
	Codes      map[string]uint64     `json:"codes"`
	Errors     map[string]uint64     `json:"errors"`
	Checks     map[string]Check      `json:"checks"`
	Latency    *Quantiles            `json:"latency_ms"`
	Service    *Quantiles            `json:"service_ms"`
	Phases     map[string]*Quantiles `json:"phases_ms"` // only phases that happened
}

// Check counts how often a condition on an answer held.
type Check struct {
	Passed uint64 `json:"passed"`
	Failed uint64 `json:"failed"`
}

// Legend is the engine's legend in its saved form.
type Legend struct {
	Loads    []LoadLegend    `json:"loads"`
	Requests []RequestLegend `json:"requests"`
}

// LoadLegend names a load and its stages.
type LoadLegend struct {
	Name   string        `json:"name"`
	Model  string        `json:"model"`
	Stages []StageLegend `json:"stages"`
}

// StageLegend is a stage's name, span and planned rate.
type StageLegend struct {
	Name    string        `json:"name"`
	From    time.Duration `json:"from_ns"`
	To      time.Duration `json:"to_ns"`
	Planned float64       `json:"planned_per_s"`
}

// RequestLegend names a request and its checks.
type RequestLegend struct {
	Name   string        `json:"name"`
	Checks []string      `json:"checks,omitempty"`
	Labels engine.Labels `json:"labels,omitzero"`
}

// saveLegend brings a legend into its saved form.
func saveLegend(l *engine.Legend) Legend {
	var s Legend
	for _, load := range l.Loads {
		saved := LoadLegend{Name: load.Name, Model: load.Model}
		for _, g := range load.Stages {
			saved.Stages = append(saved.Stages, StageLegend(g))
		}
		s.Loads = append(s.Loads, saved)
	}
	for _, r := range l.Requests {
		s.Requests = append(s.Requests, RequestLegend(r))
	}
	return s
}

// Engine returns the legend as the engine and the budgets use it.
func (l Legend) Engine() *engine.Legend {
	e := &engine.Legend{}
	for _, load := range l.Loads {
		back := engine.LoadLegend{Name: load.Name, Model: load.Model}
		for _, g := range load.Stages {
			back.Stages = append(back.Stages, engine.StageLegend(g))
		}
		e.Loads = append(e.Loads, back)
	}
	for _, r := range l.Requests {
		e.Requests = append(e.Requests, engine.RequestLegend(r))
	}
	return e
}
