package live

import (
	"fmt"
	"strings"
	"time"
)

// View draws the screen: exactly as many lines as the terminal has, none wider than it is.
func (m *model) View() string {
	width, height := m.width, m.height
	if width < 1 || height < 1 {
		return ""
	}
	if width < LeastWidth || height < LeastHeight {
		return strings.Join(block(m.small(width), width, height), "\n")
	}
	lines := m.header(width)
	lines = append(lines, m.middle(width, height-len(lines)-1)...)
	return strings.Join(append(lines, m.footer(width)), "\n")
}

// middle is the body as it was drawn last, unless something has happened since: most of what
// is drawn anew is the header.
func (m *model) middle(width, height int) []string {
	if now := (drawing{m.version, width, height}); m.drawn != now || m.body == nil {
		m.drawn, m.body = now, block(m.draw(width, height), width, height)
	}
	return m.body
}

// drawing says of what a body is: news and keys so far, and its size.
type drawing struct{ version, width, height int }

// draw draws what stands between header and footer.
func (m *model) draw(width, height int) []string {
	switch {
	case m.page == help:
		return m.help(width, height)
	case m.search != nil:
		return m.searching(width, height)
	case m.page == perRequest:
		return m.stack([]pane{m.requestsPane(true), m.latencyPane()}, width, height)
	case m.page == allErrors:
		return m.stack([]pane{m.errorsPane(true), m.messagesPane(true)}, width, height)
	case m.lab != nil:
		return m.experimenting(width, height)
	}
	return m.overview(width, height)
}

// overview lays out what there is to see of one run in one, two or three columns.
func (m *model) overview(width, height int) []string {
	charts := []pane{m.ratesPane(), m.latencyPane(), m.heatPane()}
	facts := []pane{m.budgetsPane(), m.errorsPane(false), m.healthPane(), m.requestsPane(false), m.timesPane(), m.eventsPane(), m.messagesPane(false)}
	switch {
	case width < 90:
		return m.stack(append(charts, facts...), width, height)
	case width < 170:
		left := (width - 2) * 58 / 100
		return beside(m.stack(charts, left, height), m.stack(facts, width-2-left, height))
	}
	left := (width - 4) * 38 / 100
	middle := (width - 4) * 32 / 100
	return beside(
		m.stack(charts[:2], left, height),
		m.stack([]pane{charts[2], m.timesPane()}, middle, height),
		m.stack([]pane{facts[0], facts[1], facts[2], facts[3], m.eventsPane(), m.messagesPane(false)}, width-4-left-middle, height),
	)
}

// header says what runs, how far it is, and what is wrong with the generator.
func (m *model) header(width int) []string {
	if m.search != nil {
		return m.searchHeader(width)
	}
	t, r := &m.theme, m.run
	what := t.bold.paint(r.Scenario)
	if r.Title != "" {
		what += "  " + r.Title
	}
	if r.Target != "" {
		what += t.dim.paint("  → " + r.Target)
	}
	lines := []string{apart(what, m.state(), width), m.position(width)}
	return append(lines, m.alerts(width)...)
}

// alerts are the lines that nobody shall overlook.
func (m *model) alerts(width int) (lines []string) {
	t := &m.theme
	if trouble := m.run.trouble(); trouble != "" && m.search == nil {
		lines = append(lines, fit(t.bad.paint("! "+trouble)+t.near.paint(" · these figures may be the generator's, not the target's"), width))
	}
	if m.asks {
		lines = append(lines, fit(t.near.paint("? End here? What was measured is saved.  y: yes  any other key: no"), width))
	}
	return lines
}

// state says in a word how it goes.
func (m *model) state() string {
	t, r := &m.theme, m.run
	switch {
	case m.ending:
		return t.near.paint("■ ending")
	case m.paused:
		return t.near.paint("‖ view paused, load goes on")
	case r.Legend == nil || r.began.IsZero():
		return t.dim.paint("○ preparing")
	case r.elapsed(m.now) >= r.end():
		return t.near.paint("◐ finishing")
	}
	return t.good.paint("● running")
}

// position is the line that says where in the plan the run is.
func (m *model) position(width int) string {
	t, r := &m.theme, m.run
	at, end := r.elapsed(m.now), r.end()
	if r.began.IsZero() {
		at = 0
	}
	text := fmt.Sprintf("%s of %s", clock(at), clock(end))
	if left := end - at; left > 0 {
		text += ", " + t.bold.paint(clock(left)+" left")
	}
	stage := ""
	if names := r.stages(at); len(names) > 0 {
		stage = " " + cut(strings.Join(names, ", "), width/4)
	}
	room := width - columns(text) - columns(stage) - 2
	return fit(m.progress(at, end, r.edges(), room)+stage+"  "+text, width)
}

