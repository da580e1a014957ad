package cache

import (
	"strconv"
	"time"
)

// Status says how the tiers took part in an answer. It renders as the Cache-Status field
// (RFC 9211). The zero value is that of an answer that no tier took part in.
type Status struct{ l2, l1 hop } // the nearest to the origin first, as in the field

// hop is one tier's part.
type hop struct {
	on        bool
	hit       bool
	stored    bool
	collapsed int8          // 1: shared another's load; -1: waited for one in vain
	timed     bool          // ttl is known
	code      int           // fwd-status; 0: none
	ttl       time.Duration // how long what was answered is fresh; negative: it was stale
	fwd       string        // why the tier was passed by
	detail    string        // a token
}

// Reasons to forward (RFC 9211 §2.2).
const (
	fwdBypass  = "bypass"
	fwdMethod  = "method"
	fwdMiss    = "uri-miss"
	fwdRequest = "request"
	fwdStale   = "stale"
)

// Hit tells whether a tier answered without asking the origin.
func (s *Status) Hit() bool { return s.l1.hit || s.l2.hit }

// Stale tells whether the answer was past its ttl.
func (s *Status) Stale() bool { return s.l1.timed && s.l1.ttl < 0 || s.l2.timed && s.l2.ttl < 0 }

// Collapsed tells whether the answer came from a load that another call had begun.
func (s *Status) Collapsed() bool { return s.l1.collapsed > 0 || s.l2.collapsed > 0 }

// word returns "hit", "stale", "miss" or, without a tier, "".
func (s *Status) word() string {
	switch {
	case !s.l1.on && !s.l2.on:
		return ""
	case s.Stale():
		return "stale"
	case s.Hit():
		return "hit"
	}
	return "miss"
}

// String returns the field's value, "l2; hit; ttl=20, l1; fwd=uri-miss; stored".
func (s *Status) String() string { return string(s.Append(make([]byte, 0, 96))) }

// Append appends the field's value to b.
func (s *Status) Append(b []byte) []byte {
	if s.l2.on {
		b = s.l2.append(b, "l2")
	}
	if s.l1.on {
		if s.l2.on {
			b = append(b, ", "...)
		}
		b = s.l1.append(b, "l1")
	}
	return b
}

func (h *hop) append(b []byte, name string) []byte {
	b = append(b, name...)
	if h.hit {
		b = append(b, "; hit"...)
	} else if h.fwd != "" {
		b = append(b, "; fwd="...)
		b = append(b, h.fwd...)
	}
	if h.code != 0 {
		b = append(b, "; fwd-status="...)
		b = strconv.AppendInt(b, int64(h.code), 10)
	}
	if h.timed {
		b = append(b, "; ttl="...)
		b = strconv.AppendInt(b, seconds(h.ttl), 10)
	}
	if h.stored {
		b = append(b, "; stored"...)
	}
	switch {
	case h.collapsed > 0:
		b = append(b, "; collapsed"...)
	case h.collapsed < 0:
		b = append(b, "; collapsed=?0"...)
	}
	if h.detail != "" {
		b = append(b, "; detail="...)
		b = append(b, h.detail...)
	}
	return b
}

// seconds returns whole seconds, rounded down: what is stale by less than one is -1.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d < 0 && d%time.Second != 0 {
		s--
	}
	return s
}

// hitOf returns the part of a tier that answered with e.
func hitOf(e *Entry, now time.Time) hop {
	return hop{on: true, hit: true, timed: true, ttl: e.TTL - e.Age(now)}
}
