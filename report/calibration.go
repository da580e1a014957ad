package report

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// CalibrationSchema is the version of calibration files that this package writes and reads.
const CalibrationSchema = "plimsoll.calibration/1"

// MostFalseAlarms is the share of false alarms up to which an environment may gate.
const MostFalseAlarms = 0.10

// Calibration is what pairs of the same thing, held against itself, say of an environment:
// how much its runs vary, what the gate can tell there, and how often it cries wolf.
type Calibration struct {
	Schema   string           `yaml:"plimsoll" json:"schema"`
	Scenario string           `yaml:"scenario" json:"scenario"`
	SHA256   string           `yaml:"scenario_sha256,omitempty" json:"scenario_sha256,omitempty"`
	Changed  bool             `yaml:"values_replaced,omitempty" json:"values_replaced,omitempty"` // by --set and the like
	Measured string           `yaml:"measured" json:"measured"`                                   // day of the last run
	On       Machine          `yaml:"measured_on" json:"measured_on"`
	Pairs    int              `yaml:"pairs" json:"pairs"`
	Gate     CalibratedGate   `yaml:"gate" json:"gate"`
	Alarms   FalseAlarms      `yaml:"false_alarms" json:"false_alarms"`
	Rows     []CalibrationRow `yaml:"rows" json:"rows"`
	Notes    []string         `yaml:"notes,omitempty" json:"notes"`
	Digest   string           `yaml:"digest" json:"digest"` // of all the others
}

// Machine is where something was measured, and by what.
type Machine struct {
	Plimsoll string `yaml:"plimsoll" json:"plimsoll"`
	Go       string `yaml:"go" json:"go"`
	OS       string `yaml:"os" json:"os"` // such as linux/amd64
	CPUs     int    `yaml:"cpus" json:"cpus"`
}

// CalibratedGate is the rule that a calibration speaks of: pairs before the first look,
// between looks, and in all, and the bound on the adjusted p-value of all looks together.
type CalibratedGate struct {
	First int     `yaml:"first_pairs" json:"first_pairs"`
	More  int     `yaml:"more_pairs" json:"more_pairs"`
	Most  int     `yaml:"most_pairs" json:"most_pairs"`
	Alpha float64 `yaml:"alpha" json:"alpha"`
}

// FalseAlarms says how often the gate finds a regression where there is none.
type FalseAlarms struct {
	// By re-randomisation: comparisons put together from the pairs, with the sides of blocks
	// of neighbouring pairs swapped by chance, each looked at as the gate does.
	Drawn  int     `yaml:"drawn" json:"drawn"`
	Alarms int     `yaml:"alarms" json:"alarms"`
	Rate   float64 `yaml:"rate" json:"rate"`
	Bound  float64 `yaml:"bound" json:"bound"` // upper 95 % (Clopper and Pearson) of Rate

	// By comparisons that share no pair, with findings in either direction counted.
	Independent       int     `yaml:"independent" json:"independent"`
	IndependentAlarms int     `yaml:"independent_alarms" json:"independent_alarms"`
	IndependentBound  float64 `yaml:"independent_bound" json:"independent_bound"`
}

// CalibrationRow is the noise of one metric of a load or of a request in it. Shares are
// relative to the base (0.05 is 5 %) or, for errors, differences of shares.
type CalibrationRow struct {
	Load        string             `yaml:"load" json:"load"`
	Request     string             `yaml:"request,omitempty" json:"request,omitempty"`
	Metric      string             `yaml:"metric" json:"metric"`
	Unit        string             `yaml:"unit" json:"unit"`
	Typical     float64            `yaml:"typical" json:"typical"`                 // median of all runs, in Unit
	CV          float64            `yaml:"run_to_run" json:"run_to_run"`           // deviation from run to run: of logarithms, or of shares for errors
	PairSD      float64            `yaml:"pair_deviation" json:"pair_deviation"`   // of the differences within pairs, on the same scale
	Drift       float64            `yaml:"drift,omitempty" json:"drift,omitempty"` // change from the first pair to the last, if there was a trend
	Floor       float64            `yaml:"floor" json:"floor"`                     // the gate's least effect without a calibration
	LeastEffect float64            `yaml:"least_effect" json:"least_effect"`       // with this one: never less than Floor
	Effects     []CalibratedEffect `yaml:"effects" json:"effects"`
}

