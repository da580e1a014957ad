package live

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plimsoll/report/budget"
)

// folded returns one merged column per dot of a chart of a width, over the span shown.
func (m *model) folded(width int) []*column {
	from, to := m.shown()
	return m.run.window.fold(from, to, cells(width)*dotsAcross)
}

// curve takes a value from each column.
func curve(name string, b brush, columns []*column, value func(*column) float64) line {
	l := line{name: name, brush: b, values: make([]float64, len(columns))}
	for i, c := range columns {
		l.values[i] = math.NaN()
		if c != nil {
			l.values[i] = value(c)
		}
	}
	return l
}

// edgesShown returns where in a chart of a width stages begin.
func (m *model) edgesShown(width int) (marks []int) {
	from, to := m.shown()
	for _, e := range m.run.edges() {
		if e > from && e < to {
			marks = append(marks, int(float64(e-from)/float64(to-from)*float64(cells(width)*dotsAcross)))
		}
	}
	return marks
}

func (m *model) ratesPane() pane {
	t := &m.theme
	return pane{title: "rate", extra: m.rateNow(), least: 3, want: 8, grow: 2, rank: 3, draw: func(width, height int) []string {
		columns := m.folded(width)
		from, to := m.shown()
		c := chart{zero: true, unit: shortRate, marks: m.edgesShown(width), below: timeAxis(from, to), lines: []line{
			curve("offer", t.offered, columns, (*column).offered),
			curve("done", t.achieved, columns, (*column).achieved),
		}}
		return c.draw(t, width, height)
	}}
}

// rateNow says what was offered and achieved in the last second.
func (m *model) rateNow() []string {
	t := &m.theme
	c := m.run.window.lately(time.Second)
	if c.to == 0 {
		return nil
	}
	parts := []string{t.offered.paint("offered " + perSecond(c.offered())), t.achieved.paint("achieved " + perSecond(c.achieved()))}
	if c.dropped > 0 {
		parts = append([]string{t.bad.paint("! " + count(c.dropped) + " dropped")}, parts...)
	}
	return parts
}

func (m *model) latencyPane() pane {
	t := &m.theme
	return pane{title: "latency", extra: m.latencyNow(), least: 4, want: 10, grow: 3, rank: 2, draw: func(width, height int) []string {
		columns := m.folded(width)
		from, to := m.shown()
		at := func(q float64) func(*column) float64 {
			return func(c *column) float64 { return orNaN(c.latency.quantile(q)) }
		}
		c := chart{unit: short, marks: m.edgesShown(width), below: timeAxis(from, to), lines: []line{
			curve("svc99", t.service, columns, func(c *column) float64 { return orNaN(c.service.quantile(0.99)) }),
			curve("p99", t.p99, columns, at(0.99)),
			curve("p95", t.p95, columns, at(0.95)),
			curve("p50", t.p50, columns, at(0.5)),
		}}
		return c.draw(t, width, height)
	}}
}

func orNaN(d time.Duration) float64 {
	if d == 0 {
		return math.NaN()
	}
	return float64(d)
}

// latencyNow gives the percentiles of the last second.
func (m *model) latencyNow() []string {
	t := &m.theme
	c := m.run.window.lately(time.Second)
	if c.latency.n == 0 {
		return nil
	}
	at := func(q float64) string { return span(c.latency.quantile(q)) }
	return []string{
		t.p50.paint("p50 " + at(0.5)), t.p95.paint("p95 " + at(0.95)), t.p99.paint("p99 " + at(0.99)),
		t.service.paint("svc99 " + span(c.service.quantile(0.99))),
	}
}

func (m *model) budgetsPane() pane {
	results := m.run.results
	p := pane{title: "budgets", extra: one(m.budgetsNow()), least: min(len(results), 3), want: len(results), rank: 0}
	p.draw = func(width, height int) (lines []string) {
		if len(results) <= height {
			return m.budgetLines(results, width)
		}
		lines = m.budgetLines(worstFirst(results)[:height-1], width)
		return append(lines, m.theme.dim.paint(fmt.Sprintf("  and %d more", len(results)-height+1)))
	}
	return p
}

