package shm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func open(t testing.TB, o Options) *Memory {
	t.Helper()
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestACounterIsFoundAgainByItsNameAndKeepsItsSum(t *testing.T) {
	m := open(t, Options{Counters: 16})
	a, err := m.Counter("a")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := m.Counter("b")
	a.Add(3)
	b.Store(10)
	again, _ := m.Counter("a")
	if got := again.Add(-1); got != 2 || b.Load() != 10 {
		t.Errorf("a is %d, b %d, want 2 and 10", got, b.Load())
	}
	if a.CompareAndSwap(3, 9) || !a.CompareAndSwap(2, 9) || again.Load() != 9 {
		t.Errorf("a is %d after two swaps of which the second fits, want 9", again.Load())
	}
	if got := m.Stats().Counters; got != 2 {
		t.Errorf("%d counters are taken, want 2", got)
	}
}

func TestAFullTableOfCountersSaysSoAndKeepsWhatItHas(t *testing.T) {
	m := open(t, Options{Counters: 8})
	for i := range 8 {
		if _, err := m.Counter(strconv.Itoa(i)); err != nil {
			t.Fatalf("counter %d of 8: %v", i, err)
		}
	}
	if _, err := m.Counter("one more"); !errors.Is(err, ErrFull) {
		t.Errorf("the ninth of 8 counters: %v, want ErrFull", err)
	}
	if _, err := m.Counter("3"); err != nil {
		t.Errorf("one of the 8 is gone: %v", err)
	}
}

func TestCountersThatAreClaimedAtTheSameTimeAreOnePerName(t *testing.T) {
	m := open(t, Options{Counters: 64})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 40 {
				c, err := m.Counter(strconv.Itoa(i))
				if err != nil {
					t.Error(err)
					return
				}
				c.Add(1)
			}
		})
	}
	wg.Wait()
	for i := range 40 {
		if c, _ := m.Counter(strconv.Itoa(i)); c.Load() != 8 {
			t.Errorf("counter %d is %d, want 8", i, c.Load())
		}
	}
	if got := m.Stats().Counters; got != 40 {
		t.Errorf("%d places are taken by 40 names", got)
	}
}

func TestAMomentIsKeptUntilItIsPastAndThenGoesToAnotherKey(t *testing.T) {
	m := open(t, Options{Moments: 1})
	a, b := m.Key("a"), m.Key("b")
	at, err := m.Moment(a, 100)
	if err != nil || at.Value() > 100 {
		t.Fatalf("an unknown key has the time %d, %v, want one that is past", at.Value(), err)
	}
	if !at.CompareAndSwap(150) || at.CompareAndSwap(160) {
		t.Error("want the first swap from what was read to succeed, and the second to fail")
	}
	if at, _ = m.Moment(a, 101); at.Value() != 150 {
		t.Errorf("the time is %d, want 150", at.Value())
	}
	if _, err := m.Moment(b, 150); !errors.Is(err, ErrFull) {
		t.Errorf("a second key before the first is past: %v, want ErrFull", err)
	}
	late := at
	if at, err = m.Moment(b, 151); err != nil || at.Value() != 151 {
		t.Errorf("a second key once the first is past: %d, %v, want 151, later than the old", at.Value(), err)
	}
	if late.CompareAndSwap(200) {
		t.Error("the first key could still write to a place that it has lost")
	}
	if got := m.Stats().ReclaimedTotal; got != 1 {
		t.Errorf("%d places were reclaimed, want 1", got)
	}
}

