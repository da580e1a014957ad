package text

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"

	"plimsoll/report"
)

// History writes how saved runs have changed: for each series of runs a table of its trends,
// then every change point with its numbers, then what was left out.
func History(w io.Writer, h *report.History, opt Options) error {
	p := newPrinter(w, opt)
	historyHead(p, h)
	for i := range h.Series {
		historySeries(p, &h.Series[i])
	}
	historyLeftOut(p, h)
	if len(h.Notes) > 0 {
		p.section("Notes")
	}
	for _, n := range h.Notes {
		p.wrapped("  · ", dim, clean(n))
	}
	return p.err
}

func historyHead(p *printer, h *report.History) {
	runs, changes := 0, 0
	for _, s := range h.Series {
		runs += len(s.Runs)
		for _, t := range s.Trends {
			changes += len(t.Changes)
		}
	}
	text := fmt.Sprintf("%s of %s, %s in %s", Plural(changes, "change point"), Plural(h.Tested, "trend"), Plural(runs, "run"), plurals(len(h.Series), "series", "series"))
	if runs == 0 {
		text = "no run that counts"
	}
	p.wrapped("HISTORY  ", bold, text)
	from := "in " + clean(h.Store)
	if h.Since != nil {
		from += ", since " + h.Since.Format("2006-01-02 15:04")
	}
	i := h.Import
	p.wrapped("         ", plain, fmt.Sprintf("%s; read now: %d new, %d updated, %d known, %d unusable", from, i.New, i.Updated, i.Known, i.Unusable))
}

