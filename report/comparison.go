package report

import "time"

// ComparisonSchema is the version of what compare writes as JSON.
const ComparisonSchema = "plimsoll.compare/1"

// Finding is what a comparison comes to, in a row or altogether.
type Finding string

// The findings.
const (
	Worse  Finding = "regression"   // worse, by more than chance and more than matters
	Better Finding = "improvement"  // better, likewise
	Same   Finding = "same"         // the difference is less than matters
	Unsure Finding = "inconclusive" // what was measured allows more than one of these
)

// How two sets of runs are held against each other.
const (
	ByPairs = "paired"   // signed-rank test over pairs of runs that took turns
	ByRanks = "unpaired" // Mann–Whitney test over runs measured apart
	Within  = "single"   // one run each: intervals of one run, which say nothing of the next run
)

// Comparison is how a new run, or several, differ from a base. Its differences are new
// against base.
type Comparison struct {
	Schema     string          `json:"schema"`
	Verdict    Finding         `json:"verdict"`
	Why        string          `json:"why"`              // what the verdict rests on
	Decide     string          `json:"decide,omitempty"` // what would decide it, if it is inconclusive
	Scenario   string          `json:"scenario"`
	Stage      string          `json:"stage,omitempty"` // only this stage was compared
	Base       Side            `json:"base"`
	New        Side            `json:"new"`
	Method     string          `json:"method"` // ByPairs, ByRanks or Within
	Pairs      int             `json:"pairs"`  // of runs that were compared as pairs
	Confidence float64         `json:"confidence"`
	Alpha      float64         `json:"alpha"`  // bound on the chance of a false alarm in the whole comparison
	Looks      int             `json:"looks"`  // how often the runs are compared as they grow; alpha is shared among them
	Family     int             `json:"family"` // rows that Holm's correction counts
	Warnings   []string        `json:"warnings"`
	Notes      []string        `json:"notes"`
	Rows       []ComparisonRow `json:"rows"`
	Shifts     []Shift         `json:"shifts"`
	Curves     []SidesCurve    `json:"-"` // for a drawing

	Calibration *ComparedBy `json:"calibration,omitempty"` // what is known of the environment
}

// ComparedBy is the calibration that a comparison went by.
type ComparedBy struct {
	File     string      `json:"file"`
	Measured string      `json:"measured"` // day
	Pairs    int         `json:"pairs"`
	Alarms   FalseAlarms `json:"false_alarms"`
	Raised   []Raised    `json:"raised"`            // least effects that the noise is larger than
	Refusal  string      `json:"refusal,omitempty"` // why nothing is decided in this environment
}

// Raised is a least effect that a calibration has raised.
type Raised struct {
	Load    string  `json:"load"`
	Request string  `json:"request,omitempty"`
	Metric  string  `json:"metric"`
	From    float64 `json:"from"` // in the unit of the row's change
	To      float64 `json:"to"`
}

// Side is one of the two that are compared.
type Side struct {
	Path string    `json:"path"`
	Runs []SideRun `json:"runs"`
}

// SideRun is one run of a side.
type SideRun struct {
	Dir     string    `json:"dir"`
	Started time.Time `json:"started"`
	Target  string    `json:"target,omitempty"`
	Version string    `json:"version,omitempty"` // of plimsoll
}

// ComparisonRow compares one metric of a load or of a request in it.
type ComparisonRow struct {
	Load    string   `json:"load"`
	Request string   `json:"request,omitempty"` // "": all of the load
	Metric  string   `json:"metric"`            // p50, p90, p95, p99, p99.9 or mean of the latency, errors, goodput
	Unit    string   `json:"unit"`              // of base and new: "ms", "share" or "/s"
	Judged  bool     `json:"judged"`            // it counts for the verdict
	Base    *float64 `json:"base"`              // median of the runs; null without data
	New     *float64 `json:"new"`

	// Change is the Hodges–Lehmann estimate of the difference: relative to the base (0.05 is
	// 5 % more) or, for errors, the difference of the shares. Low and High are its interval
	// with Confidence; an end is null where so few runs leave it open.
	Change     *float64 `json:"change"`
	Low        *float64 `json:"low"`
	High       *float64 `json:"high"`
	Confidence float64  `json:"confidence"`
	P          *float64 `json:"p"`
	PHolm      *float64 `json:"p_holm"`     // adjusted for the family
	PJoint     *float64 `json:"p_joint"`    // likewise, by what the rows have in common: this one decides
	MinEffect  float64  `json:"min_effect"` // what matters, in the unit of Change
	Runs       int      `json:"runs"`       // that the row rests on: pairs, or of the smaller side
	Requests   uint64   `json:"requests"`   // in the run that had fewest
	Verdict    Finding  `json:"verdict"`
	NotWorse   bool     `json:"not_worse"` // a regression is ruled out, whatever the verdict
	Reason     string   `json:"reason"`
	Needs      int      `json:"needs,omitempty"` // runs of each side, all told, that would probably decide it; 0: not known
}

// Shift is by how much latency differs at each part of its distribution.
type Shift struct {
	Load    string       `json:"load"`
	Request string       `json:"request,omitempty"`
	Points  []ShiftPoint `json:"points"`
}

// ShiftPoint is the difference at one quantile; see ComparisonRow.
type ShiftPoint struct {
	Quantile float64  `json:"quantile"`
	BaseMS   float64  `json:"base_ms"`
	NewMS    float64  `json:"new_ms"`
	Change   float64  `json:"change"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
}

// SidesCurve is a load of both sides on the same axes: all runs of a side merged.
type SidesCurve struct {
	Load      string
	Quantiles []float64 // the same for both sides
	BaseMS    []float64 // latency at each; NaN beyond the samples
	NewMS     []float64
	AtS       []float64 // offsets from the start of the run
	Base, New SideSeries
}

// SideSeries is a side over time; NaN where there was nothing.
type SideSeries struct {
	P50MS, P99MS []float64
	Rate         []float64 // requests that ended, per second and run
}
