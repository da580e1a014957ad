package simulate

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// storm is the reference scenario: 100 servers behind one queue, halved for five seconds.
func storm() (Case, Trigger) {
	return Case{
		Cluster: Cluster{Nodes: 1, Servers: 100, Service: Exponential(10 * time.Millisecond)},
		Clients: Clients{Timeout: 100 * time.Millisecond},
		Load:    Load{Rate: 7000},
		Length:  60 * time.Second, Spans: 60,
	}, Trigger{At: 10 * time.Second, For: 5 * time.Second, Speed: .5}
}

// TestReferenceScenarios plays every row of metastable_scenarios.csv, from another simulation.
func TestReferenceScenarios(t *testing.T) {
	retries := func(n int, change func(*Case)) func(*Case) {
		return func(c *Case) {
			c.Clients.Retries = n
			change(c)
		}
	}
	same := func(*Case) {}
	rows := map[string]struct {
		change func(*Case)
		want   Stability
	}{
		"no retries rho .7":                                {same, Stable},
		"1 retry rho .7":                                   {retries(1, same), Metastable},
		"3 retries rho .7":                                 {retries(3, same), Metastable},
		"3 retries rho .24 (lambda(1+r)=.96C)":             {retries(3, same), Vulnerable}, // while half of the capacity is gone
		"3 retries rho .45 (trigger cap .5C not exceeded)": {retries(3, same), Vulnerable},
		"3 retries + 10% retry budget":                     {retries(3, func(c *Case) { c.Clients.Budget = .1 }), Stable},
		"3 retries + queue cap 500":                        {retries(3, func(c *Case) { c.Cluster.Queue = Queue{Bounded: true, Places: 500} }), Vulnerable},
		"3 retries + drop expired only":                    {retries(3, func(c *Case) { c.Clients.Leave = Expire }), Metastable},
		"3 retries + LIFO":                                 {retries(3, func(c *Case) { c.Cluster.Queue.Order = LIFO }), Vulnerable},
	}
	for _, line := range scenarios(t) {
		name := line[0]
		row, known := rows[name]
		if !known {
			t.Errorf("row %q is not tested", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, trigger := storm()
			c.Load.Rate = number(t, line[1])
			row.change(&c)
			j, err := Judge(t.Context(), c, trigger, 1)
			if err != nil {
				t.Fatal(err)
			}
			if j.Stability != row.want {
				t.Errorf("%s, want %s: %s", j.Stability, row.want, strings.Join(j.Reasons, "; "))
			}
			f := Describe(&c, j.Outcomes, 40*time.Second, 60*time.Second)
			if got, want := 100*min(f.Good, 1), number(t, line[2]); math.Abs(got-want) > .3 {
				t.Errorf("goodput is %.2f%%, want %g%%", got, want)
			}
			if got, want := f.Attempts, number(t, line[3]); math.Abs(got/want-1) > .01 {
				t.Errorf("%.0f tries/s, want %.0f/s", got, want)
			}
			if got, want := f.Waiting, number(t, line[4]); math.Abs(got-want) > .02*want+3 {
				t.Errorf("%.0f wait at the end, want %.0f", got, want)
			}
		})
	}
}

