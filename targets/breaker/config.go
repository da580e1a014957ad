package breaker

import "time"

// Config says when a breaker opens and how it closes again. Rates are shares from 0 to 1.
type Config struct {
	Mode        string        `yaml:"mode" default:"on" oneof:"off on open closed" about:"off: all calls pass, nothing is counted; on: decides by itself; open: refuses all; closed: all pass and are counted"`
	Preset      string        `yaml:"preset" default:"custom" oneof:"custom hystrix resilience4j opossum" about:"custom: the fields below; otherwise that project's defaults take their place"`
	Window      Window        `yaml:"window"`
	MinCalls    int           `yaml:"min_calls" default:"20" min:"1" max:"100000" about:"calls in the window before a rate is looked at"`
	FailureRate float64       `yaml:"failure_rate" default:"0.5" min:"0" max:"1" about:"share of failed calls at which it opens; 0: never"`
	SlowRate    float64       `yaml:"slow_rate" default:"0.5" min:"0" max:"1" about:"share of slow calls at which it opens; 0: never"`
	SlowAfter   time.Duration `yaml:"slow_after" default:"1s" min:"1ms" max:"10m" about:"a call that takes longer is slow"`
	Open        time.Duration `yaml:"open" default:"5s" min:"10ms" max:"10m" about:"how long it stays open before it probes"`
	Jitter      float64       `yaml:"jitter" default:"0.1" min:"0" max:"1" about:"share of open by which each time is longer or shorter at random"`
	HalfOpen    int           `yaml:"half_open" default:"5" min:"1" max:"1000" about:"probes while half open; it decides when all have returned"`
	ProbeWait   time.Duration `yaml:"probe_wait" default:"30s" min:"10ms" max:"10m" about:"a probe that has not returned by then makes room for another"`
	Ramp        float64       `yaml:"ramp" default:"0" min:"0" max:"1" about:"after it closed it admits this share of the calls, and as much more each second; 0: all at once"`
}

// Window is what the rates are taken over.
type Window struct {
	By    string        `yaml:"by" default:"time" oneof:"time count" about:"time: the calls of the last span; count: the last calls"`
	Span  time.Duration `yaml:"span" default:"10s" min:"100ms" max:"10m" about:"length of a window by time, in ten buckets"`
	Calls int           `yaml:"calls" default:"100" min:"1" max:"10000" about:"length of a window by count"`
}

// Hystrix returns the defaults of Netflix Hystrix 1.5: ten seconds, 20 calls, one probe.
// Its time limit of 1 s per call belongs to the caller, who reports a failure then.
func Hystrix() Config {
	return Config{
		Window: Window{By: "time", Span: 10 * time.Second}, MinCalls: 20, FailureRate: .5,
		Open: 5 * time.Second, HalfOpen: 1,
	}
}

// Resilience4j returns the defaults of resilience4j 2: the last 100 calls, slow past 60 s.
func Resilience4j() Config {
	return Config{
		Window: Window{By: "count", Calls: 100}, MinCalls: 100, FailureRate: .5,
		SlowRate: 1, SlowAfter: time.Minute, Open: time.Minute, HalfOpen: 10,
	}
}

// Opossum returns the defaults of opossum 9: ten seconds, no minimum, one probe. Its time
// limit of 10 s per call belongs to the caller, who reports a failure then.
func Opossum() Config {
	return Config{
		Window: Window{By: "time", Span: 10 * time.Second}, MinCalls: 1, FailureRate: .5,
		Open: 30 * time.Second, HalfOpen: 1,
	}
}

// resolved returns the configuration with the preset in its place. What the projects have
// no setting for, the mode and the wait for a lost probe, stays as it was.
func (c Config) resolved() Config {
	r := c
	switch c.Preset {
	case "hystrix":
		r = Hystrix()
	case "resilience4j":
		r = Resilience4j()
	case "opossum":
		r = Opossum()
	}
	r.Mode, r.ProbeWait = c.Mode, c.ProbeWait
	if r.Mode == "" {
		r.Mode = "on"
	}
	r.HalfOpen, r.MinCalls = max(r.HalfOpen, 1), max(r.MinCalls, 1)
	if r.ProbeWait <= 0 {
		r.ProbeWait = 30 * time.Second
	}
	if r.Window.By == "count" {
		// A window that is never as full as it has to be would never be looked at.
		r.Window.Calls = max(r.Window.Calls, 1)
		r.MinCalls = min(r.MinCalls, r.Window.Calls)
	} else if r.Window.Span < buckets {
		r.Window.Span = 10 * time.Second
	}
	return r
}

// forced returns the state that the mode holds the breaker in, if it does.
func (c Config) forced() (State, bool) {
	switch c.Mode {
	case "off":
		return Disabled, true
	case "open":
		return ForcedOpen, true
	case "closed":
		return ForcedClosed, true
	}
	return Closed, false
}
