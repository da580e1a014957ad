package concurrency

import (
	"math"
	"sync"
	"time"
)

// WindowConfig sets the windows that samples are averaged over. The defaults are those of
// WindowedLimit of Netflix concurrency-limits. Without windows a limit takes every spread of
// service times for queueing: Vegas then stays far below what the service can do.
type WindowConfig struct {
	Enabled bool          `yaml:"enabled" default:"true" about:"averages samples over a window before the limit learns of them"`
	Min     time.Duration `yaml:"min" default:"1s" min:"100ms" max:"10m" about:"shortest window"`
	Max     time.Duration `yaml:"max" default:"1s" min:"100ms" max:"10m" about:"longest window"`
	Samples int           `yaml:"samples" default:"10" min:"10" max:"1000000" about:"a window with fewer samples is thrown away"`
	MinRTT  time.Duration `yaml:"min_rtt" default:"100us" min:"0s" max:"10m" about:"a request that took less is left out; 0: none is"`
}

// Check tells whether the bounds fit together.
func (c WindowConfig) Check() error {
	return checkBounds("min", int(c.Min), "max", int(c.Max))
}

// Windowed hands a limit one averaged sample a window instead of every sample. A window
// lasts twice the shortest time in the one before, within its bounds; its average has the
// most requests in flight of any of its samples, and is dropped if one of them was.
type Windowed struct {
	cfg   WindowConfig
	limit Limit

	mu   sync.Mutex
	next time.Time // when the window ends
	now  window
}

type window struct {
	shortest, sum time.Duration
	samples       int
	inFlight      int
	dropped       bool
}

// NewWindowed returns a limit that averages the samples for the given one. Whether the
// configuration enables it is for the caller to look at.
func NewWindowed(cfg WindowConfig, limit Limit) *Windowed {
	return &Windowed{cfg: cfg, limit: limit, now: window{shortest: math.MaxInt64}}
}

// Limit returns how many requests may be under way.
func (w *Windowed) Limit() int { return w.limit.Limit() }

// OnSample adds the sample to its window, and hands on the average of a window that ends.
func (w *Windowed) OnSample(s Sample) {
	if s.RTT < w.cfg.MinRTT {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.shortest = min(w.now.shortest, s.RTT)
	w.now.sum += s.RTT
	w.now.samples++
	w.now.inFlight = max(w.now.inFlight, s.InFlight)
	w.now.dropped = w.now.dropped || s.Dropped
	if !s.end().After(w.next) {
		return
	}
	ended := w.now
	w.now = window{shortest: math.MaxInt64}
	w.next = s.end().Add(min(max(2*ended.shortest, w.cfg.Min), w.cfg.Max))
	if ended.samples >= w.cfg.Samples {
		w.limit.OnSample(Sample{
			Start: s.Start, RTT: ended.sum / time.Duration(ended.samples), InFlight: ended.inFlight, Dropped: ended.dropped,
		})
	}
}
