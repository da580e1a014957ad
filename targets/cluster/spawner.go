package cluster

import (
	"io"
	"os/exec"
	"runtime"
	"sync"
)

// spawner starts processes from one thread. On Linux a worker ends when the thread ends
// that started it, and the threads of the runtime come and go.
type spawner struct{ work chan func() }

func newSpawner() *spawner {
	s := &spawner{work: make(chan func())}
	go s.run()
	return s
}

func (s *spawner) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for f := range s.work {
		f()
	}
}

func (s *spawner) start(cmd *exec.Cmd) error {
	done := make(chan error)
	s.work <- func() { done <- cmd.Start() }
	return <-done
}

// close ends the thread. No process may live.
func (s *spawner) close() { close(s.work) }

// words passes on what a worker writes and keeps the end of it.
type words struct {
	to   io.Writer
	turn *sync.Mutex // of all writers to the same place

	mu   sync.Mutex
	last []byte
}

const mostWords = 4096

// Write never fails, because a worker shall not end for want of somebody to listen.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.last = append(w.last, p...)
	if n := len(w.last) - mostWords; n > 0 {
		w.last = append(w.last[:0], w.last[n:]...)
	}
	w.mu.Unlock()
	w.turn.Lock()
	defer w.turn.Unlock()
	w.to.Write(p) //nolint:errcheck // said above
	return len(p), nil
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.last)
}
