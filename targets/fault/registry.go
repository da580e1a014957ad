package fault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/knob"
)

// Runner makes a fault on the process real. It returns when ctx ends at the latest, and
// has given back what it took by then.
type Runner func(ctx context.Context, f Fault)

// Options are what a registry works with.
type Options struct {
	Self     string                     // the process, "worker:2"; "": it is the only one, and every worker's faults are its own
	Targets  func() []string            // the targets there are; nil: any
	Run      map[string]Runner          // kind to what makes it real: lock, crash, hang and cache_flush, which only the caller can
	OnChange func(f Fault, active bool) // a fault began or ended; may be nil
	// Await lets others run while a request waits for a fault; nil: it only waits.
	Await  func(ctx context.Context, wait func(context.Context) error) error
	Limits Limits // zero fields have defaults
}

// Limits bound what faults may do.
type Limits struct {
	For    time.Duration // of one fault; 0: 10 minutes
	Faults int           // at the same time; 0: 64
	Memory knob.Bytes    // that alloc and leak hold together; 0: 256 MiB
	Cores  float64       // that cpu burns together; 0: all that the process may use
}

// Active is a fault that is under way.
type Active struct {
	Fault Fault     `json:"fault"`
	Ends  time.Time `json:"ends"`
	Seen  uint64    `json:"seen_total"` // requests, calls or connections that matched
	Hits  uint64    `json:"hits_total"` // those of them that it met
}

// Registry holds the faults that are under way. Where there are none it costs one load of
// a pointer.
type Registry struct {
	options Options
	hoard   hoard
	active  atomic.Pointer[snapshot] // nil: no fault on traffic or connections

	mu     sync.Mutex
	faults map[string]*live
	order  []string // ids, as they were added
	lastID int
	closed bool
	runs   sync.WaitGroup

	open atomic.Int64 // connections of the listener
}

// snapshot is what the hot path looks at.
type snapshot struct {
	traffic  []*live
	listener []*live
}

// live is a fault that is under way.
type live struct {
	Fault
	kind  Kind
	value value
	seen  atomic.Uint64
	hits  atomic.Uint64
	done  chan struct{} // closed when it ends
	timer *time.Timer
}

// New returns a registry without faults. It has to be closed.
func New(o Options) *Registry {
	o.Limits = o.Limits.orDefault()
	r := &Registry{options: o, faults: map[string]*live{}}
	r.hoard.limits = o.Limits
	return r
}

// Add begins a fault and returns it as it is, with its number and beginning. A mistake in
// it is a knob.Problem that names the field.
func (r *Registry) Add(f Fault) (Fault, error) {
	f.Match.Header = maps.Clone(f.Match.Header)
	l, err := r.compile(f)
	if err != nil {
		return Fault{}, err
	}
	if err := r.enter(l); err != nil {
		return Fault{}, err
	}
	r.notify(l.Fault, true)
	r.arm(l)
	return l.Fault, nil
}

// enter begins a fault that has been found good.
func (r *Registry) enter(l *live) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return knob.Problem{Msg: "the process is about to end"}
	case len(r.faults) >= r.options.Limits.Faults:
		return knob.Problem{Msg: fmt.Sprintf("%d faults are under way already", len(r.faults)), Hint: "remove one, or wait until one ends"}
	case l.ID == "":
		for l.ID == "" || r.faults[l.ID] != nil {
			r.lastID++
			l.ID = fmt.Sprintf("f%d", r.lastID)
		}
	case r.faults[l.ID] != nil:
		return knob.Problem{Path: "id", Msg: fmt.Sprintf("%q is under way already", l.ID)}
	}
	r.faults[l.ID] = l
	r.order = append(r.order, l.ID)
	r.publish()
	return nil
}

// arm sees to it that a fault ends, and runs one on the process. By then it has been told
// that the fault began.
func (r *Registry) arm(l *live) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults[l.ID] != l {
		return // removed already
	}
	l.timer = time.AfterFunc(time.Until(l.Ends()), func() { r.end(l) })
	if l.kind.acts == onProcess && r.mine(l.Target) {
		r.start(l)
	}
}

// start runs a fault on the process until it ends.
func (r *Registry) start(l *live) {
	run := r.runner(l.Kind)
	ctx, cancel := context.WithCancel(context.Background())
	l.hits.Add(1)
	r.runs.Go(func() {
		defer cancel()
		run(ctx, l.Fault)
	})
	r.runs.Go(func() {
		<-l.done
		cancel()
	})
}

// mine tells whether a fault on a process is one on this process.
func (r *Registry) mine(target string) bool {
	self := r.options.Self
	return self == "" || target == self || target == "*" && strings.HasPrefix(self, "worker:")
}

// end takes a fault out, unless that has happened already.
func (r *Registry) end(l *live) bool {
	r.mu.Lock()
	if r.faults[l.ID] != l {
		r.mu.Unlock()
		return false
	}
	delete(r.faults, l.ID)
	r.order = slices.DeleteFunc(r.order, func(id string) bool { return id == l.ID })
	r.publish()
	if l.timer != nil {
		l.timer.Stop()
	}
	close(l.done)
	r.mu.Unlock()
	r.notify(l.Fault, false)
	return true
}

func (r *Registry) notify(f Fault, active bool) {
	if r.options.OnChange != nil {
		r.options.OnChange(f, active)
	}
}

// publish shows the hot path what is under way.
func (r *Registry) publish() {
	var s snapshot
	for _, id := range r.order {
		switch l := r.faults[id]; l.kind.acts {
		case onTraffic:
			s.traffic = append(s.traffic, l)
		case onListener:
			s.listener = append(s.listener, l)
		case onProcess:
		}
	}
	if s.traffic == nil && s.listener == nil {
		r.active.Store(nil)
		return
	}
	r.active.Store(&s)
}

// List returns the faults that are under way, in the order they were added.
func (r *Registry) List() []Active {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Active, len(r.order))
	for i, id := range r.order {
		l := r.faults[id]
		all[i] = Active{Fault: l.Fault, Ends: l.Ends(), Seen: l.seen.Load(), Hits: l.hits.Load()}
	}
	return all
}

// Remove ends a fault before its time and reports whether it was under way.
func (r *Registry) Remove(id string) bool {
	r.mu.Lock()
	l := r.faults[id]
	r.mu.Unlock()
	return l != nil && r.end(l)
}

// Clear ends all faults and returns how many it ended.
func (r *Registry) Clear() int {
	ended := 0
	for _, a := range r.List() {
		if r.Remove(a.Fault.ID) {
			ended++
		}
	}
	return ended
}

// Close ends all faults for good and waits until the process has got back what they took.
func (r *Registry) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Clear()
	r.runs.Wait()
}
