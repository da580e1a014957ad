package shm

import (
	"runtime"
	"sync/atomic"
	"time"
)

// moment is a place for one time. While a place changes hands its value is negative, the
// ticket of the process that takes it. Apart from that the value only grows, so that a
// compare-and-swap on what was read under one key fails once the place has another.
type moment struct {
	key   atomic.Uint64
	value atomic.Int64
}

// Moment is the time that a key has, as it was when it was read.
type Moment struct {
	at    *moment
	value int64
}

// Moment returns the time of the key, in nanoseconds since 1970. Now is that of the
// caller. A key that is not known has some time that is not after now. A time that is past means
// nothing, so its place may go to another key: the value has to be one that makes no
// difference once it is past, like the theoretical arrival time of a GCRA limiter.
// ErrFull says that all places of the key belong to keys whose time is yet to come, ErrBusy
// that a process was halted just as it took a place.
func (m *Memory) Moment(key Key, now int64) (Moment, error) {
	found, err := m.findMoment(uint64(key), now)
	if found.at != nil || err != nil {
		return found, err
	}
	claim := &m.head.claims[stripe(key)]
	if _, err := m.lock(claim); err != nil {
		return Moment{}, err
	}
	defer claim.unlock()
	found, err = m.findMoment(uint64(key), now)
	if found.at != nil || err != nil {
		return found, err
	}
	return m.claimMoment(uint64(key), now)
}

// Value returns the time, in nanoseconds since 1970.
func (t Moment) Value() int64 { return t.value }

// CompareAndSwap sets the time to next, which has to be later, and tells whether it did. It
// does not when another process was quicker, or when the place has gone to another key:
// ask for the moment again then.
func (t Moment) CompareAndSwap(next int64) bool {
	return t.at.value.CompareAndSwap(t.value, next)
}

// findMoment looks for the place of a key, whose at is nil if there is none. Places never
// become empty again, so the first empty one ends the search.
func (m *Memory) findMoment(key uint64, now int64) (Moment, error) {
	mask := uint64(len(m.moments)) - 1
	for i := range min(window, uint64(len(m.moments))) {
		at := &m.moments[(key+i)&mask]
		for n := 0; at.key.Load() == key; n++ {
			value := at.value.Load()
			if value < 0 {
				if !m.settle(at, value, now, n) {
					return Moment{}, ErrBusy
				}
				continue
			}
			// The key is looked at again: the value may have been read from its successor.
			if at.key.Load() == key {
				return Moment{at, value}, nil
			}
		}
		if at.key.Load() == 0 {
			break
		}
	}
	return Moment{}, nil
}

// claimMoment takes an empty or expired place. Who claims the same key waits for the
// stripe, who claims another meets us at the compare-and-swap.
func (m *Memory) claimMoment(key uint64, now int64) (Moment, error) {
	mask := uint64(len(m.moments)) - 1
	for i := range min(window, uint64(len(m.moments))) {
		at := &m.moments[(key+i)&mask]
		if at.key.CompareAndSwap(0, key) {
			m.head.counts.moments.Add(1)
			return Moment{at, 0}, nil
		}
		value := at.value.Load()
		if value < 0 && !m.alive(uint64(-value)) {
			m.settle(at, value, now, patient)
			value = at.value.Load()
		}
		if value < 0 || value >= now || !at.value.CompareAndSwap(value, -int64(m.ticket)) {
			continue
		}
		at.key.Store(key)
		at.value.Store(now)
		m.head.counts.reclaimed.Add(1)
		return Moment{at, now}, nil
	}
	return Moment{}, ErrFull
}

// settle waits a little for a place that is changing hands, for the n-th time, and ends the
// change for a process that died over it. It returns false when it is time to give up.
func (m *Memory) settle(at *moment, value, now int64, n int) bool {
	switch {
	case n < patient:
		runtime.Gosched()
	case m.alive(uint64(-value)):
		time.Sleep(nap)
	case at.value.CompareAndSwap(value, now):
		m.head.counts.broken.Add(1)
	}
	return n < patient+int(patience/nap)
}

// stripe tells which lock the claiming of a key takes.
func stripe(key Key) uint64 { return uint64(key) >> 32 % stripes }
