package idempotency

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// memory is a store in this process, bounded in number and size.
type memory struct {
	mu      sync.Mutex
	cfg     Config
	last    uint64
	known   map[string]*list.Element
	ages    *list.List // of *kept, the oldest first
	size    int64
	evicted uint64
}

type kept struct {
	record
	id    string
	token uint64
	until time.Time
}

func newMemory() *memory { return &memory{known: map[string]*list.Element{}, ages: list.New()} }

func (m *memory) configure(cfg Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg = cfg
}

// weight is what a record takes, about: itself and its places in the index and the list.
func (k *kept) weight() int64 { return int64(len(k.id)+len(k.reply)) + 256 }

func (m *memory) claim(_ context.Context, id string, p imprint) (*claim, record, error) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if e := m.known[id]; e != nil {
		k := keptIn(e)
		if now.Before(k.until) {
			return nil, k.record, nil
		}
		m.drop(e)
	}
	if !m.room(0) {
		return nil, record{}, errFull
	}
	m.last++
	until := now.Add(m.cfg.Lease)
	m.add(&kept{record: record{state: claimed, print: p}, id: id, token: m.last, until: until})
	return &claim{id: id, token: m.last, print: p, end: func() bool { return !time.Now().Before(until) }}, record{}, nil
}

func (m *memory) finish(_ context.Context, c *claim, r record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.held(c)
	if e == nil {
		return errLost
	}
	m.drop(e)
	if !m.room(int64(len(r.reply))) {
		r.state, r.reply = unkept, nil
	}
	m.add(&kept{record: r, id: c.id, token: c.token, until: time.Now().Add(m.cfg.TTL)})
	return nil
}

func (m *memory) release(_ context.Context, c *claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.held(c); e != nil {
		m.drop(e)
	}
	return nil
}

// held returns the place of a claim, nil if it is over.
func (m *memory) held(c *claim) *list.Element {
	e := m.known[c.id]
	if e == nil || keptIn(e).token != c.token || c.end() {
		return nil
	}
	return e
}

func (m *memory) add(k *kept) {
	m.known[k.id] = m.ages.PushBack(k)
	m.size += k.weight()
}

func (m *memory) drop(e *list.Element) {
	k := keptIn(e)
	m.ages.Remove(e)
	delete(m.known, k.id)
	m.size -= k.weight()
}

// expire removes what is over, from the oldest on, up to the first that is not. Claims
// that are over behind it go when their key is asked for.
func (m *memory) expire(now time.Time) {
	for e := m.ages.Front(); e != nil && !now.Before(keptIn(e).until); e = m.ages.Front() {
		m.drop(e)
	}
}

// room makes room for one more of so many bytes, out of the oldest answers. It reports
// false if requests under way fill the store.
func (m *memory) room(bytes int64) bool {
	for e := m.ages.Front(); e != nil && m.full(bytes); {
		next := e.Next()
		if keptIn(e).state != claimed {
			m.drop(e)
			m.evicted++
		}
		e = next
	}
	return !m.full(bytes)
}

func (m *memory) full(bytes int64) bool {
	return len(m.known) >= m.cfg.Entries || m.size+bytes > int64(m.cfg.Bytes)
}

func (m *memory) stats() (entries int, bytes int64, evicted uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.known), m.size, m.evicted
}

func keptIn(e *list.Element) *kept {
	k, _ := e.Value.(*kept) // the list holds nothing else
	return k
}
