package scenarios_test

import (
	"errors"
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
			if s.Name != name || s.About == "" {
				t.Errorf("the scenario in %s.yaml is named %q and is about %q", name, s.Name, s.About)
			}
			plan(t, s, scenarios.Options{Target: "http://127.0.0.1:9", FileLimit: 20_000})
		})
	}
}

func TestAScenarioThatIsNowhereIsNamedWithOneThatIs(t *testing.T) {
	_, err := scenarios.Open("quikstart")
	bad, ok := errors.AsType[*scenarios.ValueError](err)
	if !ok || bad.Hint != `did you mean "quickstart"?` {
		t.Errorf("got %#v", err)
	}
}
