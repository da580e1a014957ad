//go:build unix

package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestSettingsThatDoNotFitAreRefused(t *testing.T) {
	good := settings(1, RoundRobin)
	for name, spoil := range map[string]func(*Config){
		"workers":         func(c *Config) { c.Workers = 65 },
		"share":           func(c *Config) { c.Share = "luck" },
		"respawn.backoff": func(c *Config) { c.Respawn.Backoff = time.Hour },
	} {
		config := good
		spoil(&config)
		if _, err := New(config, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error that names %s", err, name)
		}
	}
	respawn := Respawn{Backoff: 100 * time.Millisecond, Max: 5 * time.Second, Burst: 5}
	for n, want := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond, 5: 5 * time.Second, 9: 5 * time.Second} {
		if got, guard := respawn.wait(n); got != want || guard != (n >= 5) {
			t.Errorf("after %d deaths: %v, %v, want %v", n, got, guard, want)
		}
	}
}
