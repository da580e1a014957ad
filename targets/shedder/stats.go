package shedder

import (
	"time"

	"plimsoll/targets/middleware"
)

// Stats is what has happened since New, and how things are. All arrivals are
// admitted + shed + left + still in the queue.
type Stats struct {
	Admitted    uint64            `json:"admitted_total"`      // got a place
	Queued      uint64            `json:"queued_total"`        // had to wait for one, whatever came of it
	Left        uint64            `json:"left_total"`          // client left while it waited
	Shed        map[Reason]uint64 `json:"shed_total"`          // refused, by reason
	Lanes       map[string]Lane   `json:"lanes"`               // by priority, whether lanes are on or not
	Limit       int               `json:"limit"`               // requests that may be under way; 0: any number
	InFlight    int               `json:"in_flight"`           // requests under way
	QueueLength int               `json:"queue_length"`        // requests that wait
	ServiceP50  float64           `json:"service_p50_seconds"` // what service took of late; 0: not known
	ServiceP99  float64           `json:"service_p99_seconds"`
}

// Lane is what has happened to the requests of one priority.
type Lane struct {
	Admitted uint64 `json:"admitted_total"`
	Shed     uint64 `json:"shed_total"`
}

// counts are the counters behind Stats.
type counts struct {
	queued, left uint64
	shed         map[Reason]uint64
	lanes        [middleware.Priorities]Lane
}

func (c *counts) lane(p middleware.Priority) *Lane {
	return &c.lanes[min(max(p, middleware.Critical), middleware.Batch)]
}

func (c *counts) admitted(p middleware.Priority) { c.lane(p).Admitted++ }

func (c *counts) refused(p middleware.Priority, why Reason) {
	c.lane(p).Shed++
	c.shed[why]++
}

// Stats returns the counters and gauges.
func (s *Shedder) Stats() Stats {
	s.mu.Lock()
	defer s.unlock()
	now, window := time.Now(), s.cfg.Deadline.Window
	st := Stats{
		Queued: s.counts.queued, Left: s.counts.left,
		Shed: map[Reason]uint64{}, Lanes: map[string]Lane{},
		Limit: shown(s.lookAtLimit()), InFlight: s.inFlight, QueueLength: s.queue.length,
		ServiceP50: s.service.percentile(50, window, now).Seconds(),
		ServiceP99: s.service.percentile(99, window, now).Seconds(),
	}
	for _, r := range reasons() {
		st.Shed[r] = s.counts.shed[r]
	}
	for i, l := range s.counts.lanes {
		st.Lanes[middleware.Priority(i).String()] = l
		st.Admitted += l.Admitted
	}
	return st
}
