package knob

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What Change and Cancel refuse to do; a value that is wrong is a Problems instead.
var (
	ErrVersion = errors.New("the settings have another version by now")
	ErrFull    = errors.New("too much is scheduled")
	ErrClosed  = errors.New("the settings are closed")
	ErrNoBatch = errors.New("nothing of that number is scheduled")
)

// Bounds on what a Store keeps: batches that are still to come or to be taken back, and
// entries of its log.
const (
	maxPending = 256
	maxLog     = 1024
)

// Apply takes a new version of the settings to where they are in force. The document is
// the Store's own and must not be changed. It must not call Change or Close.
type Apply[D any] func(ctx context.Context, doc *D, version int, changes []Change) error

// Store holds the current version of a tree of settings. Readers take it without a lock;
// changes happen one after the other, each as a whole or not at all.
type Store[D any] struct {
	apply   Apply[D]
	current atomic.Pointer[edition[D]]
	began   time.Time

	turn    chan struct{} // holds a token while nobody changes anything
	layers  layers        // belongs to whose turn it is
	started *D            // what the workers were started with; belongs to whose turn it is

	mu    sync.Mutex // guards lists, and is never held during apply
	lists lists

	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

// edition is one version of a document.
type edition[D any] struct {
	doc     *D
	version int
}

// lists are what a Store shows of what was and what is to come.
type lists struct {
	pending []job
	lastID  int
	log     []Entry // a ring, once it is full
	oldest  int
}

// NewStore keeps doc, which must not be changed from now on, as version 1. It applies
// nothing yet. The Store has to be closed.
func NewStore[D any](doc *D, apply Apply[D]) *Store[D] {
	ctx, stop := context.WithCancel(context.Background())
	s := &Store[D]{
		apply: apply, began: time.Now(), turn: make(chan struct{}, 1), layers: layers{}, started: doc,
		wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}),
	}
	s.current.Store(&edition[D]{doc, 1})
	s.turn <- struct{}{}
	go s.keep(ctx)
	return s
}

// Close drops what is scheduled and waits for a change that is under way. Values that
// were to be taken back stay as they are.
func (s *Store[D]) Close() {
	s.stop()
	<-s.done
}

// Get returns the current document, which must not be changed, and its version.
func (s *Store[D]) Get() (doc *D, version int) {
	e := s.current.Load()
	return e.doc, e.version
}

// Batch is settings that change together.
type Batch struct {
	Set         map[string]any // path to value: text, or a bool, a number, or a list from JSON
	After       time.Duration  // when, counted from now; 0: now
	At          time.Time      // when, in place of After; a time that is past is now
	RevertAfter time.Duration  // how long until the values are taken back; 0: they stay
	IfVersion   int            // the version that must be current when the batch comes in; 0: any
	Why         string         // who changes this and why, for the log
}

// Result is what became of a batch.
type Result struct {
	Version        int           `json:"version"`                   // after the batch
	Changes        []Change      `json:"changes,omitempty"`         // empty if it is scheduled or changed nothing
	RestartPending []string      `json:"restart_pending,omitempty"` // paths that wait for new workers
	Pending        int           `json:"pending,omitempty"`         // for Cancel; 0: nothing is still to come
	Time           time.Time     `json:"time"`
	Elapsed        time.Duration `json:"elapsed_ns"` // since the Store was made, by the monotonic clock
}

// Change applies a batch, or schedules it after it has been checked against the current
// document; it is checked again when it is due. Mistakes in it are Problems. If apply
// fails, the document that was current before is applied again and stays the current one.
func (s *Store[D]) Change(ctx context.Context, b Batch) (Result, error) {
	now := time.Now()
	due, err := b.due(now)
	if err != nil {
		return Result{}, err
	}
	if err := s.lock(ctx); err != nil {
		return Result{}, err
	}
	defer s.unlock()
	if _, version := s.Get(); b.IfVersion != 0 && b.IfVersion != version {
		return Result{}, fmt.Errorf("%w: %d, not %d", ErrVersion, version, b.IfVersion)
	}
	doc, texts, err := s.with(b.Set)
	if err != nil {
		return Result{}, err
	}
	j := job{due: due, set: texts, revert: b.RevertAfter, why: b.Why}
	if due.After(now) || b.RevertAfter > 0 {
		if j.id, err = s.number(); err != nil {
			return Result{}, err
		}
	}
	if due.After(now) {
		s.enqueue(j)
		return s.result(nil, j.id), nil
	}
	changes, err := s.enter(ctx, doc, j)
	if err != nil {
		return Result{}, err
	}
	return s.result(changes, j.id), nil
}

