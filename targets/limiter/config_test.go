package limiter

import (
	"strings"
	"testing"
	"time"
)

func TestSettingsThatDoNotGoTogetherAreNamed(t *testing.T) {
	many := map[string]Policy{}
	for name := range strings.SplitSeq("abcdefgh", "") {
		many[name] = Policy{Key: "global", Rate: 1, Burst: 1, Window: time.Second}
	}
	for _, test := range []struct {
		change func(*Config)
		want   string
	}{
		{nil, ""},
		{func(c *Config) { c.Rate = 0 }, "rate: has to be above 0"},
		{func(c *Config) { c.Fair, c.Store = "drr", "redis" }, "fair: drr"},
		{func(c *Config) { c.Algo, c.Store = "sliding_log", "shared" }, "algo: sliding_log"},
		{func(c *Config) { c.Algo, c.Rate, c.Window = "sliding_log", 1e6, time.Hour }, "window: sliding_log would remember"},
		{func(c *Config) { c.Algo, c.Rate, c.Window = "sliding_window", 1e6, time.Hour }, "window: rate × window"},
		{func(c *Config) { c.Rate, c.Burst = 1./3600, 1e6 }, "burst: takes more than"},
		{func(c *Config) { c.Policies = many }, "policies: 8"},
		{func(c *Config) { c.Policies = map[string]Policy{"default": many["a"]} }, `policies: "default"`},
		{func(c *Config) { c.Policies = map[string]Policy{"ä": many["a"]} }, `policies: "ä"`},
		{func(c *Config) { c.Policies = map[string]Policy{"a": {Key: "global"}} }, "policies.a.rate: has to be"},
	} {
		err := settings(test.change).Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}
