package limiter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"plimsoll/targets/shm"
)

// cells are cells in this process's own memory.
type cells struct {
	mu    sync.Mutex
	words map[uint64]*[CellWords]int64
	ends  map[uint64]int64
	fail  func(call int) error
	calls int
}

func (c *cells) Do(key uint64, now int64, fn func(words *[CellWords]int64) int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.fail != nil {
		if err := c.fail(c.calls); err != nil {
			return err
		}
	}
	if c.words == nil {
		c.words, c.ends = map[uint64]*[CellWords]int64{}, map[uint64]int64{}
	}
	if c.words[key] == nil || c.ends[key] <= now { // goes to the next who asks as soon as it may
		c.words[key] = &[CellWords]int64{}
	}
	c.ends[key] = fn(c.words[key])
	return nil
}

// records are the cells of the shared memory of package shm.
type records struct{ memory *shm.Memory }

func (r records) Do(key uint64, now int64, fn func(words *[shm.Words]int64) int64) error {
	err := r.memory.Do(shm.Key(key), now, fn)
	if errors.Is(err, shm.ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func sharedMemory(tb testing.TB) Cells {
	tb.Helper()
	memory, err := shm.New(shm.Options{Records: 1 << 16})
	if err != nil {
		tb.Skip(err)
	}
	tb.Cleanup(func() { memory.Close() })
	return records{memory}
}

// cellular are the algorithms whose states fit into a cell.
var cellular = []Algo{GCRA, TokenBucket, LeakyBucket, FixedWindow, SlidingWindow}

func TestCellsDecideAsTheLocalStore(t *testing.T) {
	for name, memory := range map[string]Cells{"in this process": &cells{}, "shared memory": sharedMemory(t)} {
		sequence := int64(0)
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			sequence++
			algo := rapid.SampledFrom(cellular).Draw(t, "algo")
			here, there := newLocalStore(1000), sharedStore{memory}
			rules := []Rule{drawRule(t, algo), drawRule(t, algo), drawRule(t, algo)}
			for _, a := range arrivals(t, rules[0].unit()/2, 3) {
				var asks []Ask
				for k := range rapid.IntRange(1, len(rules)).Draw(t, "keys") {
					asks = append(asks, Ask{Key: Key{Policy: name + string(algo), Who: strconv.FormatInt(sequence, 10), Where: string(rune('a' + k))}, Rule: &rules[k], Cost: a.cost})
				}
				a.now += sequence * 1e12 // past all that another sequence left behind
				want, got := make([]Decision, len(asks)), make([]Decision, len(asks))
				here.take(asks, a.now, want)
				if err := there.take(context.Background(), asks, a.now, got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%+v, of %+v:\ncells %+v\nlocal %+v", a, rules[:len(asks)], got, want)
				}
			}
		}))
	}
}

func TestWorkersThatShareCellsAdmitTheLimitOnceAndThoseThatDoNotAdmitItEach(t *testing.T) {
	const workers, limit = 4, 100
	memory := sharedMemory(t)
	for _, test := range []struct {
		name string
		of   func() func(asks []Ask, out []Decision)
		want int64
	}{
		{"shared", func() func([]Ask, []Decision) {
			s := sharedStore{memory}
			return func(asks []Ask, out []Decision) {
				if err := s.take(context.Background(), asks, epoch, out); err != nil {
					t.Error(err)
				}
			}
		}, limit},
		{"local", func() func([]Ask, []Decision) {
			s := newLocalStore(1000)
			return func(asks []Ask, out []Decision) { s.take(asks, epoch, out) }
		}, workers * limit},
	} {
		r := Rule{Algo: GCRA, Interval: 1e9, Burst: limit}
		var admitted atomic.Int64
		var running sync.WaitGroup
		for range workers {
			take := test.of()
			running.Go(func() {
				out := make([]Decision, 1)
				for range 2 * limit {
					if take([]Ask{askFor("gcra/default", "all", &r)}, out); out[0].Allowed {
						admitted.Add(1)
					}
				}
			})
		}
		running.Wait()
		if n := admitted.Load(); n != test.want {
			t.Errorf("%s: %d workers admitted %d, want %d", test.name, workers, n, test.want)
		}
	}
}

func TestACellThatCannotBeHadTakesNothingFromTheOthers(t *testing.T) {
	full := errors.New("full")
	memory := &cells{}
	s := sharedStore{memory}
	r := bucket(GCRA, 1, 10)
	asks, out := []Ask{askFor("a", "x", &r), askFor("b", "x", &r)}, make([]Decision, 2)
	memory.fail = func(call int) error {
		if call == 2 {
			return full
		}
		return nil
	}
	if err := s.take(context.Background(), asks, epoch, out); !errors.Is(err, full) {
		t.Fatal(err)
	}
	memory.fail = nil
	if err := s.take(context.Background(), asks, epoch, out); err != nil || out[0].Remaining != 9 || out[1].Remaining != 9 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestMemoryThatIsFullForOneKeyIsStillAskedForOthers(t *testing.T) {
	memory, err := shm.New(shm.Options{Records: 8})
	if err != nil {
		t.Skip(err)
	}
	defer memory.Close()
	l := New(settings(func(c *Config) { c.Store, c.Rate, c.Burst = "shared", .001, 2 }), Parts{Cells: records{memory}, Workers: func() int { return 2 }})
	h := l.Layer()(ok)
	for i := range 100 {
		send(t, h, strconv.Itoa(i), "")
	}
	s := l.Stats().Store
	if s.Errors < 90 || s.Local != s.Errors || s.Skipped != 0 {
		t.Errorf("%+v", s)
	}
	if w := send(t, h, "0", ""); w.Code != 200 || items(t, w.Header().Get("RateLimit"))["default"]["r"] != int64(0) {
		t.Errorf("the first key: %d %v", w.Code, w.Header())
	}
}

func BenchmarkSharedGCRA(b *testing.B) {
	s := sharedStore{sharedMemory(b)}
	r := bucket(GCRA, 1e6, 1000)
	asks, out := []Ask{askFor("gcra/default", "203.0.113.7", &r)}, make([]Decision, 1)
	b.ReportAllocs()
	for now := epoch; b.Loop(); now++ {
		if err := s.take(context.Background(), asks, now, out); err != nil {
			b.Fatal(err)
		}
	}
}