func TestARecordIsKeptUntilItExpiresAndIsNewForTheNextKey(t *testing.T) {
	m := open(t, Options{Records: 1})
	add := func(key string, now, expires int64) (got int64, err error) {
		err = m.Do(m.Key(key), now, func(w *[Words]int64) int64 {
			w[Words-1]++
			got = w[Words-1]
			return expires
		})
		return got, err
	}
	for want := int64(1); want <= 2; want++ {
		if got, err := add("a", 10, 20); got != want || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	if _, err := add("b", 19, 30); !errors.Is(err, ErrFull) {
		t.Errorf("a second key before the first expires: %v, want ErrFull", err)
	}
	if got, err := add("b", 20, 30); got != 1 || err != nil {
		t.Errorf("a second key once the first has expired: %d, %v, want 1", got, err)
	}
	if _, err := add("a", 25, 50); !errors.Is(err, ErrFull) {
		t.Errorf("the first key again: %v, want ErrFull", err)
	}
}

func TestAPanicInARecordGivesItsLockBack(t *testing.T) {
	m := open(t, Options{})
	func() {
		defer func() { _ = recover() }()
		m.Do(1, 0, func(*[Words]int64) int64 { panic("on purpose") })
	}()
	if err := m.Do(1, 0, func(*[Words]int64) int64 { return 0 }); err != nil {
		t.Error(err)
	}
}

func TestARecordThatStaysLockedByOneThatLivesIsGivenUpOn(t *testing.T) {
	m := open(t, Options{})
	inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		left <- m.Do(1, 0, func(*[Words]int64) int64 { close(inside); <-leave; return 0 })
	}()
	<-inside
	if err := m.Do(1, 0, func(*[Words]int64) int64 { return 0 }); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	close(leave)
	if err := <-left; err != nil {
		t.Error(err)
	}
}

// TestTablesAgreeWithAMap holds moments and records against plain maps whose entries end when
// they expire: a key that still counts is never lost, and one that does not never comes back.
func TestTablesAgreeWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := New(Options{Moments: 8, Records: 8})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		moments, records := map[int]int64{}, map[int][2]int64{}
		now := int64(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.Int64Range(0, 3).Draw(t, "pass")
			key := rapid.IntRange(1, 20).Draw(t, "key")
			until := now + rapid.Int64Range(1, 9).Draw(t, "span")
			at, err := m.Moment(Key(key), now)
			switch want := moments[key]; {
			case errors.Is(err, ErrFull):
				if live := living(moments, now, func(v int64) int64 { return v + 1 }); want > now || live < 8 {
					t.Fatalf("full with %d of 8 alive, the key's own until %d at %d", live, want, now)
				}
			case want > now && at.Value() != want, want <= now && at.Value() > now:
				t.Fatalf("moment of %d at %d is %d, want %d", key, now, at.Value(), want)
			case until > at.Value():
				if !at.CompareAndSwap(until) {
					t.Fatal("a swap failed that nobody disturbed")
				}
				moments[key] = until
			}
			var got int64
			err = m.Do(Key(key), now, func(w *[Words]int64) int64 { w[0]++; got = w[0]; return until })
			switch want := records[key]; {
			case errors.Is(err, ErrFull):
				if live := living(records, now, func(v [2]int64) int64 { return v[1] }); want[1] > now || live < 8 {
					t.Fatalf("full with %d of 8 alive, the key's own until %d at %d", live, want[1], now)
				}
			case want[1] > now && got != want[0]+1, got != 1 && got != want[0]+1:
				t.Fatalf("record of %d at %d is %d after %v", key, now, got, want)
			default:
				records[key] = [2]int64{got, until}
			}
		}
	})
}

func living[V any](table map[int]V, now int64, until func(V) int64) (n int) {
	for _, v := range table {
		if until(v) > now {
			n++
		}
	}
	return n
}

func TestPlacesThatChangeHandsUnderContentionNeverMixKeys(t *testing.T) {
	// Few places and many keys, so that nearly every call takes a place over. Key k only ever
	// writes times that leave k when divided by 16, and the clock shows multiples of 16, so
	// that a new place has a time that leaves 0. Records hold their key.
	m := open(t, Options{Moments: 4, Records: 4})
	var now atomic.Int64
	now.Store(16)
	var swapped, recorded atomic.Int64
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				key := int64(2 + (3*g+i)%9)
				at, err := m.Moment(Key(key), now.Load())
				if err != nil && !errors.Is(err, ErrFull) {
					t.Error(err)
					return
				}
				if rest := at.Value() % 16; err == nil && rest != 0 && rest != key {
					t.Errorf("key %d was given the time %d of another", key, at.Value())
					return
				}
				if err == nil && at.CompareAndSwap((max(at.Value(), now.Load())/16+1)*16+key) {
					swapped.Add(1)
				}
				now.Add(16)
				err = m.Do(Key(key), now.Load(), func(w *[Words]int64) int64 {
					if w[0] != w[1] || w[0] != 0 && w[2] != key {
						t.Errorf("key %d was given the record %v", key, w)
					}
					w[0]++
					w[1]++
					w[2] = key
					return now.Load() + 16
				})
				if err == nil {
					recorded.Add(1)
				} else if !errors.Is(err, ErrFull) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if swapped.Load() == 0 || recorded.Load() == 0 || m.Stats().ReclaimedTotal == 0 {
		t.Errorf("%d swaps, %d records, %+v: nothing was tried", swapped.Load(), recorded.Load(), m.Stats())
	}
}

