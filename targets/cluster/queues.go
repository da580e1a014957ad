package cluster

import (
	"net"
	"os"
	"sync"
)

// queues is the door of one listening socket for each slot, among which the kernel spreads
// connections by the hash of their addresses. The master opens the sockets and keeps them,
// so that the successor of a worker goes on with its queue. The queue of a worker that dies
// goes with it, and what waited in it is reset (unless net.ipv4.tcp_migrate_req is 1), as it
// would be with servers that open their own sockets.
type queues struct {
	address *net.TCPAddr

	mu    sync.Mutex
	slots map[int]*queue
}

// queue is the socket of one slot.
type queue struct {
	file      *os.File
	users     int // processes that accept from it or are to
	listening bool
}

// place is the entry to one process of a slot.
type place struct {
	door  *queues
	id    int
	queue *queue
	left  bool
}

func (d *queues) offer(id int) (entry, *os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.slots[id]
	if q == nil {
		file, _, err := bind(d.address)
		if err != nil {
			return nil, nil, err
		}
		q = &queue{file: file}
		d.slots[id] = q
	}
	q.users++
	file, err := duplicate(q.file)
	return &place{door: d, id: id, queue: q}, file, err
}

// close has nothing of its own: the sockets go with their processes.
func (d *queues) close() {}

// admit begins to listen only now, so that no connection waits for a worker that is not
// ready.
func (p *place) admit() error {
	p.door.mu.Lock()
	defer p.door.mu.Unlock()
	if p.queue.listening {
		return nil
	}
	p.queue.listening = true
	return listen(p.queue.file)
}

func (p *place) dismiss(lives bool) {
	p.door.mu.Lock()
	if p.left {
		p.door.mu.Unlock()
		return
	}
	p.left = true
	p.queue.users--
	last := p.queue.users == 0
	if last && p.door.slots[p.id] == p.queue {
		delete(p.door.slots, p.id)
	}
	p.door.mu.Unlock()
	if !last {
		return
	}
	if lives && p.queue.listening {
		turnAway(p.queue.file)
	}
	p.queue.file.Close()
}