// CalibratedEffect is what so many pairs can tell, four times in five. A value is 0 if they
// are too few, whatever the effect.
type CalibratedEffect struct {
	Pairs   int     `yaml:"pairs" json:"pairs"`
	Detects float64 `yaml:"detects" json:"detects"` // the least true change that the gate reports
	Tells   float64 `yaml:"tells" json:"tells"`     // the least that noise does not hide, whatever the floor
}

// At returns what the most of the calibrated numbers of pairs tell that are no more than
// pairs, or else the fewest.
func (r *CalibrationRow) At(pairs int) CalibratedEffect {
	var at CalibratedEffect
	for i, e := range r.Effects {
		if i == 0 || e.Pairs <= pairs {
			at = e
		}
	}
	return at
}

// MostRaised is how many times the floor the least effect is raised to at the most. Past
// that a row would be called the same while it is not looked at, so it stays inconclusive.
const MostRaised = 5

// Least returns the least effect that so many pairs are judged by: the floor, or what they
// tell if that is more, up to MostRaised times the floor. It never is less than the floor.
func (r *CalibrationRow) Least(floor float64, pairs int) float64 {
	return max(floor, min(r.At(pairs).Tells, MostRaised*floor))
}

// Blind reports whether so many pairs cannot tell what the least effect is at the most, or
// nothing at all.
func (r *CalibrationRow) Blind(floor float64, pairs int) bool {
	tells := r.At(pairs).Tells
	return tells > MostRaised*floor || tells == 0 && r.PairSD > 0
}

// Row returns what is known of a metric, nil if nothing is.
func (c *Calibration) Row(load, request, metric string) *CalibrationRow {
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Load == load && r.Request == request && r.Metric == metric {
			return r
		}
	}
	return nil
}

// Refusal says why there must be no gate in this environment, "" if there may be one.
func (c *Calibration) Refusal() string {
	if c.Alarms.Bound <= MostFalseAlarms {
		return ""
	}
	return fmt.Sprintf("here the gate would raise false alarms in up to %s of comparisons, and more than %.4g%% is too many",
		FormatShare(c.Alarms.Bound), 100*MostFalseAlarms)
}

// Says is the false-alarm rate in words.
func (c *Calibration) Says() string {
	a := c.Alarms
	text := fmt.Sprintf("false-alarm rate here %s (bound %s)", FormatShare(a.Rate), FormatShare(a.Bound))
	switch {
	case a.Independent == 0:
		return text + "; no comparison was independent"
	case a.IndependentAlarms == 0:
		return fmt.Sprintf("%s; none in %d independent comparisons (bound %s)", text, a.Independent, FormatShare(a.IndependentBound))
	}
	return fmt.Sprintf("%s; %d in %d independent comparisons (bound %s)", text, a.IndependentAlarms, a.Independent, FormatShare(a.IndependentBound))
}

// staleAfter is how long an environment is taken to be what it was.
const staleAfter = 30 * 24 * time.Hour

// Fits says what is to be kept in mind when the calibration is used for such a run, and
// what may be.
func (c *Calibration) Fits(run *Run) (warnings, notes []string) {
	switch {
	case c.Scenario != run.Scenario:
		warnings = append(warnings, fmt.Sprintf("the calibration is of scenario %s, not of %s", c.Scenario, run.Scenario))
	case c.SHA256 != run.Source.SHA256:
		warnings = append(warnings, "the scenario has changed since the calibration")
	case c.Changed != run.Source.Changed:
		warnings = append(warnings, "values of the scenario were replaced in only one of calibration and comparison")
	}
	if here := run.Plimsoll; c.On.OS != here.OS || c.On.CPUs != here.CPUs {
		warnings = append(warnings, fmt.Sprintf("the calibration is of another machine: %s with %d processors, and this is %s with %d", c.On.OS, c.On.CPUs, here.OS, here.CPUs))
	} else if c.On.Plimsoll != here.Version || c.On.Go != here.Go {
		notes = append(notes, fmt.Sprintf("the calibration was made with plimsoll %s (%s), and this is %s (%s)", c.On.Plimsoll, c.On.Go, here.Version, here.Go))
	}
	day, err := time.Parse(time.DateOnly, c.Measured)
	if age := run.Started.Sub(day); err == nil && age > staleAfter {
		notes = append(notes, fmt.Sprintf("the calibration is %d days old: plimsoll calibrate makes a new one", int(age.Hours()/24)))
	}
	return warnings, notes
}

