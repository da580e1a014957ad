package cluster

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// port is the address that the workers share. The master holds it with a socket that is
// bound and does not listen, so that it stays ours while no worker lives, whatever the
// way to share it.
type port struct {
	address *net.TCPAddr
	held    *os.File
}

// door is how connections get from the port to the workers, in one way of sharing it.
type door interface {
	// offer returns the way to a new worker of the slot, and the file for it to inherit, which
	// the caller closes.
	offer(id int) (entry, *os.File, error)
	// close lets no more connections in, once those that wait are taken.
	close()
}

// entrance is a door and the way of sharing it stands for.
type entrance struct {
	door
	share string
}

// entry is how connections get to one worker.
type entry interface {
	// admit lets connections go to the worker, which is ready.
	admit() error
	// dismiss lets no more go to it. If the worker lives, it still takes those that wait for
	// it alone.
	dismiss(lives bool)
}

// reserve takes the port. Two sockets of one user may share a port that both want to
// share, so a first try without that wish finds out whether somebody has it.
func reserve(ctx context.Context, address string) (*port, error) {
	wanted, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if wanted.Port != 0 {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		l.Close()
	}
	file, got, err := bind(wanted)
	if err != nil {
		return nil, err
	}
	return &port{address: got, held: file}, nil
}

func (p *port) close() { p.held.Close() }

// open returns the entrance for the way of sharing.
func (p *port) open(share string) (*entrance, error) {
	if share == ReusePort {
		return &entrance{&queues{address: p.address, slots: map[int]*queue{}}, share}, nil
	}
	file, _, err := bind(p.address)
	if err != nil {
		return nil, err
	}
	if err := listen(file); err != nil {
		file.Close()
		return nil, err
	}
	if share == RoundRobin {
		return &entrance{newRing(file), share}, nil
	}
	return &entrance{&inherited{file: file}, share}, nil
}

// turnAway makes sure that a listening socket can be closed without harm: it lets no new
// connection in, and waits until those that wait are accepted. A client that comes
// meanwhile is not answered, and tries again a second later (RFC 6298 §2.1), at another
// socket then. Where the system cannot do that, connections that come at the last moment
// may be reset.
func turnAway(file *os.File) {
	const pause, most = 5 * time.Millisecond, time.Second
	hush(file)
	// Handshakes that were half done when the door was shut come in within the first pauses.
	for quiet, begin := 0, time.Now(); quiet < 4 && time.Since(begin) < most; time.Sleep(pause) {
		if waiting(file) == 0 {
			quiet++
		} else {
			quiet = 0
		}
	}
}

// inherited is the door of one listening socket that all workers have.
type inherited struct {
	mu   sync.Mutex
	file *os.File // nil once it is closed
}

func (d *inherited) offer(int) (entry, *os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil, nil, ErrClosed
	}
	file, err := duplicate(d.file)
	return openEntry{}, file, err
}

func (d *inherited) close() {
	d.mu.Lock()
	file := d.file
	d.file = nil
	d.mu.Unlock()
	if file != nil {
		turnAway(file)
		file.Close()
	}
}

// openEntry needs nothing done: the worker accepts by itself.
type openEntry struct{}

func (openEntry) admit() error { return nil }
func (openEntry) dismiss(bool) {}
