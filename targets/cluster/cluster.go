// Package cluster runs one target as a master and several worker processes of the same
// binary that share a port. The master starts the workers, hands each what it needs to
// begin, replaces those that die, hang or grow old, and exchanges all of them for a new
// generation without losing a request. A worker joins, serves its listener, and serves
// its control listener, on which the master asks it things over HTTP. Whatever happens to
// the master, its workers do not outlive it.
//
// A worker begins with a pipe on its standard input, on which it reads what it is to be
// and later the word to go, and whose end tells it that the master is gone. Descriptors
// follow: a socket on which control connections arrive, memory for its counts, what it
// accepts from, and the memory that the workers share. Nothing lies in the file system and
// there is no second port.
//
// The package does not read settings, serves no path of its own, does not know what the
// workers do, and where the system is not Unix it only says so.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
	"time"

	"plimsoll/targets/shm"
)

// The errors of this package.
var (
	// ErrUnsupported says that this system cannot share a port among processes as it is done here.
	ErrUnsupported = errors.New("worker processes are not supported on this system")
	// ErrNoWorker says that there is no such slot, or that its worker is not ready.
	ErrNoWorker = errors.New("no such worker is ready")
	// ErrClosed says that the cluster has been closed.
	ErrClosed = errors.New("the cluster is closed")
	// ErrNotWorker says that a process was not started by a master.
	ErrNotWorker = errors.New("not started as a worker of a cluster")
)

const mostWorkers = 64

// Options are what a cluster is made of.
type Options struct {
	// Listen is the TCP address to share, host:port. Port 0 takes a free one.
	Listen string
	// Command returns a command, not started yet, that runs this binary as a worker. Its
	// Stdin, Stderr and ExtraFiles are set by the cluster.
	Command func() *exec.Cmd
	// Boot returns what the worker of the slot is to begin with, which it finds in Worker.Boot.
	// It is asked again for every process, maybe for several slots at once.
	Boot func(id int) ([]byte, error)
	// Shared is memory that every worker gets, or nil. It stays the caller's to close.
	Shared *shm.Memory
	// Event is told what happens, or nil. The kinds are worker.ready, worker.exit,
	// worker.backoff, worker.hung, worker.drain, worker.drained, worker.recycle,
	// cluster.reload and cluster.scale; the data carries id, pid and generation of the
	// worker and what else there is to say.
	Event func(kind string, data map[string]any)
	// Stderr gets what the workers write to theirs, or nil.
	Stderr io.Writer
	// Probe is the path on the control listener that has to answer 2xx before a worker
	// counts as ready, and has to answer anything for it to count as alive; "": /healthz.
	Probe string
	// StartLimit is how long a worker may take to become ready; 0: 30 s.
	StartLimit time.Duration
}

// Master runs the workers. All its methods may be used by several goroutines.
type Master struct {
	options Options
	spawner *spawner
	stats   *shm.Memory // the counts of all workers, a seat for each
	port    *port
	stderr  sync.Mutex // one worker writes at a time

	operation chan struct{} // holds one value while the workers are being exchanged
	recycling chan struct{} // and while one of them is being recycled
	closing   lifetime
	done      chan struct{}
	goroutine sync.WaitGroup

	mu    sync.Mutex
	house house // under mu
}

// house is what changes while the cluster lives.
type house struct {
	config     Config
	state      lifecycle
	entrance   *entrance // through which new workers get connections
	generation int
	slots      []*slot // slot i has the id i+1
	processes  map[*process]struct{}
	seats      [seatCount]bool // those taken
	retired    int64           // requests of processes that have ended
}

// lifecycle is how far the life of a cluster has come.
type lifecycle int

const (
	fresh lifecycle = iota
	running
	closing
)

// New prepares a cluster, and starts nothing yet.
func New(config Config, options Options) (*Master, error) {
	if err := config.Check(); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if !supported {
		return nil, ErrUnsupported
	}
	if options.Event == nil {
		options.Event = func(string, map[string]any) {}
	}
	if options.Stderr == nil {
		options.Stderr = io.Discard
	}
	if options.Probe == "" {
		options.Probe = "/healthz"
	}
	if options.StartLimit <= 0 {
		options.StartLimit = 30 * time.Second
	}
	stats, err := shm.New(shm.Options{Counters: 8 * seatCount, Moments: 1, Records: 1})
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &Master{
		options: options, stats: stats,
		operation: make(chan struct{}, 1), recycling: make(chan struct{}, 1),
		closing: make(lifetime), done: make(chan struct{}),
		house: house{config: config, processes: map[*process]struct{}{}, generation: 1},
	}, nil
}

