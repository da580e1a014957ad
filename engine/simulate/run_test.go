package simulate

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyCase draws a small case with everything in it.
func anyCase(t *rapid.T) Case {
	nodes := rapid.IntRange(1, 8).Draw(t, "nodes")
	c := Case{
		Cluster: Cluster{
			Nodes: nodes, Servers: rapid.IntRange(1, 4).Draw(t, "servers"),
			Service: rapid.SampledFrom([]Law{
				Exponential(time.Second), Fixed(time.Second), Lognormal(time.Second, 2), Gamma(time.Second, .5), Hyperexponential(time.Second, 2),
			}).Draw(t, "law"),
			Policy:  Policy(rapid.IntRange(int(Random), int(Choices)).Draw(t, "policy")),
			Choices: rapid.IntRange(0, 4).Draw(t, "choices"),
			Stale:   rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Second}).Draw(t, "stale"),
		},
		Clients: Clients{
			Timeout: rapid.SampledFrom([]time.Duration{0, 2 * time.Second, 500 * time.Millisecond}).Draw(t, "timeout"),
			Leave:   Leave(rapid.IntRange(int(Stay), int(Cancel)).Draw(t, "leave")),
			Retries: rapid.IntRange(0, 3).Draw(t, "retries"),
			Backoff: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "backoff"),
			Longest: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "longest"),
			Budget:  rapid.SampledFrom([]float64{0, 0, .1}).Draw(t, "budget"),
		},
		Load: Load{
			Rate: rapid.Float64Range(.1, 40).Draw(t, "rate"), Law: Arrivals(rapid.IntRange(int(Poisson), int(Nth)).Draw(t, "arrivals")), Every: 3,
		},
		Length: 30 * time.Second, Spans: 7, Seed: rapid.Uint64().Draw(t, "seed"),
	}
	switch c.Cluster.Queue.Order = Order(rapid.IntRange(int(FIFO), int(Shared)).Draw(t, "order")); {
	case c.Cluster.Queue.Order != Shared:
		c.Cluster.Queue.Bounded = rapid.Bool().Draw(t, "bounded")
		c.Cluster.Queue.Places = rapid.IntRange(0, 3).Draw(t, "places")
	}
	for range nodes {
		c.Cluster.Weights = append(c.Cluster.Weights, rapid.Float64Range(.1, 3).Draw(t, "weight"))
		c.Cluster.Speeds = append(c.Cluster.Speeds, rapid.Float64Range(.5, 2).Draw(t, "speed"))
	}
	for at := range rapid.IntRange(0, 3).Draw(t, "phases") {
		c.Load.Phases = append(c.Load.Phases, Phase{
			From: time.Duration(at) * 7 * time.Second, Down: rapid.IntRange(0, nodes).Draw(t, "down"),
			Speed: rapid.Float64Range(.3, 2).Draw(t, "speed of all"), Surge: rapid.Float64Range(.3, 3).Draw(t, "surge"),
		})
	}
	return c
}

// TestNothingIsLostOrMadeUp plays cases with everything in them and looks at what is left.
func TestNothingIsLostOrMadeUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		r := newRun(&c)
		if err := r.play(context.Background()); err != nil {
			t.Fatal(err)
		}
		all := (&Outcome{Spans: r.spans}).Between(0, c.Length)
		open := uint64(len(r.clients.asks) - len(r.clients.free))
		if all.Arrivals != all.Good+all.Failed.Sum()+open {
			t.Fatalf("%d arrivals are not %d good, %d failed and %d open", all.Arrivals, all.Good, all.Failed.Sum(), open)
		}
		if most := all.Arrivals * uint64(1+c.Clients.Retries); all.Attempts < all.Arrivals || all.Attempts > most {
			t.Fatalf("%d tries of %d arrivals", all.Attempts, all.Arrivals)
		}
		if all.Response.Count() != all.Good {
			t.Fatalf("%d responses of %d good asks", all.Response.Count(), all.Good)
		}
		if c.Clients.Budget > 0 && float64(all.Attempts-all.Arrivals) > c.Clients.Budget*float64(all.Arrivals)+1 {
			t.Fatalf("%d retries of %d arrivals break a budget of %g", all.Attempts-all.Arrivals, all.Arrivals, c.Clients.Budget)
		}
		r.checkNodes(t)
		r.checkTries(t)
		if last := r.spans[len(r.spans)-1]; last.To != c.Length {
			t.Fatalf("the last span ends at %s", last.To)
		}
		if n := uint64(len(r.timeout.ring)); c.Clients.Timeout == 0 && n != 0 {
			t.Fatalf("%d deadlines without a timeout", n)
		}
	})
}

