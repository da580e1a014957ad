package scenarios_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"plimsoll/scenarios"
)

const shop = `
scenario: shop
target: http://127.0.0.1:1
flows:
  browse: [{get: /a, name: a}, {get: /b, name: b}]
  buy: [{post: /c, name: c}]
  admin: [{get: /d, name: d}]
load:
  - {name: people, rate: 30/s, for: 10s, flows: {browse: 2, buy: 1}}
  - {name: staff, flow: admin, stages: [{for: 5s, rate: 0/s..20/s}, {for: 5s, rate: 10/s}]}
budgets: [p99 < 100ms]
events: [{at: 1s, run: ["true"]}]
`

func TestAScenarioUnderAnotherLoadKeepsTheSharesOfItsFlows(t *testing.T) {
	s, err := scenarios.Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	under, err := s.Under(scenarios.Substitute{Rate: 500, Arrivals: "poisson", For: 3 * time.Second, MaxInFlight: 70, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	p, err := under.Plan(scenarios.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Loads) != 1 || p.Seed != 9 || p.Loads[0].Open == nil || p.Loads[0].Open.MaxInFlight != 70 || len(under.Events) != 0 || len(p.Budgets) != 0 {
		t.Fatalf("got %+v", p)
	}
	shares, sum := map[string]float64{}, 0.0
	for _, f := range p.Loads[0].Flows {
		shares[f.Flow.Name] += f.Weight
		sum += f.Weight
	}
	for name, want := range map[string]float64{"browse": .5, "buy": .25, "admin": .25} { // 20, 10 and 10 of 40 a second
		if got := shares[name] / sum; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s has a share of %g, want %g", name, got, want)
		}
	}
	n := 0
	for range p.Loads[0].Open.Schedule {
		n++
	}
	if n < 1300 || n > 1700 {
		t.Errorf("%d arrivals in 3 s at 500/s", n)
	}
	if got := s.CallsPerPass(); got != 1.5 {
		t.Errorf("%g requests a pass", got)
	}
	if again, err := s.Plan(scenarios.Options{}); err != nil || len(again.Loads) != 2 || len(again.Budgets) != 1 {
		t.Errorf("the scenario itself has changed: %+v, %v", again, err)
	}
}

func TestUsersTakeThePlaceOfArrivals(t *testing.T) {
	s, err := scenarios.Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	under, err := s.Under(scenarios.Substitute{Users: 7, For: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p, err := under.Plan(scenarios.Options{})
	if err != nil || p.Loads[0].Closed == nil || p.Loads[0].Closed.Users[0].From != 7 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestSharesThatCannotBeToldAreRefused(t *testing.T) {
	closed := strings.Replace(shop, "rate: 30/s, for: 10s,", "users: 3, for: 10s,", 1)
	s, err := scenarios.Parse("shop.yaml", []byte(closed))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Under(scenarios.Substitute{Rate: 1, Arrivals: "constant", For: time.Second}); err == nil || !strings.Contains(err.Error(), `load "people" has no rate`) {
		t.Errorf("got %v", err)
	}
}
