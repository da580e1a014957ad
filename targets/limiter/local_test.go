package limiter

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

func askFor(policy, who string, r *Rule) Ask {
	return Ask{Key: Key{Policy: policy, Who: who}, Rule: r, Cost: 1}
}

func TestARefusedRequestTakesNothingFromTheOtherPolicies(t *testing.T) {
	for _, algo := range append(windows, buckets...) {
		small, large := Rule{Algo: algo, Interval: 1e9, Burst: 2, Limit: 2, Window: 1e7}, Rule{Algo: algo, Interval: 1e9, Burst: 10, Limit: 10, Window: 1e7}
		s := newLocalStore(1000)
		out := make([]Decision, 2)
		ask := func(first, second string) {
			s.take([]Ask{askFor("a", first, &small), askFor("b", second, &large)}, epoch, out)
		}
		for range 5 {
			ask("abuser", "all")
		}
		if out[0].Allowed || !out[1].Allowed || out[1].Remaining != 8 {
			t.Errorf("%s after 5 requests, 2 admitted: %+v", algo, out)
		}
		if ask("other", "all"); !out[0].Allowed || !out[1].Allowed || out[1].Remaining != 7 {
			t.Errorf("%s: another client's request: %+v", algo, out)
		}
	}
}

func TestWorkersOfOneProcessAdmitExactlyTheLimitTogether(t *testing.T) {
	for _, algo := range append(windows, buckets...) {
		client, all := Rule{Algo: algo, Interval: 1e9, Burst: 100, Limit: 100, Window: 1e9}, Rule{Algo: algo, Interval: 1e9, Burst: 250, Limit: 250, Window: 1e9}
		s := newLocalStore(1000)
		var admitted atomic.Int64
		var workers sync.WaitGroup
		for w := range 8 {
			workers.Go(func() {
				out := make([]Decision, 2)
				for range 200 {
					s.take([]Ask{askFor("a", strconv.Itoa(w%4), &client), askFor("b", "", &all)}, epoch, out)
					if out[0].Allowed && out[1].Allowed {
						admitted.Add(1)
					}
				}
			})
		}
		workers.Wait()
		if n := admitted.Load(); n != 250 {
			t.Errorf("%s admitted %d, want 250", algo, n)
		}
	}
}

func TestTheLocalStoreForgetsWhatIsWholeAndIsBounded(t *testing.T) {
	const most = 1000
	s := newLocalStore(most)
	r := bucket(GCRA, 100, 10)
	out := make([]Decision, 1)
	now := epoch
	for i := range 100_000 {
		now += 10_000 // a key is whole after 10 ms
		s.take([]Ask{askFor("a", strconv.Itoa(i), &r)}, now, out)
	}
	if n := s.keys.Load(); n > 500 || s.evicted.Load() > 0 {
		t.Errorf("%d keys, %d evicted, though every key is whole again when the next one comes", n, s.evicted.Load())
	}
	for i := range 100_000 { // within no time: none is whole
		s.take([]Ask{askFor("b", strconv.Itoa(i), &r)}, now, out)
	}
	if n := s.keys.Load(); n > most+shards {
		t.Errorf("%d keys, at most %d", n, most)
	}
	var held int64
	for i := range s.shards {
		held += int64(len(s.shards[i].entries))
	}
	if held != s.keys.Load() {
		t.Errorf("counts %d keys and holds %d", s.keys.Load(), held)
	}
	if s.evicted.Load() == 0 {
		t.Error("counts no key as evicted")
	}
}

func TestTheLocalStoreKeepsTheKeyThatHasTakenMost(t *testing.T) {
	s := newLocalStore(1024)
	r := bucket(GCRA, 1, 1000)
	out := make([]Decision, 1)
	for range 999 {
		s.take([]Ask{askFor("a", "abuser", &r)}, epoch, out)
	}
	for i := range 10_000 {
		s.take([]Ask{askFor("a", strconv.Itoa(i), &r)}, epoch+int64(i), out)
	}
	if s.take([]Ask{askFor("a", "abuser", &r)}, epoch, out); out[0].Remaining != 0 {
		t.Errorf("a flood of other keys gave the abuser its quota back: %+v", out[0])
	}
}

func TestKeysOfDifferentPartsAreDifferent(t *testing.T) {
	keys := []Key{
		{"gcra/a", "b", ""},
		{"gcra/a", "", "b"},
		{"gcra/ab", "", ""},
		{"gcra/a:b", "", ""},
		{"gcra/a", "b:", ""},
		{"gcra/a", "b%3A", ""},
		{"gcra/a", "b", ":"},
		{"gcra/a", "x:y", "z"},
		{"gcra/a", "x", "y:z"},
	}
	names, hashes := map[string]Key{}, map[uint64]Key{}
	for _, k := range keys {
		if other, twice := names[k.String()]; twice {
			t.Errorf("%+v and %+v are both %q", k, other, k.String())
		}
		if other, twice := hashes[k.Hash()]; twice {
			t.Errorf("%+v and %+v have one hash", k, other)
		}
		names[k.String()], hashes[k.Hash()] = k, k
	}
}

func BenchmarkLocalGCRA(b *testing.B) {
	s := newLocalStore(100_000)
	r := bucket(GCRA, 1e6, 1000)
	asks, out := []Ask{askFor("gcra/default", "203.0.113.7", &r)}, make([]Decision, 1)
	b.ReportAllocs()
	for now := epoch; b.Loop(); now++ {
		s.take(asks, now, out)
	}
}

func BenchmarkLocalGCRAManyClients(b *testing.B) {
	s := newLocalStore(100_000)
	r := bucket(GCRA, 1e6, 1000)
	var clients [1024]string
	for i := range clients {
		clients[i] = "203.0.113." + strconv.Itoa(i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		out := make([]Decision, 1)
		asks := []Ask{askFor("gcra/default", "", &r)}
		for i := 0; pb.Next(); i++ {
			asks[0].Key.Who = clients[i%len(clients)]
			s.take(asks, epoch+int64(i), out)
		}
	})
}

func BenchmarkLocalTwoPolicies(b *testing.B) {
	s := newLocalStore(100_000)
	r := bucket(GCRA, 1e6, 1000)
	asks, out := []Ask{askFor("gcra/default", "203.0.113.7", &r), askFor("gcra/all", "", &r)}, make([]Decision, 2)
	b.ReportAllocs()
	for now := epoch; b.Loop(); now++ {
		s.take(asks, now, out)
	}
}

func BenchmarkRules(b *testing.B) {
	for _, algo := range []Algo{GCRA, TokenBucket, LeakyBucket, FixedWindow, SlidingWindow} {
		b.Run(string(algo), func(b *testing.B) {
			m := meter{rule: Rule{Algo: algo, Interval: 1000, Burst: 1000, Limit: 1000, Window: 1000}}
			for now := epoch; b.Loop(); now++ {
				m.take(now, 1)
			}
		})
	}
}
