package simulate

import (
	"math"
	"testing"
	"time"
)

// system is nodes of servers at a utilisation, with one second as the unit of time that the
// references take for a mean service time.
func system(nodes, servers int, rho float64, law Law) Case {
	return Case{
		Cluster: Cluster{Nodes: nodes, Servers: servers, Service: law},
		Load:    Load{Rate: rho * float64(nodes*servers)},
	}
}

func behind(p Policy, c Case) Case {
	c.Cluster.Policy = p
	return c
}

// play plays a case five times, so long that this many requests arrive in all.
func play(t testing.TB, c Case, requests float64) *Figures {
	t.Helper()
	const n = 5
	c.Length = time.Duration(requests / n / c.Load.Rate * 1e9)
	outcomes, err := Replicate(t.Context(), c, n)
	if err != nil {
		t.Fatal(err)
	}
	f, _, _ := Steady(&c, outcomes)
	return f
}

const unit = time.Second

func shared(c Case) Case {
	c.Cluster.Queue.Order = Shared
	return c
}

// TestKnownAnswers holds the simulation against exact results and, for two choices among
// infinitely many nodes, the mean-field limit (capacity.md §2 and §6, lb_policies_reference.json,
// mmc_reference.csv, queueing_reference.json; one reference of finitely many nodes is from
// another simulation and has its interval added). Zero stands for an answer nobody knows.
func TestKnownAnswers(t *testing.T) {
	exp := Exponential(unit)
	tests := map[string]struct {
		c              Case
		requests       float64
		mean, p50, p99 float64
		tolerance      float64 // relative
	}{
		"M/M/1":                       {system(1, 1, .7, exp), 4e5, 3.3333333, 2.31049060, 15.3505673, .03},
		"M/M/2, the central queue":    {system(1, 2, .8, exp), 4e5, 2.7777778, 2.04003145, 11.9373702, .04},
		"M/M/16":                      {system(1, 16, .9, exp), 6e5, 1.36958962, 1.07800977, 5.26983460, .03},
		"M/M/100":                     {system(1, 100, .95, exp), 1e6, 1.10129137, .807915897, 4.72438705, .03},
		"M/D/1":                       {system(1, 1, .8, Fixed(unit)), 4e5, 3, 2.27593987, 11.3558868, .04},
		"M/D/1 at half":               {system(1, 1, .5, Fixed(unit)), 3e5, 1.5, 1, 4.33625596, .02},
		"M/D/4, another simulation":   {system(1, 4, .8, Fixed(unit)), 3e5, 1.3853, 0, 0, .015},
		"M/E4/1":                      {system(1, 1, .7, Gamma(unit, .5)), 4e5, 2.45833333, 0, 0, .03},
		"M/H2/1":                      {system(1, 1, .5, Hyperexponential(unit, 2)), 4e5, 3.5, 0, 0, .04},
		"M/LN/1":                      {system(1, 1, .5, Lognormal(unit, math.Sqrt(10))), 1e6, 6.5, 0, 0, .1},
		"M/M/1-PS":                    {shared(system(1, 1, .7, exp)), 4e5, 3.3333333, 0, 0, .03},
		"M/D/1-PS":                    {shared(system(1, 1, .7, Fixed(unit))), 4e5, 3.3333333, 0, 0, .03},
		"M/M/4-PS, M/M/4 in the mean": {shared(system(1, 4, .8, exp)), 4e5, 1.74554059, 0, 0, .03},
		"M/H2/1-PS":                   {shared(system(1, 1, .5, Hyperexponential(unit, 2))), 4e5, 2, 0, 0, .03},
		"a random split":              {behind(Random, system(10, 1, .8, exp)), 1e6, 5, 3.46573590, 23.0258509, .03},
		"two nodes in turn":           {behind(RoundRobin, system(2, 1, .8, exp)), 5e5, 3.84397977, 0, 17.7021810, .04},
		"ten nodes in turn":           {behind(RoundRobin, system(10, 1, .8, exp)), 8e5, 2.92226918, 0, 13.4575469, .03},
		"one of ten in turn":          {nth(10, system(1, 1, .8, exp)), 5e5, 2.92226918, 0, 13.4575469, .04},
		"the shorter of two queues":   {behind(LeastLoaded, system(2, 1, .8, exp)), 5e5, 2.95573662, 0, 0, .03},
		"the shorter of two at half":  {behind(LeastLoaded, system(2, 1, .5, exp)), 3e5, 1.42632075, 0, 0, .01},
		"the shortest of three":       {behind(LeastLoaded, system(3, 1, .8, exp)), 5e5, 2.28554761, 0, 0, .03},
		"two choices of ten":          {behind(Choices, system(10, 1, .8, exp)), 5e5, 2.067, 0, 0, .015},
		"two choices of many":         {behind(Choices, system(1000, 1, .8, exp)), 1e6, 1.94736339, 1.53285077, 7.37386415, .01},
		"three choices of many":       {choices(3, system(1000, 1, .8, exp)), 1e6, 1.58088563, 1.20361996, 6.33282171, .01},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := play(t, test.c, test.requests)
			for figure, pair := range map[string][2]float64{
				"mean": {f.Response.Mean.Value, test.mean},
				"p50":  {f.Response.P50.Value, test.p50},
				"p99":  {f.Response.P99.Value, test.p99},
				"busy": {f.Utilisation.Mean, test.c.Load.Rate / test.c.Cluster.Capacity(Normal(0))},
			} {
				if got, want := pair[0], pair[1]; want != 0 && math.Abs(got/want-1) > test.tolerance {
					t.Errorf("%s is %.5g, want %.5g within %g%%; off by %.2f%%", figure, got, want, 100*test.tolerance, 100*(got/want-1))
				}
			}
		})
	}
}

