package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"plimsoll/engine/search"
	"plimsoll/report"
)

// SearchProgress shows a capacity search while it goes: one line per trial, and on a
// terminal one below them that says what is being tried. Errors of the writer are ignored.
type SearchProgress struct {
	out    printer
	live   bool
	status bool // a status line stands on the terminal
	titled bool
}

// NewSearchProgress returns the progress of a search.
func NewSearchProgress(w io.Writer, opt ProgressOptions) *SearchProgress {
	if opt.Width <= 0 {
		opt.Width = defaultWidth
	}
	return &SearchProgress{out: printer{w: w, color: opt.Color, width: max(opt.Width, leastWidth)}, live: opt.Live}
}

// Line adds a line.
func (p *SearchProgress) Line(text string) {
	p.Clear()
	p.out.line(shorten(clean(text), p.out.width))
}

// Status says what goes on, on a terminal.
func (p *SearchProgress) Status(text string) {
	if !p.live {
		return
	}
	p.Clear()
	io.WriteString(p.out.w, p.out.paint(dim, shorten(clean(text), p.out.width-1))) //nolint:errcheck // nobody can see it
	p.status = true
}

// Clear takes the status line away.
func (p *SearchProgress) Clear() {
	if p.status {
		io.WriteString(p.out.w, "\r\x1b[K") //nolint:errcheck // nobody can see it
		p.status = false
	}
}

// Trial adds the line of a trial: what it showed, and what is known of the line after it.
func (p *SearchProgress) Trial(t report.LineTrial, line search.Line, left time.Duration) {
	if !p.titled {
		p.titled = true
		p.Line("")
		p.Line(fmt.Sprintf("%6s  %-7s %9s %7s %7s %6s  %-9s  %s", "at", "kind", "rate", "p50", "p99", "errors", "verdict", "line"))
	}
	p50, p99 := "—", "—"
	if t.Latency != nil {
		p50, p99 = millis(t.Latency.P50), millis(t.Latency.P99)
	}
	s := map[search.Verdict]style{search.Pass: green, search.Fail: red, search.Invalid: yellow}[t.Verdict]
	p.Clear()
	text := fmt.Sprintf("%6s  %-7s %9s %7s %7s %6s  ", clock(seconds(t.AtS)), t.Kind, perSecond(t.Rate), p50, p99, report.FormatShare(t.Errors))
	rest := fmt.Sprintf("  %s, about %s left", between(line), Roughly(left))
	verdict := fmt.Sprintf("%-9s", t.Verdict)
	if columnsOf(text+verdict+rest) > p.out.width {
		rest = "  " + between(line)
	}
	if columnsOf(text+verdict+rest) > p.out.width {
		rest = ""
	}
	p.out.line(text + p.out.paint(s, verdict) + rest)
	if t.Verdict == search.Invalid {
		p.out.wrapped(strings.Repeat(" ", 9), dim, clean(t.Reason))
	}
}

func between(l search.Line) string {
	low, high := "?", "?"
	if l.Lower > 0 {
		low = report.FormatNumber(l.Lower)
	}
	if l.Upper > 0 {
		high = report.FormatNumber(l.Upper)
	}
	return low + " … " + high + "/s"
}

// Roughly writes a duration to ten seconds.
func Roughly(d time.Duration) string {
	return report.FormatDuration(max(d.Round(10*time.Second), 10*time.Second))
}
