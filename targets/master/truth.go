package master

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
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
}

// Truth is what really happened since the epoch began.
type Truth struct {
	Epoch    string                  `json:"epoch"`
	Began    time.Time               `json:"began"`
	Elapsed  float64                 `json:"elapsed_s"`
	Version  int                     `json:"version"`  // of the topology
	Begun    uint64                  `json:"begun"`    // requests that reached a route
	Answered uint64                  `json:"answered"` // requests that were answered
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
	err = m.each(ctx, http.MethodPost, "/epoch?name="+url.QueryEscape(name), nil, nil)
	m.backends.Epoch(name)
	m.mu.Lock()
	m.epoch = epoch{name: name, began: time.Now(), counts: counts}
	m.mu.Unlock()
	m.Events.Publish("epoch", map[string]any{"name": name})
	return err
}

// counts returns how often each route was asked since the target began.
func (m *Master) counts(ctx context.Context) (map[string]tally.Count, error) {
	routes, err := m.Routes(ctx)
	if err != nil {
		return nil, err
	}
	counts := map[string]tally.Count{}
	for _, r := range routes {
		of, err := tally.Open(m.memory, r.Route)
		if err != nil {
			return nil, err
		}
		counts[r.Route] = of.Count()
	}
	return counts, nil
}

// Routes returns the table of routes, each with its one owner.
func (m *Master) Routes(ctx context.Context) ([]worker.RouteInfo, error) {
	byWorker, err := gather[[]worker.RouteInfo](ctx, m, "/routes")
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(byWorker)) {
		return byWorker[id], nil
	}
	return nil, cluster.ErrNoWorker
}

// Stats is how the whole target fares.
type Stats struct {
	Version  int                    `json:"version"` // of the topology
	Cluster  cluster.Status         `json:"cluster"`
	Backends backend.Stats          `json:"backends"`
	Shared   shm.Stats              `json:"shared_memory"`
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
