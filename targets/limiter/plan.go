package limiter

import (
	"maps"
	"slices"
	"strings"

	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
)

// plan is a limiter's settings worked out: what one request needs, with nothing to look up.
type plan struct {
	Config
	factor   float64  // by which the dynamic limit multiplies every rate
	policies []policy // the default one first, then by name
	header   string   // RateLimit-Policy, unless it names keys
}

// policy is one quota worked out.
type policy struct {
	name       string // quoted nowhere: printable ASCII
	key        string // Key.Policy
	who, where string // of Policy.Key
	rule       Rule
	part       Rule // a worker's own part of rule while the store is down
	violated   *counter
}

// newPlan works the settings out. The counters of policies are kept from plan to plan.
func newPlan(c Config, factor float64, workers int, counters func(name string) *counter) *plan {
	p := &plan{Config: c, factor: factor}
	add := func(name string, from Policy) {
		who, where, both := strings.Cut(from.Key, "+")
		switch {
		case both:
		case from.Key == "route" || from.Key == "service":
			who, where = "", from.Key
		case from.Key == "global":
			who = ""
		}
		p.policies = append(p.policies, policy{
			name: name, key: c.Algo + "/" + name, who: who, where: where,
			rule:     from.rule(Algo(c.Algo), c.Delay, factor),
			part:     from.part(workers).rule(Algo(c.Algo), c.Delay, factor),
			violated: counters(name),
		})
	}
	first := c.first()
	if c.Fair != off { // the rate is what all clients share
		first.Key = "global"
	}
	add(defaultPolicy, first)
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		add(name, c.Policies[name])
	}
	for i := range p.policies {
		if i > 0 {
			p.header += ", "
		}
		p.header = string(appendPolicy([]byte(p.header), p.policies[i].name, &p.policies[i].rule))
	}
	return p
}

// part returns the policy of one of n workers that do not know of each other.
func (p Policy) part(n int) Policy {
	n = max(n, 1)
	p.Rate /= knob.Rate(n)
	p.Burst = max(p.Burst/n, 1)
	return p
}

// keyOf returns whose quota the request counts against.
func (p *policy) keyOf(r *middleware.Request, tenant string) Key {
	k := Key{Policy: p.key}
	switch p.who {
	case "client":
		k.Who = r.Client
	case "tenant":
		if k.Who = tenant; tenant == "" {
			k.Who = r.Client
		}
	}
	switch p.where {
	case "route":
		k.Where = r.Route
	case "service":
		k.Where = r.Service
	}
	return k
}