func scenarios(t *testing.T) [][]string {
	t.Helper()
	file, err := os.Open("testdata/metastable_scenarios.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comment = '#'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 10 {
		t.Fatalf("%d lines, not a head and nine rows", len(lines))
	}
	return lines[1:]
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestHarderTriggerTellsProtectionFromLuck(t *testing.T) {
	tests := map[string]struct {
		change func(*Case)
		tips   bool
	}{
		"a load that the trigger hardly touches": {func(c *Case) { c.Load.Rate = 4500 }, true},
		"a bounded queue":                        {func(c *Case) { c.Cluster.Queue = Queue{Bounded: true, Places: 500} }, false},
		"cancelled tries":                        {func(c *Case) { c.Clients.Leave = Cancel; c.Load.Rate = 4500 }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, trigger := storm()
			c.Clients.Retries = 3
			test.change(&c)
			j, err := Judge(t.Context(), c, trigger, 1)
			if err != nil {
				t.Fatal(err)
			}
			if j.Stability != Vulnerable || j.Tipped != test.tips {
				t.Errorf("%s, tipped %t: %q", j.Stability, j.Tipped, j.Reasons)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	tests := map[string]struct {
		change func(*Case, *Trigger)
		want   Stability
		reason string
	}{
		"a backlog that takes long to work off is waited for": {
			func(c *Case, tr *Trigger) {
				c.Load.Rate = 9500
				tr.Speed = .1
				c.Clients.Timeout = time.Second
				c.Length = 30 * time.Second
			}, Stable, "it came back",
		},
		"more than the nodes carry": {
			func(c *Case, _ *Trigger) { c.Load.Rate = 11000 }, Metastable, "plain overload",
		},
		"too many retries without any trigger": {
			func(c *Case, _ *Trigger) { c.Cluster.Nodes, c.Cluster.Servers = 100, 1; c.Clients.Retries = 3 }, Metastable, "even before the trigger",
		},
		"a surge and a lost node with room for both": {
			func(c *Case, tr *Trigger) {
				c.Cluster.Nodes, c.Cluster.Servers, c.Clients.Retries = 10, 10, 1
				c.Load.Rate = 3000
				*tr = Trigger{At: tr.At, For: tr.For, Lose: 1, Surge: 1.3}
			}, Stable, "it came back",
		},
		"retries that fail with nothing are none": {
			func(c *Case, _ *Trigger) { c.Clients.Timeout = 0; c.Clients.Retries = 3 }, Stable, "all tries that clients may make, 7,000/s",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, trigger := storm()
			test.change(&c, &trigger)
			j, err := Judge(t.Context(), c, trigger, 1)
			if err != nil {
				t.Fatal(err)
			}
			if j.Stability != test.want || !strings.Contains(strings.Join(j.Reasons, "; "), test.reason) {
				t.Errorf("%s: %q, want %s because of %q", j.Stability, j.Reasons, test.want, test.reason)
			}
		})
	}
}

func TestMargin(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Case)
		want   Margin
	}{
		"retries":                       {func(*Case) {}, Margin{10500, 42000, 5000}},
		"a budget":                      {func(c *Case) { c.Clients.Budget = .1 }, Margin{10500, 11550, 5000}},
		"a budget that allows more":     {func(c *Case) { c.Clients.Budget = 5 }, Margin{10500, 42000, 5000}},
		"nothing to fail with":          {func(c *Case) { c.Clients.Timeout = 0 }, Margin{10500, 10500, 5000}},
		"speeds, of which half is lost": {func(c *Case) { c.Cluster.Speeds = []float64{2, 1} }, Margin{10500, 42000, 10000}},
	} {
		c, _ := storm()
		c.Cluster.Nodes, c.Cluster.Servers, c.Clients.Retries = 2, 50, 3
		test.change(&c)
		got := margin(&c, Phase{Down: 1, Speed: 1, Surge: 1.5})
		if math.Abs(got.Rate-test.want.Rate)+math.Abs(got.Most-test.want.Most)+math.Abs(got.Capacity-test.want.Capacity) > 1e-6 {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestJudgeRefuses(t *testing.T) {
	c, trigger := storm()
	for name, change := range map[string]func(*Case, *Trigger){
		"a trigger after the end":  func(_ *Case, tr *Trigger) { tr.At = time.Hour },
		"a trigger of no length":   func(_ *Case, tr *Trigger) { tr.For = 0 },
		"the loss of all nodes":    func(_ *Case, tr *Trigger) { tr.Lose = 1 },
		"phases besides":           func(c *Case, _ *Trigger) { c.Load.Phases = []Phase{Normal(0)} },
		"a speed below everything": func(_ *Case, tr *Trigger) { tr.Speed = -1 },
	} {
		c, trigger := c, trigger
		change(&c, &trigger)
		if _, err := Judge(t.Context(), c, trigger, 1); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestSliceKeepsWhatMatters(t *testing.T) {
	c := system(1434, 16, .87, Exponential(20*time.Millisecond))
	c.Load.Rate *= 50
	c.Length = time.Minute
	c.Clients = Clients{Timeout: 200 * time.Millisecond, Retries: 2}
	trigger := Trigger{At: time.Second, For: time.Second, Lose: 2, Surge: 1.5}
	small, less := Slice(c, trigger, 1e6)
	p, q := trigger.phases()[0], less.phases()[0]
	if small.Cluster.Nodes != leastSlice {
		t.Errorf("%d nodes", small.Cluster.Nodes)
	}
	whole, part := margin(&c, p), margin(&small, q)
	for _, pair := range [][2]float64{{whole.Rate / whole.Capacity, part.Rate / part.Capacity}, {whole.Most / whole.Capacity, part.Most / part.Capacity}} {
		if math.Abs(pair[0]/pair[1]-1) > 1e-9 {
			t.Errorf("a load of %g of the capacity became %g", pair[0], pair[1])
		}
	}
	if same, _ := Slice(c, trigger, 1e12); same.Cluster.Nodes != 1434 {
		t.Error("a case that fits was cut")
	}
}
