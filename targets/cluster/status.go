package cluster

import (
	"cmp"
	"slices"
	"time"
)

// Status is how a cluster is.
type Status struct {
	Share         string         `json:"share"`      // rr, fd or reuseport
	Generation    int            `json:"generation"` // counts the reloads, from 1
	RequestsTotal uint64         `json:"requests_total"`
	RestartsTotal uint64         `json:"restarts_total"`
	Workers       []WorkerStatus `json:"workers"` // by id; the old worker of a slot comes after the new
}

// WorkerStatus is how one worker is. A slot that waits for a worker has no pid.
type WorkerStatus struct {
	ID          int       `json:"id"`   // of the slot, from 1
	Slot        int       `json:"slot"` // the same
	PID         int       `json:"pid"`
	State       State     `json:"state"`
	Generation  int       `json:"generation"`
	Requests    uint64    `json:"requests"`    // that this process has begun
	Connections int64     `json:"connections"` // that are open
	RSS         uint64    `json:"rss_bytes"`   // resident memory; 0 where it is not known
	CPU         float64   `json:"cpu_s"`       // processor time in seconds; 0 where it is not known
	Started     time.Time `json:"started"`
	Restarts    int       `json:"restarts"`  // workers of the slot that were started for one that had died
	LastExit    string    `json:"last_exit"` // how the last process of the slot ended, "" if none has
}

// Status returns how the cluster is now.
func (m *Master) Status() Status {
	m.mu.Lock()
	h := &m.house
	status := Status{Generation: h.generation, Share: h.config.Share, RequestsTotal: uint64(h.retired)}
	if h.entrance != nil {
		status.Share = h.entrance.share
	}
	for p := range h.processes {
		requests := uint64(p.counters.Requests.Load())
		status.RequestsTotal += requests
		if p.state == Dead {
			continue
		}
		status.Workers = append(status.Workers, WorkerStatus{
			ID: p.ID, Slot: p.ID, PID: p.cmd.Process.Pid, State: p.state, Generation: p.Generation,
			Requests: requests, Connections: p.counters.Connections.Load(), Started: p.started,
		})
	}
	for _, s := range h.slots {
		status.RestartsTotal += uint64(s.restarts)
		if s.current == nil {
			status.Workers = append(status.Workers, WorkerStatus{ID: s.id, Slot: s.id, State: s.state, Generation: h.generation})
		}
	}
	for i := range status.Workers {
		if w := &status.Workers[i]; w.ID <= len(h.slots) {
			w.Restarts, w.LastExit = h.slots[w.ID-1].restarts, h.slots[w.ID-1].lastExit
		}
	}
	m.mu.Unlock()
	for i := range status.Workers {
		if w := &status.Workers[i]; w.PID != 0 {
			w.RSS, w.CPU = usage(w.PID)
		}
	}
	slices.SortFunc(status.Workers, func(a, b WorkerStatus) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Generation, a.Generation), a.Started.Compare(b.Started))
	})
	return status
}
