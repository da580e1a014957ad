package cache

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"plimsoll/targets/knob"

	"pgregory.net/rapid"
)

// model is a list in the order in which entries go, the first first.
type model struct {
	byUse bool
	most  int
	keys  []string
}

func (m *model) touch(key string, write bool) (gone int) {
	i := slices.Index(m.keys, key)
	switch {
	case i >= 0 && m.byUse:
		m.keys = append(slices.Delete(m.keys, i, i+1), key)
	case i < 0 && write:
		m.keys = append(m.keys, key)
	}
	for len(m.keys) > m.most {
		m.keys = m.keys[1:]
		gone++
	}
	return gone
}

func TestLRUAndFIFOAreExact(t *testing.T) {
	for _, policy := range []string{"lru", "fifo"} {
		t.Run(policy, rapid.MakeCheck(func(t *rapid.T) {
			most := rapid.IntRange(1, 5).Draw(t, "entries")
			want, evicted, gone := &model{byUse: policy == "lru", most: most}, 0, 0
			o := newOrdered(Memory{Policy: policy, Entries: most}, func(n int) { evicted += n })
			for range rapid.IntRange(0, 60).Draw(t, "steps") {
				key := rapid.StringMatching("[a-h]").Draw(t, "key")
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					o.remove(key)
					want.keys = slices.DeleteFunc(want.keys, func(k string) bool { return k == key })
				case 1, 2:
					o.set(key, &Entry{})
					gone += want.touch(key, true)
				default:
					_, found := o.get(key)
					if found != slices.Contains(want.keys, key) {
						t.Fatalf("%s: found %v", key, found)
					}
					want.touch(key, false)
				}
				got := []string{}
				for k := range o.all() {
					got = append(got, k)
				}
				if !slices.Equal(got, want.keys) || evicted != gone {
					t.Fatalf("holds %v after %d evictions, want %v after %d", got, evicted, want.keys, gone)
				}
			}
			if n, bytes := o.size(); bytes != int64(n)*(overhead+1) {
				t.Fatalf("%d entries of %d bytes", n, bytes)
			}
		}))
	}
}

// Che's approximation for LRU: an object of rate q is hit with 1-exp(-q·T), where T solves
// Σ(1-exp(-q·T)) = slots. For Zipf(1.0), 10,000 keys and 1,000 slots that is .676.
func che(rates []float64, slots int) (hit float64) {
	low, high := 0., 1e9
	for range 200 {
		mid := (low + high) / 2
		full := 0.
		for _, q := range rates {
			full -= math.Expm1(-q * mid)
		}
		if full < float64(slots) {
			low = mid
		} else {
			high = mid
		}
	}
	for _, q := range rates {
		hit -= q * math.Expm1(-q*low)
	}
	return hit
}

func zipf(keys int) (rates, sums []float64) {
	total := 0.
	for i := range keys {
		total += 1 / float64(i+1)
	}
	sum := 0.
	for i := range keys {
		q := 1 / float64(i+1) / total
		sum += q
		rates, sums = append(rates, q), append(sums, sum)
	}
	return rates, sums
}

func TestLRUHitsAsOftenAsCheSays(t *testing.T) {
	const keys, slots, warm = 10_000, 1_000, 20_000
	rates, sums := zipf(keys)
	want := che(rates, slots)
	if math.Abs(want-.676) > .001 {
		t.Fatalf("Che's ratio is %.4f, want .676", want)
	}
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	for _, test := range []struct {
		policy    string
		calls     int
		low, high float64
	}{
		{"lru", 200_000, want - .005, want + .005},
		{"fifo", 100_000, want - .06, want - .01}, // FIFO is worse than LRU
		{"tinylfu", 50_000, want + .02, 1},        // and W-TinyLFU better: it knows what is often used
	} {
		t.Run(test.policy, func(t *testing.T) {
			m := newMemory(Memory{Policy: test.policy, Entries: slots}, func(int) {})
			rng := rand.New(rand.NewPCG(1, 2))
			hits := 0
			for i := range warm + test.calls {
				k, _ := slices.BinarySearch(sums, rng.Float64())
				key := names[k]
				if _, ok := m.get(key); !ok {
					m.set(key, &Entry{})
				} else if i >= warm {
					hits++
				}
			}
			if got := float64(hits) / float64(test.calls); got < test.low || got > test.high {
				t.Errorf("%.4f, want %.4f to %.4f", got, test.low, test.high)
			}
		})
	}
}

