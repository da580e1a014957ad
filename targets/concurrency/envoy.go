package concurrency

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// EnvoyConfig sets the gradient controller, in the words of Envoy's adaptive concurrency
// filter. The defaults are the filter's; those of the two intervals, which it has no
// default for, are those of its documentation's example.
type EnvoyConfig struct {
	Percentile     float64       `yaml:"sample_aggregate_percentile" default:"50" min:"1" max:"100" about:"percentile that stands for a window of samples, and for minRTT"`
	Max            int           `yaml:"max_concurrency_limit" default:"1000" min:"1" max:"100000" about:"upper bound of the limit, in requests"`
	Min            int           `yaml:"min_concurrency_limit" default:"0" min:"0" max:"100000" about:"lower bound of the limit, in requests; 0: min_rtt.min_concurrency"`
	UpdateInterval time.Duration `yaml:"concurrency_update_interval" default:"100ms" min:"1ms" max:"10m" about:"how often the limit moves"`
	MinRTT         MinRTTConfig  `yaml:"min_rtt" about:"how the time without queueing is measured"`
}

// MinRTTConfig sets how the gradient controller measures the time without queueing. Times
// that spread widely need a larger request_count: the median of 50 exponential times has
// a standard deviation of a fifth, and a minRTT too short leaves part of the service idle until the next.
type MinRTTConfig struct {
	Interval       time.Duration `yaml:"interval" default:"60s" min:"1ms" max:"24h" about:"how often it is measured"`
	RequestCount   int           `yaml:"request_count" default:"50" min:"1" max:"1000000" about:"requests that a measurement takes"`
	Jitter         float64       `yaml:"jitter" default:"15" min:"0" max:"100" about:"a measurement begins up to so many percent of the interval later"`
	MinConcurrency int           `yaml:"min_concurrency" default:"3" min:"1" max:"100000" about:"limit during a measurement, in requests"`
	Buffer         float64       `yaml:"buffer" default:"25" min:"0" max:"1000" about:"percent over the measured time that are no reason to shrink"`
	FixedValue     time.Duration `yaml:"fixed_value" default:"0s" min:"0s" max:"10m" about:"the time without queueing, if it is known; 0: it is measured"`
}

// floor returns the lower bound of the limit.
func (c EnvoyConfig) floor() int {
	if c.Min > 0 {
		return c.Min
	}
	return c.MinRTT.MinConcurrency
}

// Check tells whether the bounds fit together.
func (c EnvoyConfig) Check() error {
	return checkBounds("min_concurrency_limit", c.floor(), "max_concurrency_limit", c.Max)
}

// minimumWindows is after how many windows at the lower bound minRTT is measured anew: it
// is probably wrong.
const minimumWindows = 5

// Envoy is the gradient controller of Envoy's adaptive concurrency filter. Now and then it
// lets only a few requests in to measure minRTT; in between, at the end of each window,
//
//	gradient = max(0.5, min(2, minRTT (1 + buffer) / sampleRTT))
//	limit    = floor(gradient × limit + sqrt(gradient × limit))
//
// What Envoy's timers do is done here as soon as somebody looks, with the same result.
type Envoy struct {
	cfg    EnvoyConfig
	random func() float64 // uniform on [0, 1)

	mu        sync.Mutex
	limit     int
	minRTT    time.Duration
	samples   Histogram // of this window, or of the measurement
	atFloor   int       // consecutive windows that left the limit at its lower bound
	measuring bool
	deferred  int       // the limit after the measurement
	epoch     time.Time // when the measurement began
	nextProbe time.Time // when the next measurement is due
	nextClose time.Time // when the window ends
}

// NewEnvoy returns a gradient controller that measures minRTT first.
func NewEnvoy(cfg EnvoyConfig) *Envoy {
	e := &Envoy{cfg: cfg, random: rand.Float64, limit: max(cfg.MinRTT.MinConcurrency, cfg.floor()), minRTT: cfg.MinRTT.FixedValue}
	now := time.Now()
	e.nextClose = now.Add(cfg.UpdateInterval)
	if cfg.MinRTT.FixedValue == 0 {
		e.probe(now)
	}
	return e
}

// Limit returns how many requests may be under way.
func (e *Envoy) Limit() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance(time.Now())
	return e.limit
}

// MinRTT returns the time without queueing as it was last measured; 0: not yet.
func (e *Envoy) MinRTT() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.minRTT
}

// OnSample adds the time to the window, or to the measurement and maybe ends that. Whether
// the request was lost makes no difference.
func (e *Envoy) OnSample(s Sample) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := s.end()
	e.advance(now)
	if s.Start.Before(e.epoch) {
		return // it waited behind more requests than the measurement lets in
	}
	e.samples.Record(s.RTT)
	if e.measuring && e.samples.Count() >= uint64(e.cfg.MinRTT.RequestCount) {
		e.minRTT = e.take()
		e.setLimit(e.deferred)
		e.measuring = false
		e.nextProbe = now.Add(e.jittered(e.cfg.MinRTT.Interval))
		e.nextClose = now.Add(e.cfg.UpdateInterval)
	}
}

// advance does what has become due, in its order. A window without samples changes
// nothing, and none has come in since the last look, so at most one window needs closing.
func (e *Envoy) advance(now time.Time) {
	for !e.measuring {
		open := e.nextClose.After(now) || e.samples.Count() == 0
		switch {
		case e.cfg.MinRTT.FixedValue == 0 && !e.nextProbe.After(now) && (open || e.nextProbe.Before(e.nextClose)):
			e.probe(e.nextProbe)
		case e.nextClose.After(now):
			return
		default:
			if e.samples.Count() > 0 {
				e.closeWindow()
			}
			late := now.Sub(e.nextClose) % e.cfg.UpdateInterval
			e.nextClose = now.Add(e.cfg.UpdateInterval - late)
		}
	}
}

// closeWindow moves the limit by what the window's samples say.
func (e *Envoy) closeWindow() {
	e.setLimit(e.cfg.step(e.limit, e.minRTT, e.take()))
	if e.atFloor >= minimumWindows && e.cfg.MinRTT.FixedValue == 0 {
		e.nextProbe = e.nextClose
	}
}

// take returns the percentile of the samples and forgets them.
func (e *Envoy) take() time.Duration {
	rtt := Quantile(e.cfg.Percentile/100, &e.samples)
	e.samples.Reset()
	return rtt
}

// probe begins a measurement of minRTT.
func (e *Envoy) probe(at time.Time) {
	e.measuring, e.epoch, e.deferred = true, at, e.limit
	e.setLimit(min(e.limit, e.cfg.MinRTT.MinConcurrency))
	e.samples.Reset()
}

func (e *Envoy) setLimit(limit int) {
	if !e.measuring && e.limit == e.cfg.floor() && limit == e.cfg.floor() {
		e.atFloor++
	} else {
		e.atFloor = 0
	}
	e.limit = limit
}

// jittered returns the interval or up to the jitter's share more, so that many instances
// do not measure in step.
func (e *Envoy) jittered(interval time.Duration) time.Duration {
	return interval + time.Duration(e.random()*e.cfg.MinRTT.Jitter/100*float64(interval))
}

// step returns the limit after a window.
func (c EnvoyConfig) step(limit int, minRTT, sampleRTT time.Duration) int {
	buffered := float64(minRTT) * (1 + c.MinRTT.Buffer/100)
	gradient := max(0.5, min(2, buffered/float64(max(1, sampleRTT))))
	scaled := gradient * float64(limit)
	return max(c.floor(), min(c.Max, int(scaled+math.Sqrt(scaled))))
}
