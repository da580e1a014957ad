package budget

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"plimsoll/engine"
)

// BindError is a name in a budget that the run does not have.
type BindError struct {
	Msg  string // what is wrong
	Hint string // what was probably meant; may be empty
}

func (e *BindError) Error() string { return e.Msg }

// Bind checks that the names in the budget are names of the run. The error is a
// *BindError.
func (b *Budget) Bind(l *engine.Legend) error {
	if _, err := b.left.resolve(l); err != nil {
		return err
	}
	if b.right.ref == nil {
		return nil
	}
	_, err := b.right.ref.resolve(l)
	return err
}

// Covers reports whether the left side of the budget is about the given stage of the
// given load, by their indices in the legend.
func (b *Budget) Covers(l *engine.Legend, load, stage int) bool {
	s, err := b.left.resolve(l)
	return err == nil && s.stages[load][stage]
}

// selection is a term's selectors with the names looked up.
type selection struct {
	clock    clock
	requests []bool   // by request
	stages   [][]bool // by load and stage
	outcomes [engine.NumOutcomes]bool
	active   spans // when the selected stages run
}

func (s *selection) holds(k engine.Key) bool {
	return s.stages[k.Load][k.Stage] && s.requests[k.Request]
}

func (t *term) resolve(l *engine.Legend) (*selection, error) {
	if t.variant != "" {
		return nil, &BindError{Msg: fmt.Sprintf("variant %q: this run has no variants", t.variant), Hint: "write [" + t.stage + "] for the stage"}
	}
	s := &selection{clock: t.metric.clock, requests: make([]bool, len(l.Requests)), outcomes: t.population()}
	for _, name := range t.requests {
		if !slices.ContainsFunc(l.Requests, func(r engine.RequestLegend) bool { return r.Name == name }) {
			return nil, unknownRequest(name, l)
		}
	}
	if err := t.checkLabels(l); err != nil {
		return nil, err
	}
	for i, r := range l.Requests {
		s.requests[i] = (len(t.requests) == 0 || slices.Contains(t.requests, r.Name)) && t.labelled(r.Labels)
	}
	return s, t.resolveLoads(l, s)
}

// population returns the outcomes whose samples the metric is about.
func (t *term) population() (p [engine.NumOutcomes]bool) {
	outcomes := t.outcomes
	if len(outcomes) == 0 {
		outcomes = t.metric.outcomes()
	}
	for _, o := range outcomes {
		p[o] = true
	}
	return p
}

// outcomes returns the outcomes that the metric is about if the author names none.
func (m metric) outcomes() []engine.Outcome {
	switch m.name {
	case "errors":
		return []engine.Outcome{engine.Failed, engine.Error, engine.Unfinished}
	case "rate":
		return []engine.Outcome{engine.OK, engine.Failed}
	case "goodput":
		return []engine.Outcome{engine.OK}
	case "count", "dropped":
		return []engine.Outcome{engine.OK, engine.Failed, engine.Error, engine.Unfinished}
	default:
		return []engine.Outcome{engine.OK, engine.Failed, engine.Unfinished}
	}
}

func (t *term) resolveLoads(l *engine.Legend, s *selection) error {
	for _, name := range t.loads {
		if !slices.ContainsFunc(l.Loads, func(x engine.LoadLegend) bool { return x.Name == name }) {
			return unknownName("load", name, loadNames(l))
		}
	}
	var stages []string
	found, open := false, false
	for i, load := range l.Loads {
		s.stages = append(s.stages, make([]bool, max(len(load.Stages), 1)))
		if len(t.loads) > 0 && !slices.Contains(t.loads, load.Name) {
			continue
		}
		for g := range s.stages[i] {
			stage := stageOf(load, g)
			stages = include(stages, stage.Name)
			if t.stage == "" || t.stage == stage.Name {
				s.stages[i][g], found, open = true, true, open || load.Model == "open"
				s.active = s.active.with(stage.From, stage.To)
			}
		}
	}
	if !found {
		return unknownName("stage", t.stage, stages)
	}
	if t.metric.name == "dropped" && !open {
		return &BindError{Msg: "a closed load never drops an arrival", Hint: "dropped is for open loads"}
	}
	return nil
}

// stageOf returns the stage g of the load; a load without stages is one that never ends.
func stageOf(l engine.LoadLegend, g int) engine.StageLegend {
	if len(l.Stages) == 0 {
		return engine.StageLegend{To: forever}
	}
	stage := l.Stages[g]
	if stage.To <= stage.From {
		stage.To = forever
	}
	return stage
}

func loadNames(l *engine.Legend) (names []string) {
	for _, x := range l.Loads {
		names = append(names, x.Name)
	}
	return names
}

func unknownRequest(name string, l *engine.Legend) error {
	if slices.Contains(loadNames(l), name) {
		return &BindError{Msg: fmt.Sprintf("no request is named %q", name), Hint: "write load:" + name + " for the load"}
	}
	var names []string
	for _, r := range l.Requests {
		names = append(names, r.Name)
	}
	return unknownName("request", name, names)
}

func unknownName(kind, name string, known []string) error {
	e := &BindError{Msg: fmt.Sprintf("no %s is named %q", kind, name)}
	near := nearest(name, known)
	switch {
	case near != "":
		e.Hint = "did you mean " + strconv.Quote(near) + "?"
	case len(known) == 1:
		e.Hint = "the only " + kind + " is " + known[0]
	case len(known) > 1 && len(known) <= 8:
		e.Hint = "the " + kind + "s are " + strings.Join(known, ", ")
	}
	return e
}

// nearest returns the name with the smallest edit distance, if it is close enough to be a
// slip of the hand: at most one letter in three differs, or one in a shorter name.
func nearest(name string, known []string) (best string) {
	closest := math.MaxInt
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k))
		if d < closest && d <= max(len(name)/3, len(k)/3, 1) {
			best, closest = k, d
		}
	}
	return best
}
