package shedder

import (
	"slices"
	"time"

	"plimsoll/targets/middleware"
)

// waiter is a request in the queue.
type waiter struct {
	permit   *Permit
	priority middleware.Priority
	deadline time.Time // zero: none
	since    time.Time // when it was queued
	number   uint64    // the order in which requests were queued

	verdict    chan Reason // one: granted, or why not
	prev, next *waiter
	lane       *lane // nil: no longer queued
}

// lane is one queue, in the order of arrival, with the oldest first.
type lane struct {
	first, last *waiter
	length      int
	credit      int // of smooth weighted round robin
	codel       codel
}

func (l *lane) add(w *waiter) {
	w.lane, w.prev, w.next = l, l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.length++
}

func (l *lane) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.lane, w.prev, w.next = nil, nil, nil
	l.length--
	if l.length == 0 {
		l.credit = 0
	}
}

// queue holds the requests that wait, in as many lanes as there are priorities; without
// lanes all wait in the first. It knows no clock and no limit of its own.
type queue struct {
	lanes  [middleware.Priorities]lane
	length int
	number uint64 // of the request queued last
}

// lane returns the lane for a priority.
func (q *queue) lane(cfg *Config, p middleware.Priority) *lane {
	if !cfg.Lanes.Enabled {
		return &q.lanes[0]
	}
	return &q.lanes[min(max(p, middleware.Critical), middleware.Batch)]
}

func (q *queue) add(cfg *Config, w *waiter) {
	q.number++
	w.number = q.number
	q.lane(cfg, w.priority).add(w)
	q.length++
}

func (q *queue) remove(w *waiter) {
	w.lane.remove(w)
	q.length--
}

// newestFirst tells whether a lane is served from its end.
func newestFirst(cfg *Config, l *lane) bool {
	return cfg.Discipline == LIFO || cfg.Discipline == AdaptiveLIFO && l.length > cfg.LIFOAbove
}

// pick returns the lane whose turn it is, nil if nobody waits. The turn is only taken by
// granted.
func (q *queue) pick(cfg *Config) *lane {
	var best *lane
	most := 0
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.length == 0 {
			continue
		}
		if !cfg.Lanes.Enabled || cfg.Lanes.Mode == Strict {
			return l
		}
		if credit := l.credit + cfg.Lanes.weight(i); best == nil || credit > most {
			best, most = l, credit
		}
	}
	return best
}

// granted takes the turn of the lane that was picked, before its request is removed. It is
// smooth weighted round robin, as nginx spreads requests over its upstreams.
func (q *queue) granted(cfg *Config, picked *lane) {
	if !cfg.Lanes.Enabled || cfg.Lanes.Mode == Strict {
		return
	}
	for i := range q.lanes {
		if l := &q.lanes[i]; l.length > 0 {
			l.credit += cfg.Lanes.weight(i)
			picked.credit -= cfg.Lanes.weight(i)
		}
	}
}

// oneMore returns the request of a lane that is served next.
func (l *lane) oneMore(cfg *Config) *waiter {
	if newestFirst(cfg, l) {
		return l.last
	}
	return l.first
}

// worst returns the request that gives way when one too many waits: of those in the lane
// that has most over its share, the one that would be served last.
func (q *queue) worst(cfg *Config) *waiter {
	most := q.fullest(cfg)
	if newestFirst(cfg, most) {
		return most.first
	}
	return most.last
}

// fullest returns the lane that has most over its share: with strict lanes the lowest in
// which anybody waits, else the longest by its weight, of several the lowest.
func (q *queue) fullest(cfg *Config) *lane {
	most := 0
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.length == 0 {
			continue
		}
		if cfg.Lanes.Mode == Strict || l.length*cfg.Lanes.weight(most) >= q.lanes[most].length*cfg.Lanes.weight(i) {
			most = i
		}
	}
	return &q.lanes[most]
}

// sort puts everybody into the lane that is theirs now, in the order of arrival.
func (q *queue) sort(cfg *Config) {
	var all []*waiter
	for i := range q.lanes {
		l := &q.lanes[i]
		for l.first != nil {
			all = append(all, l.first)
			l.remove(l.first)
		}
	}
	slices.SortFunc(all, func(a, b *waiter) int { return int(a.number) - int(b.number) })
	for _, w := range all {
		q.lane(cfg, w.priority).add(w)
	}
}
