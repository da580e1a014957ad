package cache

import "sync/atomic"

// Stats is what the cache has done since New, and what it holds.
type Stats struct {
	L1 TierStats `json:"l1"`
	L2 TierStats `json:"l2"`

	Loads        uint64 `json:"loads_total"`          // calls of the origin, of all kinds
	LoadErrors   uint64 `json:"load_errors_total"`    // of which failed
	Coalesced    uint64 `json:"coalesced_total"`      // calls that shared another's load
	Refreshes    uint64 `json:"refreshes_total"`      // begun in the background
	Early        uint64 `json:"early_total"`          // of which by xfetch, before the ttl was over
	StaleIfError uint64 `json:"stale_if_error_total"` // answers in place of an error
	NotModified  uint64 `json:"not_modified_total"`   // 304 of a layer
	Bypassed     uint64 `json:"bypassed_total"`       // requests that a layer let pass by
}

// TierStats is one tier's part of Stats. A call that a tier answers is a hit if the entry
// was fresh and stale if it was not; stale ones count as answered in the ratio.
type TierStats struct {
	Hits      uint64  `json:"hits_total"`
	Stale     uint64  `json:"stale_total"`
	Misses    uint64  `json:"misses_total"`
	Stored    uint64  `json:"stored_total"`
	Errors    uint64  `json:"errors_total"`    // l2: failed commands and broken entries
	Skipped   uint64  `json:"skipped_total"`   // l2: commands left out while it is left alone
	Evictions uint64  `json:"evictions_total"` // l1: entries that made room for others
	Entries   int     `json:"entries"`         // l1
	Bytes     int64   `json:"bytes"`           // l1: keys, bodies and what goes with each
	HitRatio  float64 `json:"hit_ratio"`       // (hits + stale) / (hits + stale + misses); 0 without calls
	Up        bool    `json:"up"`              // in use, and l2 not left alone
}

// counters are the figures behind Stats.
type counters struct {
	l1, l2 tierCounters

	loads, loadErrors, coalesced, refreshes, early atomic.Uint64
	staleIfError, notModified, bypassed            atomic.Uint64
}

type tierCounters struct {
	hits, stale, misses, stored, errors, skipped, evictions atomic.Uint64
}

func (t *tierCounters) stats() TierStats {
	s := TierStats{
		Hits: t.hits.Load(), Stale: t.stale.Load(), Misses: t.misses.Load(), Stored: t.stored.Load(),
		Errors: t.errors.Load(), Skipped: t.skipped.Load(), Evictions: t.evictions.Load(),
	}
	if answered := s.Hits + s.Stale; answered > 0 {
		s.HitRatio = float64(answered) / float64(answered+s.Misses)
	}
	return s
}

// Stats returns the figures. They are read one after the other while calls go on.
func (c *Cache) Stats() Stats {
	n := &c.counters
	s := Stats{
		L1: n.l1.stats(), L2: n.l2.stats(),
		Loads: n.loads.Load(), LoadErrors: n.loadErrors.Load(), Coalesced: n.coalesced.Load(),
		Refreshes: n.refreshes.Load(), Early: n.early.Load(), StaleIfError: n.staleIfError.Load(),
		NotModified: n.notModified.Load(), Bypassed: n.bypassed.Load(),
	}
	now := c.setup.Load()
	if now.l1 != nil {
		s.L1.Up = true
		s.L1.Entries, s.L1.Bytes = now.l1.size()
	}
	s.L2.Up = now.l2 != nil && !c.health.down()
	return s
}
