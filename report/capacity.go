package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"plimsoll/engine/capacity"
	"plimsoll/engine/search"
)

// CapacitySchema is the version of capacity.json that this package writes and reads.
const CapacitySchema = "plimsoll.capacity/1"

// CapacityFile is the name of the file in its directory.
const CapacityFile = "capacity.json"

// Capacity is what was found out about how much one node of a target carries, as it stands
// in capacity.json. It is saved after every trial, so it also is where a search goes on.
type Capacity struct {
	Schema    string          `json:"schema"`
	Plimsoll  Build           `json:"plimsoll"`
	Scenario  string          `json:"scenario"`
	Target    string          `json:"target,omitempty"`
	Command   []string        `json:"command,omitempty"` // the command line, through Redact
	Started   time.Time       `json:"started"`
	DurationS float64         `json:"duration_s"`
	SLO       string          `json:"slo"`      // promises, separated by commas
	Arrivals  string          `json:"arrivals"` // law of the open load
	Seed      uint64          `json:"seed"`
	Requests  string          `json:"requests,omitempty"` // digest of the flags that shape requests: a search goes on only with the same
	LoadLine  LoadLine        `json:"load_line"`
	Curve     []CurvePoint    `json:"curve"`           // one point per rate, rising
	Sweep     []SweepPoint    `json:"sweep,omitempty"` // closed loop: one point per level and replicate, in the order of time
	Model     *capacity.Model `json:"model"`           // fitted to the sweep; null without one
	Node      Node            `json:"node"`
	Scale     []ScalePoint    `json:"scale,omitempty"` // the same for each value of a varied setting
	Notes     []string        `json:"notes,omitempty"`
	Finished  bool            `json:"finished"` // false: stopped before its end, and can be resumed
}

// LoadLine is the highest rate that keeps the promises, between two bounds.
type LoadLine struct {
	Lower  *float64     `json:"lower_per_s"` // highest rate that was seen to hold; null: none was
	Upper  *float64     `json:"upper_per_s"` // lowest rate that was seen not to hold, or that the generator could not make; null: none was
	Limit  search.Limit `json:"limit"`       // target-limited, generator-limited or inconclusive
	Soaked bool         `json:"soaked"`      // the lower bound was held in a soak
	Reach  float64      `json:"generator_reach_per_s,omitempty"`
	Why    string       `json:"why,omitempty"` // one sentence on what ended the search
	Trials []LineTrial  `json:"trials"`
}

// LineTrial is one trial at one rate.
type LineTrial struct {
	search.Trial
	AtS      float64            `json:"at_s"`     // when it began, from the start of the search
	WarmupS  float64            `json:"warmup_s"` // cut off at its beginning
	Offered  float64            `json:"offered_per_s"`
	Achieved float64            `json:"achieved_per_s"`
	Latency  *Quantiles         `json:"latency_ms"`
	Service  *Quantiles         `json:"service_ms"`
	Errors   float64            `json:"errors"`              // share of requests without a good answer
	InFlight float64            `json:"in_flight"`           // on average
	Busy     map[string]float64 `json:"resources,omitempty"` // utilisation, 0 to 1, by resource
	After    *Bounds            `json:"after,omitempty"`     // what was known of the line then; nil in files of before it was kept
}

// Bounds are those of the load line at some time; null: none.
type Bounds struct {
	Lower *float64 `json:"lower_per_s"`
	Upper *float64 `json:"upper_per_s"`
}

// CurvePoint is latency at a rate, over all valid trials at it.
type CurvePoint struct {
	Rate     float64    `json:"rate_per_s"`
	Achieved float64    `json:"achieved_per_s"`
	Latency  *Quantiles `json:"latency_ms"`
	Service  *Quantiles `json:"service_ms"`
	Errors   float64    `json:"errors"`
	Trials   int        `json:"trials"`
	Verdict  string     `json:"verdict"` // of the rate: pass, fail, undecided or invalid
}

// SweepPoint is the throughput of a number of users who ask again as soon as they are
// answered.
type SweepPoint struct {
	Users       int     `json:"users"`
	Concurrency float64 `json:"concurrency"`      // passes in the target, on average over time: users waiting, but for what a target that does nothing would take
	Throughput  float64 `json:"throughput_per_s"` // passes
	Failed      float64 `json:"failed"`           // share of passes
	MeanMS      float64 `json:"latency_mean_ms"`  // of a pass, by Little's law
	Seconds     float64 `json:"measured_s"`
}

// Node is what one node carries, and what limits it.
type Node struct {
	Lower     *float64   `json:"lower_per_s"` // as in the load line
	Upper     *float64   `json:"upper_per_s"`
	Service   *Service   `json:"service,omitempty"`   // at the lowest loads, without queueing of any size
	Resources []Resource `json:"resources,omitempty"` // what was watched, the scarcest first
	Outlook   *Outlook   `json:"outlook,omitempty"`   // latency to expect at other loads
}

// Service is a distribution of service times.
type Service struct {
	MeanMS    float64   `json:"mean_ms"`
	SCV       float64   `json:"scv"` // squared coefficient of variation: variance over squared mean
	Count     uint64    `json:"count"`
	Shares    []float64 `json:"shares"`       // 0 to 1, rising
	Quantiles []float64 `json:"quantiles_ms"` // at the shares
}

// Resource is something of the target that requests use up: a processor, a pool, a station.
type Resource struct {
	Name      string  `json:"name"`
	Source    string  `json:"source"`          // reference target, prometheus or proc
	DemandMS  float64 `json:"demand_ms"`       // busy time of one unit per request (utilisation law: U·c = X·D)
	Units     float64 `json:"units"`           // how many there are: servers, processors, connections
	AtLower   float64 `json:"utilisation"`     // at the lower bound of the line, 0 to 1
	Saturates float64 `json:"saturates_per_s"` // rate at which it would be fully used
}

// ScalePoint is the load line under one value of a varied setting.
type ScalePoint struct {
	Setting    string       `json:"setting"` // such as cluster.workers
	Value      string       `json:"value"`
	Lower      *float64     `json:"lower_per_s"`
	Upper      *float64     `json:"upper_per_s"`
	Limit      search.Limit `json:"limit"`
	Each       *float64     `json:"per_unit_per_s"` // lower bound over the value, if that is a number
	Efficiency *float64     `json:"efficiency"`     // Each over that of the first value
}

// SaveCapacity writes capacity.json into dir, which is made if it is not there. A file that
// is there is replaced as a whole, so a reader never finds half of one.
func SaveCapacity(dir string, c *Capacity) error {
	c.Schema = CapacitySchema
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("save capacity: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save capacity: %w", err)
	}
	if err := replace(filepath.Join(dir, CapacityFile), append(text, '\n'), true); err != nil {
		return fmt.Errorf("save capacity: %w", err)
	}
	return nil
}

// OpenCapacity reads a capacity.json: the file itself, or the one in a directory.
func OpenCapacity(path string) (*Capacity, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, CapacityFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open capacity: %w", err)
	}
	var c Capacity
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("open capacity: %s: %w", path, err)
	}
	if c.Schema != CapacitySchema {
		return nil, fmt.Errorf("open capacity: %s has schema %q, not %q", path, c.Schema, CapacitySchema)
	}
	return &c, nil
}
