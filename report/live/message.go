package live

import (
	"sync"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/report/budget"
)

// Run is what the dashboard has to know of a run before it begins.
type Run struct {
	Scenario string
	Target   string
	Title    string // such as the turn of an experiment; may be empty
	Variant  string // of an experiment; empty: there is none
	Legend   *engine.Legend
}

// Experiment is what the dashboard has to know of an experiment: its variants stand side by
// side from the beginning.
type Experiment struct {
	Scenario string
	Variants []string
	Claims   []string
}

// Search is what the dashboard has to know of a search for the load line.
type Search struct {
	Scenario string
	Target   string
	SLO      string
	Within   time.Duration // how long it may take
}

// The messages of the model. They carry times, so that the model needs no clock.
type (
	observed struct {
		snapshot *engine.Snapshot
		results  []budget.Result
		own      bool // the snapshot may be changed
	}
	began    struct{ at time.Time } // the load of the run
	note     struct{ text string }
	happened struct {
		at       time.Time
		text     string
		byTarget bool
		err      error
	}
	judged struct{ claims []budget.ClaimResult }
	phase  struct{ name, text string }
	swept  struct{ report.SweepPoint }
	trying struct {
		step search.Step
		at   time.Time
		left time.Duration
	}
	tried struct {
		trial report.LineTrial
		line  search.Line
		left  time.Duration
	}
	tick struct {
		now  time.Time
		news []any
	}
)

// mailbox keeps what has happened until the dashboard looks. Nobody who puts something in
// waits for a terminal, and nothing is lost: if the dashboard does not look for long, snapshots
// are merged.
type mailbox struct {
	mu   sync.Mutex
	news []any
	held int // snapshots among them
}

// mostHeld is how many snapshots may wait before they are merged.
const mostHeld = 300

func (b *mailbox) put(m any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, isObserved := m.(observed)
	if !isObserved {
		b.news = append(b.news, m)
		return
	}
	if last, ok := b.last(); ok && b.held >= mostHeld && last.snapshot.Legend == o.snapshot.Legend {
		sum := last.snapshot
		if !last.own {
			sum = engine.NewSnapshot(o.snapshot.Legend)
			sum.Merge(last.snapshot)
		}
		sum.Merge(o.snapshot)
		b.news[len(b.news)-1] = observed{sum, o.results, true}
		return
	}
	b.news = append(b.news, o)
	b.held++
}

func (b *mailbox) last() (observed, bool) {
	if len(b.news) == 0 {
		return observed{}, false
	}
	o, ok := b.news[len(b.news)-1].(observed)
	return o, ok
}

// take empties the mailbox.
func (b *mailbox) take() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := b.news
	b.news, b.held = nil, 0
	return news
}
