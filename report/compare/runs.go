package compare

import (
	"fmt"
	"math"
	"slices"

	"plimsoll/report"
)

// comparing is a comparison under way.
type comparing struct {
	options   Options
	sets      [2]*Set // base, new
	runs      [2][]*measured
	pairs     [][2]int // of runs; nil: they are not paired
	within    bool     // one run each
	cut       cutting
	out       *report.Comparison
	questions []Question
	rows      []int // the row of each question
}

// Runs compares two sets of runs. What cannot be compared is a RefusedError, unless the
// reason is that runs are not valid or not whole: that is a comparison without rows, which
// is inconclusive.
func Runs(base, other *Set, options Options) (*report.Comparison, error) {
	if err := options.check(); err != nil {
		return nil, &RefusedError{Reasons: []string{err.Error()}}
	}
	if err := notShared(base, other); err != nil {
		return nil, err
	}
	c := &comparing{options: options, sets: [2]*Set{base, other}}
	c.begin()
	if reasons := unfit(base, other); len(reasons) > 0 {
		c.out.Why = "not compared: " + reasons[0]
		c.out.Decide = "measure again what is not valid or not whole, or take it away: what spoiled it may be the difference, so nothing is left out unasked"
		c.out.Notes = append(c.out.Notes, reasons[1:]...)
		return c.out, nil
	}
	if reasons := differing(base, other); len(reasons) > 0 {
		if !options.AllowDifferent {
			return nil, &RefusedError{Reasons: reasons, Differ: true}
		}
		for _, r := range reasons {
			c.warn("not the same test: %s", r)
		}
	}
	for _, e := range elsewhere(base, other) {
		c.warn("%s", e)
	}
	if err := c.gather(); err != nil {
		return nil, err
	}
	c.judge()
	c.conclude()
	c.calibrate()
	c.draw()
	return c.out, nil
}

// gather takes the numbers of all runs and makes a row for each thing that is compared.
func (c *comparing) gather() error {
	if err := c.read(); err != nil {
		return &RefusedError{Reasons: []string{err.Error()}}
	}
	c.match()
	for _, s := range c.subjects() {
		c.addRows(s)
	}
	return nil
}

func (c *comparing) warn(format string, args ...any) {
	c.out.Warnings = append(c.out.Warnings, fmt.Sprintf(format, args...))
}

func (c *comparing) note(format string, args ...any) {
	c.out.Notes = append(c.out.Notes, fmt.Sprintf(format, args...))
}

// begin writes down what is compared by what rule.
func (c *comparing) begin() {
	side := func(s *Set) report.Side {
		out := report.Side{Path: s.Path, Runs: []report.SideRun{}}
		for _, r := range s.Runs {
			out.Runs = append(out.Runs, report.SideRun{Dir: r.Dir, Started: r.Run.Started, Target: r.Run.Target, Version: r.Run.Plimsoll.Version})
		}
		return out
	}
	c.out = &report.Comparison{
		Schema: report.ComparisonSchema, Verdict: report.Unsure, Scenario: c.sets[0].Runs[0].Run.Scenario, Stage: c.options.Stage,
		Base: side(c.sets[0]), New: side(c.sets[1]),
		Confidence: c.options.Confidence, Alpha: c.options.Alpha, Looks: max(c.options.Looks, 1),
		Warnings: []string{}, Notes: []string{}, Rows: []report.ComparisonRow{}, Shifts: []report.Shift{},
	}
	for _, s := range c.sets {
		for _, dir := range s.Odd {
			c.note("%s holds no run and is left out", dir)
		}
	}
}

func (c *comparing) read() error {
	c.within = len(c.sets[0].Runs) == 1 && len(c.sets[1].Runs) == 1
	c.cut = cutFor(slices.Concat(c.sets[0].Runs, c.sets[1].Runs))
	r := reader{stage: c.options.Stage, requests: c.within, cut: c.cut}
	for side, set := range c.sets {
		for _, saved := range set.Runs {
			if !hasStage(saved.Run, c.options.Stage) {
				return fmt.Errorf("%s has no stage %q", saved.Dir, c.options.Stage)
			}
			m, err := r.read(saved)
			if err != nil {
				return err
			}
			if m.note != "" {
				c.note("%s", m.note)
			}
			c.runs[side] = append(c.runs[side], m)
		}
	}
	return nil
}

func hasStage(run *report.Run, name string) bool {
	return name == "" || slices.ContainsFunc(run.Legend.Loads, func(l report.LoadLegend) bool {
		return slices.ContainsFunc(l.Stages, func(g report.StageLegend) bool { return g.Name == name })
	})
}

