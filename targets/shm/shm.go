// Package shm is memory that the worker processes of one target share, so that a counter,
// a rate limit or a lock can be one for all of them and not one for each. The memory is
// an anonymous file that the master makes, maps and hands to its workers as an inherited
// descriptor; nothing of it has a name in the file system and it ends with its last user.
//
// The layout is fixed and carries a version: a header, then three hash tables with open
// addressing whose size never changes. Counters are claimed once and for good. Moments,
// cells that hold a time, and records of several words belong to a key only until they
// expire; then the next key that needs the place takes it. A key has a window of places,
// and when none of them is free or expired the answer is ErrFull: a key that still counts
// is never thrown out, because else a client could shed its own limit by naming many
// others. Every process holds a lock of the kernel on a byte of the file for as long as it
// lives, which is how the others know whose locks to break.
//
// The package does not start processes, does not grow, keeps nothing on disk, and where
// the system is not Unix it is the memory of one process only.
package shm

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// The errors of this package.
var (
	// ErrFull says that every place that the key could have is taken by one that still counts.
	ErrFull = errors.New("shared memory is full")
	// ErrBusy says that a record stayed locked by a process that lives but does not go on.
	ErrBusy = errors.New("shared memory is locked by a process that does not go on")
	// ErrLayout says that a file is not shared memory of this version.
	ErrLayout = errors.New("not shared memory of this version")
	// ErrUnsupported says that this system has no memory to share between processes.
	ErrUnsupported = errors.New("memory cannot be shared between processes on this system")
)

const (
	magic   = 0x5348_4d4c_4c4f_5350 // "PSOLLMHS" as the bytes lie in memory
	version = 1

	headerSize = 4096
	stripes    = 64 // locks on the claiming of keys
	window     = 64 // places that a key may have, beginning at its own

	// mostPlaces bounds a table, so that no sum of sizes overflows.
	mostPlaces = 1 << 24
)

// header is the first page. All of it but the counts is written once, by New.
type header struct {
	magic, version, size      uint64
	counters, moments, record uint64 // places in each table, powers of two
	seed                      uint64 // of the hash of names, so that nobody outside can choose collisions
	tickets                   atomic.Uint64
	counts                    counts
	_                         [64 - 13]uint64
	claims                    [stripes]spin
}

// counts are what Stats shows.
type counts struct {
	counters, moments, records atomic.Uint64 // places ever taken
	reclaimed, broken          atomic.Uint64
}

// Options are the sizes of a new memory, in places. They are rounded up to powers of two,
// and 0 means a small default. A place costs 64 bytes in Counters, 16 in Moments and 128
// in Records; what is never used costs nothing.
type Options struct {
	Counters int // named counters; 0: 1024
	Moments  int // keys of limiters that keep one time each; 0: 65536
	Records  int // keys that need several words; 0: 4096
}

// Memory is one process's view of the shared memory. A process must not open the same
// memory twice: the kernel's locks belong to the process as a whole.
type Memory struct {
	file   *os.File // nil where memory cannot be shared
	data   []byte
	head   *header
	ticket uint64 // who this process is, never given twice

	counters []counter
	moments  []moment
	records  []record

	mu      sync.Mutex
	mutexes map[string]*Mutex
}

// New makes shared memory and opens it for this process.
func New(o Options) (*Memory, error) {
	h := header{
		magic: magic, version: version,
		counters: places(o.Counters, 1<<10), moments: places(o.Moments, 1<<16), record: places(o.Records, 1<<12),
	}
	h.size = h.bytes()
	var seed [8]byte
	rand.Read(seed[:])
	h.seed = binary.NativeEndian.Uint64(seed[:])
	file, data, err := create(int(h.size))
	if err != nil {
		return nil, fmt.Errorf("make shared memory of %d bytes: %w", h.size, err)
	}
	at := (*header)(unsafe.Pointer(&data[0]))
	at.magic, at.version, at.size = h.magic, h.version, h.size
	at.counters, at.moments, at.record, at.seed = h.counters, h.moments, h.record, h.seed
	return attach(file, data)
}