// worstFirst puts the budgets first that need attention.
func worstFirst(results []budget.Result) []budget.Result {
	var first, last []budget.Result
	for _, b := range results {
		if b.Result == budget.Broken || nearLimit(b) {
			first = append(first, b)
		} else {
			last = append(last, b)
		}
	}
	return append(first, last...)
}

// closeMargin is the share of its limit that a budget has left when it is said to be near.
const closeMargin = 0.2

func nearLimit(b budget.Result) bool {
	return b.Result == budget.Kept && b.Margin != nil && *b.Margin < closeMargin
}

// budgetMark says how a budget stands.
func (m *model) budgetMark(b budget.Result) (string, brush) {
	t := &m.theme
	switch {
	case b.Result == budget.Broken && b.Level == budget.Fail:
		return "✗", t.bad
	case b.Result == budget.Broken:
		return "!", t.near
	case nearLimit(b):
		return "!", t.near
	case b.Result == budget.Kept:
		return "✓", t.good
	}
	return "?", t.dim
}

// budgetState says in a few words how a budget stands.
func budgetState(b budget.Result) string {
	switch {
	case b.Result == budget.Broken && b.Level == budget.Warn:
		return "broken, warns"
	case b.Result == budget.Broken:
		return "BROKEN"
	case b.Result != budget.Kept && b.Observed == nil:
		return "no data yet"
	case b.Result != budget.Kept:
		return "little data"
	case b.Margin == nil:
		return "kept"
	case nearLimit(b):
		return "NEAR, " + whole(max(*b.Margin, 0)) + " left"
	}
	return whole(*b.Margin) + " left"
}

// budgetLines writes one line for each budget, its figures below each other.
func (m *model) budgetLines(results []budget.Result, width int) (lines []string) {
	value, state := 0, 0
	for _, b := range results {
		value, state = max(value, columns(quantity(b.Observed, b.Unit))), max(state, columns(budgetState(b)))
	}
	for _, b := range results {
		mark, brush := m.budgetMark(b)
		end := right(quantity(b.Observed, b.Unit), value) + "  " + brush.paint(fit(budgetState(b), state))
		lines = append(lines, apart(brush.paint(mark)+" "+clean(b.Expr), end, width))
	}
	return lines
}

func (m *model) budgetsNow() string {
	t, broken, near := &m.theme, 0, 0
	for _, b := range m.run.results {
		switch {
		case b.Result == budget.Broken && b.Level == budget.Fail:
			broken++
		case nearLimit(b):
			near++
		}
	}
	switch {
	case broken > 0:
		return t.bad.paint(fmt.Sprintf("✗ %d broken", broken))
	case near > 0:
		return t.near.paint(fmt.Sprintf("! %d near the limit", near))
	}
	return ""
}

func (m *model) healthPane() pane {
	t := &m.theme
	extra := t.good.paint("✓ keeps up")
	if m.run.trouble() != "" {
		extra = t.bad.paint("! lags")
	}
	return pane{title: "generator", extra: one(extra), least: 1, want: 2, rank: 4, draw: func(width, height int) []string {
		c, r := m.run.window.lately(5*time.Second), m.run
		if r.last == nil {
			return nil
		}
		var cpu float64
		if c.capacity > 0 {
			cpu = float64(c.cpu) / float64(c.capacity)
		}
		h := r.last.Health
		parts := []string{
			"in flight " + t.bold.paint(count(uint64(max(h.InFlight, 0)))), "lag p99 " + span(c.lag.quantile(0.99)), "cpu " + percent(cpu),
			"sessions " + count(uint64(max(h.Users, 0))), "open files " + count(uint64(max(h.OpenFiles, 0))),
		}
		if height == 1 {
			return []string{joined(parts, t.dim.paint(" · "), width)}
		}
		first := joined(parts[:3], t.dim.paint(" · "), width)
		return []string{first, joined(parts[3:], t.dim.paint(" · "), width)}
	}}
}

func (m *model) eventsPane() pane {
	t, r := &m.theme, m.run
	extra := ""
	if r.more > 0 {
		extra = t.dim.paint(count(uint64(r.more)) + " earlier ones left out")
	}
	p := pane{title: "target events", extra: one(extra), least: min(len(r.events), 1), want: min(len(r.events), 8), rank: 6, grow: min(len(r.events), 1)}
	p.draw = func(width, height int) (lines []string) {
		for _, e := range r.events[max(len(r.events)-height, 0):] {
			by, brush := "▸", t.near
			if e.byTarget {
				by, brush = "◂", t.bar
			}
			if e.failed {
				by, brush = "✗", t.bad
			}
			lines = append(lines, cut(t.dim.paint(right(clock(e.at), 6))+" "+brush.paint(by)+" "+e.text, width))
		}
		return lines
	}
	return p
}

