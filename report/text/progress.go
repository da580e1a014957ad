package text

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// ProgressOptions say how progress is shown.
type ProgressOptions struct {
	Live  bool // redraw two lines in place, for a terminal; otherwise add a line now and then
	Color bool
	Width int           // columns of the terminal; 0 is 80
	Every time.Duration // without Live, how often a line is added; 0 is every five seconds
}

// redraw bounds how often live progress is drawn, so that showing the run does not cost
// what it measures.
const redraw = 200 * time.Millisecond

// Progress shows a run while it goes. It starts nothing of its own: Observe and Tick
// draw, and may be called from different goroutines. Errors of the writer are ignored,
// as a run does not end because nobody can see it.
type Progress struct {
	opt    ProgressOptions
	legend *engine.Legend

	mu      sync.Mutex // guards what follows
	out     printer
	last    *engine.Snapshot // the last interval
	results []budget.Result
	dropped uint64
	errors  uint64
	drawn   time.Duration // when the last line was written, since the start of the run
	lines   int           // of live progress that stand on the terminal
}

// NewProgress returns the progress of a run with the legend.
func NewProgress(w io.Writer, l *engine.Legend, opt ProgressOptions) *Progress {
	if opt.Every <= 0 {
		opt.Every = 5 * time.Second
	}
	p := &Progress{opt: opt, legend: l, drawn: -redraw}
	p.out = printer{w: w, color: opt.Color}
	p.resize(opt.Width)
	return p
}

// Resize tells the width of the terminal when it has changed.
func (p *Progress) Resize(width int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resize(width)
}

func (p *Progress) resize(width int) {
	if width <= 0 {
		width = defaultWidth
	}
	p.out.width = max(width, leastWidth)
}

// Observe takes the snapshot of an interval and what the budgets come to so far.
func (p *Progress) Observe(s *engine.Snapshot, results []budget.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.results = s, results
	for _, stages := range s.Tallies {
		for _, t := range stages {
			p.dropped += t.Dropped
		}
	}
	for _, c := range s.Cells {
		if c.Outcome == engine.Failed || c.Outcome == engine.Error {
			p.errors += c.Count()
		}
	}
	if !p.opt.Live && s.To-max(p.drawn, 0) >= p.opt.Every {
		p.drawn = s.To
		p.out.line(strings.Join(append(p.figures(s.To), p.promises()...), " · "))
	}
}

// Tick draws live progress at a time since the start of the run; calls that come too
// soon after the last one do nothing, and without Live all of them do nothing.
func (p *Progress) Tick(elapsed time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opt.Live || elapsed-p.drawn < redraw {
		return
	}
	p.drawn = elapsed
	lines := []string{fit(p.figures(elapsed), p.out.width-1)}
	if promises := fit(p.promises(), p.out.width-1); promises != "" {
		lines = append(lines, promises)
	}
	p.draw(lines)
}

// Close clears live progress away, so that what follows starts on an empty line.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw(nil)
}

// The codes that live progress needs of a terminal.
const (
	lineUp    = "\x1b[A"
	eraseDown = "\r\x1b[J" // from the start of this line to the end of the screen
)

// draw replaces the lines that stand on the terminal, in one write against flicker.
func (p *Progress) draw(lines []string) {
	if p.lines == 0 && len(lines) == 0 {
		return
	}
	back := strings.Repeat(lineUp, max(p.lines-1, 0)) + eraseDown
	_, _ = io.WriteString(p.out.w, back+strings.Join(lines, "\n"))
	p.lines = len(lines)
}

// figures says how the run goes, most important first.
func (p *Progress) figures(elapsed time.Duration) []string {
	parts := []string{p.position(elapsed)}
	if p.last == nil {
		return parts
	}
	parts = append(parts, p.rate())
	answers := p.last.Select(func(k engine.Key) bool { return k.Outcome != engine.Error })
	if answers.Count() > 0 {
		parts = append(parts, "p50 "+report.FormatDuration(answers.Latency.Quantile(0.5)),
			"p99 "+report.FormatDuration(answers.Latency.Quantile(0.99)))
	}
	bad := plain
	if p.errors > 0 {
		bad = red
	}
	parts = append(parts, p.out.paint(bad, report.FormatCount(p.errors)+" errors"))
	parts = append(parts, report.FormatCount(uint64(max(p.last.Health.InFlight, 0)))+" in flight")
	if p.dropped > 0 {
		parts = append(parts, p.out.paint(yellow, report.FormatCount(p.dropped)+" dropped"))
	}
	return parts
}

// position says where in the plan the run is.
func (p *Progress) position(elapsed time.Duration) string {
	var end time.Duration
	var stages []string
	for _, l := range p.legend.Loads {
		end = max(end, l.End())
		if len(l.Stages) < 2 || elapsed >= l.End() {
			continue
		}
		if name := clean(l.Stages[l.StageAt(elapsed)].Name); name != "" && !slices.Contains(stages, name) {
			stages = append(stages, name)
		}
	}
	elapsed = elapsed.Truncate(time.Second)
	where := clock(elapsed) + "/" + clock(end)
	switch {
	case elapsed >= end:
		where += " finishing"
	case len(stages) > 0:
		where += " " + shorten(strings.Join(stages, ", "), 24)
	}
	return where
}

// rate compares what was offered in the last interval with what the target achieved.
func (p *Progress) rate() string {
	var sum engine.Tally
	for _, stages := range p.last.Tallies {
		for _, t := range stages {
			sum.Sent += t.Sent
			sum.Dropped += t.Dropped
			sum.Completed += t.Completed
			sum.Failed += t.Failed
		}
	}
	span := (p.last.To - p.last.From).Seconds()
	if span <= 0 {
		return "0/s"
	}
	offered := report.FormatNumber(float64(sum.Sent+sum.Dropped) / span)
	return report.FormatNumber(float64(sum.Completed+sum.Failed)/span) + "/s of " + offered + "/s"
}

// promises says how the budgets stand.
func (p *Progress) promises() []string {
	if len(p.results) == 0 {
		return nil
	}
	var parts []string
	broken := 0
	for _, b := range p.results {
		if b.Result == budget.Broken {
			broken++
			_, s := budgetMark(b)
			parts = append(parts, p.out.paint(s, "✗ "+clean(b.Expr)))
		}
	}
	state := fmt.Sprintf("%s, none broken", Plural(len(p.results), "budget"))
	if broken > 0 {
		state = fmt.Sprintf("%d of %s broken", broken, Plural(len(p.results), "budget"))
	}
	return append([]string{state}, parts...)
}

// fit joins as many parts as a line has room for.
func fit(parts []string, width int) string {
	line := ""
	for i, part := range parts {
		next := line + " · " + part
		if i == 0 {
			next = part
		}
		if visible(next) > width {
			if i == 0 {
				return shorten(next, width)
			}
			break
		}
		line = next
	}
	return line
}

// visible returns the columns of text that may hold the codes of paint.
func visible(s string) int {
	for {
		from := strings.Index(s, "\x1b[")
		if from < 0 {
			return columnsOf(s)
		}
		length := strings.IndexByte(s[from:], 'm')
		if length < 0 {
			return columnsOf(s)
		}
		s = s[:from] + s[from+length+1:]
	}
}

// clock writes a time into the run without a fraction, such as 8s or 1m30s.
func clock(d time.Duration) string { return d.Round(time.Second).String() }
