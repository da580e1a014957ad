package cluster

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// longestHang is when a worker that was made to hang goes on again if nobody has ended it.
const longestHang = time.Minute

// Kill ends the worker of a slot at once (SIGKILL). It is replaced as after any death.
func (m *Master) Kill(id int) error {
	return m.trouble(id, "kill", func(p *process) error { return p.cmd.Process.Kill() })
}

// Hang halts the worker of a slot until it is found to be hung and replaced, but for a
// minute at the most.
func (m *Master) Hang(id int) error {
	return m.trouble(id, "hang", func(p *process) error { return m.halt(p, longestHang) })
}

// Pause halts the worker of a slot for a time, as a long pause of a garbage collector or
// a busy machine would. If that is longer than it takes to be found hung, it is replaced.
func (m *Master) Pause(id int, d time.Duration) error {
	return m.trouble(id, "pause", func(p *process) error { return m.halt(p, d) })
}

// Resume lets the worker of a slot go on that was halted by Pause or Hang, before its time.
func (m *Master) Resume(id int) error {
	return m.trouble(id, "resume", func(p *process) error { return resume(p.cmd.Process) })
}

// halt stops a process, and lets it go on after d.
func (m *Master) halt(p *process, d time.Duration) error {
	if err := m.enter(); err != nil {
		return err
	}
	if err := stop(p.cmd.Process); err != nil {
		m.leave()
		return err
	}
	go func() {
		defer m.leave()
		select {
		case <-p.exited:
			return
		case <-m.closing:
		case <-time.After(d):
		}
		_ = resume(p.cmd.Process) // it fails only when the process has ended
	}()
	return nil
}

// trouble does something to the worker of a slot.
func (m *Master) trouble(id int, what string, do func(*process) error) error {
	p, err := m.serving(id)
	if err == nil {
		err = do(p)
	}
	if errors.Is(err, os.ErrProcessDone) {
		err = ErrNoWorker
	}
	if err != nil {
		return fmt.Errorf("%s worker %d: %w", what, id, err)
	}
	return nil
}