// match finds out which runs belong together, and warns of what that does not allow.
func (c *comparing) match() {
	base, other := c.sets[0], c.sets[1]
	few := min(len(base.Runs), len(other.Runs))
	switch {
	case c.within:
		c.out.Method = report.Within
		c.warn("one run on each side: the intervals are those of one run, by its parts; how much the next run would differ is not known, and nothing is decided")
		return
	default:
		c.pairs = pairUp(base, other)
	}
	if c.pairs == nil {
		c.out.Method = report.ByRanks
		c.warn("the runs did not take turns, base and new, so what drifted on the machine meanwhile looks like a difference: up to one false alarm in three has been seen")
	} else {
		c.out.Method, c.out.Pairs = report.ByPairs, len(c.pairs)
		few = len(c.pairs)
		if odd := len(base.Runs) + len(other.Runs) - 2*len(c.pairs); odd > 0 {
			c.note("%s without a partner beside it %s left out", plural(odd, "run"), isAre(odd))
		}
	}
	if few < c.options.LeastRuns {
		c.warn("%s of each side: with fewer than %d nothing is decided", plural(few, "run"), c.options.LeastRuns)
	}
}

// subjects returns what both sides may have seen, in the order of the legends: each load,
// unless it has a single request, and its requests.
func (c *comparing) subjects() []subject {
	var all []subject
	for _, set := range c.sets {
		for _, saved := range set.Runs {
			for _, l := range saved.Run.Legend.Loads {
				for _, s := range c.subjectsOf(saved.Run, l.Name) {
					if !slices.Contains(all, s) {
						all = append(all, s)
					}
				}
			}
		}
	}
	return all
}

// subjectsOf returns the subjects of one load that any run has seen.
func (c *comparing) subjectsOf(run *report.Run, load string) []subject {
	subjects := []subject{{load: load}}
	for _, r := range run.Legend.Requests {
		s := subject{load, r.Name}
		seen := slices.ContainsFunc(slices.Concat(c.runs[0], c.runs[1]), func(m *measured) bool {
			f := m.figures[s]
			return f != nil && f.count > 0
		})
		if seen && !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	return subjects
}

// addRows adds a row for each metric of a subject. A request that is all of its load has
// the rows that the load would have, and goodput is that of a load.
func (c *comparing) addRows(s subject) {
	alone := c.alone(s.load)
	for _, m := range metrics() {
		if m.name == "goodput" && s.request != "" || m.name != "goodput" && s.request == "" && alone {
			continue
		}
		c.addRow(s, m)
	}
}

// alone reports whether a load has a single request.
func (c *comparing) alone(load string) bool {
	requests := map[string]bool{}
	for _, m := range slices.Concat(c.runs[0], c.runs[1]) {
		for s, f := range m.figures {
			if s.load == load && s.request != "" && f.count > 0 {
				requests[s.request] = true
			}
		}
	}
	return len(requests) == 1
}

func (c *comparing) addRow(s subject, m metric) {
	row := report.ComparisonRow{
		Load: s.load, Request: s.request, Metric: m.name, Unit: m.unit, MinEffect: c.leastEffect(s, m),
		Judged: slices.Contains(c.options.Judge, m.name), Requests: math.MaxUint64, Verdict: report.Unsure,
	}
	var values [2][]float64
	lacking := 0
	for side := range c.runs {
		for _, run := range c.runs[side] {
			f := run.figures[s]
			values[side] = append(values[side], f.value(m))
			row.Requests = min(row.Requests, f.samples(m))
			if math.IsNaN(m.scale(f.value(m))) || f.samples(m) < m.needs() {
				lacking++
			}
		}
	}
	row.Base, row.New = middle(values[0]), middle(values[1])
	c.out.Rows = append(c.out.Rows, row)
	if lacking > 0 {
		at := &c.out.Rows[len(c.out.Rows)-1]
		at.Reason = lack(m, lacking, row.Requests, len(c.runs[0])+len(c.runs[1]))
		return
	}
	c.questions = append(c.questions, c.question(s, m, values))
	c.rows = append(c.rows, len(c.out.Rows)-1)
}

// lack says why a row has too little data.
func lack(m metric, lacking int, fewest uint64, all int) string {
	where := fmt.Sprintf("in %d of %s", lacking, plural(all, "run"))
	if fewest < m.needs() && fewest > 0 {
		return fmt.Sprintf("%s needs at least %s requests; %s there were fewer, at the least %s", m.name, report.FormatCount(m.needs()), where, report.FormatCount(fewest))
	}
	return "no data " + where
}

// question asks how a metric differs: between runs or, with one run each, between their
// parts at the same time.
func (c *comparing) question(s subject, m metric, values [2][]float64) Question {
	floor := c.leastEffect(s, m)
	if m.relative {
		floor = math.Log1p(floor) // as much up as down
	}
	q := Question{MinEffect: floor, Upwards: m.upwards}
	switch {
	case c.within:
		q.Paired = true
		q.Base, q.New = parts(c.runs[0][0].figures[s], c.runs[1][0].figures[s], m)
	case c.pairs != nil:
		q.Paired = true
		for _, p := range c.pairs {
			q.Base = append(q.Base, m.scale(values[0][p[0]]))
			q.New = append(q.New, m.scale(values[1][p[1]]))
		}
	default:
		for side, to := range []*[]float64{&q.Base, &q.New} {
			for _, x := range values[side] {
				*to = append(*to, m.scale(x))
			}
		}
	}
	return q
}

// middle returns the median, nil without data.
func middle(values []float64) *float64 {
	known := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(known) == 0 {
		return nil
	}
	slices.Sort(known)
	return new(median(known))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
