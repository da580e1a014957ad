package limiter

import (
	"fmt"
	"math"
	"strings"
	"time"

	"plimsoll/targets/knob"
)

// Config is a limiter's settings, all hot. The policy that algo, key, rate, burst and window
// describe is named "default"; policies adds further ones. A request has to satisfy all.
type Config struct {
	Enabled bool          `yaml:"enabled" default:"false" about:"whether requests are limited at all"`
	Algo    string        `yaml:"algo" default:"gcra" oneof:"token_bucket leaky_bucket gcra sliding_log sliding_window fixed_window" about:"the algorithm of all policies"`
	Key     string        `yaml:"key" default:"client" oneof:"client tenant route service global client+route client+service tenant+route tenant+service" about:"what has a quota of its own"`
	Rate    knob.Rate     `yaml:"rate" default:"100/s" min:"1/1h" max:"1M/s" about:"requests that a key may make in the long run"`
	Burst   int           `yaml:"burst" default:"50" min:"1" max:"1000000" about:"requests at once, of the buckets"`
	Window  time.Duration `yaml:"window" default:"1s" min:"10ms" max:"1h" about:"of the windows: rate × window is the limit; of fair: how long a client counts as active"`

	Store        string `yaml:"store" default:"local" oneof:"local shared redis" about:"where quotas are kept: each worker, shared memory between workers, Redis"`
	OnStoreError string `yaml:"on_store_error" default:"local" oneof:"open closed local" about:"without the store: admit all, refuse all with 503, or an Nth of the limit in each of N workers"`
	Outage       Outage `yaml:"outage"`
	MaxKeys      int    `yaml:"max_keys" default:"100000" min:"1000" max:"10000000" about:"keys that a worker remembers; the one nearest to a full quota is forgotten first"`

	Fair    string        `yaml:"fair" default:"off" oneof:"off token drr" about:"shares rate between clients, whatever the key: rate/active clients for each, or a queue of each that takes turns (deficit round robin)"`
	Queue   int           `yaml:"queue" default:"10" min:"1" max:"10000" about:"of drr: requests of one client that may wait"`
	Delay   time.Duration `yaml:"delay" default:"0s" min:"0s" max:"1m" about:"the longest that a request is held back; 0: leaky_bucket refuses instead (a meter), and drr waits as long as the client does"`
	Dynamic Dynamic       `yaml:"dynamic"`

	Headers      string        `yaml:"headers" default:"draft11" oneof:"off draft11 legacy both" about:"RateLimit and RateLimit-Policy, X-RateLimit-*, or both"`
	PartitionKey bool          `yaml:"partition_key" default:"false" about:"whether draft11 names the key, as a digest (pk)"`
	Status       int           `yaml:"status" default:"429" oneof:"429 503" about:"the status of a refusal"`
	RetryJitter  time.Duration `yaml:"retry_jitter" default:"0s" min:"0s" max:"1m" about:"spread that is added to Retry-After at random, so that clients do not come back together"`

	Policies map[string]Policy `yaml:"policies" about:"further policies by name"`
}

// Policy is a quota besides the default one.
type Policy struct {
	Key    string        `yaml:"key" default:"global" oneof:"client tenant route service global client+route client+service tenant+route tenant+service" about:"what has a quota of its own"`
	Rate   knob.Rate     `yaml:"rate" default:"1k/s" min:"1/1h" max:"1M/s" about:"requests that a key may make in the long run"`
	Burst  int           `yaml:"burst" default:"50" min:"1" max:"1000000" about:"requests at once, of the buckets"`
	Window time.Duration `yaml:"window" default:"1s" min:"10ms" max:"1h" about:"of the windows: rate × window is the limit"`
}

// Outage bounds what a store that does not answer costs.
type Outage struct {
	Timeout  time.Duration `yaml:"timeout" default:"50ms" min:"1ms" max:"10s" about:"the longest that a request waits for the store"`
	CoolDown time.Duration `yaml:"cool_down" default:"1s" min:"10ms" max:"5m" about:"how long the store is not asked after an error; then one request tries it"`
}

