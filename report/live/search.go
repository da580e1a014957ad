package live

import (
	"fmt"
	"math"
	"strings"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report"
)

// searchState is what is known of a search for the load line.
type searchState struct {
	Search
	phases  []phase
	sweep   []report.SweepPoint
	trials  []report.LineTrial
	line    search.Line
	step    search.Step
	stepAt  time.Time
	leftAt  time.Time
	left    time.Duration
	under   bool // a trial is under way
	looking bool // the trials have begun
}

func newSearch(s Search) *searchState {
	s.Scenario, s.Target, s.SLO = clean(s.Scenario), clean(s.Target), clean(s.SLO)
	return &searchState{Search: s}
}

func (s *searchState) take(n any) {
	switch n := n.(type) {
	case phase:
		s.phases = append(s.phases, phase{clean(n.name), clean(n.text)})
	case swept:
		s.sweep = append(s.sweep, n.SweepPoint)
	case trying:
		s.step, s.stepAt, s.left, s.leftAt = n.step, n.at, n.left, n.at
		s.under, s.looking = true, true
	case tried:
		s.trials = append(s.trials, n.trial)
		s.line, s.left, s.under = n.line, n.left, false
	}
}

// searchHeader says what is searched, what goes on and how long it still takes.
func (m *model) searchHeader(width int) []string {
	t, s := &m.theme, m.search
	what := t.bold.paint("load line of "+s.Scenario) + "  " + s.SLO
	if s.Target != "" {
		what += t.dim.paint("  → " + s.Target)
	}
	state := t.good.paint("● searching")
	switch {
	case m.ending:
		state = t.near.paint("■ ending")
	case m.paused:
		state = t.near.paint("‖ view paused, search goes on")
	case !s.looking:
		state = t.bar.paint("○ preparing")
	}
	left := "at most " + clock(s.Within) + " in all"
	if s.looking {
		left = t.bold.paint("about " + clock(s.leftNow(m.now)) + " left")
	}
	lines := []string{apart(what, state, width), apart(m.trialNow(width/3)+s.doing(m.now), left, width)}
	return append(lines, m.alerts(width)...)
}

// leftNow is about how long the search still takes.
func (s *searchState) leftNow(now time.Time) time.Duration {
	return max(s.left-max(now.Sub(s.leftAt), 0), 0)
}

// trialNow is a bar for the trial under way.
func (m *model) trialNow(width int) string {
	s := m.search
	if !s.under || width < 6 {
		return ""
	}
	length := s.step.Warm + s.step.For
	return m.progress(max(m.now.Sub(s.stepAt), 0), length, []time.Duration{s.step.Warm}, width) + " "
}

// doing says what goes on.
func (s *searchState) doing(now time.Time) string {
	switch {
	case s.under:
		at := min(max(now.Sub(s.stepAt), 0), s.step.Warm+s.step.For)
		what := string(s.step.Kind)
		if at < s.step.Warm {
			what = "warm-up of " + what
		}
		return fmt.Sprintf("%s at %s, %s of %s", what, perSecond(s.step.Rate), clock(at), clock(s.step.Warm+s.step.For))
	case s.looking:
		return "between two trials"
	case len(s.sweep) > 0:
		p := s.sweep[len(s.sweep)-1]
		return fmt.Sprintf("sweep: %d users, %s", p.Users, perSecond(p.Throughput))
	case len(s.phases) > 0:
		return "warming up and measuring throughput against users"
	}
	return "testing the generator"
}

// bracket says what is known of the line.
func (s *searchState) bracket() string {
	low, high := "?", "?"
	if s.line.Lower > 0 {
		low = report.FormatNumber(s.line.Lower)
	}
	if s.line.Upper > 0 {
		high = report.FormatNumber(s.line.Upper)
	}
	return low + " … " + high + "/s"
}

// searching lays out a search.
func (m *model) searching(width, height int) []string {
	s, bounds, trials, curve := m.search, m.boundsPane(), m.trialsPane(), m.curvePane()
	if width < 110 {
		if len(s.trials) == 0 && !s.under {
			return m.stack([]pane{m.phasesPane(), m.sweepPane(), m.messagesPane(false)}, width, height)
		}
		return m.stack([]pane{m.phasesPane(), bounds, curve, trials, m.messagesPane(false)}, width, height)
	}
	left := (width - 2) / 2
	return beside(
		m.stack([]pane{bounds, curve, m.sweepPane(), m.messagesPane(false)}, left, height),
		m.stack([]pane{m.phasesPane(), trials}, width-2-left, height),
	)
}

