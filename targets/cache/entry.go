package cache

import (
	"errors"
	"math"
	"time"
)

// ErrNotFound is what a Load returns, or wraps, when the key has no value at the origin.
// With a negative_ttl that is remembered, and Get returns it without asking again.
var ErrNotFound = errors.New("not found")

// Entry is a value with its age. Its body is shared: nobody may change it.
type Entry struct {
	Body     []byte
	Stored   time.Time     // when it was loaded
	TTL      time.Duration // how long it is fresh from then, with jitter and load in it
	Delta    time.Duration // how long loading it took
	Negative bool          // there is no value
}

// Age returns how old the entry is, never less than 0.
func (e *Entry) Age(now time.Time) time.Duration { return max(now.Sub(e.Stored), 0) }

// verdict is what an entry is good for.
type verdict int

const (
	dead   verdict = iota // nothing
	kept                  // to answer if the origin fails
	stale                 // to answer while it is refreshed
	early                 // fresh, but it is time to refresh it
	usable                // to answer: it is fresh
)

// judge returns what the entry is good for now. An age equal to the ttl is stale (RFC 9111
// §4.2); the windows of RFC 5861 include their end. draw is uniform on [0, 1).
func (p *Policy) judge(e *Entry, now time.Time, draw func() float64) verdict {
	age := e.Age(now)
	switch {
	case age < e.TTL:
		if p.XFetch > 0 && xfetch(e.TTL-age, e.Delta, p.XFetch, draw) {
			return early
		}
		return usable
	case e.Negative:
		return dead
	case p.SWR > 0 && age <= e.TTL+p.SWR:
		return stale
	case p.SIE > 0 && age <= e.TTL+p.SIE:
		return kept
	}
	return dead
}

// xfetch tells whether to refresh an entry that is fresh for the time left: if
// delta·beta·(-ln u) ≥ left for u uniform on (0, 1], which is optimal for beta 1.
// Source: Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede
// Prevention, VLDB 2015, algorithm XFetch.
func xfetch(left, delta time.Duration, beta float64, draw func() float64) bool {
	const longest = 37 // -ln of the least draw above 0, 2^-53
	scale := float64(delta) * beta
	return scale*longest >= float64(left) && scale*-math.Log(1-draw()) >= float64(left)
}

// lifetime returns the ttl of a new entry: base·(1+(adaptive-1)·load), load from 0 to 1,
// less a share of up to ttl_jitter at random. Without jitter it is at most base·adaptive.
func (p *Policy) lifetime(load float64, draw func() float64) time.Duration {
	ttl := float64(p.TTL)
	if p.Adaptive > 1 && load > 0 {
		ttl *= 1 + (p.Adaptive-1)*min(load, 1)
	}
	if p.Jitter > 0 {
		ttl *= 1 - min(p.Jitter, 1)*draw()
	}
	return time.Duration(min(ttl, math.MaxInt64/4))
}
