package shm

import (
	"context"
	"fmt"
)

// Mutex is a lock that one goroutine of all processes holds. Who waits sleeps. The kernel
// gives it back when the process that holds it ends, however that happens.
//
// It is made of two locks of the kernel, a turnstile and the lock proper: a process waits
// for the lock within the turnstile, so that one that has just given the lock back cannot
// take it again past those that are already waiting.
type Mutex struct {
	memory *Memory
	offset int64         // of the turnstile's byte; the lock's is the next
	turn   chan struct{} // holds one value while a goroutine of this process has the lock or waits for it
}

// Mutex returns the mutex of the name.
func (m *Memory) Mutex(name string) *Mutex {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.mutexes[name]
	if x == nil {
		x = &Mutex{memory: m, offset: mutexBytes + int64(m.Key(name)>>32)*2, turn: make(chan struct{}, 1)}
		m.mutexes[name] = x
	}
	return x
}

// Lock waits for the mutex, or until ctx ends, which it returns the error of.
func (x *Mutex) Lock(ctx context.Context) error {
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	held, err := x.try()
	if held {
		return nil
	}
	if err != nil {
		<-x.turn
		return fmt.Errorf("lock: %w", err)
	}
	return x.wait(ctx)
}

// wait leaves the waiting, which cannot be called off, to a goroutine. If ctx ends first,
// that goroutine gives the lock back when it gets it.
func (x *Mutex) wait(ctx context.Context) error {
	got := make(chan error, 1)
	go func() { got <- x.block() }()
	select {
	case err := <-got:
		if err != nil {
			<-x.turn
			return fmt.Errorf("lock: %w", err)
		}
		return nil
	case <-ctx.Done():
		go func() {
			if <-got == nil {
				x.Unlock()
				return
			}
			<-x.turn
		}()
		return ctx.Err()
	}
}

// Unlock gives the mutex back. To unlock what is not locked blocks for ever or frees
// another's turn, as with any mutex.
func (x *Mutex) Unlock() {
	x.release()
	<-x.turn
}
