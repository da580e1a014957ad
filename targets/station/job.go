package station

import (
	"context"
	"time"
)

// Demands that are none.
const (
	held  time.Duration = -1 // until the caller lets go
	probe time.Duration = -2 // none, and nobody counts it
)

// job is one visit, guarded by the station's mutex but for what its own goroutine reads
// once it is served.
type job struct {
	ready    chan struct{} // told when a server takes it from the queue; room for one
	timer    *time.Timer   // of its service, kept for the next
	seq      uint64        // order of arrival
	priority int
	place    int // in the heap; -1: not in the queue
	slot     int // among those in service; -1: not in service
	record   int // in the record of draws; -1: not recorded
	mode     string
	demand   time.Duration
	span
}

// span are the times of a job since the station was made.
type span struct {
	arrived, begun, ended time.Duration
	due                   time.Duration // when its service is to end, less what its server owed
}

// enter has the job arrive and waits until a server takes it.
func (s *Station) enter(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		j.span = span{}
		return err
	}
	taken, err := s.arrive(j)
	if taken || err != nil {
		return err
	}
	return s.await(ctx, j)
}

// await waits until a server takes the job from the queue.
func (s *Station) await(ctx context.Context, j *job) error {
	select {
	case <-j.ready:
		return nil
	case <-ctx.Done():
		return s.leave(ctx, j)
	}
}

// arrive counts the job and has it begin, queue or be turned away.
func (s *Station) arrive(j *job) (taken bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	j.span = span{arrived: now, begun: now}
	j.place, j.slot, j.record = -1, -1, -1
	free := len(s.serving) < s.cfg.Servers
	if j.demand == probe {
		if !free {
			s.wait(j)
		}
		return free, nil
	}
	s.book.Arrivals++
	if !free && s.cfg.Queue >= 0 && s.queue.waiting() >= s.cfg.Queue {
		s.book.Rejected++
		return false, ErrFull
	}
	if j.demand == 0 {
		j.demand = s.draw(s.rand)
	}
	j.record = s.book.draws.add(now-s.book.since, j.demand)
	if !free {
		s.wait(j)
		return false, nil
	}
	s.begin(j, now, s.rested())
	return true, nil
}

// wait puts the job into the queue.
func (s *Station) wait(j *job) {
	if j.ready == nil {
		j.ready = make(chan struct{}, 1)
	}
	s.queue.push(j)
}

// leave takes the job out of the queue, or lets it be served if a server took it in the
// meantime.
func (s *Station) leave(ctx context.Context, j *job) error {
	s.mu.Lock()
	now := s.tick()
	if j.place < 0 {
		s.mu.Unlock()
		<-j.ready
		return nil
	}
	defer s.mu.Unlock()
	s.queue.remove(j)
	j.begun = now
	if j.demand != probe {
		s.book.Dropped++
		s.book.draws.set(j.record, notServed)
	}
	return ctx.Err()
}

// next takes the next job from the queue, nil if there is none. Probes before it are told
// that it would have been their turn.
func (s *Station) next() *job {
	for {
		j := s.queue.pop()
		if j == nil || j.demand != probe {
			return j
		}
		j.begun = s.book.last
		j.ready <- struct{}{}
	}
}

// begin gives the job a server that owes so much.
func (s *Station) begin(j *job, now, debt time.Duration) {
	j.begun, j.mode = now, s.cfg.Mode
	if j.mode == "spin" {
		debt = 0
	}
	j.due = now + max(0, j.demand) - debt
	j.slot = len(s.serving)
	s.serving = append(s.serving, j)
	s.book.wait.record(now - j.arrived)
}

// rested takes an idle server and returns what it owes.
func (s *Station) rested() time.Duration {
	if n := len(s.idle); n > 0 {
		debt := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return debt
	}
	return 0
}

// finish ends the service of the job and gives its server to the next. What the service
// took too long is taken from the next one on that server, so that the lateness of
// timers does not add up. A job that is not in service is left alone.
func (s *Station) finish(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.slot < 0 {
		return
	}
	now := s.tick()
	j.ended = now
	last := s.serving[len(s.serving)-1]
	s.serving[j.slot], last.slot = last, j.slot
	s.serving = s.serving[:len(s.serving)-1]
	j.slot = -1
	s.book.completed(j)

	var debt time.Duration
	if j.demand != held && j.mode != "spin" {
		debt = min(max(0, now-j.due), mostDebt)
	}
	if len(s.serving) >= s.cfg.Servers {
		return
	}
	if next := s.next(); next != nil {
		s.begin(next, now, debt)
		next.ready <- struct{}{}
	} else if len(s.idle) < s.cfg.Servers-len(s.serving) {
		s.idle = append(s.idle, min(debt, mostIdleDebt))
	}
}

// pass lets the time of the job's service pass. It returns false if ctx ended before.
func (s *Station) pass(ctx context.Context, j *job) bool {
	if j.mode == "spin" {
		Burn(j.demand)
		return true
	}
	rest := j.due - s.clock()
	switch {
	case rest <= 0:
		return true
	case j.mode == "hybrid":
		s.alarm.Wait(ctx, rest) //nolint:errcheck // whether the service ended is what matters
		return s.clock() >= j.due
	case j.timer == nil:
		j.timer = time.NewTimer(rest)
	default:
		j.timer.Reset(rest)
	}
	select {
	case <-j.timer.C:
		return true
	case <-ctx.Done():
		j.timer.Stop()
		return false
	}
}

// abandon leaves the job's server busy until its service ends.
func (s *Station) abandon(j *job) {
	s.mu.Lock()
	s.book.Abandoned++
	s.mu.Unlock()
	time.AfterFunc(j.due-s.clock(), func() {
		s.finish(j)
		s.spare.Put(j)
	})
}