func (m *model) messagesPane(whole bool) pane {
	t := &m.theme
	p := pane{title: "messages", least: min(len(m.messages), 1), want: min(len(m.messages), 4), rank: 7}
	if whole {
		p.least, p.want, p.grow = 2, len(m.messages), 1
	}
	p.draw = func(width, height int) []string {
		var lines []string
		for _, text := range m.messages {
			for i, l := range wrapped(text, width-2, 3) {
				if i == 0 {
					l = t.near.paint("· ") + l
				} else {
					l = "  " + l
				}
				lines = append(lines, l)
			}
		}
		return lines[max(len(lines)-height, 0):]
	}
	return p
}

func (m *model) requestsPane(whole bool) pane {
	lines := m.run.table
	p := pane{title: "requests", extra: one(m.theme.dim.paint("since the beginning")), least: min(len(lines), 2) + 1, want: min(len(lines), 8) + 1, rank: 5}
	if whole {
		p.want, p.rank = len(lines)+1, 0
	}
	p.draw = func(width, height int) []string { return m.requestTable(lines, width, height) }
	return p
}

// timesPane lists percentiles of the whole run, by all three clocks.
func (m *model) timesPane() pane {
	t, r := &m.theme, m.run
	p := pane{title: "percentiles", extra: one(t.dim.paint("since the beginning")), least: 4, want: numListed + 1, rank: 8}
	p.draw = func(width, height int) []string {
		lines := []string{t.dim.paint(fit("", 6) + right("latency", 10) + right("service", 10) + right("lag", 10))}
		names := []string{"p50", "p75", "p90", "p95", "p99", "p99.9", "max"}
		order := []int{0, 1, 2, 3, 4, 5, 6}
		if height < numListed+1 {
			order = []int{0, 4, 6, 3, 2, 5}[:min(max(height-1, 0), 6)]
			slices.Sort(order)
		}
		for _, i := range order {
			at := r.times[i]
			lines = append(lines, fit(names[i], 6)+right(span(at[0]), 10)+right(span(at[1]), 10)+right(span(at[2]), 10))
		}
		return lines
	}
	return p
}

// requestTable leaves out columns where there is no room for all.
func (m *model) requestTable(lines []requestLine, width, height int) []string {
	t := &m.theme
	type col struct {
		title string
		value func(requestLine) string
	}
	cols := []col{
		{"count", func(l requestLine) string { return count(l.n) }},
		{"p99", func(l requestLine) string { return span(l.p99) }},
		{"errors", func(l requestLine) string { return percent(l.share) }},
		{"p50", func(l requestLine) string { return span(l.p50) }},
		{"rate", func(l requestLine) string { return perSecond(l.rate) }},
		{"p95", func(l requestLine) string { return span(l.p95) }},
		{"svc p99", func(l requestLine) string { return span(l.service) }},
	}
	const each = 9
	name := 12
	for _, l := range lines {
		name = max(name, min(columns(l.name), 40))
	}
	n := min(max((width-min(name, 20))/each, 1), len(cols))
	name = min(name, width-n*each)
	order := []int{0, 4, 3, 5, 1, 6, 2} // as they stand
	row := func(first string, value func(col) string) string {
		var b strings.Builder
		b.WriteString(fit(first, name))
		for _, i := range order {
			if i < n {
				b.WriteString(right(value(cols[i]), each))
			}
		}
		return b.String()
	}
	out := []string{t.dim.paint(row("", func(c col) string { return c.title }))}
	for i, l := range lines {
		if i == height-2 && len(lines) > height-1 {
			return append(out, t.dim.paint(fmt.Sprintf("and %d more", len(lines)-i)))
		}
		text := row(l.name, func(c col) string { return c.value(l) })
		if l.bad > 0 {
			text = t.near.paint(text)
		}
		out = append(out, text)
	}
	return out
}
