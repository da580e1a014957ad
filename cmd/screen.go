package cmd

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"plimsoll/report/live"
)

// curtain is what hides the terminal: while the dashboard covers it, messages are shown in
// there, and printed once it is gone.
type curtain struct {
	mu     sync.Mutex
	screen *live.Screen
	said   []string
	failed bool // the dashboard gave up once, and is not tried again
}

// say tells the user something now, in the dashboard or below what was printed before.
func (w *world) say(text string) {
	c := &w.curtain
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.screen == nil {
		fmt.Fprintln(w.stderr, text)
		return
	}
	c.said = append(c.said, text)
	c.screen.Note(text)
}

// dashboard returns the dashboard that covers the terminal, and opens one if there is none;
// nil if it has failed before.
func (w *world) dashboard() *live.Screen {
	c := &w.curtain
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.screen != nil || c.failed {
		return c.screen
	}
	opt := live.Options{Out: w.stderr, Interrupt: func() { w.raise(os.Interrupt) }}
	if isTerminal(w.stdin) {
		opt.Keys = w.stdin
	}
	if w.color(w.stderr) {
		opt.Colors = live.ColorsOf(w.env)
	}
	opt.Width, opt.Height = size(w.stderr)
	c.screen = live.Open(opt)
	return c.screen
}

// shown returns the dashboard if there is one.
func (w *world) shown() *live.Screen {
	w.curtain.mu.Lock()
	defer w.curtain.mu.Unlock()
	return w.curtain.screen
}

// uncover closes the dashboard, if there is one, and prints what was said meanwhile.
func (w *world) uncover() {
	c := &w.curtain
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.screen == nil {
		return
	}
	if err := c.screen.Close(); err != nil {
		c.failed = true
		fmt.Fprintf(w.stderr, "warning: %v\n", err)
	}
	for _, text := range c.said {
		fmt.Fprintln(w.stderr, text)
	}
	c.screen, c.said = nil, nil
}

// The ways to show how something goes.
const (
	showNothing   = "off"
	showPlain     = "plain" // a line now and then
	showLines     = "lines" // two lines that are drawn anew
	showDashboard = "live"
)

// display decides how to show progress: how is the value of --ui.
func (w *world) display(how string) string {
	full := w.terminal(w.stderr) && foreground(w.stderr)
	switch {
	case w.quiet || how == showNothing:
		return showNothing
	case how == showPlain:
		return showPlain
	case how == showDashboard && !full:
		w.note("note: --ui live needs a terminal, and standard error is none")
		return showPlain
	case how == showDashboard:
		return showDashboard
	case !full:
		return showPlain
	}
	if width, height := size(w.stderr); width < live.LeastWidth || height < live.LeastHeight {
		return showLines
	}
	return showDashboard
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size returns the columns and lines of a terminal, 0 and 0 of anything else.
func size(out io.Writer) (width, height int) {
	f, ok := out.(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}