// phasesPane says what was found out before the trials.
func (m *model) phasesPane() pane {
	t, s := &m.theme, m.search
	p := pane{title: "before the trials", least: min(len(s.phases), 1), want: len(s.phases), rank: 5}
	p.draw = func(width, _ int) (lines []string) {
		for _, f := range s.phases {
			lines = append(lines, cut(t.dim.paint(fit(f.name, 11))+" "+f.text, width))
		}
		return lines
	}
	return p
}

// boundsPane draws the rates that were tried on a logarithmic axis, with the bounds.
func (m *model) boundsPane() pane {
	s, t := m.search, &m.theme
	extra := t.bold.paint(s.bracket())
	if w := s.line.Width(); !math.IsInf(w, 0) {
		extra += t.dim.paint("  " + percent(w) + " apart")
	}
	return pane{title: "load line", extra: one(extra), least: 4, want: 6, rank: 0, draw: m.bounds}
}

func (m *model) bounds(width, height int) []string {
	s, t := m.search, &m.theme
	if len(s.trials) == 0 && !s.under {
		return []string{t.dim.paint("no trials yet")}
	}
	low, high := s.tried()
	across := width - 2
	place := func(rate float64) int {
		share := math.Log(rate/low) / math.Log(high/low)
		return min(max(int(math.Round(share*float64(across-1))), 0), across-1)
	}
	marks := map[search.Verdict][]rune{}
	for _, x := range s.trials {
		if marks[x.Verdict] == nil {
			marks[x.Verdict] = make([]rune, across)
		}
		mark, _ := m.verdict(x.Verdict)
		marks[x.Verdict][place(x.Rate)] = []rune(mark)[0]
	}
	axis := []rune(strings.Repeat("─", across))
	if s.line.Lower > 0 {
		last := across - 1
		if s.line.Upper > 0 {
			last = place(s.line.Upper)
		}
		for x := place(s.line.Lower); x <= last; x++ {
			axis[x] = '═'
		}
		axis[place(s.line.Lower)] = '╞'
	}
	if s.line.Upper > 0 {
		axis[place(s.line.Upper)] = '╡'
	}
	if s.under {
		axis[place(s.step.Rate)] = '◆'
	}
	var lines []string
	for _, v := range []search.Verdict{search.Fail, search.Invalid, search.Undecided, search.Pass} {
		if marks[v] != nil {
			_, brush := m.verdict(v)
			lines = append(lines, " "+brush.paint(blank(marks[v])))
		}
	}
	lines = lines[max(len(lines)-height+2, 0):]
	return append(lines, " "+string(axis), " "+t.dim.paint(apart(shortRate(low), shortRate(high), across)))
}

// tried is the span of rates that were tried.
func (s *searchState) tried() (low, high float64) {
	low, high = math.Inf(1), 0
	see := func(rate float64) {
		if rate > 0 {
			low, high = min(low, rate), max(high, rate)
		}
	}
	for _, t := range s.trials {
		see(t.Rate)
	}
	if s.under {
		see(s.step.Rate)
	}
	if high <= low {
		return low / 2, low * 2
	}
	return low, high
}

func blank(runes []rune) string {
	return strings.ReplaceAll(string(runes), "\x00", " ")
}

// trialsPane is a table of the trials, the last one on top.
func (m *model) trialsPane() pane {
	s, t := m.search, &m.theme
	p := pane{title: "trials", extra: one(t.dim.paint(plural(uint64(len(s.trials)), "trial") + ", newest first")), least: 3, want: len(s.trials) + 1, grow: 1, rank: 2}
	p.draw = func(width, height int) []string {
		row := func(values ...string) string {
			widths := []int{7, 10, 11, 9, 9, 8}
			var b strings.Builder
			for i, w := range widths {
				if columns(b.String())+w+12 > width {
					break
				}
				if i == 1 {
					b.WriteString("  " + fit(values[i], w-2))
					continue
				}
				b.WriteString(right(values[i], w))
			}
			return b.String() + "  "
		}
		lines := []string{t.dim.paint(row("at", "kind", "rate", "p50", "p99", "errors") + "verdict")}
		for i := len(s.trials) - 1; i >= 0 && len(lines) < height; i-- {
			x := s.trials[i]
			p50, p99 := "–", "–"
			if x.Latency != nil {
				p50, p99 = millis(x.Latency.P50), millis(x.Latency.P99)
			}
			mark, brush := m.verdict(x.Verdict)
			at := clock(time.Duration(x.AtS * float64(time.Second)))
			text := row(at, string(x.Kind), perSecond(x.Rate), p50, p99, percent(x.Errors)) + brush.paint(mark+" "+string(x.Verdict))
			if x.Reason != "" {
				text += t.dim.paint(" " + clean(x.Reason))
			}
			lines = append(lines, cut(text, width))
		}
		return lines
	}
	return p
}