// checkNodes holds the books of the nodes against the tries.
func (r *run) checkNodes(t *rapid.T) {
	c := &r.cluster
	waiting := 0
	for i := range c.nodes {
		n := &c.nodes[i]
		length := int32(0)
		for k, before := n.head, none; k != none; before, k = k, c.tries[k].next {
			if c.tries[k].prev != before || c.tries[k].node != int32(i) || c.tries[k].state != waits {
				t.Fatalf("the queue of node %d is broken at %d: %+v", i, k, c.tries[k])
			}
			length++
		}
		waiting += int(length)
		busy := int32(0)
		for k := range c.tries {
			if c.tries[k].node == int32(i) && c.tries[k].state == runs {
				busy++
			}
		}
		switch {
		case length != n.waiting || busy != n.busy:
			t.Fatalf("node %d has %d waiting and %d busy, and says %d and %d", i, length, busy, n.waiting, n.busy)
		case c.order != Shared && n.busy > c.servers || c.places >= 0 && n.waiting > c.places:
			t.Fatalf("node %d has %d busy and %d waiting", i, n.busy, n.waiting)
		case n.waiting > 0 && n.busy < c.servers:
			t.Fatalf("node %d lets %d wait with %d busy", i, n.waiting, n.busy)
		case i >= c.up && n.load() > 0:
			t.Fatalf("node %d is down and holds %d", i, n.load())
		case c.ranks != nil && c.view == nil && i < c.up && c.ranks.load[i] != n.load():
			t.Fatalf("the balancer takes node %d to hold %d, not %d", i, c.ranks.load[i], n.load())
		}
	}
	if waiting != c.waiting {
		t.Fatalf("%d wait, not %d", waiting, c.waiting)
	}
}

// checkTries looks for places of tries that are neither used nor free.
func (r *run) checkTries(t *rapid.T) {
	free := map[int32]bool{}
	for _, i := range r.cluster.free {
		if free[i] {
			t.Fatalf("place %d was given back twice", i)
		}
		free[i] = true
	}
	for i := range r.cluster.tries {
		if (r.cluster.tries[i].state == unused) != free[int32(i)] {
			t.Fatalf("place %d is in state %d, and free is %t", i, r.cluster.tries[i].state, free[int32(i)])
		}
	}
}

func TestSameSeedSameOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		a, err := Run(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Run(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatal("two runs differ")
		}
	})
}

// one is a server that takes three seconds, and an arrival every two.
func one() Case {
	return Case{
		Cluster: Cluster{Nodes: 1, Servers: 1, Service: Fixed(3 * time.Second)},
		Load:    Load{Rate: .5, Law: Even}, Length: 10900 * time.Millisecond,
	}
}

