package master

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"plimsoll/targets/backend"
	"plimsoll/targets/cluster"
	"plimsoll/targets/shm"
	"plimsoll/targets/station"
	"plimsoll/targets/tally"
	"plimsoll/targets/worker"
)

// epoch is a span of measuring.
type epoch struct {
	name   string
	began  time.Time
	counts map[string]tally.Count // of every route, when it began

	restarts uint64 // of workers, until it began
}

// Truth is what really happened since the epoch began.
type Truth struct {
	Epoch    string                  `json:"epoch"`
	Began    time.Time               `json:"began"`
	Elapsed  float64                 `json:"elapsed_s"`
	Version  int                     `json:"version"`  // of the topology
	Begun    uint64                  `json:"begun"`    // requests that reached a route
	Answered uint64                  `json:"answered"` // requests that were answered
	Restarts uint64                  `json:"restarts"` // workers that were started for one that had died, whose stations are lost
	Missing  []int                   `json:"missing"`  // workers that did not answer, whose stations are left out
	Requests map[string]tally.Count  `json:"requests"` // by route, those that had any; of all workers, dead ones too
	Stations []station.Truth         `json:"stations"` // by name; those of workers are merged
	Workers  map[int][]station.Truth `json:"workers,omitempty"`
}

// Truth gathers what happened since the epoch began. With perWorker the stations of each
// worker stand beside the merged ones; with draws they have their exact arrivals and
// services. The stations of a worker that ended are lost, its requests are not.
func (m *Master) Truth(ctx context.Context, perWorker, draws bool) (*Truth, error) {
	_, version := m.Knobs.Get()
	counts, err := m.counts(ctx)
	if err != nil {
		return nil, err
	}
	byWorker, err := gather[[]station.Truth](ctx, m, fmt.Sprintf("/truth?draws=%t", draws))
	if err != nil {
		return nil, err
	}
	own, err := m.backends.Truth(draws)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	since := m.epoch
	m.mu.Unlock()
	t := &Truth{
		Epoch: since.name, Began: since.began, Elapsed: time.Since(since.began).Seconds(), Version: version,
		Restarts: m.cluster.Status().RestartsTotal - since.restarts, Missing: m.missing(byWorker),
		Requests: map[string]tally.Count{}, Stations: append([]station.Truth{}, own...),
	}
	for route, count := range counts {
		if c := count.Less(since.counts[route]); c.Begun > 0 {
			t.Requests[route] = c
			t.Begun += c.Begun
			t.Answered += c.Total()
		}
	}
	merged, err := mergeByName(byWorker)
	if err != nil {
		return nil, err
	}
	t.Stations = append(t.Stations, merged...)
	if perWorker {
		t.Workers = byWorker
	}
	return t, nil
}

// missing returns the workers that are there and did not answer.
func (m *Master) missing(byWorker map[int][]station.Truth) []int {
	ids := []int{}
	for _, id := range m.ready() {
		if _, answered := byWorker[id]; !answered {
			ids = append(ids, id)
		}
	}
	return ids
}

// mergeByName merges the stations of one name that several workers have.
func mergeByName(byWorker map[int][]station.Truth) ([]station.Truth, error) {
	named := map[string][]station.Truth{}
	for _, id := range slices.Sorted(maps.Keys(byWorker)) {
		for _, t := range byWorker[id] {
			named[t.Name] = append(named[t.Name], t)
		}
	}
	var all []station.Truth
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if len(named[name]) == 1 { // as it is, with its draws
			all = append(all, named[name][0])
			continue
		}
		merged, err := station.Merge(named[name]...)
		if err != nil {
			return nil, fmt.Errorf("merge the stations %s: %w", name, err)
		}
		all = append(all, merged)
	}
	return all, nil
}

// Epoch begins a new epoch: what was counted so far is left out from now on. Nothing else
// changes.
func (m *Master) Epoch(ctx context.Context, name string) error {
	counts, err := m.counts(ctx)
	if err != nil {
		return err
	}
	restarts := m.cluster.Status().RestartsTotal
	m.mu.Lock()
	m.epoch = epoch{name: name, began: time.Now(), counts: counts, restarts: restarts}
	m.now.epoch.Number++
	m.now.epoch.Name = name
	m.mu.Unlock()
	m.backends.Epoch(name)
	err = m.assign(ctx)
	m.Events.Publish("epoch", map[string]any{"name": name})
	return err
}

// counts returns how often each route was asked since the target began, those too that no
// worker offers any more.
func (m *Master) counts(ctx context.Context) (map[string]tally.Count, error) {
	if _, err := m.Routes(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	routes := slices.Collect(maps.Keys(m.seen))
	m.mu.Unlock()
	counts := map[string]tally.Count{}
	for _, route := range routes {
		of, err := tally.Open(m.memory, route)
		if err != nil {
			return nil, err
		}
		counts[route] = of.Count()
	}
	return counts, nil
}

// Routes returns the table of routes, each with its one owner: that of a worker which
// answers, else the last that was known.
func (m *Master) Routes(ctx context.Context) ([]worker.RouteInfo, error) {
	byWorker, err := gather[[]worker.RouteInfo](ctx, m, "/routes")
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(byWorker)) {
		m.routes = byWorker[id]
		for _, r := range m.routes {
			m.seen[r.Route] = true
		}
	}
	return m.routes, nil
}

// Stats is how the whole target fares.
type Stats struct {
	Version  int                    `json:"version"` // of the topology
	Cluster  cluster.Status         `json:"cluster"`
	Backends backend.Stats          `json:"backends"`
	Shared   shm.Stats              `json:"shared_memory"`
	Restarts uint64                 `json:"restarts"` // workers that were started for one that had died, whose stations are lost
	Missing  []int                  `json:"missing"`  // workers that did not answer, whose stations are left out
	Requests map[string]tally.Count `json:"requests"` // by route, since the target began
	Workers  map[int]worker.Stats   `json:"workers"`
}

// Stats gathers the figures of the moment.
func (m *Master) Stats(ctx context.Context) (*Stats, error) {
	_, version := m.Knobs.Get()
	byWorker, err := gather[worker.Stats](ctx, m, "/stats")
	if err != nil {
		return nil, err
	}
	s := &Stats{
		Version: version, Cluster: m.cluster.Status(), Backends: m.backends.Stats(), Shared: m.memory.Stats(), Workers: byWorker,
	}
	if s.Requests, err = m.counts(ctx); err != nil {
		return nil, err
	}
	return s, nil
}