func (b *Batch) due(now time.Time) (time.Time, error) {
	switch {
	case len(b.Set) == 0:
		return now, Problems{{Path: "set", Msg: "names no setting", Hint: "like {\"set\": {\"a.path\": \"5s\"}}"}}
	case b.After < 0 || b.RevertAfter < 0:
		return now, Problems{{Msg: "a time that a batch waits is less than zero"}}
	case b.After > 0 && !b.At.IsZero():
		return now, Problems{{Msg: "a batch is due either at a time or after one, not both"}}
	case b.At.After(now):
		return b.At, nil
	}
	return now.Add(b.After), nil
}

// with returns the current document with some leafs set, and their paths and values as
// Settings writes them. Its error is of the type Problems.
func (s *Store[D]) with(values map[string]any) (*D, map[string]string, error) {
	current, _ := s.Get()
	doc := Clone(current)
	texts := make(map[string]string, len(values))
	var problems Problems
	for _, path := range sortedKeys(values) {
		at, err := set(root(doc), path, values[path])
		p, wrong := err.(Problem) //nolint:errorlint // that is what it returns
		switch _, twice := texts[at]; {
		case wrong:
			problems = append(problems, p)
			continue
		case twice:
			problems = append(problems, Problem{Path: path, Msg: "stands here twice"})
		}
		texts[at] = ""
	}
	if err := problems.orNil(); err != nil {
		return nil, nil, err
	}
	if err := Validate(doc); err != nil {
		return nil, nil, err
	}
	for path := range texts {
		setting, err := Lookup(doc, path)
		if err != nil {
			return nil, nil, err
		}
		texts[path] = setting.Value
	}
	return doc, texts, nil
}

// enter makes doc current and notes what of it is to be taken back.
func (s *Store[D]) enter(ctx context.Context, doc *D, j job) ([]Change, error) {
	before, _ := s.Get()
	changes, err := s.swap(ctx, doc, j.why)
	if err != nil {
		return nil, err
	}
	if j.revert == 0 {
		s.layers.settle(j.set)
		return changes, nil
	}
	s.layers.lay(j.id, j.set, func(path string) string { return textAt(before, path) })
	j.due, j.applied = time.Now().Add(j.revert), true
	s.enqueue(j)
	return changes, nil
}

// swap applies doc as the next version, or the current one again if that fails. A document
// that is no different is not applied.
func (s *Store[D]) swap(ctx context.Context, doc *D, why string) ([]Change, error) {
	old := s.current.Load()
	changes := Diff(old.doc, doc)
	if len(changes) == 0 {
		return nil, nil
	}
	next := &edition[D]{doc, old.version + 1}
	if err := s.apply(ctx, doc, next.version, changes); err != nil {
		err = fmt.Errorf("apply version %d of the settings: %w", next.version, err)
		if again := s.apply(context.WithoutCancel(ctx), old.doc, old.version, Diff(doc, old.doc)); again != nil {
			err = errors.Join(err, fmt.Errorf("go back to version %d of the settings: %w", old.version, again))
		}
		s.note(Entry{Version: old.version, Why: why, Changes: changes, Failure: err.Error()})
		return nil, err
	}
	s.current.Store(next)
	s.note(Entry{Version: next.version, Why: why, Changes: changes})
	return changes, nil
}

// Restarted tells the Store that all workers run with the current document.
func (s *Store[D]) Restarted(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.started, _ = s.Get()
	return nil
}

func (s *Store[D]) result(changes []Change, pending int) Result {
	doc, version := s.Get()
	now := time.Now()
	r := Result{Version: version, Changes: changes, Pending: pending, Time: now, Elapsed: now.Sub(s.began)}
	for _, c := range Diff(s.started, doc) {
		if c.Restart {
			r.RestartPending = append(r.RestartPending, c.Path)
		}
	}
	return r
}

// lock waits for the turn to change something.
func (s *Store[D]) lock(ctx context.Context) error {
	select {
	case <-s.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	select {
	case <-s.turn:
		return nil
	case <-s.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store[D]) unlock() { s.turn <- struct{}{} }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// textAt returns the value under a path that is known to lead to a leaf.
func textAt(doc any, path string) string {
	s, err := Lookup(doc, path)
	if err != nil {
		return ""
	}
	return s.Value
}
