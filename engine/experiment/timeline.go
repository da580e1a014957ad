package experiment

import (
	"cmp"
	"context"
	"fmt"
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
	Lost error // nothing more will be heard, for this reason; nil: it is a signal like any other
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
// began at start. Events of the same time are done one after the other, in the order given.
// An event under way when ctx ends is waited for; its own context ends with ctx.
func Play(ctx context.Context, start time.Time, events []Event, signals <-chan Signal) []Entry {
	t := &Timeline{start: start}
	var dated []Event
	waiting := map[string][]Event{}
	for _, e := range events {
		if e.When == "" {
			dated = append(dated, e)
		} else {
			waiting[e.When] = append(waiting[e.When], e)
		}
	}
	t.schedule(ctx, start, dated)
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

// NotDueError is an event whose time had not come when the run ended.
type NotDueError struct{ Cause error } // why it ended

func (e *NotDueError) Error() string { return e.Cause.Error() }

func (e *NotDueError) Unwrap() error { return e.Cause }

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
			if s.Lost != nil {
				t.lose(s, waiting)
				continue
			}
			text := s.Kind
			if s.Text != "" {
				text += " " + s.Text
			}
			t.note(Entry{At: s.Time.Sub(t.start), Text: text, Signal: true})
			t.schedule(ctx, s.Time, waiting[s.Kind])
			delete(waiting, s.Kind)
		}
	}
}

// lose gives up what waits for signals, which will not come any more.
func (t *Timeline) lose(s Signal, waiting map[string][]Event) {
	at := s.Time.Sub(t.start)
	t.note(Entry{At: at, Text: s.Text, Signal: true, Err: s.Lost})
	for kind, missed := range waiting {
		for _, e := range missed {
			t.note(Entry{At: at, Text: e.Name, Err: fmt.Errorf("it waits for %s: %w", kind, s.Lost)})
		}
	}
	clear(waiting)
}

// schedule does events at their times after zero.
func (t *Timeline) schedule(ctx context.Context, zero time.Time, events []Event) {
	together := map[time.Duration][]Event{}
	for _, e := range events {
		together[e.At] = append(together[e.At], e)
	}
	for after, those := range together {
		t.doing.Go(func() { t.do(ctx, zero.Add(after), those) })
	}
}

// do does events at a time, one after the other.
func (t *Timeline) do(ctx context.Context, at time.Time, events []Event) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	for _, e := range events {
		began := time.Now()
		var err error
		if ctx.Err() != nil {
			err = &NotDueError{context.Cause(ctx)}
		} else {
			err = e.Do(ctx)
		}
		t.note(Entry{At: began.Sub(t.start), Took: time.Since(began), Text: e.Name, Err: err})
	}
}

func (t *Timeline) note(e Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
}
