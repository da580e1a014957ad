package concurrency

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// VegasConfig sets a Vegas limit. The defaults are those of Netflix concurrency-limits.
type VegasConfig struct {
	Initial         int     `yaml:"initial" default:"20" min:"1" max:"100000" about:"requests at a time before anything is known"`
	Max             int     `yaml:"max" default:"1000" min:"1" max:"100000" about:"upper bound of the limit, in requests"`
	Smoothing       float64 `yaml:"smoothing" default:"1" min:"0.01" max:"1" about:"share of a change that is made at once"`
	Alpha           int     `yaml:"alpha" default:"3" min:"1" max:"1000" about:"a shorter queue lets the limit grow, in log10(limit) requests"`
	Beta            int     `yaml:"beta" default:"6" min:"1" max:"1000" about:"a longer queue makes the limit shrink, in log10(limit) requests"`
	ProbeMultiplier int     `yaml:"probe_multiplier" default:"30" min:"1" max:"100000" about:"the shortest time is measured anew every so many limits of samples"`
}

// Check tells whether alpha and beta leave room for a queue.
func (c VegasConfig) Check() error { return checkBounds("alpha", c.Alpha, "beta", c.Beta) }

// Vegas keeps the queue that it infers from the shortest time seen between two bounds, as
// VegasLimit of Netflix concurrency-limits does:
//
//	queue = ceil(limit (1 - shortest/rtt))
type Vegas struct {
	cfg    VegasConfig
	random func() float64 // uniform on [0, 1)

	mu       sync.Mutex
	limit    float64
	shortest time.Duration // 0: none yet
	samples  int           // since the shortest time was measured anew
	jitter   float64       // of the interval between two such measurements
}

// NewVegas returns a Vegas limit at its initial value, or at its upper bound.
func NewVegas(cfg VegasConfig) *Vegas {
	v := &Vegas{cfg: cfg, random: rand.Float64, limit: float64(min(cfg.Initial, cfg.Max))}
	v.jitter = v.newJitter()
	return v
}

// newJitter is uniform on [0.5, 1), so that many instances do not probe in step.
func (v *Vegas) newJitter() float64 { return 0.5 + v.random()/2 }

// Limit returns how many requests may be under way.
func (v *Vegas) Limit() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return int(v.limit)
}

// OnSample learns the shortest time or moves the limit by one step.
func (v *Vegas) OnSample(s Sample) {
	if s.RTT <= 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.samples++
	if v.jitter*float64(v.cfg.ProbeMultiplier)*v.limit <= float64(v.samples) {
		v.jitter, v.samples, v.shortest = v.newJitter(), 0, s.RTT
		return
	}
	if v.shortest == 0 || s.RTT < v.shortest {
		v.shortest = s.RTT
		return
	}
	v.limit = v.cfg.step(v.limit, v.shortest, s)
}

// step returns the limit after a sample.
func (c VegasConfig) step(limit float64, shortest time.Duration, s Sample) float64 {
	queue := int(math.Ceil(limit * (1 - float64(shortest)/float64(s.RTT))))
	unit := max(1, int(math.Log10(float64(int(limit)))))
	next := limit
	switch {
	case s.Dropped:
		next -= float64(unit)
	case float64(s.InFlight*2) < limit:
		return limit // the load, not the limit, is what holds requests down
	case queue <= unit:
		next += float64(c.Beta * unit)
	case queue < c.Alpha*unit:
		next += float64(unit)
	case queue > c.Beta*unit:
		next -= float64(unit)
	default:
		return limit
	}
	next = max(1, min(float64(c.Max), next))
	return (1-c.Smoothing)*limit + c.Smoothing*next
}