// TestByHand follows arrivals at 2, 4, 6, 8 and 10 s with pencil and paper.
func TestByHand(t *testing.T) {
	tests := map[string]struct {
		change   func(*Case)
		good     uint64
		failed   Failures
		attempts uint64
		busy     time.Duration // of what has ended
		slowest  time.Duration
	}{
		"served in order: 2–5, 5–8, 8–11": {
			func(*Case) {}, 2, Failures{}, 5, 6 * time.Second, 4 * time.Second,
		},
		"the last first: 2–5, 5–8 (that of 4), 8–11 (of 8)": {
			func(c *Case) { c.Cluster.Queue.Order = LIFO }, 2, Failures{}, 5, 6 * time.Second, 4 * time.Second,
		},
		"shared: 2–4 alone, then at half speed, then at a third": {
			func(c *Case) { c.Cluster.Queue.Order = Shared }, 1, Failures{}, 5, 8 * time.Second, 4 * time.Second, // busy until 10, when it was last looked at
		},
		"two servers never wait": {
			func(c *Case) { c.Cluster.Servers = 2 }, 3, Failures{}, 5, 9 * time.Second, 3 * time.Second,
		},
		"no places: every second one is refused": {
			func(c *Case) { c.Cluster.Queue.Bounded = true }, 2, Failures{Refused: 2}, 5, 6 * time.Second, 3 * time.Second,
		},
		"a timeout of 3.5 s, and the work goes on: that of 4 is given up at 7.5 and done at 8": {
			func(c *Case) { c.Clients.Timeout = 3500 * time.Millisecond }, 1, Failures{TimedOut: 2}, 5, 6 * time.Second, 3 * time.Second,
		},
		"the same, cancelled: that of 6 gets the server at 7.5 and gives up at 9.5": {
			func(c *Case) { c.Clients.Timeout, c.Clients.Leave = 3500*time.Millisecond, Cancel }, 1, Failures{TimedOut: 2}, 5, 7500 * time.Millisecond, 3 * time.Second,
		},
		"a timeout of 2 s at 4, 6, 8, 10: one retry at once": {
			func(c *Case) {
				c.Clients.Timeout, c.Clients.Retries, c.Load.Rate = 2*time.Second, 1, .25
				c.Clients.Leave = Cancel
			}, 0, Failures{TimedOut: 1}, 4, 6 * time.Second, 0,
		},
		"half the speed from 4 s on: 2–5, then 5–11": {
			func(c *Case) { c.Load.Phases = []Phase{{From: 4 * time.Second, Speed: .5, Surge: 1}} }, 1, Failures{}, 5, 3 * time.Second, 3 * time.Second,
		},
		"down from 4.5 to 9 s: two are lost, two find nobody, one is under way": {
			func(c *Case) {
				c.Load.Phases = []Phase{{From: 4500 * time.Millisecond, Down: 1, Speed: 1, Surge: 1}, Normal(9 * time.Second)}
			}, 0, Failures{Lost: 4}, 5, 2500 * time.Millisecond, 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := one()
			test.change(&c)
			o, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			all := o.Between(0, c.Length)
			if all.Good != test.good || all.Failed != test.failed || all.Attempts != test.attempts {
				t.Errorf("%d good, %+v failed, %d tries; want %d, %+v, %d", all.Good, all.Failed, all.Attempts, test.good, test.failed, test.attempts)
			}
			if all.Busy[0].Round(time.Millisecond) != test.busy || all.Response.Max().Round(time.Millisecond) != test.slowest {
				t.Errorf("busy for %s, the slowest took %s; want %s and %s", all.Busy[0], all.Response.Max(), test.busy, test.slowest)
			}
		})
	}
}

func TestPausesDoubleWithFullJitter(t *testing.T) {
	c := one()
	c.Clients.Backoff, c.Clients.Longest = time.Second, 3*time.Second
	r := newRun(&c)
	for n, want := range map[int32]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 3 * time.Second, 60: 3 * time.Second} {
		var sum, most int64
		for range 10_000 {
			p := r.pause(n)
			sum, most = sum+p, max(most, p)
		}
		if mean := float64(sum) / 10_000; most > int64(want) || math.Abs(mean/float64(want)-.5) > .02 {
			t.Errorf("before retry %d: %s on average, %s at most; want up to %s", n, time.Duration(mean), time.Duration(most), want)
		}
	}
}

func TestCommonRandomNumbers(t *testing.T) {
	c := system(10, 1, .8, Exponential(time.Second))
	c.Length = 1000 * time.Second
	var arrivals []uint64
	for _, p := range []Policy{Random, RoundRobin, LeastLoaded, Choices} {
		o, err := Run(t.Context(), behind(p, c))
		if err != nil {
			t.Fatal(err)
		}
		arrivals = append(arrivals, o.Between(0, c.Length).Arrivals)
	}
	if len(slices.Compact(arrivals)) != 1 {
		t.Errorf("other policies, other arrivals: %d", arrivals)
	}
}

func TestSurgeStretchesTheSameArrivals(t *testing.T) {
	c := one()
	c.Load.Rate = 100
	c.Load.Phases = []Phase{{From: 2 * time.Second, Speed: 1, Surge: 3}, Normal(4 * time.Second)}
	o, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{200, 600, 690} {
		from := time.Duration(i) * 2 * time.Second
		to := min(from+2*time.Second, c.Length)
		if i == 2 {
			to = c.Length
		}
		if got := float64(o.Between(from, to).Arrivals); math.Abs(got-want) > 2+want*.01 {
			t.Errorf("%.0f arrivals from %s to %s, want %.0f", got, from, to, want)
		}
	}
}

