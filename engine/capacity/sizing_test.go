package capacity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// size sizes a need that must be possible.
func size(t interface {
	Fatal(args ...any)
}, n Need,
) *Sizing {
	s, err := n.Size()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSizingHasTheReferenceAnswers(t *testing.T) {
	var ref struct {
		Cases []struct {
			S     float64 `json:"S_ms"`
			C     int
			Rho   float64 `json:"rho_star"`
			Line  float64 `json:"slo_cap"`
			N     int
			Plus2 int `json:"N_plus2"`
			H20   int `json:"N_h20"`
			H30   int `json:"N_h30"`
		}
		KofN []struct {
			N, K         int
			A, Target, P float64
		} `json:"k_of_n"`
		HPA struct{ Example []float64 }
	}
	load(t, "sizing_reference.json", &ref)
	if len(ref.Cases) != 4 || len(ref.KofN) != 4 {
		t.Fatal("the reference is not what it was")
	}
	for _, r := range ref.Cases {
		what := fmt.Sprintf("S=%gms c=%d", r.S, r.C)
		q := MMc{Service: r.S / 1000, Servers: r.C}
		line, err := q.RateWithin(.99, .1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, what+": line", line, r.Line, 1e-7)
		near(t, what+": rho", line*q.Service/float64(r.C), r.Rho, 1e-7)
		for _, x := range []struct {
			headroom    float64
			spare, want int
		}{{0, 0, r.N}, {0, 2, r.Plus2}, {.2, 0, r.H20}, {.3, 0, r.H30}} {
			got := size(t, Need{Lower: line, Demand: 1e6, Headroom: x.headroom, Spare: x.spare}).Nodes
			if x.want != 0 && got != x.want {
				t.Errorf("%s: %d nodes with headroom %g and %d spare, want %d", what, got, x.headroom, x.spare, x.want)
			}
		}
	}
	for _, r := range ref.KofN {
		if got := enough(r.N, r.A, r.Target); got != r.N+r.K {
			t.Errorf("%d nodes with %g each: %d spare, want %d", r.N, r.A, got-r.N, r.K)
		}
		if p := 1 - Shortage(r.N, r.N+r.K, r.A); p < r.P-6e-9 || p > r.P+6e-9 {
			t.Errorf("P = %.8f, want %.8f", p, r.P)
		}
	}
	h := ref.HPA.Example
	if got := Replicas(int(h[0]), h[1], h[2]); got != int(h[3]) {
		t.Errorf("autoscaler asks for %d, want %g", got, h[3])
	}
	if Replicas(50, 109.9, 100) != 50 || Replicas(50, 90.1, 100) != 50 || Replicas(50, 111, 100) != 56 {
		t.Error("the tolerance is not 10 %")
	}
}

func TestEveryConstraintIsCountedAlone(t *testing.T) {
	need := Need{
		Lower: 698.4244, Demand: 1e6, Spare: 2, Zones: 3, Deploy: Unavailable{Share: .25},
		Ramp: 500. / 60, Lag: 3 * time.Minute, Availability: .999, Target: .9999,
	}
	want := map[string]int{
		"demand": 1432, "spare": 1434, "zones": 2148, "rolling deploy": 1909, "autoscaler lag": 1434, "availability": 1440,
	}
	s := size(t, need)
	if s.Nodes != 2148 || s.Binding != "zones" || s.Serving != 1432 || len(s.Constraints) != len(want) {
		t.Errorf("%+v", s)
	}
	for _, c := range s.Constraints {
		if c.Nodes != want[c.Name] {
			t.Errorf("%s: %d nodes, want %d (%s)", c.Name, c.Nodes, want[c.Name], c.Why)
		}
	}
	for _, state := range need.States(s) {
		if state.Utilisation > 1 {
			t.Errorf("%+v is over the line", state)
		}
	}
}

func TestWholeQuotientsAreNotRoundedUp(t *testing.T) {
	// In floating point 1000·1.1 is a little more than 1100.
	for _, x := range []struct {
		lower, headroom, demand, growth float64
		want                            int
	}{{1000, .2, 1e6, 0, 1250}, {100, .3, 7000, 0, 100}, {.1, 0, .3, 0, 3}, {100, 0, 100.001, 0, 2}, {100, 0, 1000, .1, 11}} {
		if got := size(t, Need{Lower: x.lower, Headroom: x.headroom, Demand: x.demand, Growth: x.growth}).Nodes; got != x.want {
			t.Errorf("%+v: %d nodes", x, got)
		}
	}
}

func TestNeedsThatCannotBeAreRefused(t *testing.T) {
	for want, alter := range map[string]func(*Need){
		"one node must carry":      func(n *Need) { n.Lower = 0 },
		"the demand":               func(n *Need) { n.Demand = -1 },
		"the growth":               func(n *Need) { n.Growth = -1 },
		"the headroom":             func(n *Need) { n.Headroom = 1 },
		"spare":                    func(n *Need) { n.Spare = -1 },
		"two zones":                func(n *Need) { n.Zones = 1 },
		"rolling deploy":           func(n *Need) { n.Deploy.Share = 1 },
		"lag":                      func(n *Need) { n.Lag = time.Second },
		"availability":             func(n *Need) { n.Availability = .99 },
		"thousand million nodes":   func(n *Need) { n.Demand = 1e12 },
		"the growth must be above": func(n *Need) { n.Growth = -2 },
	} {
		n := Need{Lower: 1, Demand: 10}
		alter(&n)
		if _, err := n.Size(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func TestPlannedNodesAreJustEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Need{
			Lower:    rapid.Float64Range(1, 1e4).Draw(t, "lower"),
			Demand:   rapid.Float64Range(1, 1e6).Draw(t, "demand"),
			Growth:   rapid.Float64Range(0, 2).Draw(t, "growth"),
			Headroom: rapid.Float64Range(0, .8).Draw(t, "headroom"),
			Spare:    rapid.IntRange(0, 5).Draw(t, "spare"),
			Zones:    rapid.SampledFrom([]int{0, 2, 3, 4}).Draw(t, "zones"),
			Deploy:   Unavailable{Share: rapid.Float64Range(0, .9).Draw(t, "deploy")},
		}
		if rapid.Bool().Draw(t, "availability") {
			n.Availability, n.Target = rapid.Float64Range(.5, .9999).Draw(t, "each"), rapid.Float64Range(.5, .99999).Draw(t, "target")
		}
		s := size(t, n)
		for _, state := range n.States(s) {
			if state.Utilisation > (1-n.Headroom)*(1+1e-8) {
				t.Errorf("%s: %g of the line", state.Name, state.Utilisation)
			}
		}
		if n.Target > 0 {
			all := enough(s.Serving, n.Availability, n.Target)
			if Shortage(s.Serving, all, n.Availability) > 1-n.Target || all > s.Serving && Shortage(s.Serving, all-1, n.Availability) <= 1-n.Target {
				t.Errorf("%d of %d nodes are not just enough", s.Serving, all)
			}
		}
		grown := n
		grown.Demand *= 1.5
		if size(t, grown).Nodes < s.Nodes {
			t.Error("more demand needs fewer nodes")
		}
	})
}

func TestSensitivity(t *testing.T) {
	n := Need{Lower: 1000, Demand: 1e5, Headroom: .2}
	var got []string
	for _, c := range n.Sensitivity(size(t, n).Nodes) {
		got = append(got, fmt.Sprintf("%s: %d (%+d)", c.What, c.Nodes, c.More))
	}
	want := []string{
		"a node carries 10% less: 139 (+14)", "a node carries 10% more: 114 (-11)",
		"headroom 10%: 112 (-13)", "headroom 30%: 143 (+18)", "growth 10%: 138 (+13)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	a := n.Autoscaler()
	near(t, "average value", a.AverageValue, 800, 1e-14)
	near(t, "tolerated", a.Tolerated, 880, 1e-14)
}
