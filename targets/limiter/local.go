package limiter

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// shards is how many parts the local store has, each under a lock of its own.
const shards = 64

// localStore keeps quotas in this process. A key whose quota is whole again is as good as
// forgotten, and goes when others need the room.
type localStore struct {
	seed    maphash.Seed
	max     atomic.Int64 // keys
	keys    atomic.Int64
	evicted atomic.Uint64 // keys forgotten before their quota was whole
	shards  [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[Key]*entry
	_       [48]byte // shards do not share a line of the processor's cache
}

type entry struct {
	state   State
	journal journal // of the sliding log
	whole   int64   // the instant from which it may be forgotten
}

func newLocalStore(keys int) *localStore {
	s := &localStore{seed: maphash.MakeSeed()}
	s.max.Store(int64(keys))
	for i := range s.shards {
		s.shards[i].entries = map[Key]*entry{}
	}
	return s
}

// take decides all asks together: if one is refused, none is charged.
func (s *localStore) take(asks []Ask, now int64, out []Decision) {
	if len(asks) == 1 { // the common case
		sh := &s.shards[s.shard(&asks[0].Key)]
		sh.mu.Lock()
		s.expect(sh, &asks[0].Key, now)
		e := s.entry(sh, &asks[0].Key)
		if asks[0].Rule.Algo != SlidingLog {
			e.state, out[0] = asks[0].Rule.Take(e.state, now, asks[0].Cost)
			e.whole = asks[0].Rule.Whole(e.state)
		} else if out[0] = e.look(&asks[0], now, asks[0].Cost); out[0].Allowed {
			e.charge(&asks[0], now)
		}
		sh.mu.Unlock()
		return
	}
	locked := s.lock(asks)
	defer s.unlock(locked)
	var entries [MaxPolicies + 1]*entry
	for i := range asks { // all room is made before any entry is held on to
		s.expect(&s.shards[s.shard(&asks[i].Key)], &asks[i].Key, now)
	}
	all := true
	for i := range asks {
		entries[i] = s.entry(&s.shards[s.shard(&asks[i].Key)], &asks[i].Key)
		out[i] = entries[i].look(&asks[i], now, asks[i].Cost)
		all = all && out[i].Allowed
	}
	for i := range asks {
		switch {
		case all:
			entries[i].charge(&asks[i], now)
		case out[i].Allowed: // tell what remains uncharged
			out[i] = entries[i].look(&asks[i], now, 0)
		}
	}
}

// giveBack undoes a take of all asks at the instant now, and writes what remains.
func (s *localStore) giveBack(asks []Ask, now int64, out []Decision) {
	locked := s.lock(asks)
	defer s.unlock(locked)
	for i := range asks {
		a := &asks[i]
		e := s.entry(&s.shards[s.shard(&a.Key)], &a.Key)
		e.journal.drop(a.Cost)
		e.state = a.Rule.Return(e.state, now, a.Cost)
		out[i] = e.look(a, now, 0)
	}
}

// look decides without charging.
func (e *entry) look(a *Ask, now, cost int64) Decision {
	s := e.state
	if a.Rule.Algo == SlidingLog {
		s = e.journal.summary(a.Rule, now, cost)
	}
	_, d := a.Rule.Take(s, now, cost)
	return d
}

// charge takes what look has admitted.
func (e *entry) charge(a *Ask, now int64) {
	if a.Rule.Algo == SlidingLog {
		e.journal.add(now, a.Cost)
		e.whole = a.Rule.Whole(e.journal.summary(a.Rule, now, 0))
	} else {
		e.state, _ = a.Rule.Take(e.state, now, a.Cost)
		e.whole = a.Rule.Whole(e.state)
	}
}

// shard returns the index of the key's shard.
func (s *localStore) shard(k *Key) uint64 {
	h := maphash.String(s.seed, k.Who)
	if k.Where != "" {
		h = h*31 + maphash.String(s.seed, k.Where)
	}
	return (h ^ uint64(len(k.Policy))) % shards
}

// lock locks the shards of the asks in order and returns which.
func (s *localStore) lock(asks []Ask) (locked uint64) {
	for i := range asks {
		locked |= 1 << s.shard(&asks[i].Key)
	}
	for rest := locked; rest != 0; rest &= rest - 1 {
		s.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return locked
}

func (s *localStore) unlock(locked uint64) {
	for ; locked != 0; locked &= locked - 1 {
		s.shards[bits.TrailingZeros64(locked)].mu.Unlock()
	}
}

// expect makes room for the key if it is new.
func (s *localStore) expect(sh *shard, k *Key, now int64) {
	if _, known := sh.entries[*k]; !known {
		s.makeRoom(sh, now)
	}
}

// entry returns what is remembered of the key.
func (s *localStore) entry(sh *shard, k *Key) *entry {
	e := sh.entries[*k]
	if e == nil {
		e = &entry{}
		sh.entries[*k] = e
		s.keys.Add(1)
	}
	return e
}

// makeRoom forgets some keys that are whole again, so that there are no more of them than
// of others, and one more if there are too many: of a few, the one that is whole first.
func (s *localStore) makeRoom(sh *shard, now int64) {
	const few = 5
	var first Key
	var soonest int64
	seen, gone := 0, int64(0)
	for k, e := range sh.entries { // begins anywhere
		if e.whole <= now {
			delete(sh.entries, k)
			gone++
		} else if soonest == 0 || e.whole < soonest {
			first, soonest = k, e.whole
		}
		if seen++; seen == few {
			break
		}
	}
	if s.keys.Add(-gone) >= s.max.Load() && soonest != 0 {
		delete(sh.entries, first)
		s.keys.Add(-1)
		s.evicted.Add(1)
	}
}
