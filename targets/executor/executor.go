// Package executor is what handlers run on: a goroutine per request, as Go does it, or one
// event loop for all of them, as Node does it; and beside it a bounded pool for blocking
// work and one for work that needs the processor. The loop is a station with one server:
// a handler holds it until it returns or awaits something, and nobody can take it away
// before. Loop and pools keep the truth about themselves. The package knows no routes and
// no work of its own, and where a handler does not await, it does not help.
package executor

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"plimsoll/targets/station"
)

// Config is how handlers are run. A change holds for requests and work that come after it;
// what is under way ends as it began.
type Config struct {
	Model        string  `yaml:"model" default:"goroutine" oneof:"goroutine eventloop" about:"what handlers run on: a goroutine each, or one event loop for all"`
	BlockingPool Pool    `yaml:"blocking_pool" about:"threads for files, crypto and name look-ups, which libuv has"`
	CPU          string  `yaml:"cpu" default:"pool" oneof:"inline pool" about:"where processor work runs: in the handler, or in the cpu_pool"`
	CPUPool      CPUPool `yaml:"cpu_pool" about:"workers for processor work"`
}

// Pool is a bounded pool.
type Pool struct {
	Size  int `yaml:"size" default:"4" min:"1" max:"1024" about:"how many run at a time"`
	Queue int `yaml:"queue" default:"1024" min:"-1" max:"1000000" about:"how many may wait, past which they are refused; 0: none, -1: any number"`
}

// CPUPool is the pool for processor work.
type CPUPool struct {
	Size     int    `yaml:"size" default:"0" min:"0" max:"1024" about:"how many workers; 0: as many as GOMAXPROCS"`
	Queue    int    `yaml:"queue" default:"128" min:"-1" max:"1000000" about:"how many tasks may wait; 0: none, -1: any number"`
	Overflow string `yaml:"overflow" default:"reject" oneof:"reject block caller" about:"what becomes of a task that meets a full queue: refused, its handler stands still, or its handler runs it"`
	Spawn    string `yaml:"spawn" default:"pooled" oneof:"pooled per_task" about:"workers that stay, or a new thread for every task that ends with it"`
	Transfer string `yaml:"transfer" default:"share" oneof:"share copy" about:"how payloads and results reach and leave a worker"`
}

// Check tells what is wrong with the fields taken together. The error names the field.
func (c Config) Check() error {
	if c.BlockingPool.Size < 1 {
		return fmt.Errorf("blocking_pool: size is %d, and has to be at least 1", c.BlockingPool.Size)
	}
	if c.CPUPool.Size < 0 {
		return fmt.Errorf("cpu_pool: size is %d, and cannot be negative", c.CPUPool.Size)
	}
	return nil
}

// Executor runs handlers and their work. It is safe for use by many goroutines.
type Executor struct {
	cfg      atomic.Pointer[Config]
	loop     *station.Station
	blocking *station.Station
	cpu      *station.Station
	places   *station.Station // in and before the cpu pool, where a full queue blocks
	probe    lagProbe
	tasks    taskCounts

	mu sync.Mutex // one Configure or Close at a time
}

// New returns an executor. The configuration has to pass Check.
func New(cfg Config) *Executor {
	e := &Executor{
		loop:     station.New("exec.loop", 0, holding(1, station.Unbounded)),
		blocking: station.New("exec.blocking", 0, holding(1, 0)),
		cpu:      station.New("exec.cpu", 0, holding(1, 0)),
		places:   station.New("exec.cpu.places", 0, holding(1, station.Unbounded)),
	}
	e.Configure(cfg)
	return e
}

// holding is a station that is held for as long as its callers' work takes.
func holding(servers, queue int) station.Config {
	return station.Config{
		Servers: servers, Queue: queue, Discipline: "fifo", Mode: "sleep", Service: station.Law{Law: "held"},
	}
}

// Configure changes the executor under load. The configuration has to pass Check. A size
// of 0 of the cpu pool is that of GOMAXPROCS now.
func (e *Executor) Configure(cfg Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cfg.CPUPool.Size == 0 {
		cfg.CPUPool.Size = runtime.GOMAXPROCS(0)
	}
	e.cfg.Store(&cfg)
	e.blocking.Configure(holding(cfg.BlockingPool.Size, cfg.BlockingPool.Queue))
	queue := cfg.CPUPool.Queue
	if cfg.CPUPool.Overflow == "block" {
		queue = station.Unbounded // the places before it are what is bounded
	}
	e.cpu.Configure(holding(cfg.CPUPool.Size, queue))
	e.places.Configure(holding(cfg.CPUPool.Size+max(0, cfg.CPUPool.Queue), station.Unbounded))
	if cfg.Model == eventLoop {
		e.probe.start(e.loop)
	} else {
		e.probe.stop()
	}
}

// Close ends what the executor does of its own accord, which is to look for the lag of
// the loop. Requests are served as before.
func (e *Executor) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probe.stop()
}

const eventLoop = "eventloop"