// progress is a bar; edges show where in it stages begin.
func (m *model) progress(at, end time.Duration, edges []time.Duration, width int) string {
	t := &m.theme
	if width < 3 {
		return ""
	}
	share := 0.0
	if end > 0 {
		share = min(max(float64(at)/float64(end), 0), 1)
	}
	full := int(share * float64(width))
	bar := []rune(strings.Repeat("█", full) + strings.Repeat("░", width-full))
	for _, e := range edges {
		if x := int(float64(e) / float64(end) * float64(width)); x > 0 && x < width {
			bar[x] = '┃'
		}
	}
	return t.bar.paint(string(bar[:full])) + t.dim.paint(string(bar[full:]))
}

// footer says which keys do something.
func (m *model) footer(width int) string {
	t := &m.theme
	if !m.keys {
		return fit(t.dim.paint("no keys: standard input is not a terminal · Ctrl-C ends the run and saves it"), width)
	}
	hints := []string{"q quit", "p pause", "? help"}
	if m.search == nil {
		hints = []string{"q quit", "p pause", "t time: " + m.scaleName(), "r requests", "e errors", "? help", "+/- zoom"}
	}
	if m.page != overview {
		hints = append([]string{"esc back"}, hints...)
	}
	parts := make([]string, 0, len(hints))
	for _, h := range hints {
		key, what, _ := strings.Cut(h, " ")
		parts = append(parts, t.bold.paint(key)+" "+t.dim.paint(what))
	}
	return fit(joined(parts, "  ", width), width)
}

func (m *model) scaleName() string {
	if s := scales()[m.scale]; s > 0 {
		return "last " + clock(s)
	}
	return "all"
}

// shown is the span that the charts show. The run so far grows in steps, so that its chart
// does not change with every redraw.
func (m *model) shown() (from, to time.Duration) {
	now, end := m.run.seen(), m.run.end()
	if s := scales()[m.scale]; s > 0 {
		to = max(now, s)
		return to - s, to
	}
	for _, s := range []int{10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400} {
		if to = seconds(s); to >= now {
			break
		}
	}
	return 0, max(min(to, max(end, now)), time.Second)
}

// small is what fits on a terminal that is too small for panes.
func (m *model) small(width int) []string {
	r := m.run
	lines := []string{cut(r.Scenario+" "+r.Title, width)}
	if m.search != nil {
		lines = []string{cut(m.search.Scenario, width), cut(m.search.doing(m.now), width), cut(m.search.bracket(), width)}
		return append(lines, m.smallEnd(width)...)
	}
	lines = append(lines, cut(clock(r.elapsed(m.now))+" of "+clock(r.end())+" "+strings.Join(r.stages(r.elapsed(m.now)), ", "), width))
	if c := r.window.lately(time.Second); c.to > 0 {
		lines = append(lines,
			cut(perSecond(c.achieved())+" of "+perSecond(c.offered()), width),
			cut("p50 "+span(c.latency.quantile(0.5))+" p99 "+span(c.latency.quantile(0.99)), width))
	}
	if trouble := r.trouble(); trouble != "" {
		lines = append(lines, cut("! "+trouble, width))
	}
	return append(lines, m.smallEnd(width)...)
}

func (m *model) smallEnd(width int) []string {
	if m.asks {
		return []string{cut("End here? y: yes", width)}
	}
	return []string{cut(fmt.Sprintf("more from %d×%d on", LeastWidth, LeastHeight), width)}
}

// help explains the screen.
func (m *model) help(width, height int) []string {
	keys := [][2]string{
		{"q", "end here: asks, then saves and reports what was measured"},
		{"p, space", "pause the view; the load goes on, and so does measuring"},
		{"+ -", "shorter or longer span of time"},
		{"t", "next span: all, 30s, 1m, 2m, 5m, 15m, 1h"},
		{"r", "every request"},
		{"e", "everything that went wrong"},
		{"? h", "this page"},
		{"esc", "back"},
		{"Ctrl-C", "end at once, without a question; twice: do not wait either"},
	}
	words := [][2]string{
		{"offered", "arrivals that fell due (open load), or passes that users began"},
		{"achieved", "passes that came to their end; less than offered: the target does not keep up"},
		{"latency", "from when a request was due until its answer was there: what a user felt"},
		{"service", "from when it was sent: what the target took"},
		{"lag", "what the generator added; when that is a lot, the figures are not the target's"},
		{"heat map", "how many requests took how long: · few … █ most of their column"},
		{"budget", "✓ kept  ! near its limit (less than a fifth left), or a broken warning  ✗ broken  ? not enough data"},
	}
	t := &m.theme
	table := func(rows [][2]string, width int) (lines []string) {
		for _, row := range rows {
			for i, text := range wrapped(row[1], width-12, 3) {
				name := ""
				if i == 0 {
					name = row[0]
				}
				lines = append(lines, t.bold.paint(fit(name, 11))+" "+text)
			}
		}
		return lines
	}
	fixed := func(title string, rows [][2]string, rank int) pane {
		return pane{title: title, least: 3, want: len(table(rows, width)), rank: rank, draw: func(w, _ int) []string { return table(rows, w) }}
	}
	return m.stack([]pane{fixed("keys", keys, 1), fixed("words", words, 2)}, width, height)
}
