package station

import (
	"math"
	"slices"
	"time"
)

// notServed marks the service of a job that left the queue or was not served yet.
const notServed time.Duration = -1

// KieferWolfowitz returns how long each job waits for one of so many servers that serve in
// the order of arrival: each goes to the server that is free first (Kiefer and Wolfowitz
// 1955). Arrivals ascend.
func KieferWolfowitz(servers int, arrivals, services []time.Duration) []time.Duration {
	waits := make([]time.Duration, len(arrivals))
	free := slices.Repeat([]time.Duration{math.MinInt64}, max(1, servers)) // when each server is, ascending
	for n, at := range arrivals {
		begin := max(at, free[0])
		waits[n] = begin - at
		end := begin + services[n]
		i, _ := slices.BinarySearch(free[1:], end)
		copy(free, free[1:i+1])
		free[i] = end
	}
	return waits
}

// Draws are the exact arrivals and service times of the first jobs of an epoch, in the
// order of arrival, those turned away left out. Times are in nanoseconds.
type Draws struct {
	Arrivals   []time.Duration `json:"arrivals_ns"` // since the epoch began
	Services   []time.Duration `json:"services_ns"` // as drawn, or as long as held; -1: left the queue, or not served yet
	Carried    int             `json:"carried"`     // so many of the first were there when the epoch began: arrival 0, the rest of their service
	Unrecorded uint64          `json:"unrecorded"`  // jobs past the room for records
}

// MostDraws is how many jobs of an epoch are recorded.
const MostDraws = 100_000

// Waits returns how long the jobs of an epoch wait on the exact path for so many servers
// that serve in the order of arrival, -1 for those that were not served.
func (d Draws) Waits(servers int) []time.Duration {
	var arrivals, services []time.Duration
	for i, s := range d.Services {
		if s >= 0 {
			arrivals, services = append(arrivals, d.Arrivals[i]), append(services, s)
		}
	}
	exact := KieferWolfowitz(servers, arrivals, services)
	waits := make([]time.Duration, len(d.Services))
	for i, s := range d.Services {
		waits[i] = notServed
		if s >= 0 {
			waits[i], exact = exact[0], exact[1:]
		}
	}
	return waits
}

// add records a job and returns its place, -1 if there is no room.
func (d *Draws) add(arrival, service time.Duration) int {
	if len(d.Arrivals) >= MostDraws {
		d.Unrecorded++
		return -1
	}
	d.Arrivals, d.Services = append(d.Arrivals, arrival), append(d.Services, service)
	return len(d.Arrivals) - 1
}

// set changes the service of the job at the place, if it is recorded.
func (d *Draws) set(place int, service time.Duration) {
	if place >= 0 {
		d.Services[place] = service
	}
}
