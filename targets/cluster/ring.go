package cluster

import (
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// inFlight is how many connections may be on their way to one worker, sent and not yet
// taken. A worker that is so far behind is left out until it has caught up.
const inFlight = 64

// ring is the door at which the master accepts and hands connections to the workers in turn.
// It keeps each until the worker has said that it took it, so that what a worker dies or
// retires over goes to the next.
type ring struct {
	listener *os.File
	ended    chan struct{} // the accepting has ended
	shut     sync.Once
	deaf     atomic.Bool // the listener is closed

	mu      sync.Mutex
	changed *sync.Cond
	lanes   []*lane // those that take part, in turn
	next    int     // whose turn it is
	onWay   int     // connections on their way, over all lanes
	closed  bool
}

// lane is the way to one worker.
type lane struct {
	ring  *ring
	conn  *net.UnixConn
	onWay []int // descriptors of the connections that it has not taken yet, oldest first
	gone  bool
}

func newRing(listener *os.File) *ring {
	r := &ring{listener: listener, ended: make(chan struct{})}
	r.changed = sync.NewCond(&r.mu)
	go r.accept()
	return r
}

// accept takes connections until the listener is closed.
func (r *ring) accept() {
	defer close(r.ended)
	for {
		fd, err := accept(r.listener)
		switch {
		case err == nil:
			r.hand(fd)
		case r.deaf.Load():
			return
		default:
			time.Sleep(5 * time.Millisecond) // out of descriptors: others have to close theirs first
		}
	}
}

// hand gives a connection to the worker whose turn it is, and waits for one if need be.
func (r *ring) hand(fd int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed {
		for range r.lanes {
			l := r.lanes[r.next%len(r.lanes)]
			r.next = (r.next + 1) % len(r.lanes)
			if len(l.onWay) < inFlight && send(l.conn, fd) == nil {
				l.onWay = append(l.onWay, fd)
				r.onWay++
				return
			}
		}
		r.changed.Wait()
	}
	closeDescriptor(fd)
}

func (r *ring) offer(int) (entry, *os.File, error) {
	conn, file, err := pair()
	if err != nil {
		return nil, nil, err
	}
	l := &lane{ring: r, conn: conn}
	go l.watch()
	return l, file, nil
}

// close waits until what was accepted has been taken, but not for workers that do not go on.
func (r *ring) close() {
	r.shut.Do(func() {
		turnAway(r.listener)
		r.deaf.Store(true)
		r.listener.Close()
		for begin := time.Now(); time.Since(begin) < time.Second && r.busy(); {
			time.Sleep(time.Millisecond)
		}
		r.mu.Lock()
		r.closed = true
		r.changed.Broadcast()
		r.mu.Unlock()
		<-r.ended
	})
}

func (r *ring) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.onWay > 0
}

func (l *lane) admit() error {
	r := l.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if !l.gone {
		r.lanes = append(r.lanes, l)
		r.changed.Broadcast()
	}
	return nil
}

// dismiss leaves the socket open: what the worker said before it ended still has to be read
// from it, and then its end.
func (l *lane) dismiss(bool) {
	r := l.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(l)
}

// leave takes a lane out without upsetting the turns of the others.
func (r *ring) leave(l *lane) {
	l.gone = true
	if i := slices.Index(r.lanes, l); i >= 0 {
		r.lanes = slices.Delete(r.lanes, i, i+1)
		if i < r.next {
			r.next--
		}
	}
}

// watch lets go of connections as the worker takes them. When the worker takes no more, it
// hands the rest to others.
func (l *lane) watch() {
	var taken [inFlight]byte
	for {
		n, err := l.conn.Read(taken[:])
		if rest := l.took(n, err != nil); err != nil {
			for _, fd := range rest {
				l.ring.hand(fd)
			}
			l.ring.settle(len(rest))
			_ = l.conn.Close()
			return
		}
	}
}

// took closes the oldest n connections on their way, which are now the worker's alone. At
// the end it returns the others.
func (l *lane) took(n int, end bool) (rest []int) {
	r := l.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, len(l.onWay))
	for _, fd := range l.onWay[:n] {
		closeDescriptor(fd)
	}
	l.onWay = append(l.onWay[:0], l.onWay[n:]...)
	r.onWay -= n
	if end {
		rest, l.onWay = l.onWay, nil
		r.leave(l)
	}
	r.changed.Broadcast()
	return rest
}

// settle counts n connections as no longer on the way they had first been sent.
func (r *ring) settle(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onWay -= n
	r.changed.Broadcast()
}
