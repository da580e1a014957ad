package shm

import (
	"testing"
	"time"
)

func BenchmarkCounterAdd(b *testing.B) {
	m := open(b, Options{})
	c, _ := m.Counter("requests")
	for b.Loop() {
		c.Add(1)
	}
}

func BenchmarkKey(b *testing.B) {
	m := open(b, Options{})
	for b.Loop() {
		m.Key("tenant-0042/GET /v1/products/{id}")
	}
}

func BenchmarkMomentOfAKnownKey(b *testing.B) {
	m := open(b, Options{})
	key := m.Key("tenant")
	now := time.Now().UnixNano()
	for b.Loop() {
		at, err := m.Moment(key, now)
		if err != nil || !at.CompareAndSwap(max(at.Value(), now)+1) {
			b.Fatal("not swapped")
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	m := open(b, Options{})
	key := m.Key("tenant")
	for b.Loop() {
		m.Do(key, 1, func(w *[Words]int64) int64 { w[0]++; return 2 })
	}
}

func BenchmarkMutexThatNobodyElseWants(b *testing.B) {
	m := open(b, Options{})
	x := m.Mutex("lock")
	ctx := b.Context()
	for b.Loop() {
		x.Lock(ctx)
		x.Unlock()
	}
}
