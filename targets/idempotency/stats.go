package idempotency

import "sync/atomic"

// Stats is what the guard has done since New, and what its memory holds.
type Stats struct {
	Executed    uint64 `json:"executed_total"`     // requests with a key that were carried out
	Replayed    uint64 `json:"replayed_total"`     // answers given again
	Conflicts   uint64 `json:"conflicts_total"`    // 409
	Mismatched  uint64 `json:"mismatched_total"`   // 422
	Missing     uint64 `json:"missing_total"`      // 400: no key
	Invalid     uint64 `json:"invalid_total"`      // 400 or 413: no key that can be read, or no body
	Released    uint64 `json:"released_total"`     // carried out, but the answer asked to try again
	Lost        uint64 `json:"lost_total"`         // carried out, but after the lease
	StoreErrors uint64 `json:"store_errors_total"` // failures of the store
	Evicted     uint64 `json:"evicted_total"`      // answers that went before their ttl
	Entries     int    `json:"entries"`            // in memory
	Bytes       int64  `json:"bytes"`              // in memory
}

type counters struct {
	executed, replayed, conflicts, mismatched, missing, invalid, released, lost, storeErrors atomic.Uint64
}

// Stats returns the figures. They are read one after the other while requests go on.
func (g *Guard) Stats() Stats {
	n := &g.counters
	s := Stats{
		Executed: n.executed.Load(), Replayed: n.replayed.Load(), Conflicts: n.conflicts.Load(),
		Mismatched: n.mismatched.Load(), Missing: n.missing.Load(), Invalid: n.invalid.Load(),
		Released: n.released.Load(), Lost: n.lost.Load(), StoreErrors: n.storeErrors.Load(),
	}
	s.Entries, s.Bytes, s.Evicted = g.memory.stats()
	return s
}
