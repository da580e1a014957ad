package budget

// Verdict says whether a budget was kept.
type Verdict string

// The verdicts. Inconclusive is a budget with no data or too little.
const (
	Kept         Verdict = "kept"
	Broken       Verdict = "broken"
	Inconclusive Verdict = "inconclusive"
)

// Level says how much a broken budget matters.
type Level string

// The levels. A broken budget of level Warn is reported and breaks nothing.
const (
	Fail Level = "fail"
	Warn Level = "warn"
)

// Result is what became of one budget, in the units and under the keys of run.json; it
// has as many fields as that line has keys.
type Result struct {
	Expr     string    `json:"expr"`     // canonical text of the budget
	Metric   string    `json:"metric"`   // as Budget.Metric
	Observed *float64  `json:"observed"` // in Unit; with a window the worst one's; nil without data
	Limit    *float64  `json:"limit"`    // in Unit; nil if it could not be worked out
	Margin   *float64  `json:"margin"`   // distance from the limit as a share of it, positive when kept; nil if inconclusive or without a limit above 0
	Unit     string    `json:"unit"`     // "ms", "share" (0 to 1), "/s", "count" or "burn"
	Result   Verdict   `json:"result"`
	Level    Level     `json:"level"`
	Reason   string    `json:"reason,omitempty"`   // why it is inconclusive
	Window   []float64 `json:"window_s,omitempty"` // with a window, from when to when the worst one was, in seconds
	At       float64   `json:"at_s,omitzero"`      // since when it has been broken, in seconds from the start of the run
	Samples  uint64    `json:"samples"`            // requests (for dropped: arrivals) that Observed rests on
	Aborted  bool      `json:"aborted,omitempty"`  // an abort budget: it broke as the run went and its figures are those of that moment

	Timed bool `json:"-"` // for a burn: some of what counts against it came late or was dropped, for which the generator may be to blame
}
