package backend

import (
	"errors"
	"net/http"

	"plimsoll/targets/middleware"
	"plimsoll/targets/resp"
	"plimsoll/targets/station"
	"plimsoll/targets/store"
)

// Stats is how the backends fare.
type Stats struct {
	Redis    resp.Stats               `json:"redis"`    // the embedded server
	Database store.Stats              `json:"database"` // as the master uses it
	Stations map[string]station.Stats `json:"stations"`
	Hops     Hops                     `json:"hops"`
}

// Hops are the calls that reached pricing, and how many of them carried the context of the
// request that they were made for.
type Hops struct {
	Calls  uint64 `json:"calls_total"`
	IDs    uint64 `json:"with_request_id_total"`
	Traces uint64 `json:"with_trace_total"`
}

// Stats returns the figures of the moment.
func (b *Backends) Stats() Stats {
	s := Stats{
		Redis: b.redis.Stats(), Database: b.db.Stats(), Stations: map[string]station.Stats{},
		Hops: Hops{Calls: b.seen.calls.Load(), IDs: b.seen.ids.Load(), Traces: b.seen.traces.Load()},
	}
	for name, at := range b.servers {
		s.Stations[name] = at.Stats()
	}
	return s
}

// Truth returns what happened at the stations of database and pricing.
func (b *Backends) Truth(draws bool) ([]station.Truth, error) {
	var all []station.Truth
	for _, name := range []string{"db", "pricing"} {
		t, err := b.servers[name].Truth(draws)
		if err != nil {
			return nil, err
		}
		if t.Arrivals+t.Carried > 0 {
			all = append(all, t)
		}
	}
	return all, nil
}

// Epoch begins a new epoch of the stations.
func (b *Backends) Epoch(name string) {
	for _, at := range b.servers {
		at.Epoch(name)
	}
}

// refuse knows the one error that pricing's data has.
func refuse(err error) (middleware.Problem, bool) {
	if errors.Is(err, store.ErrNotFound) {
		return middleware.Problem{Status: http.StatusNotFound, Detail: "there is no such product"}, true
	}
	return middleware.Problem{}, false
}
