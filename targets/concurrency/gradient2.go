package concurrency

import (
	"sync"
	"time"
)

// Gradient2Config sets a Gradient2 limit. The defaults are those of Netflix
// concurrency-limits; mind that the lower bound of 20 is more than many a service can do.
type Gradient2Config struct {
	Initial      int     `yaml:"initial" default:"20" min:"1" max:"100000" about:"requests at a time before anything is known"`
	Min          int     `yaml:"min" default:"20" min:"1" max:"100000" about:"lower bound of the limit, in requests"`
	Max          int     `yaml:"max" default:"200" min:"1" max:"100000" about:"upper bound of the limit, in requests"`
	Smoothing    float64 `yaml:"smoothing" default:"0.2" min:"0.01" max:"1" about:"share of a change that is made at once"`
	QueueSize    int     `yaml:"queue_size" default:"4" min:"0" max:"100000" about:"requests that may queue, added at every step"`
	RTTTolerance float64 `yaml:"rtt_tolerance" default:"1.5" min:"1" max:"100" about:"how many times the long-term time is no reason to shrink"`
	LongWindow   int     `yaml:"long_window" default:"600" min:"1" max:"1000000" about:"samples that the long-term time is averaged over"`
}

// Check tells whether the bounds fit together.
func (c Gradient2Config) Check() error { return checkBounds("min", c.Min, "max", c.Max) }

// warmUp is how many samples the long-term time begins with as their plain mean.
const warmUp = 10

// Gradient2 follows how the time of a request compares with its long-term average, as
// Gradient2Limit of Netflix concurrency-limits does. An overload that lasts becomes part of
// the average, and the limit climbs after it:
//
//	gradient = max(0.5, min(1, tolerance × long/short))
//	limit    = (1 - smoothing) limit + smoothing (gradient × limit + queue size)
type Gradient2 struct {
	cfg   Gradient2Config
	mu    sync.Mutex
	limit float64
	long  average
}

// NewGradient2 returns a Gradient2 limit at its initial value, or at the bound next to it.
func NewGradient2(cfg Gradient2Config) *Gradient2 {
	return &Gradient2{
		cfg:   cfg,
		limit: float64(min(max(cfg.Initial, cfg.Min), cfg.Max)),
		long:  average{window: cfg.LongWindow},
	}
}

// Limit returns how many requests may be under way.
func (g *Gradient2) Limit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int(g.limit)
}

// OnSample moves the long-term average, and the limit if at least half of it was in use.
func (g *Gradient2) OnSample(s Sample) {
	if s.RTT <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	long, short := g.long.add(float64(s.RTT)), float64(s.RTT)
	if long/short > 2 {
		// The end of a long overload: what was learnt in it is forgotten faster.
		g.long.value *= 0.95
	}
	if float64(s.InFlight) < g.limit/2 {
		return
	}
	g.limit = g.cfg.step(g.limit, time.Duration(long), s.RTT)
}

// step returns the limit after a sample.
func (c Gradient2Config) step(limit float64, long, short time.Duration) float64 {
	gradient := max(0.5, min(1, c.RTTTolerance*float64(long)/float64(short)))
	next := limit*gradient + float64(c.QueueSize)
	next = limit*(1-c.Smoothing) + next*c.Smoothing
	return max(float64(c.Min), min(float64(c.Max), next))
}

// average is an exponential moving average that begins as the plain mean of its first
// values. Its factor is 2/(window+1).
type average struct {
	window int
	count  int
	sum    float64
	value  float64
}

// add adds a value and returns the average.
func (a *average) add(v float64) float64 {
	if a.count < warmUp {
		a.count++
		a.sum += v
		a.value = a.sum / float64(a.count)
		return a.value
	}
	factor := 2 / float64(a.window+1)
	a.value += factor * (v - a.value)
	return a.value
}
