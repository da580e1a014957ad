package shedder

import (
	"fmt"
	"net/http"
	"time"

	"plimsoll/targets/concurrency"
)

// Config is how overload is met. Everything may change while requests wait.
type Config struct {
	Enabled    bool             `yaml:"enabled" default:"false" about:"off: every request goes straight through"`
	Limit      int              `yaml:"limit" default:"0" min:"0" max:"100000" about:"requests served at a time; 0: any number; adaptive.mode has its own"`
	Queue      int              `yaml:"queue" default:"100" min:"-1" max:"1000000" about:"requests that may wait; 0: none, -1: any number"`
	Discipline string           `yaml:"discipline" default:"fifo" oneof:"fifo lifo adaptive_lifo codel" about:"who is served next, and whether waiting too long ends it"`
	LIFOAbove  int              `yaml:"lifo_above" default:"50" min:"0" max:"1000000" about:"adaptive_lifo serves the newest first while more requests wait in the lane"`
	CoDel      CoDelConfig      `yaml:"codel" about:"of discipline codel"`
	Lanes      LanesConfig      `yaml:"lanes" about:"a queue for each priority"`
	Deadline   DeadlineConfig   `yaml:"deadline" about:"what happens to requests whose clients will not wait for the answer"`
	Adaptive   AdaptiveConfig   `yaml:"adaptive" about:"a limit that follows latency instead of a fixed one"`
	Status     int              `yaml:"status" default:"503" oneof:"503 429" about:"status of a refusal"`
	RetryAfter RetryAfterConfig `yaml:"retry_after" about:"when refused clients are told to come again"`
	Propagate  bool             `yaml:"propagate" default:"false" about:"marks refusals, own and those from below, X-No-Retry, and takes those from below as overload"`
}

// The disciplines of a queue.
const (
	FIFO         = "fifo"          // the oldest first
	LIFO         = "lifo"          // the newest first
	AdaptiveLIFO = "adaptive_lifo" // the oldest first, while many wait the newest
	CoDel        = "codel"         // the oldest first, and controlled delay
)

// CoDelConfig sets controlled delay.
type CoDelConfig struct {
	Target   time.Duration `yaml:"target" default:"5ms" min:"100us" max:"10m" about:"a wait that is no overload; in overload nobody waits more than twice as long"`
	Interval time.Duration `yaml:"interval" default:"100ms" min:"1ms" max:"10m" about:"overload is when the shortest wait of so long a time exceeds the target"`
}

// Check tells whether the target leaves room in the interval.
func (c CoDelConfig) Check() error {
	if c.Target >= c.Interval {
		return fmt.Errorf("target %v is not below interval %v", c.Target, c.Interval)
	}
	return nil
}

// LanesConfig sets the lanes.
type LanesConfig struct {
	Enabled  bool   `yaml:"enabled" default:"false" about:"off: all requests wait in one queue"`
	Mode     string `yaml:"mode" default:"weighted" oneof:"strict weighted" about:"strict: a lane waits for all above it; weighted: each has its share"`
	Critical int    `yaml:"critical" default:"4" min:"1" max:"1000" about:"weight of the critical lane"`
	Normal   int    `yaml:"normal" default:"2" min:"1" max:"1000" about:"weight of the normal lane"`
	Batch    int    `yaml:"batch" default:"1" min:"1" max:"1000" about:"weight of the batch lane"`
}

// Strict is the mode of lanes in which each waits for all above it.
const Strict = "strict"

// weight returns the weight of a lane.
func (c LanesConfig) weight(lane int) int {
	return [...]int{c.Critical, c.Normal, c.Batch}[lane]
}

// DeadlineConfig sets what becomes of requests that will be too late.
type DeadlineConfig struct {
	Mode       string        `yaml:"mode" default:"off" oneof:"off expired predictive" about:"expired: drops a request once its deadline has passed; predictive: once too little is left to serve it"`
	Timeout    time.Duration `yaml:"timeout" default:"0s" min:"0s" max:"24h" about:"deadline of a request without one, from its arrival; 0: none"`
	Percentile float64       `yaml:"percentile" default:"99" min:"1" max:"100" about:"percentile of service times that predictive reckons with"`
	Window     time.Duration `yaml:"window" default:"10s" min:"100ms" max:"1h" about:"service times older than twice this are forgotten"`
}

// The modes of deadlines.
const (
	Expired    = "expired"    // drop what has expired
	Predictive = "predictive" // drop what will have expired before it is served
)

// AdaptiveConfig chooses the algorithm of an adaptive limit and sets it.
type AdaptiveConfig struct {
	Mode      string                      `yaml:"mode" default:"off" oneof:"off aimd vegas gradient2 envoy" about:"algorithm that sets the limit"`
	AIMD      concurrency.AIMDConfig      `yaml:"aimd" about:"additive increase, multiplicative decrease"`
	Vegas     concurrency.VegasConfig     `yaml:"vegas" about:"keeps the inferred queue between two bounds"`
	Gradient2 concurrency.Gradient2Config `yaml:"gradient2" about:"compares latency with its long-term average"`
	Envoy     concurrency.EnvoyConfig     `yaml:"envoy" about:"compares latency with that of a nearly idle service"`
	Window    concurrency.WindowConfig    `yaml:"window" about:"averages samples for aimd, vegas and gradient2"`
}

// RetryAfterConfig sets when refused clients are told to come again.
type RetryAfterConfig struct {
	Base   time.Duration `yaml:"base" default:"1s" min:"0s" max:"24h" about:"shortest time, rounded up to seconds on the wire; 0: nothing is said"`
	Jitter time.Duration `yaml:"jitter" default:"0s" min:"0s" max:"24h" about:"up to so much is added at random, so that clients do not come back at once"`
}

// Check tells whether the status is one for refusals.
func (c Config) Check() error {
	if c.Status != http.StatusServiceUnavailable && c.Status != http.StatusTooManyRequests {
		return fmt.Errorf("status %d is neither 503 nor 429", c.Status)
	}
	return nil
}

// limit returns the algorithm, nil if the limit is fixed.
func (c AdaptiveConfig) limit() concurrency.Limit {
	var l concurrency.Limit
	switch c.Mode {
	case "aimd":
		l = concurrency.NewAIMD(c.AIMD)
	case "vegas":
		l = concurrency.NewVegas(c.Vegas)
	case "gradient2":
		l = concurrency.NewGradient2(c.Gradient2)
	case "envoy":
		return concurrency.NewEnvoy(c.Envoy) // it has windows of its own
	default:
		return nil
	}
	if c.Window.Enabled {
		l = concurrency.NewWindowed(c.Window, l)
	}
	return l
}