func plurals(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func historySeries(p *printer, s *report.HistorySeries) {
	p.line("")
	p.line(p.paint(bold, shorten(clean(seriesName(s)), p.width)))
	about := Plural(len(s.Runs), "run")
	if n := len(s.Runs); n > 0 {
		first, last := s.Runs[0].Started.Format("2006-01-02"), s.Runs[n-1].Started.Format("2006-01-02")
		about += ", " + first
		if last != first {
			about += " to " + last
		}
	}
	about += ", version " + clean(s.Version)
	if s.Target != "" {
		about += ", " + clean(s.Target)
	}
	p.wrapped("  ", plain, about+", from "+clean(s.Machine))
	if s.OtherVersions > 0 {
		p.wrapped("  ", plain, fmt.Sprintf("%s with another file, load or settings (%s) not shown: a new version begins a new series; --all shows them",
			Plural(s.OtherVersions, "older version"), Plural(s.OtherRuns, "run")))
	}
	if len(s.Trends) == 0 {
		p.line("  no such figure in these runs")
		return
	}
	historyTable(p, s)
	for i := range s.Trends {
		for _, c := range s.Trends[i].Changes {
			historyChange(p, &s.Trends[i], &c)
		}
	}
}

func seriesName(s *report.HistorySeries) string {
	name := s.Scenario
	if s.Part != "" {
		name += " · " + s.Part
	}
	if s.Quick {
		name += " (quick)"
	}
	return name
}

// sparks bounds how many runs a trend shows.
const sparks = 40

func historyTable(p *printer, s *report.HistorySeries) {
	dropLatest := 0
	if p.width < defaultWidth {
		dropLatest = 1
	}
	t := table{columns: []column{
		{title: "request", left: true, flex: true},
		{title: "metric", left: true},
		{title: "runs", drop: 2},
		{title: "trend", left: true},
		{title: "latest", drop: dropLatest},
		{title: "noise", drop: 3},
		{title: "last change", left: true},
	}}
	for i := range s.Trends {
		r := &s.Trends[i]
		name := clean(r.Load)
		if r.Request != "" {
			name = "  " + clean(r.Request)
		}
		last, tone := lastChange(r)
		t.add(cell{text: name}, cell{text: r.Metric}, cell{text: runsOf(r), style: dim}, cell{text: sparkline(r, max(p.width/3-6, minFlex))},
			cell{text: latest(r)}, cell{text: noiseOf(r), style: dim}, cell{text: last, style: tone})
	}
	t.write(p)
}

func runsOf(t *report.Trend) string {
	if t.Missing > 0 {
		return fmt.Sprintf("%d of %d", len(t.Points), len(t.Points)+t.Missing)
	}
	return fmt.Sprint(len(t.Points))
}

func latest(t *report.Trend) string {
	if len(t.Points) == 0 {
		return "–"
	}
	return inUnit(t.Unit, t.Points[len(t.Points)-1].Value)
}

func inUnit(unit string, x float64) string {
	switch unit {
	case "ms":
		return milliseconds(x)
	case "share":
		return report.FormatShare(x)
	case "per_s":
		return report.FormatNumber(x) + "/s"
	}
	return report.FormatNumber(x)
}

func noiseOf(t *report.Trend) string {
	if t.Noise == nil {
		return "–"
	}
	text := "±" + report.FormatShare(*t.Noise)
	if t.Drifts {
		text += " ~"
	}
	return text
}

func lastChange(t *report.Trend) (string, style) {
	if t.Needs > 0 {
		return fmt.Sprintf("needs %s more", Plural(t.Needs, "run")), dim
	}
	if len(t.Changes) == 0 {
		return "none", dim
	}
	c := t.Changes[len(t.Changes)-1]
	size := "from 0"
	if c.Ratio != nil {
		size = sizeOf(&c)
	}
	return fmt.Sprintf("%s %s, %s", size, c.Effect, c.Started.Format("01-02")), toneOf(c.Effect)
}

func toneOf(effect string) style {
	return map[string]style{"worse": red, "better": green}[effect]
}

// sizeOf writes a change as a ratio, or, of a share that was 0, what it is now.
func sizeOf(c *report.ChangePoint) string {
	if c.Ratio == nil {
		return "0 → " + report.FormatShare(c.After)
	}
	return "×" + report.FormatNumber(*c.Ratio)
}

func historyChange(p *printer, t *report.Trend, c *report.ChangePoint) {
	name := clean(cmp.Or(t.Request, t.Load)) + " " + t.Metric
	mark := "  ▼ "
	if c.After > c.Before {
		mark = "  ▲ "
	}
	text := fmt.Sprintf("%s: %s (%s) since %s: %s over %s, then %s over %s; p %s", name, sizeOf(c), c.Effect, c.Started.Format("2006-01-02 15:04"),
		inUnit(t.Unit, c.Before), Plural(c.RunsBefore, "run"), inUnit(t.Unit, c.After), Plural(c.RunsAfter, "run"), probability(c.P))
	p.wrapped(mark, toneOf(c.Effect), text)
	p.wrapped("    ", plain, "from "+clean(c.LastBefore)+" to "+clean(c.Run))
	if c.Also != "" {
		p.wrapped("    ", plain, clean(c.Also))
	}
}

// probability writes a p; below a millionth its digits mean nothing.
func probability(p float64) string {
	if p < 1e-6 {
		return "< 0.000001"
	}
	return report.FormatNumber(p)
}

// sparkline draws the last runs of a trend, from the least to the largest of them, with a line
// before each change point.
func sparkline(t *report.Trend, width int) string {
	from := max(len(t.Points)-min(width, sparks), 0)
	shown := t.Points[from:]
	if len(shown) == 0 {
		return ""
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range shown {
		low, high = min(low, p.Value), max(high, p.Value)
	}
	changed := map[int]bool{}
	for _, c := range t.Changes {
		changed[c.At] = true
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	if from > 0 {
		b.WriteString("…")
	}
	for i, p := range shown {
		if changed[from+i] && i > 0 {
			b.WriteString("│")
		}
		bar := 0
		if high > low {
			bar = min(int((p.Value-low)/(high-low)*float64(len(bars))), len(bars)-1)
		}
		b.WriteRune(bars[bar])
	}
	return b.String()
}

// mostLeftOut bounds how many runs that were left out are named.
const mostLeftOut = 10

func historyLeftOut(p *printer, h *report.History) {
	if len(h.LeftOut) == 0 {
		return
	}
	p.section("Left out")
	for _, l := range h.LeftOut[:min(len(h.LeftOut), mostLeftOut)] {
		p.wrapped("  ! ", yellow, clean(l.Dir)+": "+clean(l.Reason))
	}
	if n := len(h.LeftOut) - mostLeftOut; n > 0 {
		p.line(fmt.Sprintf("    and %d more; --json names them all", n))
	}
}