// Open opens the memory behind a descriptor that this process inherited. If it succeeds the
// file belongs to the memory.
func Open(file *os.File) (*Memory, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open shared memory: %w", err)
	}
	if info.Size() < headerSize || info.Size() > 1<<40 {
		return nil, fmt.Errorf("open shared memory of %d bytes: %w", info.Size(), ErrLayout)
	}
	data, err := remap(file, int(info.Size()))
	if err != nil {
		return nil, fmt.Errorf("open shared memory: %w", err)
	}
	h := (*header)(unsafe.Pointer(&data[0]))
	if h.magic != magic || h.version != version || h.size != uint64(len(data)) ||
		max(h.counters, h.moments, h.record) > mostPlaces || h.size != h.bytes() {
		return nil, errors.Join(fmt.Errorf("open shared memory: %w", ErrLayout), unmap(data))
	}
	return attach(file, data)
}

// attach makes a view of the mapped memory and registers this process.
func attach(file *os.File, data []byte) (*Memory, error) {
	h := (*header)(unsafe.Pointer(&data[0]))
	m := &Memory{file: file, data: data, head: h, ticket: h.tickets.Add(1), mutexes: map[string]*Mutex{}}
	at := unsafe.Pointer(&data[0])
	at = unsafe.Add(at, headerSize)
	m.counters = unsafe.Slice((*counter)(at), h.counters)
	at = unsafe.Add(at, h.counters*uint64(unsafe.Sizeof(counter{})))
	m.moments = unsafe.Slice((*moment)(at), h.moments)
	at = unsafe.Add(at, h.moments*uint64(unsafe.Sizeof(moment{})))
	m.records = unsafe.Slice((*record)(at), h.record)
	if err := m.enlist(); err != nil {
		return nil, errors.Join(fmt.Errorf("register with shared memory: %w", err), m.Close())
	}
	return m, nil
}

// bytes is the size of a memory with such tables.
func (h *header) bytes() uint64 {
	return headerSize + h.counters*uint64(unsafe.Sizeof(counter{})) +
		h.moments*uint64(unsafe.Sizeof(moment{})) + h.record*uint64(unsafe.Sizeof(record{}))
}

// places rounds n up to a power of two.
func places(n, otherwise int) uint64 {
	if n <= 0 {
		n = otherwise
	}
	size := uint64(1)
	for size < uint64(n) && size < mostPlaces {
		size *= 2
	}
	return size
}

// File returns the file to hand to a child process, nil where memory cannot be shared. It
// stays this memory's own: whoever closes it gives up this process's locks.
func (m *Memory) File() *os.File { return m.file }

// Close ends this process's view and frees its locks. Nothing that came from the memory may be
// used after it, or be in use.
func (m *Memory) Close() error {
	err := unmap(m.data)
	m.data, m.head, m.counters, m.moments, m.records = nil, nil, nil, nil, nil
	if m.file != nil {
		err = errors.Join(err, m.file.Close())
	}
	if err != nil {
		return fmt.Errorf("close shared memory: %w", err)
	}
	return nil
}

// Key is the 64-bit hash of a name. Two names share a key by chance only: among n names
// with a probability of about n²/2⁶⁵ (birthday bound).
type Key uint64

// Key returns the key of a name, the same in every process that shares the memory.
func (m *Memory) Key(name string) Key {
	var d xxhash.Digest
	d.ResetWithSeed(m.head.seed)
	d.WriteString(name) //nolint:errcheck // it never fails
	if k := d.Sum64(); k != 0 {
		return Key(k)
	}
	return 1 // 0 marks a place that was never taken
}

// Stats says how full the memory is.
type Stats struct {
	Counters       uint64 `json:"counters"`        // places taken
	CounterPlaces  uint64 `json:"counter_places"`  // places there are
	Moments        uint64 `json:"moments"`         // places taken, expired ones included
	MomentPlaces   uint64 `json:"moment_places"`   // places there are
	Records        uint64 `json:"records"`         // places taken, expired ones included
	RecordPlaces   uint64 `json:"record_places"`   // places there are
	ReclaimedTotal uint64 `json:"reclaimed_total"` // expired places that went to another key
	BrokenTotal    uint64 `json:"broken_total"`    // locks taken from processes that had died
}

// Stats returns how full the memory is, for all processes together.
func (m *Memory) Stats() Stats {
	c := &m.head.counts
	return Stats{
		Counters: c.counters.Load(), CounterPlaces: m.head.counters,
		Moments: c.moments.Load(), MomentPlaces: m.head.moments,
		Records: c.records.Load(), RecordPlaces: m.head.record,
		ReclaimedTotal: c.reclaimed.Load(), BrokenTotal: c.broken.Load(),
	}
}
