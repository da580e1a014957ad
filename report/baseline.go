package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine"
	"plimsoll/engine/latency"
)

// BaselineSchema is the version of baseline files that this package writes and reads.
const BaselineSchema = "plimsoll.baseline/1"

// Baseline is what a run measured as a whole, in a small text that can lie beside the code
// and be reviewed: figures for people, and the histograms that they come from.
type Baseline struct {
	Schema   string         `yaml:"plimsoll"`
	Scenario string         `yaml:"scenario"`
	SHA256   string         `yaml:"scenario_sha256,omitempty"`
	Saved    string         `yaml:"measured"`    // day of the run
	On       string         `yaml:"measured_on"` // version, system and processors of the generator
	Seconds  float64        `yaml:"seconds"`
	Loads    []baselineLoad `yaml:"loads"`
}

// baselineLoad is a load with its stages.
type baselineLoad struct {
	Name   string          `yaml:"load"`
	Model  string          `yaml:"model"`
	Stages []baselineStage `yaml:"stages"`
}

// baselineStage is what a stage measured.
type baselineStage struct {
	Name     string         `yaml:"stage"`
	From     time.Duration  `yaml:"from"`
	To       time.Duration  `yaml:"to"`
	Planned  float64        `yaml:"planned_per_s,omitempty"`
	Sent     uint64         `yaml:"sent"`
	Dropped  uint64         `yaml:"dropped,omitempty"`
	Requests []baselineCell `yaml:"requests"`
}

// baselineCell is what became of one request with one outcome. The figures are there to be
// read; what counts are the histograms.
type baselineCell struct {
	Request string             `yaml:"request"`
	Outcome string             `yaml:"outcome"`
	Count   uint64             `yaml:"count"`
	P50     string             `yaml:"p50"`
	P99     string             `yaml:"p99"`
	Latency *latency.Histogram `yaml:"latency"`
	Service *latency.Histogram `yaml:"service"`
	Lag     *latency.Histogram `yaml:"lag"`
	TTFB    *latency.Histogram `yaml:"ttfb,omitempty"`
}

// NewBaseline returns the baseline that a run makes, whose intervals add up to total.
func NewBaseline(run *Run, total *engine.Snapshot) *Baseline {
	b := &Baseline{
		Schema: BaselineSchema, Scenario: run.Scenario, SHA256: run.Source.SHA256, Saved: run.Started.UTC().Format(time.DateOnly),
		On:      fmt.Sprintf("plimsoll %s, %s, %s, %d cpus", run.Plimsoll.Version, run.Plimsoll.Go, run.Plimsoll.OS, run.Plimsoll.CPUs),
		Seconds: math.Round(total.To.Seconds()*1000) / 1000,
	}
	for l, load := range total.Legend.Loads {
		saved := baselineLoad{Name: load.Name, Model: load.Model}
		for g, stage := range load.Stages {
			t := total.Tallies[l][g]
			s := baselineStage{Name: stage.Name, From: stage.From, To: stage.To, Planned: stage.Planned, Sent: t.Sent, Dropped: t.Dropped}
			for _, c := range total.Cells {
				if c.Load == l && c.Stage == g {
					s.Requests = append(s.Requests, newBaselineCell(total.Legend.Requests[c.Request].Name, c))
				}
			}
			saved.Stages = append(saved.Stages, s)
		}
		b.Loads = append(b.Loads, saved)
	}
	return b
}

func newBaselineCell(request string, c *engine.Cell) baselineCell {
	cell := baselineCell{Request: request, Outcome: c.Outcome.String(), Count: c.Count(), Latency: &c.Latency, Service: &c.Service, Lag: &c.Lag}
	if h := clockTTFB.of(c); h.Count() > 0 {
		cell.TTFB = h
	}
	cell.P50, cell.P99 = FormatDuration(c.Latency.Quantile(.5)), FormatDuration(c.Latency.Quantile(.99))
	return cell
}

// baselineHead stands above every baseline file.
const baselineHead = `# A baseline: what this scenario measured. It is text so that it can be kept beside the code
# and a change of it be reviewed. Held against it are budgets such as
#     p99(order) < baseline * 1.10 + 5ms
# in  plimsoll run SCENARIO --baseline THIS ; --save-baseline THIS writes it anew.
`

// Save writes the baseline as a file, which replaces one that is there as a whole.
func (b *Baseline) Save(path string) error {
	var text bytes.Buffer
	text.WriteString(baselineHead)
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(b), enc.Close()); err != nil {
		return fmt.Errorf("save baseline: %w", err)
	}
	if err := replace(path, bytes.TrimRight(text.Bytes(), "\n"), true); err != nil {
		return fmt.Errorf("save baseline: %w", err)
	}
	return nil
}

// largestBaseline bounds a baseline file, in bytes. One of a hundred requests is 1 MB long.
const largestBaseline = 64 << 20

