package report

import "time"

// HistorySchema is the version of what history writes as JSON.
const HistorySchema = "plimsoll.history/1"

// History is how saved runs have changed over time.
type History struct {
	Schema    string          `json:"schema"`
	Store     string          `json:"store"`
	Import    ImportCounts    `json:"import"`
	Rules     HistoryRules    `json:"rules"`
	Series    []HistorySeries `json:"series"`
	LeftOut   []LeftOut       `json:"left_out"`        // runs that are in no series, and directories that could not be read
	Tested    int             `json:"tested"`          // trends in which a change point was looked for
	ByChance  float64         `json:"by_chance"`       // how many of them show a change point at the most if nothing ever changed
	Notes     []string        `json:"notes"`           // what a reader should know
	Generated time.Time       `json:"generated"`       // when it was asked for
	Since     *time.Time      `json:"since,omitempty"` // older runs were not looked at
}

// ImportCounts say what an import found.
type ImportCounts struct {
	New         int `json:"new"`         // runs that the store did not have
	Updated     int `json:"updated"`     // runs of which the store had less, such as one that was still going
	Known       int `json:"known"`       // runs that the store had
	Unusable    int `json:"unusable"`    // directories that could not be read
	Experiments int `json:"experiments"` // directories of experiments, whose runs count one by one
}

// HistoryRules say how change points are looked for.
type HistoryRules struct {
	Alpha       float64 `json:"alpha"`        // p of a change point at the most
	LeastEffect float64 `json:"least_effect"` // relative change at the least
	Window      int     `json:"window"`       // runs that are looked at together
	Fewest      int     `json:"fewest_runs"`  // that a trend needs
}

// HistorySeries are runs that can be compared: of one scenario in one version, with the same
// load and settings, against the same target, on the same kind of machine.
type HistorySeries struct {
	Scenario      string       `json:"scenario"`
	Part          string       `json:"part,omitempty"`   // variant of an experiment, or base or candidate of a comparison
	Quick         bool         `json:"quick,omitempty"`  // its quick form
	Target        string       `json:"target,omitempty"` // without what changes from run to run, such as a local port
	Machine       string       `json:"machine"`          // of the generator
	Version       string       `json:"version"`          // of scenario, load and settings: what tells series apart
	OtherVersions int          `json:"other_versions"`   // older versions of the same, which are not shown
	OtherRuns     int          `json:"other_runs"`       // runs of those
	Runs          []HistoryRun `json:"runs"`             // the oldest first
	Trends        []Trend      `json:"trends"`
}

// HistoryRun is one run of a series.
type HistoryRun struct {
	Dir      string    `json:"dir"` // as it can be reached from where plimsoll was started
	Started  time.Time `json:"started"`
	Verdict  Verdict   `json:"verdict"`
	Plimsoll string    `json:"plimsoll"` // its version
}

// Trend is one figure over the runs of a series.
type Trend struct {
	Load    string        `json:"load"`
	Request string        `json:"request,omitempty"` // empty: the load as a whole
	Metric  string        `json:"metric"`            // as in budgets: p99, service.p99, errors, rate …
	Unit    string        `json:"unit"`              // ms, share, per_s or count
	Points  []TrendPoint  `json:"points"`
	Missing int           `json:"missing"`          // runs without this figure, or with too few requests for it
	Noise   *float64      `json:"noise"`            // standard deviation between change points: relative, of a share in itself; nil: too few runs
	Needs   int           `json:"needs,omitempty"`  // runs that are lacking before a change point can be looked for
	Shows   int           `json:"shows,omitempty"`  // about how many runs on each side show the least effect with this noise, 4 times in 5
	Drifts  bool          `json:"drifts,omitempty"` // neighbouring runs resemble each other: slow drift may look like change points
	Changes []ChangePoint `json:"changes"`
}

// TrendPoint is the figure of one run.
type TrendPoint struct {
	Run   int     `json:"run"` // index among the runs of the series
	Value float64 `json:"value"`
}

// ChangePoint is where a figure changed to stay.
type ChangePoint struct {
	At         int       `json:"at"`  // index among the points: the first one after the change
	Run        string    `json:"run"` // directory of that run
	Started    time.Time `json:"started"`
	LastBefore string    `json:"last_before"` // directory of the run before
	Before     float64   `json:"before"`      // mean since the change point before; geometric, unless it is a share
	After      float64   `json:"after"`       // mean up to the next one
	RunsBefore int       `json:"runs_before"`
	RunsAfter  int       `json:"runs_after"`
	Ratio      *float64  `json:"ratio"`          // after / before; nil: before is 0
	P          float64   `json:"p"`              // of Student's t-test of both sides; the place was chosen because it is small
	Effect     string    `json:"effect"`         // better, worse or other
	Also       string    `json:"also,omitempty"` // what else changed there, such as the version of plimsoll
}

// LeftOut is a run or a directory that counts in no series, and why.
type LeftOut struct {
	Dir      string `json:"dir"`
	Scenario string `json:"scenario,omitempty"`
	Reason   string `json:"reason"`
}
