package scenarios_test

import (
	"testing"

	"plimsoll/scenarios"
)

func TestEveryBundledScenarioCanBePlanned(t *testing.T) {
	names := scenarios.List()
	if len(names) < 4 {
		t.Fatalf("bundled scenarios: %v", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != name {
				t.Errorf("the scenario in %s.yaml is named %q", name, s.Name)
			}
			p, err := s.Plan(scenarios.Options{Target: "http://127.0.0.1:9", FileLimit: 20_000})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for i, l := range p.Loads {
				if len(l.Flows) == 0 || l.Protocol == nil || (l.Open == nil) == (l.Closed == nil) {
					t.Errorf("load %d is incomplete: %+v", i, l)
				}
				user, err := l.NewUser(0)
				if err != nil {
					t.Fatal(err)
				}
				if err := user.Begin(); err != nil {
					t.Fatal(err)
				}
			}
			if s.Explain() == "" {
				t.Error("nothing to explain")
			}
			t.Log(s.Explain())
		})
	}
}
