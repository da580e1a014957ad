package cluster

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"plimsoll/targets/shm"
)

// Worker is the side of the cluster that a worker process sees.
type Worker struct {
	ID         int    // of the slot, 1 to the number of workers
	Generation int    // counts the reloads, from 1
	Boot       []byte // what Options.Boot returned for this process

	// Listener yields the connections that are this worker's to serve, none before the
	// master has found it ready. To close it when told to retire is to take no more; those
	// that were taken go on, and those that nobody took go to other workers.
	Listener net.Listener
	// Control yields connections on which the master speaks HTTP. It has to be served from
	// before Ready until the end of the process.
	Control net.Listener
	// Shared is the memory that all workers share, nil if the master has none.
	Shared *shm.Memory

	counters Counters
	master   *net.UnixConn
	open     chan struct{}
	retire   chan struct{}
	orphaned chan struct{}
	patience atomic.Int64
}

// Join makes this process the worker that its master started it as. It reads from the
// standard input and goes on reading for as long as the process lives. ErrNotWorker says
// that something else was found there. The descriptors 3 to 6 have to be as they were inherited.
func Join(stdin io.Reader) (*Worker, error) {
	if !supported {
		return nil, ErrUnsupported
	}
	in := bufio.NewReader(stdin)
	h, boot, err := readHello(in)
	if err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	w := &Worker{
		ID: h.ID, Generation: h.Generation, Boot: boot,
		open: make(chan struct{}), retire: make(chan struct{}), orphaned: make(chan struct{}),
	}
	if err := w.inherit(h); err != nil {
		return nil, fmt.Errorf("join the cluster: %w", err)
	}
	go w.obey(in)
	return w, nil
}

// inherit takes over the descriptors.
func (w *Worker) inherit(h hello) error {
	master, err := inheritedConn(controlFile)
	if err != nil {
		return err
	}
	w.master = master
	w.Control = &received{conn: master, address: master.LocalAddr()}
	stats, err := shm.Open(inheritedFile(statsFile, "counts"))
	if err != nil {
		return err
	}
	if w.counters, err = h.Seat.counters(stats); err != nil {
		return err
	}
	if h.Shared {
		if w.Shared, err = shm.Open(inheritedFile(sharedFile, "shared memory")); err != nil {
			return err
		}
	}
	address, err := net.ResolveTCPAddr("tcp", h.Address)
	if err != nil {
		return err
	}
	if h.Share == RoundRobin {
		conns, err := inheritedConn(doorFile)
		if err != nil {
			return err
		}
		w.Listener = &received{conn: conns, address: address, acknowledge: true}
		return nil
	}
	w.Listener = newGated(inheritedFile(doorFile, "listener"), address, w.open)
	return nil
}

// inheritedFile wraps a descriptor, which no child of ours shall inherit in turn.
func inheritedFile(fd int, name string) *os.File {
	closeOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}

func inheritedConn(fd int) (*net.UnixConn, error) {
	file := inheritedFile(fd, "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("descriptor %d is not a unix socket", fd), conn.Close())
	}
	return unixConn, nil
}

// obey follows the master's commands until the pipe ends.
func (w *Worker) obey(in *bufio.Reader) {
	defer close(w.orphaned)
	opened, retired := false, false
	for {
		command, err := in.ReadByte()
		if err != nil {
			return
		}
		switch {
		case command == goCommand && !opened:
			opened = true
			close(w.open)
		case command == byeCommand:
			var drain [8]byte
			if _, err := io.ReadFull(in, drain[:]); err != nil {
				return
			}
			if !retired {
				retired = true
				w.patience.Store(int64(binary.BigEndian.Uint64(drain[:])))
				close(w.retire)
			}
		}
	}
}

// Ready tells the master that this worker serves its listeners.
func (w *Worker) Ready() error {
	if _, err := w.master.Write([]byte{readySignal}); err != nil {
		return fmt.Errorf("tell the master: %w", err)
	}
	return nil
}

// Retire is closed when this worker is to take no more connections, finish what is under
// way, and exit.
func (w *Worker) Retire() <-chan struct{} { return w.retire }

// Patience returns how long the worker may take for that, once it is told to retire. The
// master ends it soon after.
func (w *Worker) Patience() time.Duration { return time.Duration(w.patience.Load()) }

// Orphaned is closed when the master is gone, and this worker has to go too.
func (w *Worker) Orphaned() <-chan struct{} { return w.orphaned }

// Counters returns the counts of this worker, which a server or a Drainer adds to.
func (w *Worker) Counters() *Counters { return &w.counters }
