package shm

import "sync/atomic"

// Words is how many numbers a record holds.
const Words = 12

// record is a place for a few numbers that change together. Key, expires and words change
// only under the lock, but for the first key.
type record struct {
	key     atomic.Uint64
	lock    spin
	expires atomic.Int64
	_       uint64
	words   [Words]int64
}

// Do runs f on the numbers of the key while nobody else does, in any process, and keeps
// them until the time that f returns, in nanoseconds since 1970; now is that of the caller.
// After it the place may go to another key. A key that is not known has zeros, and so does one
// whose holder was killed within f, because nobody knows how far it had come. F has to be
// short and must not come back to the memory. ErrFull says that all places of the key
// belong to keys that have not expired, ErrBusy that a process which is halted holds
// the record.
func (m *Memory) Do(key Key, now int64, f func(words *[Words]int64) (expires int64)) error {
	for {
		at, err := m.holdRecord(uint64(key), now)
		if err != nil {
			return err
		}
		if at != nil {
			at.use(f)
			return nil
		}
	}
}

// use runs f and gives the lock back, even if f panics.
func (r *record) use(f func(words *[Words]int64) (expires int64)) {
	defer r.lock.unlock()
	r.expires.Store(f(&r.words))
}

// holdRecord finds or claims the place of a key and returns it locked, or nil when it went
// to another key meanwhile.
func (m *Memory) holdRecord(key uint64, now int64) (*record, error) {
	at := m.findRecord(key)
	if at == nil {
		claim := &m.head.claims[stripe(Key(key))]
		if _, err := m.lock(claim); err != nil {
			return nil, err
		}
		defer claim.unlock()
		if at = m.findRecord(key); at == nil {
			return m.claimRecord(key, now)
		}
	}
	broken, err := m.lock(&at.lock)
	if err != nil {
		return nil, err
	}
	if broken {
		at.words = [Words]int64{}
		at.expires.Store(0)
	}
	if at.key.Load() != key {
		at.lock.unlock()
		return nil, nil //nolint:nilnil // said above
	}
	return at, nil
}

func (m *Memory) findRecord(key uint64) *record {
	mask := uint64(len(m.records)) - 1
	for i := range min(window, uint64(len(m.records))) {
		at := &m.records[(key+i)&mask]
		switch at.key.Load() {
		case key:
			return at
		case 0:
			return nil
		}
	}
	return nil
}

// claimRecord takes an expired place and returns it locked. It returns nil when it took an
// empty one, which others may find, or even take over, before it can be locked.
func (m *Memory) claimRecord(key uint64, now int64) (*record, error) {
	mask := uint64(len(m.records)) - 1
	for i := range min(window, uint64(len(m.records))) {
		at := &m.records[(key+i)&mask]
		if at.key.CompareAndSwap(0, key) {
			m.head.counts.records.Add(1)
			return nil, nil //nolint:nilnil // said above
		}
		if at.expires.Load() > now || !m.tryLock(&at.lock) {
			continue
		}
		if at.expires.Load() > now {
			at.lock.unlock()
			continue
		}
		at.words = [Words]int64{}
		at.expires.Store(0)
		at.key.Store(key)
		m.head.counts.reclaimed.Add(1)
		return at, nil
	}
	return nil, ErrFull
}
