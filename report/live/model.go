package live

import (
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// page is what fills the middle of the screen.
type page int

const (
	overview page = iota
	perRequest
	allErrors
	help
)

// model is all that the dashboard knows. Update and View have no other input and no other
// effect than the commands that they return, and interrupt.
type model struct {
	theme         theme
	width, height int
	keys          bool
	look, wait    func() tea.Cmd // for the next news; for the next redraw without any
	interrupt     func()

	now      time.Time
	page     page
	paused   bool
	asks     bool // whether the run shall end
	ending   bool
	scale    int // index in scales
	messages []string
	run      *runState
	lab      *labState    // nil: no experiment
	search   *searchState // nil: no search

	version int // counts what may change the body
	drawn   drawing
	body    []string // as it was drawn last
}

func newModel(t theme, keys bool) *model {
	none := func() tea.Cmd { return nil }
	return &model{theme: t, keys: keys, look: none, wait: none, interrupt: func() {}, run: &runState{}}
}

func (m *model) Init() tea.Cmd { return m.look() }

// Update takes a message.
func (m *model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		m.version++
		m.typed(msg)
	case tick:
		m.version += len(msg.news)
		if !m.paused {
			m.now = msg.now
		}
		for _, n := range msg.news {
			m.take(n)
		}
		m.run.sum()
		if m.paused {
			return m.wait()
		}
		return m.look()
	}
	return nil
}

// typed takes a key, or several that were typed so quickly that they come as one.
func (m *model) typed(k tea.KeyMsg) {
	if k.Type != tea.KeyRunes {
		m.key(k.String())
		return
	}
	for _, r := range k.Runes {
		m.key(string(r))
	}
}

// take takes one piece of news.
func (m *model) take(n any) {
	switch n := n.(type) {
	case Experiment:
		m.lab = newLab(n)
		m.run = newRun(Run{Scenario: n.Scenario})
	case Run:
		m.run = newRun(n)
		if m.lab != nil {
			m.lab.turn(n)
		}
	case began:
		m.run.began = n.at
	case observed:
		m.run.observe(n)
		if m.lab != nil {
			m.lab.observe(n)
		}
	case note:
		m.messages = append(m.messages, clean(n.text))
		m.messages = m.messages[max(len(m.messages)-mostMessages, 0):]
	case happened:
		m.run.happened(n)
	case judged:
		if m.lab != nil {
			m.lab.claims = n.claims
		}
	case Search:
		m.search = newSearch(n)
	default:
		if m.search != nil {
			m.search.take(n)
		}
	}
}

// mostMessages is how many messages are kept for the screen.
const mostMessages = 50

// scales are the spans that the charts can show; 0 is the run so far.
func scales() []time.Duration {
	return []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
}

// key does what a key stands for.
func (m *model) key(k string) {
	if m.asks {
		m.asks = false
		if k == "y" || k == "q" || k == "Y" || k == "enter" || k == "ctrl+c" {
			m.ending = true
			m.interrupt()
		}
		return
	}
	switch k {
	case "ctrl+c":
		m.ending = true
		m.interrupt()
	case "q":
		m.asks = true
	case " ", "p":
		m.paused = !m.paused
	case "+", "=":
		m.zoom(-1)
	case "-":
		m.zoom(1)
	case "t":
		m.scale = (m.scale + 1) % len(scales())
	case "r":
		m.toggle(perRequest)
	case "e":
		m.toggle(allErrors)
	case "?", "h":
		m.toggle(help)
	case "esc":
		m.page = overview
	}
}

func (m *model) toggle(p page) {
	if m.page == p {
		p = overview
	}
	m.page = p
}

// zoom shows the next longer span, or the next shorter one; the run so far is beyond the
// longest.
func (m *model) zoom(by int) {
	order := scales()[1:]
	order = append(order, 0)
	i := slices.Index(order, scales()[m.scale])
	i = min(max(i+by, 0), len(order)-1)
	m.scale = slices.Index(scales(), order[i])
}