// calibrationHead stands above every calibration file.
const calibrationHead = `# A calibration: what the gate can tell in one environment, measured by holding one thing
# against itself. plimsoll run --against … --calibration THIS  goes by it, and so does
# plimsoll compare. It is written by  plimsoll calibrate , and refused if changed by hand.
`

// Save writes the calibration as a file, which replaces one that is there as a whole.
func (c *Calibration) Save(path string) error {
	c.Schema = CalibrationSchema
	c.Digest = c.digest()
	body, err := c.encode()
	if err == nil {
		err = replace(path, bytes.TrimRight(append([]byte(calibrationHead), body...), "\n"), true)
	}
	if err != nil {
		return fmt.Errorf("save calibration: %w", err)
	}
	return nil
}

func (c *Calibration) encode() ([]byte, error) {
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(c), enc.Close())
	return text.Bytes(), err
}

// digest is that of what the calibration says, not of how the file is laid out.
func (c *Calibration) digest() string {
	bare := *c
	bare.Digest = ""
	text, err := bare.encode()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// mostCalibration bounds the size of a calibration file.
const mostCalibration = 4 << 20

// OpenCalibration reads a calibration file.
func OpenCalibration(path string) (*Calibration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open calibration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostCalibration+1))
	if err != nil {
		return nil, fmt.Errorf("open calibration: %w", err)
	}
	c, err := parseCalibration(text)
	if err != nil {
		return nil, fmt.Errorf("open calibration %s: %w", path, err)
	}
	return c, nil
}

func parseCalibration(text []byte) (*Calibration, error) {
	if len(text) > mostCalibration {
		return nil, fmt.Errorf("it is larger than %d MB", mostCalibration>>20)
	}
	var head struct {
		Schema string `yaml:"plimsoll"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	if head.Schema != CalibrationSchema {
		return nil, fmt.Errorf("its schema is %q, not %q", shortened(head.Schema), CalibrationSchema)
	}
	c := &Calibration{}
	in := yaml.NewDecoder(bytes.NewReader(text))
	in.KnownFields(true)
	if err := in.Decode(c); err != nil {
		return nil, err
	}
	if c.Digest != c.digest() {
		return nil, errors.New("it was changed by hand, and what it says of the gate is not what was measured")
	}
	return c, c.check()
}

// shortened makes what stands in a file fit for a message.
func shortened(s string) string {
	const most = 40
	s = Printable(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// check refuses what no calibration says.
func (c *Calibration) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	a := c.Alarms
	switch {
	case c.Pairs < 1 || len(c.Rows) == 0:
		return errors.New("there is nothing in it")
	case !share(a.Rate) || !share(a.Bound) || !share(a.IndependentBound) || a.Bound < a.Rate:
		return errors.New("its false-alarm rate is none")
	}
	if _, err := time.Parse(time.DateOnly, c.Measured); err != nil {
		return fmt.Errorf("%q is no day", shortened(c.Measured))
	}
	for _, r := range c.Rows {
		for _, x := range []float64{r.CV, r.PairSD, r.Floor, r.LeastEffect} {
			if !(x >= 0) || math.IsInf(x, 0) {
				return fmt.Errorf("%s of %s: %v is no spread and no effect", shortened(r.Metric), shortened(r.Load), x)
			}
		}
		for _, e := range r.Effects {
			if !(e.Tells >= 0) || !(e.Detects >= 0) || math.IsInf(e.Tells+e.Detects, 0) {
				return fmt.Errorf("%s of %s: what %d pairs tell is no effect", shortened(r.Metric), shortened(r.Load), e.Pairs)
			}
		}
	}
	return nil
}