func TestL1StaysWithinItsBounds(t *testing.T) {
	body := make([]byte, 1000)
	for _, policy := range []string{"tinylfu", "lru", "fifo"} {
		for _, bound := range []Memory{
			{Policy: policy, Entries: 50},
			{Policy: policy, Bytes: 100_000},
			{Policy: policy, Entries: 50, Bytes: 1_000_000},
			{Policy: policy, Entries: 5000, Bytes: 100_000},
			{Policy: policy}, // refused by Check, but bounded all the same
		} {
			t.Run(fmt.Sprintf("%s of %d entries and %d bytes", policy, bound.Entries, bound.Bytes), func(t *testing.T) {
				c := New(Config{Tiers: []string{"l1"}, L1: bound}, nil, Hooks{})
				defer c.Close()
				p := Policy{TTL: time.Hour}
				for i := range 2000 {
					c.Put(t.Context(), fmt.Sprint(i), body, p)
				}
				settle(t, c, func(s TierStats) bool {
					return (bound.Entries == 0 || s.Entries <= bound.Entries) && (bound.Bytes == 0 || s.Bytes <= int64(bound.Bytes)) &&
						int(s.Evictions)+s.Entries == 2000
				})
				if s := c.Stats().L1; s.Entries == 0 || s.Bytes < int64(s.Entries)*1000 {
					t.Errorf("holds %+v", s)
				}
			})
		}
	}
}

// settle waits until l1 is as it should be: otter evicts in the background.
func settle(t *testing.T, c *Cache, ok func(TierStats) bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(c.Stats().L1); {
		if time.Now().After(end) {
			t.Fatalf("l1 holds %+v", c.Stats().L1)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAnEntryLargerThanL1IsNotKept(t *testing.T) {
	for _, policy := range []string{"tinylfu", "lru"} {
		c := New(Config{Tiers: []string{"l1"}, L1: Memory{Policy: policy, Bytes: 10 * knob.Bytes(overhead)}}, nil, Hooks{})
		p := Policy{TTL: time.Hour}
		c.Put(t.Context(), "small", nil, p)
		c.Put(t.Context(), "large", make([]byte, 20*overhead), p)
		settle(t, c, func(s TierStats) bool { return s.Bytes < 10*overhead })
		if _, ok := c.setup.Load().l1.get("small"); !ok && policy == "lru" {
			t.Error("it pushed out another on its way")
		}
		c.Put(t.Context(), "small", make([]byte, 20*overhead), p)
		settle(t, c, func(s TierStats) bool { return s.Entries == 0 })
		c.Close()
	}
}

func TestL1KeepsWhatItHoldsWhenItsSettingsChange(t *testing.T) {
	cfg := Config{Tiers: []string{"l1"}, L1: Memory{Policy: "lru", Entries: 4}}
	c := New(cfg, nil, Hooks{})
	defer c.Close()
	p := Policy{TTL: time.Hour}
	for i := range 4 {
		c.Put(t.Context(), fmt.Sprint(i), []byte{byte(i)}, p)
	}
	held := func() (n int) {
		for i := range 4 {
			if _, ok := c.setup.Load().l1.get(fmt.Sprint(i)); ok {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		l1    Memory
		tiers []string
		want  int
	}{
		{Memory{Policy: "lru", Entries: 100}, []string{"l1"}, 4},
		{Memory{Policy: "tinylfu", Entries: 100}, []string{"l1"}, 4},
		{Memory{Policy: "fifo", Entries: 3}, []string{"l1"}, 3},
	} {
		cfg.L1, cfg.Tiers = step.l1, step.tiers
		c.Configure(cfg)
		if got := held(); got != step.want {
			t.Errorf("%+v: %d entries, want %d", step.l1, got, step.want)
		}
	}
	cfg.Tiers = nil
	c.Configure(cfg)
	cfg.Tiers = []string{"l1"}
	c.Configure(cfg)
	if got := held(); got != 0 {
		t.Errorf("%d entries after the tier was off, want none: it missed what was removed", got)
	}
}

func TestATierNeedsABound(t *testing.T) {
	if err := (Memory{}).Check(); err == nil {
		t.Error("no entries and no bytes were let through")
	}
	if err := (Memory{Entries: 1}).Check(); err != nil {
		t.Error(err)
	}
}
