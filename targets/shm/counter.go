package shm

import "sync/atomic"

// counter is a place for one named counter, a cache line wide so that two workers that
// count different things do not slow each other down.
type counter struct {
	key   atomic.Uint64
	value atomic.Int64
	_     [6]uint64
}

// Counter is a number that every process may add to. The zero Counter belongs to nobody
// and must not be used.
type Counter struct{ value *atomic.Int64 }

// Counter returns the counter of the name, which begins at 0 and is never given to another
// name. ErrFull says that there is no place for one more. Keep the result: to find it
// costs a hash.
func (m *Memory) Counter(name string) (Counter, error) {
	key := uint64(m.Key(name))
	mask := uint64(len(m.counters)) - 1
	for i := range min(window, uint64(len(m.counters))) {
		c := &m.counters[(key+i)&mask]
		if c.key.CompareAndSwap(0, key) {
			m.head.counts.counters.Add(1)
			return Counter{&c.value}, nil
		}
		if c.key.Load() == key {
			return Counter{&c.value}, nil
		}
	}
	return Counter{}, ErrFull
}

// Add adds n, which may be negative, and returns the new value.
func (c Counter) Add(n int64) int64 { return c.value.Add(n) }

// Load returns the value.
func (c Counter) Load() int64 { return c.value.Load() }

// Store sets the value.
func (c Counter) Store(n int64) { c.value.Store(n) }

// CompareAndSwap sets the value to next if it is old, and tells whether it was.
func (c Counter) CompareAndSwap(old, next int64) bool { return c.value.CompareAndSwap(old, next) }
