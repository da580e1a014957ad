package resp

import (
	"container/heap"
	"unsafe"
)

// kind is the type of a value.
type kind uint8

const (
	aString kind = iota
	aHash
	aList
	aZset
)

// String returns the name that TYPE answers.
func (k kind) String() string { return [...]string{"string", "hash", "list", "zset"}[k] }

// entry is one key and its value.
type entry struct {
	key  string
	kind kind
	text string            // aString
	hash map[string]string // aHash
	list *deque            // aList
	zset *ranking          // aZset

	bytes        int64
	expires      int64  // Unix time in milliseconds; 0: never
	place        int    // in the heap of what expires
	older, newer *entry // in order of use
}

// What counts as memory besides the bytes of keys and values themselves.
const (
	entryBytes   = int64(unsafe.Sizeof(entry{}) + unsafe.Sizeof((*entry)(nil))) // the entry and its place in the map
	elementBytes = int64(unsafe.Sizeof(""))                                     // a string within a value
	scoreBytes   = int64(unsafe.Sizeof(float64(0)))
)

// keyspace holds the keys. It is guarded by the server's lock and knows no clock.
type keyspace struct {
	tx       Tx // the one that runs; there is never more than one
	entries  map[string]*entry
	expiring expiring
	use      entry // ring: use.newer is the least, use.older the most recently used
	bytes    int64
	maxBytes int64
	evicts   bool
	watched  map[string]map[*client]struct{}
	counts   struct{ hits, misses, expired, evicted uint64 }
}

func newKeyspace() *keyspace {
	k := &keyspace{watched: map[string]map[*client]struct{}{}}
	k.flush()
	return k
}

// flush removes every key.
func (k *keyspace) flush() {
	for key := range k.watched {
		if k.entries[key] != nil {
			k.changed(key)
		}
	}
	k.entries, k.expiring, k.bytes = map[string]*entry{}, nil, 0
	k.use.older, k.use.newer = &k.use, &k.use
}

// look returns the entry of the key, nil if there is none or its time is over.
func (k *keyspace) look(key []byte, now int64) *entry {
	e := k.entries[string(key)]
	if e == nil {
		return nil
	}
	if e.expires != 0 && now > e.expires {
		k.expire(e)
		return nil
	}
	if k.use.older != e {
		k.unlink(e)
		k.link(e)
	}
	return e
}

// add makes an entry for a key that has none.
func (k *keyspace) add(key []byte, as kind) *entry {
	e := &entry{key: string(key), kind: as, place: -1}
	switch as {
	case aHash:
		e.hash = map[string]string{}
	case aList:
		e.list = &deque{}
	case aZset:
		e.zset = &ranking{scores: map[string]float64{}}
	case aString:
	}
	k.entries[e.key] = e
	k.link(e)
	k.grow(e, entryBytes+int64(len(e.key)))
	return e
}

// remove takes an entry out.
func (k *keyspace) remove(e *entry) {
	k.changed(e.key)
	k.unlink(e)
	k.expireAt(e, 0)
	k.bytes -= e.bytes
	delete(k.entries, e.key)
}

func (k *keyspace) expire(e *entry) {
	k.counts.expired++
	k.remove(e)
}

// grow counts the bytes that an entry gained, or lost.
func (k *keyspace) grow(e *entry, by int64) {
	e.bytes += by
	k.bytes += by
}

func (k *keyspace) link(e *entry) {
	e.older, e.newer = k.use.older, &k.use
	e.older.newer, e.newer.older = e, e
}

func (k *keyspace) unlink(e *entry) {
	e.older.newer, e.newer.older = e.newer, e.older
}

// makeRoom evicts what was least recently used until the bound holds, and tells whether it
// does.
func (k *keyspace) makeRoom() bool {
	if k.maxBytes == 0 {
		return true
	}
	for k.evicts && k.bytes > k.maxBytes && len(k.entries) > 0 {
		k.counts.evicted++
		k.remove(k.use.newer)
	}
	return k.bytes <= k.maxBytes
}

// expireAt sets when an entry's time is over; 0 is never.
func (k *keyspace) expireAt(e *entry, at int64) {
	e.expires = at
	switch {
	case at == 0 && e.place >= 0:
		heap.Remove(&k.expiring, e.place)
	case at != 0 && e.place >= 0:
		heap.Fix(&k.expiring, e.place)
	case at != 0:
		heap.Push(&k.expiring, e)
	}
}

// sweep removes at most so many entries whose time is over, and tells whether there are more.
func (k *keyspace) sweep(now int64, atMost int) (more bool) {
	for len(k.expiring) > 0 && now > k.expiring[0].expires {
		if atMost == 0 {
			return true
		}
		atMost--
		k.expire(k.expiring[0])
	}
	return false
}

// watch makes a change of the key spoil the client's transaction.
func (k *keyspace) watch(key string, c *client) {
	if k.watched[key] == nil {
		k.watched[key] = map[*client]struct{}{}
	}
	k.watched[key][c] = struct{}{}
	c.watching = append(c.watching, key)
}

func (k *keyspace) unwatch(c *client) {
	for _, key := range c.watching {
		delete(k.watched[key], c)
		if len(k.watched[key]) == 0 {
			delete(k.watched, key)
		}
	}
	c.watching, c.spoilt = nil, false
}

// changed spoils the transactions that watch the key.
func (k *keyspace) changed(key string) {
	for c := range k.watched[key] {
		c.spoilt = true
	}
}

// expiring is a heap of entries, the one whose time is over first on top.
type expiring []*entry

func (h expiring) Len() int           { return len(h) }
func (h expiring) Less(i, j int) bool { return h[i].expires < h[j].expires }

func (h expiring) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push adds an entry, for container/heap.
func (h *expiring) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop takes the last entry, for container/heap.
func (h *expiring) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h, e.place = (*h)[:last], -1
	return e
}
