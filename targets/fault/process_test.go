package fault

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/knob"
)

const mib = knob.Bytes(1 << 20)

func (h *hoard) held() (knob.Bytes, float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes, h.cores
}

func TestMemoryIsHeldUntilTheFaultEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Options{})
		var before, during runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f := add(t, r, Fault{Target: "*", Kind: "alloc", Value: "40MiB", For: 10 * time.Second})
		time.Sleep(time.Second)
		runtime.GC()
		runtime.ReadMemStats(&during)
		if got, _ := r.hoard.held(); got != 40*mib || during.HeapAlloc-before.HeapAlloc < 39<<20 {
			t.Errorf("%d bytes are held, the heap grew by %d", got, during.HeapAlloc-before.HeapAlloc)
		}
		time.Sleep(time.Until(f.Ends()))
		synctest.Wait()
		runtime.ReadMemStats(&during)
		if got, _ := r.hoard.held(); got != 0 || during.HeapAlloc > before.HeapAlloc+8<<20 {
			t.Errorf("%d bytes are held, the heap grew by %d", got, int64(during.HeapAlloc)-int64(before.HeapAlloc))
		}
	})
}

func TestMemoryGrowsAsTheFaultSays(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault Fault
		held  []knob.Bytes // at the end of each second
	}{
		{"an allocation with a ramp", Fault{Kind: "alloc", Value: "8MiB", Ramp: 4 * time.Second}, []knob.Bytes{2 * mib, 4 * mib, 6 * mib, 8 * mib, 8 * mib}},
		{"a leak", Fault{Kind: "leak", Value: "1MiB/s"}, []knob.Bytes{mib, 2 * mib, 3 * mib, 4 * mib}},
		{"a leak with a ramp", Fault{Kind: "leak", Value: "2MiB/s", Ramp: 2 * time.Second}, []knob.Bytes{mib / 2, 2 * mib, 4 * mib, 6 * mib}},
		{"a leak up to the limit", Fault{Kind: "leak", Value: "6MiB/s"}, []knob.Bytes{6 * mib, 10 * mib, 10 * mib}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := open(t, Options{Limits: Limits{Memory: 10 * mib}})
				test.fault.Target = "*"
				add(t, r, test.fault)
				for i, want := range test.held {
					time.Sleep(time.Second)
					synctest.Wait()
					if got, _ := r.hoard.held(); got > want || got < want-want/20 {
						t.Errorf("after %ds: %d bytes, want %d", i+1, got, want)
					}
				}
				r.Clear()
				synctest.Wait()
				if got, _ := r.hoard.held(); got != 0 {
					t.Errorf("%d bytes are left", got)
				}
			})
		})
	}
}

func TestFaultsShareTheLimits(t *testing.T) {
	h := hoard{limits: Limits{Memory: 10, Cores: 2}}
	for _, test := range []struct {
		bytes, gotBytes knob.Bytes
		cores, gotCores float64
	}{{6, 6, 1.5, 1.5}, {6, 4, 1, 0.5}, {1, 0, 1, 0}, {-5, 0, -1, 0}} {
		if b, c := h.take(test.bytes, test.cores); b != test.gotBytes || c != test.gotCores {
			t.Errorf("got %d and %v, want %+v", b, c, test)
		}
	}
	h.give(4, 0.5)
	if b, c := h.held(); b != 6 || c != 1.5 {
		t.Errorf("%d and %v are held", b, c)
	}
}

// busy returns the processor time that the process has used.
func busy(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestCoresAreKeptBusyUntilTheFaultEnds(t *testing.T) {
	r := open(t, Options{Limits: Limits{Cores: 2}})
	before := busy(t)
	f := add(t, r, Fault{Target: "*", Kind: "cpu", Value: "1"})
	for busy(t)-before < 50*time.Millisecond { // a test that hangs here has failed
		time.Sleep(time.Millisecond)
	}
	if _, cores := r.hoard.held(); cores != 1 {
		t.Errorf("%v cores are taken", cores)
	}
	r.Remove(f.ID)
	r.Close()
	if _, cores := r.hoard.held(); cores != 0 {
		t.Errorf("%v cores are left", cores)
	}
}

func TestTheCollectorRunsAsOftenAsTheFaultSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Options{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		add(t, r, Fault{Target: "*", Kind: "gc_storm", Value: "20/s", For: time.Second + time.Millisecond})
		time.Sleep(5 * time.Second)
		runtime.ReadMemStats(&after)
		if got := after.NumForcedGC - before.NumForcedGC; got != 20 {
			t.Errorf("ran %d times", got)
		}
	})
}

