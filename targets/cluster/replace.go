package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// operate waits until no other exchange of workers is under way. The cluster does not end
// before done is called.
func (m *Master) operate(ctx context.Context) (done func(), err error) {
	if err := m.enter(); err != nil {
		return nil, err
	}
	select {
	case m.operation <- struct{}{}:
		return func() { <-m.operation; m.leave() }, nil
	case <-m.closing:
		err = ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	m.leave()
	return nil, err
}

// launchAll starts a worker for each of the slots, all or none.
func (m *Master) launchAll(ctx context.Context, ids []int, generation int, in *entrance) ([]*process, error) {
	const most = 8 // at the same time: a start is mostly processor time
	processes, errs := make([]*process, len(ids)), make([]error, len(ids))
	room := make(chan struct{}, most)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	for i, id := range ids {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			if processes[i], errs[i] = m.launch(ctx, id, generation, in); errs[i] != nil {
				cancel() // one is enough
			}
		})
	}
	all.Wait()
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	if first == nil {
		return processes, nil
	}
	m.discard(processes)
	return nil, first
}

// discard ends processes that never served.
func (m *Master) discard(processes []*process) {
	for _, p := range processes {
		if p != nil {
			m.kill(p, "not needed")
			<-p.exited
		}
	}
}

// grow adds workers until there are n. An operation is under way, or nobody can begin one.
func (m *Master) grow(ctx context.Context, n int) error {
	m.mu.Lock()
	in, generation := m.house.entrance, m.house.generation
	var ids []int
	for id := len(m.house.slots) + 1; id <= n; id++ {
		ids = append(ids, id)
	}
	m.mu.Unlock()
	processes, err := m.launchAll(ctx, ids, generation, in)
	if err != nil {
		return err
	}
	_, err = m.install(func() error {
		for _, id := range ids {
			m.house.slots = append(m.house.slots, &slot{id: id, gone: make(chan struct{})})
		}
		return nil
	}, processes...)
	if err != nil {
		m.shrink(n - len(ids))
		m.discard(processes)
		return err
	}
	m.mu.Lock()
	m.house.config.Workers = n
	m.mu.Unlock()
	m.serve(processes...)
	return nil
}

// Scale changes the number of workers to n, 1 to 64. It returns when those that are new
// serve, or when those with the highest ids have finished and ended. When ctx ends
// meanwhile, those that still finish are killed.
func (m *Master) Scale(ctx context.Context, n int) error {
	if n < 1 || n > mostWorkers {
		return fmt.Errorf("scale: %d workers, not 1 to %d", n, mostWorkers)
	}
	done, err := m.operate(ctx)
	if err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	m.mu.Lock()
	from := len(m.house.slots)
	m.mu.Unlock()
	var old []*process
	if n >= from {
		err = m.grow(ctx, n)
	} else {
		old = m.shrink(n)
	}
	done()
	if err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	m.options.Event("cluster.scale", map[string]any{"from": from, "to": n})
	m.retireAll(ctx, old)
	return nil
}

// shrink gives up the slots above n and returns the processes that were in them.
func (m *Master) shrink(n int) (old []*process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.house.slots[n:] {
		close(s.gone)
		if s.current != nil {
			s.current.state = Draining
			old = append(old, s.current)
		}
	}
	clear(m.house.slots[n:])
	m.house.slots = m.house.slots[:n]
	m.house.config.Workers = n
	return old
}

// Reload starts a new generation of workers, as Boot and the settings now have it, waits
// until all are ready and answer, gives them all connections, and lets the old finish. It
// returns when the old have ended; when ctx ends meanwhile they are killed. If a new worker does not
// become ready, the new ones are ended, the old go on, and the error says why.
func (m *Master) Reload(ctx context.Context) error {
	begin := time.Now()
	done, err := m.operate(ctx)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	old, generation, err := m.renew(ctx)
	done()
	if err != nil {
		return fmt.Errorf("reload: the workers stay as they were: %w", err)
	}
	switched := time.Since(begin)
	m.retireAll(ctx, old)
	m.options.Event("cluster.reload", map[string]any{
		"generation": generation, "switched_ms": switched.Milliseconds(), "took_ms": time.Since(begin).Milliseconds(),
	})
	return nil
}

// renew puts a new worker into every slot, all at once, and returns those that were there.
func (m *Master) renew(ctx context.Context) (old []*process, generation int, err error) {
	m.mu.Lock()
	was, share := m.house.entrance, m.house.config.Share
	generation = m.house.generation + 1
	var ids []int
	for _, s := range m.house.slots {
		ids = append(ids, s.id)
	}
	m.mu.Unlock()
	in := was
	if share != was.share {
		if in, err = m.port.open(share); err != nil {
			return nil, 0, err
		}
	}
	processes, err := m.launchAll(ctx, ids, generation, in)
	if err != nil {
		if in != was {
			in.close()
		}
		return nil, 0, err
	}
	old, err = m.install(func() error {
		m.house.generation, m.house.entrance = generation, in
		return nil
	}, processes...)
	if err != nil {
		m.mu.Lock()
		m.house.generation, m.house.entrance = generation-1, was
		m.mu.Unlock()
		m.discard(processes)
		if in != was {
			in.close()
		}
		return nil, 0, err
	}
	m.serve(processes...)
	if in != was {
		was.close()
	}
	return old, generation, nil
}

// retireAll lets processes finish, all at the same time.
func (m *Master) retireAll(ctx context.Context, old []*process) {
	drain := m.config().Drain
	var all sync.WaitGroup
	for _, p := range old {
		all.Go(func() { m.retire(ctx, p, drain) })
	}
	all.Wait()
}

// Drain replaces the worker of a slot by a new one and lets it finish. It returns when the
// old has ended; when ctx ends meanwhile it is killed.
func (m *Master) Drain(ctx context.Context, id int) error {
	p, err := m.serving(id)
	if err == nil {
		err = m.exchange(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("drain worker %d: %w", id, err)
	}
	return nil
}

// exchange replaces a process by a new one.
func (m *Master) exchange(ctx context.Context, p *process) error {
	done, err := m.operate(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	in, generation := m.house.entrance, m.house.generation
	m.mu.Unlock()
	successor, err := m.launch(ctx, p.ID, generation, in)
	if err != nil {
		done()
		return err
	}
	old, err := m.install(func() error {
		if p.ID > len(m.house.slots) || m.house.slots[p.ID-1].current != p {
			return errors.New("it was replaced meanwhile")
		}
		return nil
	}, successor)
	if err == nil {
		m.serve(successor)
	} else {
		m.discard([]*process{successor})
	}
	done()
	if err != nil {
		return err
	}
	m.retireAll(ctx, old)
	return nil
}
