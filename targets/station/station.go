// Package station holds the primitive under every contended thing of the reference target:
// a number of equal servers behind one queue, with a law of how long a service takes, or
// held for as long as the caller's own work takes. A station keeps the truth about itself,
// down to the arrivals and the drawn service times, so that a reader can recompute the
// exact path and tell chance, emulation and model apart. Jobs are served to their end and
// are never preempted. The package knows no requests, opens no port, and decides nothing
// about who is turned away but by the length of its queue.
package station

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"plimsoll/targets/alarm"
)

// ErrFull is returned for a job that met a full queue. It was not served and not queued.
var ErrFull = errors.New("the queue is full")

// Unbounded is the queue of a station that turns nobody away.
const Unbounded = -1

// Bounds on what the lateness of timers may take from services to come.
const (
	mostDebt     = 100 * time.Millisecond // while jobs wait: a pause of the machine, not an hour of it
	mostIdleDebt = time.Millisecond       // once a server idles: the ordinary lateness of a timer
)

// Config is what a station is like. All of it may change while jobs wait and are served.
type Config struct {
	Servers    int    `yaml:"servers" default:"1" min:"1" max:"10000" about:"how many jobs are served at a time"`
	Queue      int    `yaml:"queue" default:"-1" min:"-1" max:"1000000" about:"how many jobs may wait; 0: none, -1: any number"`
	Discipline string `yaml:"discipline" default:"fifo" oneof:"fifo lifo priority" about:"who is served next; priority: the lowest value, then the oldest"`
	Service    Law    `yaml:"service" about:"how long a service takes"`
	Mode       string `yaml:"mode" default:"sleep" oneof:"sleep spin hybrid" about:"how a service passes: asleep, burning processor time, or asleep with an exact end, for less than 2ms"`
}

// Check tells what is wrong with the fields taken together. The error names the field.
func (c Config) Check() error {
	if c.Servers < 1 {
		return fmt.Errorf("servers is %d, and has to be at least 1", c.Servers)
	}
	if c.Queue < Unbounded {
		return fmt.Errorf("queue is %d; -1 is for any number of jobs", c.Queue)
	}
	if err := c.Service.Check(); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return nil
}

// Job is one piece of work for the servers.
type Job struct {
	Priority int           // lower is served first, where the discipline is priority
	Demand   time.Duration // how long its service takes; 0: as the law draws
}

// Visit is what became of a job.
type Visit struct {
	Wait    time.Duration // in the queue
	Service time.Duration // with a server
}

// Station is servers behind a queue. It is safe for use by many goroutines.
type Station struct {
	name  string
	born  time.Time // all times within are counted from here
	alarm alarm.Alarm
	spare sync.Pool // of *job, for Serve

	mu      sync.Mutex
	cfg     Config
	draw    func(*rand.Rand) time.Duration
	rand    *rand.Rand
	queue   queue
	serving []*job
	idle    []time.Duration // what servers at rest owe; those without an entry owe nothing
	book    book
}

// New returns a station with nobody in it. The draws of its law follow from the seed and
// the order of arrivals alone. The configuration has to pass Check.
func New(name string, seed uint64, cfg Config) *Station {
	s := &Station{name: name, born: time.Now(), rand: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	s.spare.New = func() any { return &job{ready: make(chan struct{}, 1)} }
	s.Configure(cfg)
	return s
}

// Configure changes the station under load. Jobs that wait stay, take the order of the new
// discipline and keep what they drew, even past a shorter queue. Services under way end as
// they began. The configuration has to pass Check.
func (s *Station) Configure(cfg Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	s.cfg, s.draw = cfg, cfg.Service.drawer()
	s.queue.reorder(cfg.Discipline)
	s.idle = s.idle[:min(len(s.idle), max(0, cfg.Servers-len(s.serving)))]
	for len(s.serving) < s.cfg.Servers {
		next := s.next()
		if next == nil {
			return
		}
		s.begin(next, now, s.rested())
		next.ready <- struct{}{}
	}
}

// Name returns what the station was called when it was made.
func (s *Station) Name() string { return s.name }

// Serve has the job served and returns how long it waited and was served. It returns
// ErrFull for a job that met a full queue, and the error of ctx for one that left it.
//
// A caller that leaves during the service gets the error of ctx at once, but the server
// stays busy until the service ends, as a database does that nobody told. Where the mode
// is spin, the processor time is the caller's own, and it cannot leave.
func (s *Station) Serve(ctx context.Context, work Job) (Visit, error) {
	j := s.spare.Get().(*job) // it holds nothing else
	j.priority, j.demand = work.Priority, max(0, work.Demand)
	if err := s.enter(ctx, j); err != nil {
		wait := max(0, j.begun-j.arrived)
		s.spare.Put(j)
		return Visit{Wait: wait}, err
	}
	if !s.pass(ctx, j) {
		v := Visit{Wait: j.begun - j.arrived, Service: s.clock() - j.begun}
		s.abandon(j)
		return v, ctx.Err()
	}
	s.finish(j)
	v := Visit{Wait: j.begun - j.arrived, Service: j.ended - j.begun}
	s.spare.Put(j)
	return v, nil
}

// Acquire waits for a server and holds it for the caller's own work until release is
// called; further calls of release do nothing. Its errors are those of Serve, and release
// is nil with an error. Wait is how long it took either way.
func (s *Station) Acquire(ctx context.Context, priority int) (release func(), wait time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	p, err := s.Join(priority)
	if err != nil {
		return nil, 0, err
	}
	return p.Wait(ctx)
}

// Place is a place with a server, or in the queue for one. Who joins has to wait too.
type Place struct {
	station *Station
	job     job
	taken   bool // whether a server took it when it came
}

// Join is the first half of Acquire: it never blocks, and returns ErrFull if the queue is.
func (s *Station) Join(priority int) (*Place, error) {
	p := &Place{station: s, job: job{priority: priority, demand: held}}
	var err error
	if p.taken, err = s.arrive(&p.job); err != nil {
		return nil, err
	}
	return p, nil
}

// Wait is the second half of Acquire.
func (p *Place) Wait(ctx context.Context) (release func(), wait time.Duration, err error) {
	if !p.taken {
		err = p.station.await(ctx, &p.job)
	}
	wait = p.job.begun - p.job.arrived
	if err != nil {
		return nil, wait, err
	}
	return p.release, wait, nil
}

func (p *Place) release() { p.station.finish(&p.job) }

// Probe waits in the queue as a job would, and returns how long that took. It is not
// counted, takes no server and meets no bound of the queue: it only looks.
func (s *Station) Probe(ctx context.Context) (wait time.Duration, err error) {
	j := &job{demand: probe}
	err = s.enter(ctx, j)
	return max(0, j.begun-j.arrived), err
}

// clock returns the time since the station was made.
func (s *Station) clock() time.Duration { return time.Since(s.born) }
