package live

import (
	"fmt"
	"strings"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/report/budget"
)

// labState is what is known of an experiment: its variants, each with all of its runs.
type labState struct {
	variants []*variantState
	now      *variantState // the one whose turn it is
	exprs    []string      // the claims
	claims   []budget.ClaimResult
}

// variantState sums the runs of a variant.
type variantState struct {
	name          string
	runs          int
	took          time.Duration // of all runs
	before        time.Duration // of those that are over
	requests, bad uint64
	passes        uint64
	latency       latency.Histogram // of what was answered
	service       latency.Histogram
	window        window // of the run under way, or the last one
}

func newLab(e Experiment) *labState {
	l := &labState{}
	for _, v := range e.Variants {
		l.variants = append(l.variants, &variantState{name: clean(v)})
	}
	for _, c := range e.Claims {
		l.exprs = append(l.exprs, clean(c))
	}
	return l
}

// turn begins a run of a variant.
func (l *labState) turn(r Run) {
	name := clean(r.Variant)
	l.now = nil
	for _, v := range l.variants {
		if v.name == name {
			l.now = v
		}
	}
	if l.now == nil {
		l.now = &variantState{name: name}
		l.variants = append(l.variants, l.now)
	}
	l.now.runs++
	l.now.before, l.now.window = l.now.took, window{}
}

func (l *labState) observe(o observed) {
	v := l.now
	if v == nil {
		return
	}
	v.took = v.before + o.snapshot.To
	c := columnOf(o.snapshot)
	v.requests, v.bad, v.passes = v.requests+c.requests, v.bad+c.bad, v.passes+c.completed+c.failed
	v.window.add(c)
	for _, cell := range o.snapshot.Cells {
		if cell.Outcome != engine.Error {
			v.latency.Merge(&cell.Latency)
			v.service.Merge(&cell.Service)
		}
	}
}

// experimenting lays out an experiment: its variants and claims above the run under way.
func (m *model) experimenting(width, height int) []string {
	variants, claims := m.variantsPane(), m.claimsPane()
	switch {
	case width < 90:
		return m.stack([]pane{variants, claims, m.ratesPane(), m.latencyPane(), m.healthPane(), m.errorsPane(false), m.budgetsPane()}, width, height)
	case width < 170:
		left := (width - 2) / 2
		return beside(
			m.stack([]pane{variants, m.ratesPane(), m.latencyPane(), m.heatPane()}, left, height),
			m.stack([]pane{claims, m.errorsPane(false), m.healthPane(), m.requestsPane(false), m.budgetsPane(), m.eventsPane(), m.messagesPane(false)}, width-2-left, height),
		)
	}
	left := (width - 4) * 36 / 100
	middle := (width - 4) * 32 / 100
	return beside(
		m.stack([]pane{variants, m.ratesPane(), m.latencyPane()}, left, height),
		m.stack([]pane{m.sidePane(), m.heatPane(), m.requestsPane(false)}, middle, height),
		m.stack([]pane{claims, m.errorsPane(false), m.healthPane(), m.budgetsPane(), m.eventsPane(), m.messagesPane(false)}, width-4-left-middle, height),
	)
}

// variantsPane has a line for each variant, with all its runs.
func (m *model) variantsPane() pane {
	t, lab := &m.theme, m.lab
	p := pane{title: "variants", extra: one(t.dim.paint("all their runs so far")), least: min(len(lab.variants), 4) + 1, want: len(lab.variants) + 1, rank: -1}
	p.draw = func(width, height int) []string {
		name := 8
		for _, v := range lab.variants {
			name = max(name, min(columns(v.name), 24)+2)
		}
		name = min(name, max(width-4*9, 6))
		row := func(mark, first string, values ...string) string {
			var b strings.Builder
			b.WriteString(mark + " " + fit(first, name))
			for i, v := range values {
				if 2+name+9*(i+1) <= width {
					b.WriteString(right(v, 9))
				}
			}
			return b.String()
		}
		lines := []string{t.dim.paint(row(" ", "", "p50", "p99", "errors", "rate", "runs", "svc p99"))}
		for i, v := range lab.variants {
			if i == height-2 && len(lab.variants) > height-1 {
				return append(lines, t.dim.paint(fmt.Sprintf("  and %d more", len(lab.variants)-i)))
			}
			mark := " "
			if v == lab.now && !m.ending {
				mark = t.good.paint("▸")
			}
			lines = append(lines, row(mark, v.name, v.figures()...))
		}
		return lines
	}
	return p
}

// figures are what the table of variants says of one.
func (v *variantState) figures() []string {
	runs := count(uint64(v.runs))
	if v.requests == 0 {
		return []string{"–", "–", "–", "–", runs, "–"}
	}
	return []string{
		span(v.latency.Quantile(0.5)), span(v.latency.Quantile(0.99)), percent(float64(v.bad) / float64(v.requests)),
		perSecond(float64(v.passes) / max(v.took.Seconds(), 0.001)), runs, span(v.service.Quantile(0.99)),
	}
}

// sidePane draws the latest run of every variant over the same times.
func (m *model) sidePane() pane {
	t := &m.theme
	p := pane{title: "p99 of each variant", extra: one(t.dim.paint("its latest run")), least: 5, want: 10, grow: 2, rank: 2}
	p.draw = func(width, height int) []string {
		brushes := []brush{t.p50, t.p99, t.p95, t.offered, t.achieved, t.bad}
		end := m.run.end()
		c := chart{unit: short, below: timeAxis(0, end)}
		for i, v := range m.lab.variants {
			folded := v.window.fold(0, end, cells(width)*dotsAcross)
			c.lines = append(c.lines, curve(cut(v.name, nameWidth-1), brushes[i%len(brushes)], folded,
				func(c *column) float64 { return orNaN(c.latency.quantile(0.99)) }))
		}
		return c.draw(t, width, height)
	}
	return p
}

func (m *model) claimsPane() pane {
	t, lab := &m.theme, m.lab
	n := max(len(lab.exprs), len(lab.claims))
	extra := t.dim.paint("judged after each run")
	p := pane{title: "claims", extra: one(extra), least: min(n, 4), want: 2 * n, rank: 0}
	p.draw = func(width, height int) (lines []string) {
		if len(lab.claims) == 0 {
			for _, e := range lab.exprs {
				lines = append(lines, cut(t.dim.paint("? ")+e, width))
			}
			return lines
		}
		for _, c := range lab.claims {
			mark, brush := "?", t.near
			switch c.Result {
			case budget.Confirmed:
				mark, brush = "✓", t.good
			case budget.Refuted:
				mark, brush = "✗", t.bad
			}
			word := string(c.Result)
			if c.Result == budget.Undecided {
				word = "open"
			}
			lines = append(lines, apart(brush.paint(mark)+" "+clean(c.Expr), brush.paint(word), width))
			if height >= 2*len(lab.claims) {
				lines = append(lines, t.dim.paint(cut("    "+quantity(c.Observed, c.Unit)+" against "+quantity(c.Limit, c.Unit)+reason(c), width)))
			}
		}
		return lines
	}
	return p
}

func reason(c budget.ClaimResult) string {
	if c.Result != budget.Undecided || c.Reason == "" {
		return ""
	}
	return ": " + clean(c.Reason)
}
