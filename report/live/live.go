// Package live is the dashboard: it shows a run, an experiment or a search for the load line
// on the whole of a terminal while it goes. A Screen takes snapshots, results and messages
// without ever making their sender wait; a model is fed with them and with keys and the size
// of the terminal, and is drawn by panes, each a function of the model, a width and a height.
// It does not measure, judge or save anything, reads no clock but to redraw, and ends nothing:
// it says that the user wishes to.
package live

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"plimsoll/engine"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
	"plimsoll/report/live/quiet"
)

// heard holds that the terminal may be asked again; see package quiet.
var _ = quiet.Over()

// LeastWidth and LeastHeight are the smallest terminal on which the dashboard says more than
// a few lines.
const (
	LeastWidth  = 60
	LeastHeight = 20
)

// Options say how the dashboard reaches its user.
type Options struct {
	Keys      io.Reader // where keys come from, a terminal; nil: there are none
	Out       io.Writer // the terminal
	Colors    Colors
	Interrupt func() // called when the user wants the run to end
	Width     int    // of the terminal at first, in columns; it tells when that changes
	Height    int    // in lines
}

// redraw is how often the dashboard looks for news.
const redraw = 250 * time.Millisecond

// Screen is a dashboard on a terminal, from Open to Close. Its methods may be called from
// any goroutine, and never wait for the terminal.
type Screen struct {
	box     *mailbox
	program *tea.Program
	ended   chan struct{}
	err     error // how the program ended; valid once ended is closed
	closing sync.Once

	patience time.Duration // how long Close waits for a terminal that takes no more output
}

// Open covers the terminal with the dashboard.
func Open(opt Options) *Screen {
	return open(opt, newModel(newTheme(opt.Colors), opt.Keys != nil))
}

func open(opt Options, m *model) *Screen {
	s := &Screen{box: &mailbox{}, ended: make(chan struct{}), patience: 2 * time.Second}
	m.width, m.height = opt.Width, opt.Height
	m.look = func() tea.Cmd {
		return tea.Tick(redraw, func(now time.Time) tea.Msg { return tick{now, s.box.take()} })
	}
	m.wait = func() tea.Cmd { return tea.Tick(redraw, func(now time.Time) tea.Msg { return tick{now, nil} }) }
	m.interrupt = opt.Interrupt
	g := &guard{model: m}
	s.program = tea.NewProgram(g, tea.WithInput(opt.Keys), tea.WithOutput(opt.Out), tea.WithAltScreen(),
		tea.WithoutSignalHandler(), tea.WithoutCatchPanics(), tea.WithoutBracketedPaste(), tea.WithFPS(12))
	go func() {
		defer close(s.ended)
		_, err := s.program.Run()
		s.err = errors.Join(g.broken, err)
	}()
	return s
}

// Close gives the terminal back as it was. It returns why the dashboard ended if it did so
// before; it may be called again.
func (s *Screen) Close() error {
	s.closing.Do(func() { go s.program.Quit() })
	select {
	case <-s.ended:
		return s.err
	case <-time.After(s.patience):
		return errors.New("the terminal takes no output")
	}
}

// Ended is closed when the dashboard is gone, because of Close or because it failed.
func (s *Screen) Ended() <-chan struct{} { return s.ended }

// guard ends the program in good order when the model panics: the terminal is given back,
// and the run goes on.
type guard struct {
	model  *model
	broken error
}

func (g *guard) Init() tea.Cmd { return g.model.Init() }

func (g *guard) Update(msg tea.Msg) (tea.Model, tea.Cmd) { return g, g.update(msg) }

func (g *guard) update(msg tea.Msg) (cmd tea.Cmd) {
	defer g.recover(&cmd)
	if g.broken != nil {
		return tea.Quit
	}
	return g.model.Update(msg)
}

func (g *guard) View() (view string) {
	defer g.recover(nil)
	if g.broken != nil {
		return ""
	}
	return g.model.View()
}

func (g *guard) recover(cmd *tea.Cmd) {
	p := recover()
	if p == nil {
		return
	}
	g.broken = fmt.Errorf("the dashboard failed: %v\n%s", p, debug.Stack())
	if cmd != nil {
		*cmd = tea.Quit
	}
}

// Experiment says that what follows are the runs of an experiment.
func (s *Screen) Experiment(e Experiment) { s.box.put(e) }

// Run says that a run follows.
func (s *Screen) Run(r Run) { s.box.put(r) }

// Began says when the load of the run began.
func (s *Screen) Began(at time.Time) { s.box.put(began{at}) }

// Observe shows an interval of the run and how the budgets stand after it. It keeps the
// snapshot and does not change it.
func (s *Screen) Observe(i *engine.Snapshot, results []budget.Result) {
	s.box.put(observed{snapshot: i, results: results})
}

// Note shows a message.
func (s *Screen) Note(text string) { s.box.put(note{text}) }

// Happened shows something that was done to the target, or that the target says of itself.
func (s *Screen) Happened(at time.Time, text string, byTarget bool, err error) {
	s.box.put(happened{at, text, byTarget, err})
}

// Judged shows how the claims of the experiment stand.
func (s *Screen) Judged(claims []budget.ClaimResult) { s.box.put(judged{claims}) }

// Search says that what follows is a search for the load line.
func (s *Screen) Search(x Search) { s.box.put(x) }

// Phase shows what a part of the search came to.
func (s *Screen) Phase(name, text string) { s.box.put(phase{name, text}) }

// Swept shows a point of the sweep.
func (s *Screen) Swept(p report.SweepPoint) { s.box.put(swept{p}) }

// Trying says that a trial begins, and about how long the search still takes.
func (s *Screen) Trying(step search.Step, at time.Time, left time.Duration) {
	s.box.put(trying{step, at, left})
}

// Tried shows a trial and what is known of the line after it.
func (s *Screen) Tried(t report.LineTrial, line search.Line, left time.Duration) {
	s.box.put(tried{t, line, left})
}
