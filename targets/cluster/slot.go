package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// slot is a place for a worker. There is always one in it or on its way.
type slot struct {
	id       int
	current  *process // nil while it waits for one; all of the slot is under Master.mu
	reviving bool     // somebody is at it
	state    State    // while there is no current one: dead or backoff
	deaths   int      // in a row
	restarts int
	lastExit string
	gone     chan struct{} // closed when the slot is given up
}

// sit takes a seat for a new process, which keeps the cluster from ending until it rises.
func (m *Master) sit() (seat, error) {
	if err := m.enter(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, taken := range m.house.seats {
		if !taken {
			m.house.seats[i] = true
			return seat(i), nil
		}
	}
	m.leave()
	return 0, errors.New("too many workers are draining")
}

// rise gives the seat of a process back, and adds what it counted to the total.
func (m *Master) rise(p *process) {
	m.mu.Lock()
	delete(m.house.processes, p)
	if p.counters != (Counters{}) {
		m.house.retired += p.counters.Requests.Load()
		p.counters.Requests.Store(0)
		p.counters.Connections.Store(0)
	}
	m.house.seats[p.Seat] = false
	m.mu.Unlock()
	m.leave()
}

// install puts processes that are ready into their slots, all or none, and returns those
// that were there. First is done before anything, under the lock. It fails when the
// cluster is closing, when connections get in by another entrance now, or when one of
// the processes is dead already. Serve has to follow.
func (m *Master) install(first func() error, processes ...*process) (old []*process, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := first(); err != nil {
		return nil, err
	}
	for _, p := range processes {
		if err := m.house.fits(p); err != nil {
			return nil, fmt.Errorf("worker %d: %w", p.ID, err)
		}
	}
	for _, p := range processes {
		if err := p.entry.admit(); err != nil {
			return nil, fmt.Errorf("worker %d: %w", p.ID, err)
		}
	}
	for _, p := range processes {
		s := m.house.slots[p.ID-1]
		if s.current != nil {
			s.current.state = Draining
			old = append(old, s.current)
		}
		s.current = p
		p.state = Ready
	}
	return old, nil
}

// fits tells why a process cannot be put into its slot.
func (h *house) fits(p *process) error {
	switch {
	case h.state != running:
		return ErrClosed
	case p.ID > len(h.slots):
		return errors.New("its slot was given up")
	case p.in != h.entrance:
		return errors.New("the port is shared in another way now")
	case p.state != Starting:
		return errors.New("it ended just after it was ready")
	}
	return nil
}

// serve lets processes that were installed take connections, and begins to watch over them.
func (m *Master) serve(processes ...*process) {
	for _, p := range processes {
		p.tell([]byte{goCommand})
		m.tellOf("worker.ready", p, nil)
		m.goroutine.Go(func() { m.attend(m.closing, p) })
	}
}

// exited notes the end of a process, and sees to the next one if it was in service.
func (m *Master) exited(p *process, how string) {
	m.mu.Lock()
	defer m.options.Event("worker.exit", map[string]any{
		"id": p.ID, "pid": p.cmd.Process.Pid, "generation": p.Generation, "state": p.state, "exit": how, "cause": p.cause,
	})
	defer m.mu.Unlock()
	if p.cause != "" {
		how = p.cause + ": " + how
	}
	h := &m.house
	lost := p.state == Ready
	p.state = Dead
	if p.ID > len(h.slots) {
		return
	}
	s := h.slots[p.ID-1]
	s.lastExit = how
	if s.current != p {
		return
	}
	s.current = nil
	if !lost || h.state != running {
		return
	}
	if time.Since(p.started) >= h.config.Respawn.Max {
		s.deaths = 0
	}
	s.deaths++
	s.state = Dead
	if !s.reviving {
		s.reviving = true
		m.goroutine.Go(func() { m.revive(m.closing, s) })
	}
}

// revive brings a new worker into an empty slot, after the wait that is due.
func (m *Master) revive(ctx context.Context, s *slot) {
	for m.pause(s) {
		m.mu.Lock()
		in, generation := m.house.entrance, m.house.generation
		m.mu.Unlock()
		p, err := m.launch(ctx, s.id, generation, in)
		if err != nil {
			m.mu.Lock()
			s.deaths++
			s.lastExit = err.Error()
			m.mu.Unlock()
			continue
		}
		_, err = m.install(func() error {
			if s.reviving = s.needed(); !s.reviving {
				return errNotNeeded
			}
			return nil
		}, p)
		switch {
		case errors.Is(err, errNotNeeded):
			m.kill(p, err.Error())
			return
		case err != nil:
			m.kill(p, err.Error())
			continue
		}
		m.mu.Lock()
		s.restarts++
		s.reviving = s.needed() // it may have died again already, and nobody else is at it
		again := s.reviving
		m.mu.Unlock()
		m.serve(p)
		if !again {
			return
		}
	}
}

// errNotNeeded says that a reload was quicker, or that the slot is gone.
var errNotNeeded = errors.New("not needed any more")

// needed tells whether the slot still wants a worker. Master.mu is held.
func (s *slot) needed() bool {
	select {
	case <-s.gone:
		return false
	default:
		return s.current == nil
	}
}

// pause waits as long as the slot has to, and tells whether it still needs a worker then.
func (m *Master) pause(s *slot) bool {
	m.mu.Lock()
	deaths := s.deaths
	delay, guard := m.house.config.Respawn.wait(deaths)
	if guard {
		s.state = Backoff
	}
	m.mu.Unlock()
	m.options.Event("worker.backoff", map[string]any{
		"id": s.id, "deaths": deaths, "wait_ms": delay.Milliseconds(), "guard": guard,
	})
	select {
	case <-m.closing:
	case <-s.gone:
	case <-time.After(delay):
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.reviving = s.needed() && m.house.state == running
	return s.reviving
}
