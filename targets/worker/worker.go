// Package worker is what one worker process of the reference target does: it puts a
// topology's services, layers, dependencies and faults together, answers requests, and
// tells its master how it fares. A change of the topology reaches the parts that it
// concerns and exchanges the table of routes; requests under way end in the one that they
// began in. The package opens no port, starts no process, and does not decide when the
// process ends.
package worker

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"plimsoll/targets/event"
	"plimsoll/targets/executor"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
	"plimsoll/targets/netem"
	"plimsoll/targets/shm"
	"plimsoll/targets/topology"
)

// Assignment is what a worker is to be, as JSON. A later edition takes the place of an
// earlier one, whichever arrives first.
type Assignment struct {
	Edition  int           `json:"edition"`
	Version  int           `json:"version"`  // of the topology
	Topology string        `json:"topology"` // as YAML
	Faults   []fault.Fault `json:"faults"`   // under way, all of them
	Epoch    Epoch         `json:"epoch"`
}

// Epoch is a span of measuring.
type Epoch struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
}

// Boot is what a worker is told when it starts, as JSON.
type Boot struct {
	Assignment
	ID       int      `json:"id"`
	Backends Backends `json:"backends"`
	Key      []byte   `json:"key"` // signs what clients carry; all workers have the same

	Identity *netem.Identity `json:"identity,omitempty"` // proves the target over TLS, where it listens with TLS
}

// Backends says where the parts listen that all workers depend on.
type Backends struct {
	Redis    string `json:"redis"`    // redis://… of the shared store
	Database string `json:"database"` // redis://… of the database of the kind station
	Pricing  string `json:"pricing"`  // http://… of the upstream that knows prices
}

// Host is what a worker uses of the process it runs in.
type Host struct {
	Memory *shm.Memory // shared with the other workers
	Crash  func()      // ends the process at once, as an uncaught exception does
	Stderr io.Writer   // where an uncaught panic is explained
}

// Worker answers requests. It is safe for use by many goroutines.
type Worker struct {
	id     int
	host   Host
	events *event.Bus
	parts  *parts
	meter  *executor.Meter

	mu      sync.Mutex // one change at a time
	config  atomic.Pointer[topology.Config]
	version atomic.Int64
	edition int // guarded by mu, as epochs
	epochs  int
	table   atomic.Pointer[table]
	applied func(*topology.Config) // told of every change; may be nil
	retired atomic.Bool
	control http.Handler
}

// New returns a worker that answers as it was told.
func New(boot Boot, host Host) (*Worker, error) {
	cfg, err := decode(boot.Topology)
	if err != nil {
		return nil, err
	}
	w := &Worker{id: boot.ID, host: host, events: event.NewBus("worker:" + strconv.Itoa(boot.ID)), meter: executor.NewMeter()}
	w.config.Store(cfg)
	if w.parts, err = newParts(w, cfg, boot); err != nil {
		return nil, err
	}
	w.control = w.controls()
	if err := w.take(boot.Assignment); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func decode(text string) (*topology.Config, error) {
	cfg := topology.New()
	if err := knob.Decode("topology", []byte(text), cfg); err != nil {
		return nil, fmt.Errorf("read the topology: %w", err)
	}
	return cfg, nil
}

// take makes the worker what it is to be.
func (w *Worker) take(a Assignment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.Edition <= w.edition {
		return nil // a later one was quicker
	}
	if a.Version != int(w.version.Load()) {
		cfg, err := decode(a.Topology)
		if err != nil {
			return err
		}
		if err := w.apply(cfg, a.Version); err != nil {
			return err
		}
	}
	w.edition = a.Edition
	if a.Epoch.Number != w.epochs {
		w.epoch(a.Epoch.Name)
		w.epochs = a.Epoch.Number
	}
	return w.suffer(a.Faults)
}

// suffer begins the faults that are new and ends those that are not named any more.
func (w *Worker) suffer(faults []fault.Fault) error {
	known := map[string]bool{}
	for _, active := range w.parts.faults.List() {
		id := active.Fault.ID
		known[id] = true
		if !slices.ContainsFunc(faults, func(f fault.Fault) bool { return f.ID == id }) {
			w.parts.faults.Remove(id)
		}
	}
	for _, f := range faults {
		if known[f.ID] || !f.Ends().After(time.Now()) {
			continue
		}
		if _, err := w.parts.faults.Add(f); err != nil && f.Ends().After(time.Now()) { // it may have ended meanwhile
			return fmt.Errorf("begin fault %s: %w", f.ID, err)
		}
	}
	return nil
}

// apply changes the parts, then exchanges the routes. The caller holds mu.
func (w *Worker) apply(cfg *topology.Config, version int) error {
	w.config.Store(cfg)
	w.parts.configure(cfg)
	t, err := w.newTable(cfg)
	if err != nil {
		return err
	}
	w.table.Store(t)
	if w.applied != nil {
		w.applied(cfg)
	}
	w.version.Store(int64(version))
	return nil
}

// onApply has f told of every change from now on.
func (w *Worker) onApply(f func(*topology.Config)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied = f
}

// ServeHTTP answers a request of the data port.
func (w *Worker) ServeHTTP(a http.ResponseWriter, r *http.Request) {
	w.table.Load().mux.ServeHTTP(a, r)
}

// Control answers the master.
func (w *Worker) Control() http.Handler { return w.control }

// Config returns the topology that holds now. It must not be changed.
func (w *Worker) Config() *topology.Config { return w.config.Load() }

// Retire has /readyz say that the worker takes no more.
func (w *Worker) Retire() { w.retired.Store(true) }

// Close ends what the worker does of its own accord.
func (w *Worker) Close() { w.parts.close() }
