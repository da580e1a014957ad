package cache

import (
	"iter"
	"math"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
)

// shelf is a bounded place for entries in this process. It knows nothing of their age.
type shelf interface {
	get(key string) (*Entry, bool)
	set(key string, e *Entry)
	remove(key string)
}

// contents is what a shelf tells about what it holds.
type contents interface {
	all() iter.Seq2[string, *Entry]
	size() (entries int, bytes int64)
}

// memory is the tier in process: a shelf as its settings say.
type memory struct {
	shelf
	contents
	made Memory
}

// newMemory returns an empty tier. evicted is told how many entries have made room.
func newMemory(m Memory, evicted func(int)) *memory {
	if m.Entries == 0 && m.Bytes == 0 { // Check refuses it, but settings may come without
		m.Entries = 1
	}
	if m.Policy == "lru" || m.Policy == "fifo" {
		o := newOrdered(m, evicted)
		return &memory{shelf: o, contents: o, made: m}
	}
	f := newFrequent(m, evicted)
	return &memory{shelf: f, contents: f, made: m}
}

// moved returns the tier as m says, with what old held as far as it fits; old may be nil.
func (old *memory) moved(m Memory, evicted func(int)) *memory {
	if old != nil && old.made == m {
		return old
	}
	fresh := newMemory(m, evicted)
	if old != nil {
		for key, e := range old.all() {
			fresh.set(key, e)
		}
	}
	return fresh
}

// overhead is what an entry takes besides its key and body, about: the Entry, its place in
// the order and in the index.
const overhead = 160

func weigh(key string, e *Entry) int64 { return int64(len(key)+len(e.Body)) + overhead }

// frequent is a shelf that keeps what is often used (W-TinyLFU), otter's.
type frequent struct {
	cache  *otter.Cache[string, *Entry]
	weight atomic.Int64
}

func newFrequent(m Memory, evicted func(int)) *frequent {
	f := &frequent{}
	o := &otter.Options[string, *Entry]{
		OnAtomicDeletion: func(e otter.DeletionEvent[string, *Entry]) {
			f.weight.Add(-weigh(e.Key, e.Value))
			if e.Cause == otter.CauseOverflow {
				evicted(1)
			}
		},
	}
	if m.Bytes == 0 {
		o.MaximumSize = m.Entries
		f.cache = otter.Must(o)
		return f
	}
	// Otter takes one bound. An entry that weighs its share of the bytes at least cannot be
	// one of more than so many.
	least := int64(0)
	if m.Entries > 0 {
		least = int64(m.Bytes) / int64(m.Entries)
	}
	o.MaximumWeight = uint64(m.Bytes) //nolint:gosec // a size is not negative
	o.Weigher = func(key string, e *Entry) uint32 {
		return uint32(min(max(weigh(key, e), least), math.MaxUint32)) //nolint:gosec // bounded right here
	}
	f.cache = otter.Must(o)
	return f
}

func (f *frequent) get(key string) (*Entry, bool)  { return f.cache.GetIfPresent(key) }
func (f *frequent) remove(key string)              { f.cache.Invalidate(key) }
func (f *frequent) all() iter.Seq2[string, *Entry] { return f.cache.All() }

func (f *frequent) set(key string, e *Entry) {
	f.weight.Add(weigh(key, e))
	f.cache.Set(key, e)
}

func (f *frequent) size() (entries int, bytes int64) {
	return f.cache.EstimatedSize(), f.weight.Load()
}