func choices(d int, c Case) Case {
	c.Cluster.Policy, c.Cluster.Choices = Choices, d
	return c
}

func nth(every int, c Case) Case {
	c.Load.Law, c.Load.Every = Nth, every
	return c
}

// TestLoss holds refusals against M/M/c/K (queueing_reference.json).
func TestLoss(t *testing.T) {
	tests := map[string]struct {
		rate       float64
		c, k       int
		loss, mean float64
	}{
		"M/M/1/10":                {.8, 1, 10, .0234928576, 3.79709750},
		"M/M/1/10, overloaded":    {1.2, 1, 10, .192586495, 6.92613784},
		"M/M/4/20":                {4, 4, 20, .0520325203, 2.86620926},
		"M/M/8/16":                {10, 8, 16, .214728699, 1.63864348},
		"M/M/100/100, Erlang's B": {90, 100, 100, .0269573805, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := system(1, test.c, 1, Exponential(unit))
			c.Load.Rate = test.rate
			c.Cluster.Queue = Queue{Bounded: true, Places: test.k - test.c}
			f := play(t, c, 3e5)
			loss := float64(f.Failed.Refused) / (float64(f.Failed.Refused) + float64(f.Requests))
			if math.Abs(loss/test.loss-1) > .06 {
				t.Errorf("a share of %.5g is refused, want %.5g", loss, test.loss)
			}
			if got := f.Response.Mean.Value; math.Abs(got/test.mean-1) > .03 {
				t.Errorf("the mean is %.5g, want %.5g", got, test.mean)
			}
		})
	}
}

// TestIntervalsCover counts how often the interval of the mean of M/M/1 contains it.
func TestIntervalsCover(t *testing.T) {
	covered := 0
	const n = 40
	for i := range n {
		c := system(1, 1, .5, Exponential(unit))
		c.Seed = uint64(i) * 1000
		if m := play(t, c, 1e4).Response.Mean; m.Low <= 2 && 2 <= m.High {
			covered++
		}
	}
	if covered < n*85/100 {
		t.Errorf("%d of %d intervals of 95%% contain the truth", covered, n)
	}
}
