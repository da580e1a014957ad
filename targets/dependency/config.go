package dependency

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plimsoll/targets/breaker"
	"plimsoll/targets/bulkhead"
	"plimsoll/targets/knob"
	"plimsoll/targets/retry"
)

// Config is how a dependency is called.
type Config struct {
	Timeout   time.Duration   `yaml:"timeout" default:"200ms" min:"0s" max:"10m" about:"time limit of what is inside of it in the order, by default of one try; 0: none"`
	Breaker   breaker.Config  `yaml:"breaker"`
	Bulkhead  bulkhead.Config `yaml:"bulkhead"`
	Retry     retry.Config    `yaml:"retry"`
	Fallback  string          `yaml:"fallback" default:"stale" oneof:"off stale default" about:"what is answered instead when the call fails: nothing, what was known before, or a fixed value"`
	Budget    Budget          `yaml:"budget"`
	Propagate bool            `yaml:"propagate" default:"true" about:"heed Retry-After and X-No-Retry of the dependency, and tell callers not to repeat what was repeated here"`
	Order     []string        `yaml:"order" default:"fallback, budget, retry, breaker, bulkhead, timeout" oneof:"fallback budget retry breaker bulkhead timeout" about:"the layers around a call, the outermost first; each once"`
}

// Budget is what the calls to one dependency may use, whoever makes them.
type Budget struct {
	RPS         knob.Rate `yaml:"rps" default:"0/s" min:"0/s" max:"1M/s" about:"calls, in bursts of up to a tenth of a second; 0/s: no limit"`
	Concurrency int       `yaml:"concurrency" default:"0" min:"0" max:"100000" about:"calls at once, those that wait included; 0: no limit"`
}

// layers returns the names of the layers in the usual order.
func layers() []string {
	return []string{"fallback", "budget", "retry", "breaker", "bulkhead", "timeout"}
}

// Check tells when a layer in the order is unknown, missing or there twice. An empty order
// is the usual one.
func (c Config) Check() error {
	if len(c.Order) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, name := range c.Order {
		switch {
		case !slices.Contains(layers(), name):
			return fmt.Errorf("order: there is no layer %q; there are %s", name, strings.Join(layers(), ", "))
		case seen[name]:
			return fmt.Errorf("order: the layer %q is there twice", name)
		}
		seen[name] = true
	}
	for _, name := range layers() {
		if !seen[name] {
			return fmt.Errorf("order: the layer %q is missing; switch it off by its own settings", name)
		}
	}
	return nil
}
