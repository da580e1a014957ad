package concurrency

import (
	"sync"
	"time"
)

// AIMDConfig sets an AIMD limit. The defaults are those of Netflix concurrency-limits.
type AIMDConfig struct {
	Initial int           `yaml:"initial" default:"20" min:"1" max:"100000" about:"requests at a time before anything is known"`
	Min     int           `yaml:"min" default:"20" min:"1" max:"100000" about:"lower bound of the limit, in requests"`
	Max     int           `yaml:"max" default:"200" min:"1" max:"100000" about:"upper bound of the limit, in requests"`
	Backoff float64       `yaml:"backoff" default:"0.9" min:"0.5" max:"0.999" about:"factor on the limit when a request is lost"`
	Timeout time.Duration `yaml:"timeout" default:"5s" min:"1ms" max:"10m" about:"a request that took longer counts as lost"`
}

// Check tells whether the bounds fit together.
func (c AIMDConfig) Check() error { return checkBounds("min", c.Min, "max", c.Max) }

// AIMD grows the limit by one and shrinks it by a factor (additive increase,
// multiplicative decrease), as AIMDLimit of Netflix concurrency-limits does.
type AIMD struct {
	cfg   AIMDConfig
	mu    sync.Mutex
	limit int
}

// NewAIMD returns an AIMD limit at its initial value, or at the bound next to it.
func NewAIMD(cfg AIMDConfig) *AIMD {
	return &AIMD{cfg: cfg, limit: min(max(cfg.Initial, cfg.Min), cfg.Max)}
}

// Limit returns how many requests may be under way.
func (a *AIMD) Limit() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.limit
}

// OnSample shrinks the limit if the request was lost, else grows it if at least half of it
// was in use.
func (a *AIMD) OnSample(s Sample) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case s.Dropped || s.RTT > a.cfg.Timeout:
		a.limit = int(float64(a.limit) * a.cfg.Backoff)
	case s.InFlight*2 >= a.limit:
		a.limit++
	}
	a.limit = min(max(a.limit, a.cfg.Min), a.cfg.Max)
}
