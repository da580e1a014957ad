package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"plimsoll/report/budget"
)

// Experiment is what run.json holds besides when a scenario has variants. Its loads stand
// with each variant's runs, and each run is saved in a directory of its own.
type Experiment struct {
	Article  *Article             `json:"article,omitempty"`
	Order    []string             `json:"order"`
	Rounds   int                  `json:"rounds"`
	Variants []Variant            `json:"variants"`
	Claims   []budget.ClaimResult `json:"claims"`
}

// Article says which sentence of the source article the experiment puts to the test.
type Article struct {
	Section      string   `json:"section"`
	Says         string   `json:"says"`
	Requirements []string `json:"requirements"`
	Theory       string   `json:"theory,omitempty"`
}

// Variant is the scenario under one set of settings, and its runs.
type Variant struct {
	Name     string            `json:"name"`
	Settings map[string]string `json:"settings,omitempty"` // what differs from the scenario
	Runs     []VariantRun      `json:"runs"`
}

// VariantRun is one run of a variant.
type VariantRun struct {
	Dir      string             `json:"dir"` // below the experiment's
	Number   int                `json:"number"`
	Started  time.Time          `json:"started"`
	Verdict  Verdict            `json:"verdict"`
	Validity Validity           `json:"validity"`
	Loads    []Load             `json:"loads"`
	Figures  map[string]float64 `json:"figures,omitempty"`
	Events   []Happening        `json:"events,omitempty"`
	Lacking  bool               `json:"budget_lacks_data,omitempty"` // a budget that must be kept had too little data
}

// Happening is something on the time line of a run.
type Happening struct {
	AtS    float64 `json:"at_s"` // from the start of the run
	Text   string  `json:"text"`
	By     string  `json:"by"` // "scenario" or "target"
	Error  string  `json:"error,omitempty"`
	Waited bool    `json:"waited,omitempty"` // it waited for something that the target never said
}

// Conclude makes the run of an experiment out of those of its variants.
func Conclude(meta Meta, e *Experiment, ended Ending, took time.Duration) *Run {
	run := &Run{
		Schema: Schema, Meta: meta, DurationS: took.Seconds(), Ended: ended,
		Loads: []Load{}, Budgets: []budget.Result{}, Experiment: e,
		Legend: Legend{Loads: []LoadLegend{}, Requests: []RequestLegend{}},
	}
	run.Validity = Validity{Valid: true, Reasons: []string{}, Little: []Little{}}
	for _, v := range e.Variants {
		for _, r := range v.Runs {
			run.Validity.join(fmt.Sprintf("%s (run %d)", v.Name, r.Number), r.Validity)
		}
	}
	run.Verdict = e.verdict(ended)
	return run
}

// join adds what spoils the measurement of a part. That is said, but what it means for a
// claim has been decided where the claim was judged.
func (v *Validity) join(part string, o Validity) {
	v.Valid = v.Valid && o.Valid
	v.CPUShare, v.GCShare = max(v.CPUShare, o.CPUShare), max(v.GCShare, o.GCShare)
	for _, reason := range o.Reasons {
		v.Reasons = append(v.Reasons, part+": "+reason)
	}
	for _, by := range o.LimitedBy {
		if !slices.Contains(v.LimitedBy, by) {
			v.LimitedBy = append(v.LimitedBy, by)
		}
	}
}

// verdict gives the first of these that applies: interrupted; breach, if a claim is
// refuted or a budget broken in a run; inconclusive, if a claim is or a budget lacked data;
// pass.
func (e *Experiment) verdict(ended Ending) Verdict {
	if ended == Stopped {
		return Interrupted
	}
	is := func(r budget.Ruling) func(budget.ClaimResult) bool {
		return func(c budget.ClaimResult) bool { return c.Result == r }
	}
	breach := slices.ContainsFunc(e.Variants, func(v Variant) bool {
		return slices.ContainsFunc(v.Runs, func(r VariantRun) bool { return r.Verdict == Breach })
	})
	lacking := slices.ContainsFunc(e.Variants, func(v Variant) bool {
		return slices.ContainsFunc(v.Runs, func(r VariantRun) bool { return r.Lacking })
	})
	switch {
	case breach || slices.ContainsFunc(e.Claims, is(budget.Refuted)):
		return Breach
	case len(e.Claims) == 0 || lacking || slices.ContainsFunc(e.Claims, is(budget.Undecided)):
		return Inconclusive
	}
	return Pass
}

// CreateExperiment makes the directory of an experiment before anything runs. A directory
// that holds a run already is an error.
func CreateExperiment(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create run directory: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, RunFile)); err == nil {
		return fmt.Errorf("create run: %s holds a run already: choose another directory", dir)
	}
	return nil
}

// SaveExperiment writes what an experiment has come to so far.
func SaveExperiment(dir string, run *Run) error {
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("save experiment: %w", err)
	}
	if err := replace(filepath.Join(dir, RunFile), append(text, '\n'), true); err != nil {
		return fmt.Errorf("save experiment: %w", err)
	}
	return nil
}