// OpenBaseline reads a baseline file. The error names the place in it where it can.
func OpenBaseline(path string) (*Baseline, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open baseline: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestBaseline+1))
	if err == nil && len(text) > largestBaseline {
		err = fmt.Errorf("it is longer than %d MB", largestBaseline>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("open baseline %s: %w", path, err)
	}
	b, err := parseBaseline(text)
	if err != nil {
		return nil, fmt.Errorf("open baseline %s: %w", path, err)
	}
	return b, nil
}

func parseBaseline(text []byte) (*Baseline, error) {
	b := &Baseline{}
	in := yaml.NewDecoder(bytes.NewReader(text))
	in.KnownFields(true)
	if err := in.Decode(b); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, err
	}
	if b.Schema != BaselineSchema {
		return nil, fmt.Errorf("its schema is %q, not %q", b.Schema, BaselineSchema)
	}
	_, err := b.Snapshot()
	return b, err
}

// Snapshot returns what the run of the baseline measured, as budgets look at it.
func (b *Baseline) Snapshot() (*engine.Snapshot, error) {
	legend := b.legend()
	s := engine.NewSnapshot(legend)
	s.To = time.Duration(b.Seconds * float64(time.Second))
	for l, load := range b.Loads {
		for g, stage := range load.Stages {
			s.Tallies[l][g] = engine.Tally{Sent: stage.Sent, Dropped: stage.Dropped, Planned: stage.Sent + stage.Dropped}
			for _, saved := range stage.Requests {
				if err := saved.restore(s, engine.Key{Load: l, Stage: g}); err != nil {
					return nil, fmt.Errorf("load %q, stage %q, request %q: %w", load.Name, stage.Name, saved.Request, err)
				}
			}
		}
	}
	return s, nil
}

// legend names what is in the baseline.
func (b *Baseline) legend() *engine.Legend {
	legend := &engine.Legend{}
	for _, load := range b.Loads {
		named := engine.LoadLegend{Name: load.Name, Model: load.Model}
		for _, g := range load.Stages {
			named.Stages = append(named.Stages, engine.StageLegend{Name: g.Name, From: g.From, To: g.To, Planned: g.Planned})
			for _, c := range g.Requests {
				if !slices.ContainsFunc(legend.Requests, func(r engine.RequestLegend) bool { return r.Name == c.Request }) {
					legend.Requests = append(legend.Requests, engine.RequestLegend{Name: c.Request})
				}
			}
		}
		legend.Loads = append(legend.Loads, named)
	}
	return legend
}

// restore puts the cell into a snapshot. Figures that do not fit the histograms were
// changed by hand, or the histograms were.
func (c baselineCell) restore(s *engine.Snapshot, k engine.Key) error {
	k.Request = slices.IndexFunc(s.Legend.Requests, func(r engine.RequestLegend) bool { return r.Name == c.Request })
	k.Outcome = engine.NumOutcomes
	for o := range engine.NumOutcomes {
		if o.String() == c.Outcome {
			k.Outcome = o
		}
	}
	switch {
	case k.Outcome == engine.NumOutcomes:
		return fmt.Errorf("outcome %q is none", c.Outcome)
	case c.Latency == nil || c.Service == nil || c.Lag == nil:
		return errors.New("a histogram is missing")
	case c.Latency.Count() != c.Count:
		return fmt.Errorf("its histogram holds %d requests, and it says %d", c.Latency.Count(), c.Count)
	}
	cell := s.Cell(k)
	cell.Latency.Merge(c.Latency)
	cell.Service.Merge(c.Service)
	cell.Lag.Merge(c.Lag)
	if c.TTFB != nil {
		clockTTFB.of(cell).Merge(c.TTFB)
	}
	return nil
}

// Fits says why a run of the scenario cannot be held against the baseline, or may be but
// with a reservation; both are empty if nothing is to be said.
func (b *Baseline) Fits(scenario string, source Source, cpus int, system string) (refusal, reservation string) {
	var reservations []string
	switch {
	case b.Scenario != scenario:
		return fmt.Sprintf("it is of scenario %s, not of %s", printable(b.Scenario), scenario), ""
	case cmp.Or(b.SHA256, source.SHA256) != source.SHA256:
		reservations = append(reservations, "the scenario has changed since the baseline was measured")
	case source.Changed:
		reservations = append(reservations, "values of the scenario were replaced for this run")
	}
	if here := fmt.Sprintf("%s, %d cpus", system, cpus); !strings.HasSuffix(b.On, here) {
		reservations = append(reservations, fmt.Sprintf("the baseline was measured elsewhere: on %s, and this is %s", printable(b.On), here))
	}
	return "", strings.Join(reservations, "; ")
}

// printable makes a text from a file fit for a line: short, and without what cannot be seen.
func printable(text string) string {
	if r := []rune(text); len(r) > 100 {
		text = string(r[:100]) + "…"
	}
	return Printable(text)
}
