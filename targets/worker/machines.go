package worker

import (
	"sync/atomic"
	"time"

	"plimsoll/targets/alarm"
	"plimsoll/targets/executor"
	"plimsoll/targets/station"
	"plimsoll/targets/topology"
	"plimsoll/targets/work"
)

// machines are what handlers run on and work with.
type machines struct {
	executors map[string]*executor.Executor // by context; "" for all that are not isolated
	desks     map[string]*station.Station   // where a context's requests are served, by its name
	stations  map[string]*station.Station   // of the topology, under /x/station/
	documents *work.Documents
	heap      *work.Heap
	alarm     *alarm.Alarm
	made      *atomic.Uint64 // answers of /x/cache
}

// contextNames are the bounded contexts, and the primitives.
func contextNames() []string {
	return append([]string{primitives}, topology.Contexts()...)
}

func newMachines(cfg *topology.Config, id int) machines {
	m := machines{
		executors: map[string]*executor.Executor{"": executor.New(cfg.Exec.Run)},
		desks:     map[string]*station.Station{}, stations: map[string]*station.Station{},
		documents: &work.Documents{}, heap: &work.Heap{}, alarm: &alarm.Alarm{}, made: &atomic.Uint64{},
	}
	seed := uint64(cfg.Seed)<<8 + uint64(id)
	for i, name := range contextNames() {
		m.executors[name] = executor.New(cfg.Exec.Run)
		m.desks[name] = station.New("svc."+name, seed+uint64(i)<<32, stationConfig(workOf(cfg, name)))
	}
	for name, s := range cfg.Stations {
		m.stations[name] = station.New(name, seed, s)
	}
	return m
}

// workOf returns the work of a context's handlers.
func workOf(cfg *topology.Config, name string) topology.Work {
	if c := cfg.Context(name); c != nil {
		return c.Work
	}
	return cfg.Work.Work
}

func (m *machines) configure(cfg *topology.Config) {
	for _, e := range m.executors {
		e.Configure(cfg.Exec.Run)
	}
	live := 0
	for name, desk := range m.desks {
		w := workOf(cfg, name)
		desk.Configure(stationConfig(w))
		live += int(w.Live >> 20)
	}
	for name, s := range cfg.Stations {
		if at := m.stations[name]; at != nil {
			at.Configure(s)
		}
	}
	m.heap.Hold(live)
}

// executor returns what a context's handlers run on.
func (m *machines) executor(cfg *topology.Config, name string) *executor.Executor {
	return m.executors[isolated(cfg, name)]
}

// isolated returns under which name a context's own parts are found: "" where all contexts
// share theirs.
func isolated(cfg *topology.Config, name string) string {
	if !cfg.Exec.Isolation {
		return ""
	}
	return name
}

func (m *machines) workload(name string, cfg topology.Work) workload {
	return workload{cfg: cfg, station: m.desks[name]}
}

// lag is that of the slowest loop.
func (m *machines) lag() (worst time.Duration) {
	for _, e := range m.executors {
		worst = max(worst, e.Lag())
	}
	return worst
}

func (m *machines) close() {
	for _, e := range m.executors {
		e.Close()
	}
	m.heap.Hold(0)
}

// epoch begins a new epoch of everything that keeps the truth about itself.
func (m *machines) epoch(name string) {
	for _, e := range m.executors {
		e.Epoch(name)
	}
	for _, s := range m.desks {
		s.Epoch(name)
	}
	for _, s := range m.stations {
		s.Epoch(name)
	}
}

// truth returns what happened at every station that anybody came to.
func (m *machines) truth(draws bool) ([]station.Truth, error) {
	var all []station.Truth
	add := func(t station.Truth, err error) error {
		if err == nil && t.Arrivals+t.Carried > 0 {
			all = append(all, t)
		}
		return err
	}
	for _, group := range []map[string]*station.Station{m.desks, m.stations} {
		for _, name := range sorted(group) {
			if err := add(group[name].Truth(draws)); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range sorted(m.executors) {
		truths, err := m.executors[name].Truth(draws)
		if err != nil {
			return nil, err
		}
		for _, t := range truths {
			if name != "" {
				t.Name += "." + name
			}
			if err := add(t, nil); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