func (m *model) verdict(v search.Verdict) (string, brush) {
	t := &m.theme
	switch v {
	case search.Pass:
		return "✓", t.good
	case search.Fail:
		return "✗", t.bad
	case search.Invalid:
		return "!", t.near
	}
	return "?", t.near
}

// curvePane draws p50 and p99 of the trials against their rates.
func (m *model) curvePane() pane {
	t, s := &m.theme, m.search
	return pane{title: "latency against load", extra: []string{t.p50.paint("p50"), t.p99.paint("p99"), t.dim.paint("of each trial")}, least: 4, want: 9, grow: 2, rank: 1, draw: func(width, height int) []string {
		var trials []report.LineTrial
		for _, x := range s.trials {
			if x.Latency != nil && x.Verdict != search.Invalid {
				trials = append(trials, x)
			}
		}
		if len(trials) == 0 {
			return []string{t.dim.paint("no trials yet")}
		}
		low, high := s.tried()
		dots := cells(width) * dotsAcross
		p50, p99 := s.against(trials, low, high, dots)
		c := chart{
			unit: short, lines: []line{{"p99", t.p99, p99}, {"p50", t.p50, p50}}, scatter: true,
			below: func(w int) string { return rateAxis(low, high, w) },
		}
		return c.draw(t, width, height)
	}}
}

// against puts the latencies of trials on a logarithmic axis of rates. Of trials at one place
// the slowest counts.
func (s *searchState) against(trials []report.LineTrial, low, high float64, dots int) (p50, p99 []float64) {
	p50, p99 = make([]float64, dots), make([]float64, dots)
	for i := range dots {
		p50[i], p99[i] = math.NaN(), math.NaN()
	}
	worse := func(at *float64, ms float64) {
		if d := ms * float64(time.Millisecond); math.IsNaN(*at) || d > *at {
			*at = d
		}
	}
	for _, x := range trials {
		share := math.Log(x.Rate/low) / math.Log(high/low)
		i := min(max(int(share*float64(dots-1)), 0), dots-1)
		worse(&p50[i], x.Latency.P50)
		worse(&p99[i], x.Latency.P99)
	}
	return p50, p99
}

// rateAxis writes the ends of a logarithmic axis of rates, and what is in its middle.
func rateAxis(low, high float64, width int) string {
	ends := [3]string{shortRate(low), shortRate(math.Sqrt(low * high)), shortRate(high)}
	line := []rune(strings.Repeat("─", width))
	room := len(ends[0]) + len(ends[1]) + len(ends[2]) + 4
	copy(line, []rune(ends[0]))
	if room < width {
		copy(line[(width-len(ends[1]))/2:], []rune(ends[1]))
	}
	if x := width - len(ends[2]); x > len(ends[0])+1 {
		copy(line[x:], []rune(ends[2]))
	}
	return string(line)
}

// sweepPane draws throughput against users.
func (m *model) sweepPane() pane {
	t, s := &m.theme, m.search
	p := pane{title: "throughput against users", least: 3, want: 6, grow: 1, rank: 4}
	p.draw = func(width, height int) []string {
		if len(s.sweep) == 0 {
			return []string{t.dim.paint("nothing yet")}
		}
		most := 1
		for _, x := range s.sweep {
			most = max(most, x.Users)
		}
		dots := cells(width) * dotsAcross
		values := make([]float64, dots)
		for i := range values {
			values[i] = math.NaN()
		}
		for _, x := range s.sweep {
			i := int(math.Log(float64(x.Users)) / math.Log(float64(max(most, 2))) * float64(dots-1))
			values[i] = x.Throughput
		}
		c := chart{
			zero: true, unit: shortRate, scatter: true, lines: []line{{"", t.achieved, values}},
			below: func(w int) string {
				return cut("1 user "+strings.Repeat("─", max(w-8-len(fmt.Sprint(most)), 0))+" "+fmt.Sprint(most), w)
			},
		}
		return c.draw(t, width, height)
	}
	return p
}
