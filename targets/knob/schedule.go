package knob

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// job is a batch that waits: to be applied, or to be taken back.
type job struct {
	id      int
	due     time.Time
	set     map[string]string
	revert  time.Duration // 0: it stays
	applied bool          // it waits to be taken back
	why     string
}

// Pending is a batch that is still to be applied, or to be taken back.
type Pending struct {
	ID          int               `json:"id"` // for Cancel
	Due         time.Time         `json:"due"`
	Set         map[string]string `json:"set"`
	RevertAfter time.Duration     `json:"revert_after_ns,omitempty"` // 0: it stays
	Applied     bool              `json:"applied"`                   // at Due it is taken back
	Why         string            `json:"why,omitempty"`
}

// Entry is one line of the change log.
type Entry struct {
	Version int           `json:"version"` // the current one afterwards
	Time    time.Time     `json:"time"`
	Elapsed time.Duration `json:"elapsed_ns"` // since the Store was made, by the monotonic clock
	Why     string        `json:"why,omitempty"`
	Changes []Change      `json:"changes,omitempty"`
	Failure string        `json:"failure,omitempty"` // why it did not come to the changes; "": it did
}

// Pending returns what is scheduled, what is due next first.
func (s *Store[D]) Pending() []Pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Pending, len(s.lists.pending))
	for i, j := range s.lists.pending {
		all[i] = Pending{ID: j.id, Due: j.due, Set: j.set, RevertAfter: j.revert, Applied: j.applied, Why: j.why}
	}
	return all
}

// Cancel drops what is scheduled under the number that Change returned: a batch that is
// not due yet is never applied, and the values of one that was to be taken back stay.
func (s *Store[D]) Cancel(ctx context.Context, id int) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	j, ok := s.dequeue(id)
	if !ok {
		return fmt.Errorf("%w: %d", ErrNoBatch, id)
	}
	if j.applied {
		s.layers.keep(id)
	}
	return nil
}

// Log returns the last changes and failures, the oldest first.
func (s *Store[D]) Log() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists
	return slices.Concat(l.log[l.oldest:], l.log[:l.oldest])
}

func (s *Store[D]) note(e Entry) {
	e.Time = time.Now()
	e.Elapsed = e.Time.Sub(s.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lists
	if len(l.log) < maxLog {
		l.log = append(l.log, e)
		return
	}
	l.log[l.oldest] = e
	l.oldest = (l.oldest + 1) % maxLog
}

// number returns the number of a batch that has room among those scheduled.
func (s *Store[D]) number() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lists.pending) >= maxPending {
		return 0, fmt.Errorf("%w: %d batches wait already", ErrFull, maxPending)
	}
	s.lists.lastID++
	return s.lists.lastID, nil
}

func (s *Store[D]) enqueue(j job) {
	s.mu.Lock()
	s.lists.pending = append(s.lists.pending, j)
	slices.SortStableFunc(s.lists.pending, func(a, b job) int { return a.due.Compare(b.due) })
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (s *Store[D]) dequeue(id int) (job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.lists.pending, func(j job) bool { return j.id == id })
	if i < 0 {
		return job{}, false
	}
	j := s.lists.pending[i]
	s.lists.pending = slices.Delete(s.lists.pending, i, i+1)
	return j, true
}

// next returns the number of what is due, else how long until something will be; 0, 0:
// nothing is scheduled.
func (s *Store[D]) next() (id int, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lists.pending) == 0 {
		return 0, 0
	}
	first := s.lists.pending[0]
	if wait = time.Until(first.due); wait > 0 {
		return 0, wait
	}
	return first.id, 0
}

// keep does what is scheduled when it is due, until ctx ends.
func (s *Store[D]) keep(ctx context.Context) {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		id, wait := s.next()
		if id != 0 {
			s.fire(ctx, id)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-s.wake:
		case <-ctx.Done():
		}
	}
	<-s.turn // for good: nobody changes anything any more
}

// fire applies or takes back a batch that is due.
func (s *Store[D]) fire(ctx context.Context, id int) {
	if s.lock(ctx) != nil {
		return
	}
	defer s.unlock()
	j, ok := s.dequeue(id)
	if !ok {
		return // cancelled meanwhile
	}
	if j.applied {
		s.revert(ctx, j)
		return
	}
	values := make(map[string]any, len(j.set))
	for path, text := range j.set {
		values[path] = text
	}
	doc, _, err := s.with(values)
	if err != nil {
		_, version := s.Get()
		s.note(Entry{Version: version, Why: j.why, Failure: err.Error()})
		return
	}
	s.enter(ctx, doc, j) //nolint:errcheck // swap has noted it
}

// revert takes a batch back. If what would come out of it is refused, the values stay.
func (s *Store[D]) revert(ctx context.Context, j job) {
	why := "taken back: " + j.why
	back := s.layers.lift(j.id)
	values := make(map[string]any, len(back))
	for path, text := range back {
		values[path] = text
	}
	doc, _, err := s.with(values)
	if err == nil {
		_, err = s.swap(ctx, doc, why)
	} else {
		_, version := s.Get()
		s.note(Entry{Version: version, Why: why, Failure: err.Error()})
	}
	if err != nil {
		s.layers.settle(back)
	}
}
