// Package event tells those who listen what happens within the reference target: a breaker
// that opens, a worker that exits, a knob that changes. It keeps the last events, so that
// one who comes late still sees what led here. It does not wait for slow listeners, writes
// no log and judges nothing.
package event

import (
	"sync"
	"time"
)

// Event is one thing that happened.
type Event struct {
	Seq       uint64         `json:"seq"`         // counts the events of one bus from 1
	Time      time.Time      `json:"time"`        // by the wall clock
	Monotonic float64        `json:"monotonic_s"` // by the machine's monotonic clock, in seconds: comparable between processes
	Kind      string         `json:"kind"`        // "breaker.open", "worker.exit", "knob.change", …
	Source    string         `json:"source"`      // who saw it: "master", "worker:2"
	Data      map[string]any `json:"data,omitempty"`
}

// Bus hands events on to all who listen. The zero value is not ready; use NewBus.
type Bus struct {
	source string

	mu     sync.Mutex
	seq    uint64
	recent []Event // the last keep ones, oldest first
	ears   map[chan Event]*uint64
}

// How much a bus keeps, and how far a listener may fall behind before it loses events.
const (
	keep   = 1024
	behind = 256
)

// Lost is the kind of the event that a listener gets in place of those that it was too
// slow for; its data has their count.
const Lost = "events.lost"

// NewBus returns a bus whose own events come from source.
func NewBus(source string) *Bus {
	return &Bus{source: source, ears: map[chan Event]*uint64{}}
}

// Publish makes an event of this bus's own. Data must not be changed afterwards.
func (b *Bus) Publish(kind string, data map[string]any) {
	b.Forward(Event{Time: time.Now(), Monotonic: monotonic(), Kind: kind, Source: b.source, Data: data})
}

// Forward hands on an event that another bus made, with its time and source, under a
// number of this bus.
func (b *Bus) Forward(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	e.Seq = b.seq
	if len(b.recent) == keep {
		copy(b.recent, b.recent[1:])
		b.recent = b.recent[:keep-1]
	}
	b.recent = append(b.recent, e)
	for ear, lost := range b.ears {
		b.tell(ear, lost, e)
	}
}

// tell never blocks: what does not fit is counted and said before the next that does.
func (b *Bus) tell(ear chan Event, lost *uint64, e Event) {
	if *lost > 0 {
		told := Event{Seq: e.Seq, Time: e.Time, Monotonic: e.Monotonic, Kind: Lost, Source: b.source, Data: map[string]any{"count": *lost}}
		select {
		case ear <- told:
			*lost = 0
		default:
		}
	}
	select {
	case ear <- e:
	default:
		*lost++
	}
}

// Listen returns a channel of the events from now on, after those kept with a number above
// since (0: all that are kept). Call stop when done; the channel is not closed.
func (b *Bus) Listen(since uint64) (events <-chan Event, stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ear := make(chan Event, keep+behind)
	for _, e := range b.recent {
		if e.Seq > since {
			ear <- e
		}
	}
	b.ears[ear] = new(uint64)
	return ear, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ear)
	}
}

// Last returns the number of the newest event, 0 if there was none.
func (b *Bus) Last() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seq
}
