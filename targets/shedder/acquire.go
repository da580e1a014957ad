package shedder

import (
	"context"
	"errors"
	"time"

	"plimsoll/targets/middleware"
)

// Acquire waits for a place. The deadline is when the answer is of no use any more; zero:
// never. The error is a Reason, or the context's if that ended first. Who got a place has
// to release it.
func (s *Shedder) Acquire(ctx context.Context, p middleware.Priority, deadline time.Time) (*Permit, error) {
	permit := &Permit{}
	if err := s.enter(ctx, permit, p, deadline); err != nil {
		return nil, err
	}
	return permit, nil
}

// enter fills in the permit, whose wait is meaningful also if it is refused.
func (s *Shedder) enter(ctx context.Context, permit *Permit, p middleware.Priority, deadline time.Time) error {
	now := time.Now()
	w, reason := s.arrive(permit, p, deadline, now)
	switch {
	case reason != "":
		return reason
	case w == nil:
		return nil
	}
	return s.wait(ctx, w)
}

// arrive grants a place, queues the request as the waiter that it returns, or sheds it.
func (s *Shedder) arrive(permit *Permit, p middleware.Priority, deadline, now time.Time) (*waiter, Reason) {
	permit.shedder = s
	s.mu.Lock()
	defer s.unlock()
	if s.cfg.Deadline.Mode == Expired || s.cfg.Deadline.Mode == Predictive {
		if !deadline.IsZero() && !deadline.After(now) {
			s.counts.refused(p, DeadlinePast)
			return nil, DeadlinePast
		}
	}
	s.serve(now) // the limit may have grown with time
	// Whoever finds a free place gets it, however close the deadline: idle, the place would
	// be of even less use. It also keeps a too long estimate from being the last.
	if s.inFlight < s.lookAtLimit() {
		if s.cfg.Discipline == CoDel {
			s.queue.lane(s.cfg, p).codel.drop(s.cfg.CoDel, 0, now)
		}
		s.grant(permit, p, now)
		return nil, ""
	}
	if s.cfg.Queue == 0 {
		s.counts.refused(p, QueueFull)
		return nil, QueueFull
	}
	w := &waiter{permit: permit, priority: p, deadline: deadline, since: now}
	s.queue.add(s.cfg, w)
	if s.cfg.Queue > 0 && s.queue.length > s.cfg.Queue {
		switch worst := s.queue.worst(s.cfg); {
		case worst == w:
			s.queue.remove(w)
			s.counts.refused(p, QueueFull)
			return nil, QueueFull
		case worst.lane == w.lane:
			s.drop(worst, QueueFull, now)
		default:
			s.drop(worst, PushedOut, now)
		}
	}
	s.counts.queued++
	w.verdict = make(chan Reason, 1)
	return w, ""
}

// wait returns once the request has a place or has lost its hope of one.
func (s *Shedder) wait(ctx context.Context, w *waiter) error {
	var due <-chan time.Time
	if at := s.hopeless(w); !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	var reason Reason
	select {
	case reason = <-w.verdict:
	case <-ctx.Done():
		s.leave(ctx, w)
		reason = <-w.verdict
	case <-due:
		s.giveUp(w)
		reason = <-w.verdict
	}
	switch reason {
	case "":
		return nil
	case left:
		return ctx.Err()
	default:
		return reason
	}
}

// left is the verdict on a request whose client did not wait for one.
const left Reason = "left"

// hopeless returns from when on the request need not wait any more; zero: never.
func (s *Shedder) hopeless(w *waiter) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.deadline.IsZero() {
		return time.Time{}
	}
	switch s.cfg.Deadline.Mode {
	case Expired:
		return w.deadline
	case Predictive:
		return w.deadline.Add(-s.needed(time.Now()))
	}
	return time.Time{}
}

// needed returns what service takes, by estimate.
func (s *Shedder) needed(now time.Time) time.Duration {
	return s.service.percentile(s.cfg.Deadline.Percentile, s.cfg.Deadline.Window, now)
}

// leave takes a request whose context ended out of the queue, unless its verdict is out.
func (s *Shedder) leave(ctx context.Context, w *waiter) {
	s.mu.Lock()
	defer s.unlock()
	switch {
	case w.lane == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		s.drop(w, DeadlinePast, time.Now())
	default:
		s.drop(w, left, time.Now())
	}
}

// giveUp takes a request without hope out of the queue, unless its verdict is out.
func (s *Shedder) giveUp(w *waiter) {
	s.mu.Lock()
	defer s.unlock()
	switch now := time.Now(); {
	case w.lane == nil:
	case w.deadline.After(now):
		s.drop(w, DeadlineClose, now)
	default:
		s.drop(w, DeadlinePast, now)
	}
}

// serve fills the free places from the queue.
func (s *Shedder) serve(now time.Time) {
	for s.queue.length > 0 && s.inFlight < s.lookAtLimit() {
		l := s.queue.pick(s.cfg)
		w := l.oneMore(s.cfg)
		if reason := s.judge(l, w, now); reason != "" {
			s.drop(w, reason, now)
			continue
		}
		s.queue.granted(s.cfg, l)
		s.queue.remove(w)
		w.permit.wait = now.Sub(w.since)
		s.grant(w.permit, w.priority, now)
		w.verdict <- ""
	}
}

// judge tells why a request whose turn it is is to be dropped, "" if it is not.
func (s *Shedder) judge(l *lane, w *waiter, now time.Time) Reason {
	tooLong := s.cfg.Discipline == CoDel && l.codel.drop(s.cfg.CoDel, now.Sub(w.since), now)
	if mode := s.cfg.Deadline.Mode; !w.deadline.IsZero() && (mode == Expired || mode == Predictive) {
		switch remaining := w.deadline.Sub(now); {
		case remaining <= 0:
			return DeadlinePast
		case mode == Predictive && remaining < s.needed(now):
			return DeadlineClose
		}
	}
	if tooLong {
		return DelayTooLong
	}
	return ""
}

// grant gives a place that is free.
func (s *Shedder) grant(permit *Permit, p middleware.Priority, now time.Time) {
	s.inFlight++
	permit.start, permit.inFlight = now, s.inFlight
	s.counts.admitted(p)
}

// drop takes a request out of the queue and tells it why.
func (s *Shedder) drop(w *waiter, reason Reason, now time.Time) {
	s.queue.remove(w)
	w.permit.wait = now.Sub(w.since)
	if reason == left {
		s.counts.left++
	} else {
		s.counts.refused(w.priority, reason)
	}
	w.verdict <- reason
}