// patient is a mutex that does not mind contexts but at the beginning.
type patient struct{ sync.Mutex }

func (p *patient) Lock(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.Mutex.Lock()
	return nil
}

func TestALockIsHeldAndLeftInTurn(t *testing.T) {
	for _, test := range []struct {
		name, value string
		held        []bool // at 25 ms, 75 ms, …
	}{
		{"in turn", "50ms", []bool{true, false, true, false, true, false}},
		{"for the whole fault", "", []bool{true, true, true, true, true, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lock patient
				r := open(t, Options{Run: map[string]Runner{"lock": Holding(&lock)}})
				add(t, r, Fault{Target: "*", Kind: "lock", Value: test.value, For: 250 * time.Millisecond})
				time.Sleep(25 * time.Millisecond)
				for i, want := range test.held {
					free := lock.TryLock()
					if free {
						lock.Unlock()
					}
					if free == want {
						t.Errorf("at %d: free %v", i, free)
					}
					time.Sleep(50 * time.Millisecond)
				}
			})
		})
	}
}

func TestWhatOnlyTheCallerCanIsRunByTheFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var crashed, flushed []time.Duration
		note := func(in *[]time.Duration) func(Fault) {
			return func(Fault) {
				mu.Lock()
				defer mu.Unlock()
				*in = append(*in, time.Since(began))
			}
		}
		var hangs atomic.Int64
		r := open(t, Options{Self: "worker:2", Run: map[string]Runner{
			"crash":       After(note(&crashed)),
			"cache_flush": Every(note(&flushed)),
			"hang": func(ctx context.Context, _ Fault) {
				hangs.Add(1)
				<-ctx.Done()
				hangs.Add(-1)
			},
		}})
		add(t, r, Fault{Target: "worker:2", Kind: "crash", For: time.Second})
		add(t, r, Fault{Target: "worker:2", Kind: "crash", Value: "5s", For: 10 * time.Second})
		add(t, r, Fault{Target: "worker:2", Kind: "crash", Value: "5s", For: 2 * time.Second})
		add(t, r, Fault{Target: "worker:3", Kind: "crash"})
		add(t, r, Fault{Target: "*", Kind: "cache_flush", For: time.Second})
		time.Sleep(time.Second)
		add(t, r, Fault{Target: "*", Kind: "cache_flush", Value: "2s", For: 5 * time.Second})
		add(t, r, Fault{Target: "*", Kind: "hang", For: 2 * time.Second})
		synctest.Wait()
		if hangs.Load() != 1 {
			t.Error("does not hang")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if hangs.Load() != 0 {
			t.Error("hangs")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(crashed) != 2 || crashed[0] != 0 || crashed[1] != 5*time.Second {
			t.Errorf("crashed after %v", crashed)
		}
		if len(flushed) != 4 || flushed[0] != 0 || flushed[1] != time.Second || flushed[2] != 3*time.Second || flushed[3] != 5*time.Second {
			t.Errorf("flushed after %v", flushed)
		}
	})
}

func TestAMasterRunsNoFaultsOfItsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Options{Self: "master"})
		add(t, r, Fault{Target: "*", Kind: "crash"})
		add(t, r, Fault{Target: "worker:1", Kind: "alloc", Value: "100MiB"})
		add(t, r, Fault{Target: "*", Kind: "alloc", Value: "100MiB"})
		time.Sleep(time.Second)
		if bytes, _ := r.hoard.held(); bytes != 0 || len(r.List()) != 3 {
			t.Errorf("%d bytes are held, %+v", bytes, r.List())
		}
	})
}