// Start takes the port and starts the workers. It returns when all are ready, or with the
// first error, which ends the cluster; the error of a worker that did not become ready ends with what
// it wrote last.
func (m *Master) Start(ctx context.Context) error {
	m.mu.Lock()
	if m.house.state != fresh {
		m.mu.Unlock()
		return errors.New("cluster: it was started before")
	}
	m.house.state = running
	config := m.house.config
	m.mu.Unlock()
	m.spawner = newSpawner()
	err := m.open(ctx, config)
	if err == nil {
		err = m.grow(ctx, config.Workers)
	}
	if err != nil {
		abrupt, cancel := context.WithCancel(ctx)
		cancel()
		return errors.Join(fmt.Errorf("start cluster: %w", err), m.Close(abrupt))
	}
	return nil
}

// open takes the port.
func (m *Master) open(ctx context.Context, config Config) error {
	port, err := reserve(ctx, m.options.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", m.options.Listen, err)
	}
	m.mu.Lock()
	m.port = port
	m.mu.Unlock()
	in, err := port.open(config.Share)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", port.address, err)
	}
	m.mu.Lock()
	m.house.entrance = in
	m.mu.Unlock()
	return nil
}

// Addr returns the address that the workers share, with its port. It is nil before Start.
func (m *Master) Addr() net.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.port == nil {
		return nil
	}
	return m.port.address
}

// Close takes no more connections, lets the workers finish for at most the time that
// drain allows, and ends them. When ctx ends it kills those that are left. It returns when
// everything has ended.
func (m *Master) Close(ctx context.Context) error {
	m.mu.Lock()
	first := m.house.state != closing
	m.house.state = closing
	in, drain := m.house.entrance, m.house.config.Drain
	m.mu.Unlock()
	if !first {
		<-m.done
		return nil
	}
	close(m.closing)
	if in != nil && ctx.Err() == nil {
		in.close()
	}
	var ends sync.WaitGroup
	for _, p := range m.living() {
		ends.Go(func() { m.retire(ctx, p, drain) })
	}
	ends.Wait()
	if in != nil {
		in.close()
	}
	m.goroutine.Wait()
	if m.spawner != nil {
		m.spawner.close()
	}
	if m.port != nil {
		m.port.close()
	}
	err := m.stats.Close()
	close(m.done)
	return err
}

// Done is closed when everything has ended, after Close.
func (m *Master) Done() <-chan struct{} { return m.done }

// Configure changes the settings of a running cluster. A change of workers begins at once
// and goes on after Configure has returned; if it fails, the event cluster.scale says so. A
// change of share waits for the next Reload.
func (m *Master) Configure(config Config) {
	m.mu.Lock()
	workers := config.Workers
	scale := m.house.state == running && workers != m.house.config.Workers
	if scale {
		config.Workers = m.house.config.Workers
		m.goroutine.Go(func() {
			if err := m.Scale(m.closing, workers); err != nil {
				m.options.Event("cluster.scale", map[string]any{"to": workers, "error": err.Error()})
			}
		})
	}
	m.house.config = config
	m.mu.Unlock()
}

// config returns the settings.
func (m *Master) config() Config {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.house.config
}

// enter lets the cluster not end before leave, and fails when it is not running.
func (m *Master) enter() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.house.state {
	case fresh:
		return errors.New("the cluster has not been started")
	case closing:
		return ErrClosed
	}
	m.goroutine.Add(1)
	return nil
}

func (m *Master) leave() { m.goroutine.Done() }

// living returns every process that has not ended.
func (m *Master) living() []*process {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*process
	for p := range m.house.processes {
		all = append(all, p)
	}
	return all
}

// lifetime is a context that ends when the channel is closed.
type lifetime chan struct{}

// Deadline says that there is none.
func (lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed at the end.
func (l lifetime) Done() <-chan struct{} { return l }

// Value returns nothing.
func (lifetime) Value(any) any { return nil }

// Err tells that the cluster is closed, once it is.
func (l lifetime) Err() error {
	select {
	case <-l:
		return ErrClosed
	default:
		return nil
	}
}