func TestOneKeyIsClaimedOnce(t *testing.T) {
	// Two race to claim the same key, and see different places free: by the clock of one, the
	// key's own place has expired, by that of the other it has not, and the next is empty.
	m := open(t, Options{Moments: 1 << 13, Records: 1 << 13})
	for round := range uint64(1 << 12) {
		key, tenant := Key(1<<20+2*round), Key(1<<21+2*round) // both begin at an even place, and the odd one after it is empty
		if at, err := m.Moment(tenant, 1); err != nil || !at.CompareAndSwap(50) {
			t.Fatal(err)
		}
		m.Do(tenant, 1, func(*[Words]int64) int64 { return 50 })
		var ready, readyAgain, sum atomic.Int64
		var wg sync.WaitGroup
		for _, now := range []int64{10, 100} {
			wg.Go(func() {
				meet(&ready)
				for {
					at, err := m.Moment(key, now)
					if err != nil {
						t.Error(err)
						return
					}
					if at.CompareAndSwap(max(at.Value(), 1000) + 1) {
						break
					}
				}
				meet(&readyAgain)
				m.Do(key, now, func(w *[Words]int64) int64 { w[0]++; sum.Store(w[0]); return 1 << 40 })
			})
		}
		wg.Wait()
		if at, _ := m.Moment(key, 100); at.Value() != 1002 || sum.Load() != 2 {
			t.Fatalf("round %d: the moment is %d, want 1002; the record %d, want 2", round, at.Value(), sum.Load())
		}
	}
}

// meet returns when two have come, to both as nearly at once as can be.
func meet(ready *atomic.Int64) {
	ready.Add(1)
	for n := 0; ready.Load() < 2; n++ {
		if n > 1000 {
			runtime.Gosched()
		}
	}
}

func TestARecordThatWentToAnotherKeyIsNotTouched(t *testing.T) {
	m := open(t, Options{Records: 2})
	if err := m.Do(2, 1, func(w *[Words]int64) int64 { w[0] = 7; return 50 }); err != nil {
		t.Fatal(err)
	}
	at := m.findRecord(2)
	if _, err := m.lock(&at.lock); err != nil {
		t.Fatal(err)
	}
	got := make(chan int64)
	go func() {
		n := int64(-1)
		m.Do(2, 60, func(w *[Words]int64) int64 { n = w[0]; return 90 })
		got <- n // only now may the memory go
	}()
	time.Sleep(20 * time.Millisecond) // lets it find the place; if it does not come so far the test passes
	at.words[0] = 8
	at.expires.Store(100)
	at.key.Store(4)
	at.lock.unlock()
	if n := <-got; n != 0 {
		t.Errorf("a key whose place had gone to another was given %d, want a new record", n)
	}
}

func TestAMutexGivesUpWithItsContext(t *testing.T) {
	m := open(t, Options{})
	x := m.Mutex("state.global_lock")
	if x != m.Mutex("state.global_lock") {
		t.Fatal("a second mutex of the same name")
	}
	if err := x.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Lock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context has ended", err)
	}
	other := m.Mutex("another")
	if err := other.Lock(t.Context()); err != nil {
		t.Error(err)
	}
	other.Unlock()
	x.Unlock()
	if err := x.Lock(t.Context()); err != nil {
		t.Error(err)
	}
	x.Unlock()
}

func TestAFileThatIsNotSharedMemoryIsRefused(t *testing.T) {
	for name, size := range map[string]int64{"an empty file": 0, "a file of zeros": 1 << 16} {
		file, err := os.Create(filepath.Join(t.TempDir(), "file"))
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v, want ErrLayout", name, err)
		}
		file.Close()
	}
}
