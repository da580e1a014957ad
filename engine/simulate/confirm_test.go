package simulate

import (
	"strings"
	"testing"
	"time"
)

// TestConfirm asks for the nodes of sizing_reference.json: 1,000,000/s on nodes of 16 servers
// with exponential service of 20 ms keep a p99 of 100 ms from 1,432 on, split at random.
func TestConfirm(t *testing.T) {
	tests := map[string]struct {
		nodes    int
		policy   Policy
		want     Ruling
		simulate int // nodes
	}{
		"too few":                       {1380, Random, Broken, 1},
		"as few as possible":            {1432, Random, Open, 1},
		"enough":                        {1520, Random, Kept, 1},
		"too few, but in turn":          {1400, RoundRobin, Kept, 1},
		"too few, but the least loaded": {1400, LeastLoaded, Kept, 1400},
		"overloaded":                    {1250, Random, Broken, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Fleet{Nodes: test.nodes, Servers: 16, Service: Exponential(20 * time.Millisecond), Policy: test.policy, Rate: 1e6}
			a, err := Confirm(t.Context(), f, Promise{.99, 100 * time.Millisecond}, Effort{Requests: 3_000_000, Seed: 100})
			if err != nil {
				t.Fatal(err)
			}
			if a.Ruling != test.want || a.Simulated != test.simulate {
				t.Errorf("%s of %d nodes, want %s of %d: %s", a.Ruling, a.Simulated, test.want, test.simulate, a.Why)
			}
			if a.Ruling != Broken && !strings.Contains(a.Why, "p99 is ") {
				t.Errorf("why: %s", a.Why)
			}
		})
	}
}

func TestConfirmRefuses(t *testing.T) {
	good := Fleet{Nodes: 2, Servers: 1, Service: Exponential(time.Second), Rate: 1}
	p := Promise{.99, time.Second}
	for name, try := range map[string]func(Fleet, Promise) (Fleet, Promise){
		"no nodes":         func(f Fleet, p Promise) (Fleet, Promise) { f.Nodes = 0; return f, p },
		"no rate":          func(f Fleet, p Promise) (Fleet, Promise) { f.Rate = 0; return f, p },
		"no law":           func(f Fleet, p Promise) (Fleet, Promise) { f.Service = Law{}; return f, p },
		"the maximum":      func(f Fleet, p Promise) (Fleet, Promise) { p.Quantile = 1; return f, p },
		"within no time":   func(f Fleet, p Promise) (Fleet, Promise) { p.Within = 0; return f, p },
		"weights are none": func(f Fleet, p Promise) (Fleet, Promise) { f.Policy = Weighted; return f, p },
	} {
		f, p := try(good, p)
		if _, err := Confirm(t.Context(), f, p, Effort{Requests: 1000}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
