package cache

import (
	"iter"
	"sync"
)

// ordered is a shelf in one exact order: with byUse the least recently used entry goes
// first (LRU), without it the oldest (FIFO).
type ordered struct {
	mu      sync.Mutex
	byUse   bool
	entries int   // how many at most; 0: no bound
	limit   int64 // weight at most; 0: no bound
	weight  int64
	nodes   map[string]*node
	end     node // of a ring: end.next is the newest, end.prev goes first
	evicted func(int)
}

type node struct {
	next, prev *node
	key        string
	entry      *Entry
}

func newOrdered(m Memory, evicted func(int)) *ordered {
	o := &ordered{
		byUse: m.Policy == "lru", entries: m.Entries, limit: int64(m.Bytes),
		nodes: map[string]*node{}, evicted: evicted,
	}
	o.end.next, o.end.prev = &o.end, &o.end
	return o
}

func (o *ordered) get(key string) (*Entry, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.nodes[key]
	if n == nil {
		return nil, false
	}
	if o.byUse && o.end.next != n {
		n.unlink()
		o.front(n)
	}
	return n.entry, true
}

func (o *ordered) set(key string, e *Entry) {
	w := weigh(key, e)
	if o.limit > 0 && w > o.limit {
		o.remove(key) // it would push out all others and itself
		return
	}
	gone := 0
	o.mu.Lock()
	if n := o.nodes[key]; n != nil {
		o.weight += w - weigh(key, n.entry)
		n.entry = e
		if o.byUse {
			n.unlink()
			o.front(n)
		}
	} else {
		n = &node{key: key, entry: e}
		o.nodes[key] = n
		o.weight += w
		o.front(n)
	}
	for o.over() {
		o.drop(o.end.prev)
		gone++
	}
	o.mu.Unlock()
	if gone > 0 {
		o.evicted(gone)
	}
}

func (o *ordered) remove(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := o.nodes[key]; n != nil {
		o.drop(n)
	}
}

func (o *ordered) over() bool {
	return o.entries > 0 && len(o.nodes) > o.entries || o.limit > 0 && o.weight > o.limit
}

func (o *ordered) front(n *node) {
	n.next, n.prev = o.end.next, &o.end
	n.next.prev, o.end.next = n, n
}

func (o *ordered) drop(n *node) {
	n.unlink()
	delete(o.nodes, n.key)
	o.weight -= weigh(n.key, n.entry)
}

func (n *node) unlink() { n.next.prev, n.prev.next = n.prev, n.next }

// all yields what it holds, what goes first first, so that setting it again keeps the order.
func (o *ordered) all() iter.Seq2[string, *Entry] {
	return func(yield func(string, *Entry) bool) {
		o.mu.Lock()
		defer o.mu.Unlock()
		for n := o.end.prev; n != &o.end; n = n.prev {
			if !yield(n.key, n.entry) {
				return
			}
		}
	}
}

func (o *ordered) size() (entries int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.nodes), o.weight
}
