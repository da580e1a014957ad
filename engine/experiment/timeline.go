package experiment

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Event is something to do to the target.
type Event struct {
	Name string
	At   time.Duration // from the start of the run; with When, after that
	When string        // kind of the signal to wait for, the first of the run; empty: none
	Do   func(context.Context) error
}

// Signal is something that the target says has happened.
type Signal struct {
	Kind string
	Text string // what more is known
	Time time.Time
}

// Entry is what happened at a time of the run.
type Entry struct {
	At     time.Duration // from the start of the run
	Took   time.Duration // how long doing it took; 0 for a signal
	Text   string
	Signal bool // the target said it; otherwise it was done to it
	Err    error
}

// Timeline does the events of one run when their time has come and notes what happened.
type Timeline struct {
	start   time.Time
	mu      sync.Mutex
	entries []Entry
	doing   sync.WaitGroup
}

// Play does the events until ctx ends, and returns what happened by then in order: what
// was done, what the signals said, and last the events whose time never came. The run
// began at start. An event under way when ctx ends is waited for; its own context ends
// with ctx.
func Play(ctx context.Context, start time.Time, events []Event, signals <-chan Signal) []Entry {
	t := &Timeline{start: start}
	waiting := map[string][]Event{}
	for _, e := range events {
		if e.When == "" {
			t.schedule(ctx, e, start.Add(e.At))
		} else {
			waiting[e.When] = append(waiting[e.When], e)
		}
	}
	t.listen(ctx, waiting, signals)
	t.doing.Wait()
	for kind, missed := range waiting {
		for _, e := range missed {
			t.note(Entry{At: time.Since(start), Text: e.Name, Err: &NeverError{kind}})
		}
	}
	slices.SortStableFunc(t.entries, func(a, b Entry) int { return cmp.Compare(a.At, b.At) })
	return t.entries
}

// NeverError is an event whose signal did not come during the run.
type NeverError struct{ Kind string }

func (e *NeverError) Error() string { return "the target never said " + e.Kind }

// listen notes signals, and starts what waits for them, until ctx ends.
func (t *Timeline) listen(ctx context.Context, waiting map[string][]Event, signals <-chan Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, open := <-signals:
			if !open {
				signals = nil
				continue
			}
			text := s.Kind
			if s.Text != "" {
				text += " " + s.Text
			}
			t.note(Entry{At: s.Time.Sub(t.start), Text: text, Signal: true})
			for _, e := range waiting[s.Kind] {
				t.schedule(ctx, e, s.Time.Add(e.At))
			}
			delete(waiting, s.Kind)
		}
	}
}

// schedule does an event at a time.
func (t *Timeline) schedule(ctx context.Context, e Event, at time.Time) {
	t.doing.Go(func() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			t.note(Entry{At: time.Since(t.start), Text: e.Name, Err: context.Cause(ctx)})
			return
		case <-timer.C:
		}
		began := time.Now()
		err := e.Do(ctx)
		t.note(Entry{At: began.Sub(t.start), Took: time.Since(began), Text: e.Name, Err: err})
	})
}

func (t *Timeline) note(e Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
}