func TestStaleKnowledgeMakesHerds(t *testing.T) {
	c := behind(LeastLoaded, system(10, 1, .8, Exponential(time.Second)))
	fresh := play(t, c, 1e5).Response.Mean.Value
	c.Cluster.Stale = 10 * time.Second
	stale := play(t, c, 1e5).Response.Mean.Value
	if stale < 2*fresh {
		t.Errorf("a mean of %.3g with knowledge of 10 s ago, %.3g with fresh one", stale, fresh)
	}
}

func TestWeightsAndSpeeds(t *testing.T) {
	c := system(2, 1, .6, Exponential(time.Second))
	c.Cluster.Policy, c.Cluster.Weights, c.Cluster.Speeds = Weighted, []float64{3, 1}, []float64{1.5, .5}
	c.Length = 50_000 * time.Second
	o, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range o.Between(0, c.Length).Busy {
		if u := b.Seconds() / c.Length.Seconds(); math.Abs(u-.6) > .02 {
			t.Errorf("node %d is busy for %.3f of the time, want 0.6", i, u)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	c := system(10, 1, .5, Exponential(time.Millisecond))
	c.Length = 100_000 * time.Hour / 10
	c.Load.Rate = 1e6
	c.Cluster.Servers = 1000
	if _, err := Replicate(ctx, c, 3); !errors.Is(err, cause) {
		t.Errorf("it ended with %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	for name, change := range map[string]func(*Case){
		"no length":            func(c *Case) { c.Length = 0 },
		"too many spans":       func(c *Case) { c.Spans = 1e6 },
		"no rate":              func(c *Case) { c.Load.Rate = 0 },
		"a rate of nothing":    func(c *Case) { c.Load.Rate = math.NaN() },
		"every 0th":            func(c *Case) { c.Load.Law = Nth },
		"a negative timeout":   func(c *Case) { c.Clients.Timeout = -1 },
		"negative retries":     func(c *Case) { c.Clients.Retries = -1 },
		"a negative budget":    func(c *Case) { c.Clients.Budget = -1 },
		"phases out of order":  func(c *Case) { c.Load.Phases = []Phase{Normal(2), Normal(1)} },
		"a phase of no speed":  func(c *Case) { c.Load.Phases = []Phase{{Surge: 1}} },
		"more down than there": func(c *Case) { c.Load.Phases = []Phase{{Surge: 1, Speed: 1, Down: 2}} },
		"no nodes":             func(c *Case) { c.Cluster.Nodes = 0 },
		"no servers":           func(c *Case) { c.Cluster.Servers = 0 },
		"no law":               func(c *Case) { c.Cluster.Service = Law{} },
		"too many choices":     func(c *Case) { c.Cluster.Choices = 17 },
		"negative places":      func(c *Case) { c.Cluster.Queue.Places = -1 },
		"a bound of sharing":   func(c *Case) { c.Cluster.Queue = Queue{Bounded: true, Order: Shared} },
		"no weights":           func(c *Case) { c.Cluster.Policy = Weighted },
		"a weight of nothing":  func(c *Case) { c.Cluster.Weights = []float64{0} },
		"too many speeds":      func(c *Case) { c.Cluster.Speeds = []float64{1, 1} },
	} {
		c := one()
		change(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestTruncation is the known answer of MSER-5 in capacity.md §3.
func TestTruncation(t *testing.T) {
	var series []float64
	for i := range 200 {
		x := 100*(1+2*math.Exp(-float64(i)/10)) + float64((37*i)%11) - 5
		series = append(series, math.Round(x*1e6)/1e6)
	}
	if cut, ok := truncation(series); cut != 75 || !ok {
		t.Errorf("%d are cut, %t", cut, ok)
	}
	for i := range series {
		series[i] = float64(i)
	}
	if _, ok := truncation(series); ok {
		t.Error("a series that rises all the time is steady")
	}
}

func TestHeapSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h heap
		var model []int64
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				slices.Sort(model)
				if got := h.pop().at; got != model[0] {
					t.Fatalf("%d comes before %d", got, model[0])
				}
				model = model[1:]
				continue
			}
			at := rapid.Int64Range(0, 50).Draw(t, "at")
			h.push(event{at: at})
			model = append(model, at)
		}
	})
}