// Dynamic moves all rates by additive increase and multiplicative decrease with a signal of
// saturation between 0 and 1.
type Dynamic struct {
	Enabled  bool          `yaml:"enabled" default:"false" about:"whether rates follow the saturation"`
	Target   float64       `yaml:"target" default:"0.8" min:"0.01" max:"1" about:"saturation above which rates fall, and up to which they rise"`
	Interval time.Duration `yaml:"interval" default:"1s" min:"10ms" max:"1m" about:"time between two steps"`
	Decrease float64       `yaml:"decrease" default:"0.9" min:"0.1" max:"0.99" about:"factor of a step down"`
	Increase float64       `yaml:"increase" default:"0.05" min:"0.001" max:"1" about:"share of the configured rate that a step up adds"`
	Floor    float64       `yaml:"floor" default:"0.1" min:"0.001" max:"1" about:"smallest share of the configured rate"`
	Ceiling  float64       `yaml:"ceiling" default:"1" min:"1" max:"100" about:"largest multiple of the configured rate"`
}

// MaxPolicies is how many policies there may be, the default one included.
const MaxPolicies = 8

// The largest settings whose products are still exact in a double, and whose logs fit into
// memory.
const (
	exact  = int64(1) << 52
	maxLog = 100_000
)

// Check reports settings that do not go together.
func (c Config) Check() error {
	if len(c.Policies) >= MaxPolicies {
		return fmt.Errorf("policies: %d besides the default one, at most %d", len(c.Policies), MaxPolicies-1)
	}
	if c.Fair != off && c.Store != local {
		return fmt.Errorf("fair: %s shares the rate within one worker, so store has to be local", c.Fair)
	}
	if c.Algo == string(SlidingLog) && c.Store == shared {
		return fmt.Errorf("algo: sliding_log does not fit into the cells of store: shared")
	}
	if err := c.first().check("", c.Algo); err != nil {
		return err
	}
	for name, p := range c.Policies {
		if name == "" || name == defaultPolicy || strings.ContainsFunc(name, unprintable) {
			return fmt.Errorf("policies: %q is no name: it is taken, empty or not printable ASCII", name)
		}
		if err := p.check("policies."+name+".", c.Algo); err != nil {
			return err
		}
	}
	return nil
}

// first returns the policy that the settings themselves describe.
func (c Config) first() Policy {
	return Policy{Key: c.Key, Rate: c.Rate, Burst: c.Burst, Window: c.Window}
}

func (p Policy) check(path, algo string) error {
	if !(p.Rate > 0) || math.IsInf(float64(p.Rate), 0) {
		return fmt.Errorf("%srate: has to be above 0", path)
	}
	r := p.rule(Algo(algo), 0, 1)
	if algo == string(SlidingLog) && r.Limit > maxLog {
		return fmt.Errorf("%swindow: sliding_log would remember %d requests of each key (rate × window), at most %d", path, r.Limit, maxLog)
	}
	if r.windowed() && r.Limit > exact/r.Window {
		return fmt.Errorf("%swindow: rate × window × window is too large", path)
	}
	if r.Burst > exact/r.Interval {
		return fmt.Errorf("%sburst: takes more than %v to fill", path, time.Duration(exact).Round(time.Hour))
	}
	return nil
}

// rule returns the policy in exact numbers, its rate multiplied by factor. A rate above
// what one nanosecond per request can tell is rounded.
func (p Policy) rule(algo Algo, delay time.Duration, factor float64) Rule {
	rate := float64(p.Rate) * factor
	return Rule{
		Algo:     algo,
		Interval: max(int64(math.Round(1e9/rate)), 1),
		Burst:    int64(max(p.Burst, 1)),
		Limit:    max(int64(math.Round(rate*p.Window.Seconds())), 1),
		Window:   max(p.Window.Microseconds(), 1),
		Delay:    int64(delay),
	}
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }

// Values of settings.
const (
	off           = "off"
	local         = "local"
	shared        = "shared"
	inRedis       = "redis"
	fairToken     = "token"
	fairDRR       = "drr"
	defaultPolicy = "default"
)
