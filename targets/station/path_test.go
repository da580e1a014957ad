package station

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// path is one generated history: when jobs come, how long they are served, and who they are.
type path struct {
	arrivals, services []time.Duration
	priorities         []int
}

// drawPath generates a history of milliseconds in which no two events coincide, however
// services add up: each service has a bit of its own below.
func drawPath(t *rapid.T) path {
	var p path
	var at time.Duration
	for i := range rapid.IntRange(1, 18).Draw(t, "jobs") {
		at += time.Duration(rapid.IntRange(1, 20).Draw(t, "gap")) * time.Millisecond
		p.arrivals = append(p.arrivals, at)
		p.services = append(p.services, time.Duration(rapid.IntRange(1, 60).Draw(t, "service"))*time.Millisecond+1<<i)
		p.priorities = append(p.priorities, rapid.IntRange(0, 3).Draw(t, "priority"))
	}
	return p
}

// play has a station serve the history in a bubble where time is exact, and returns how
// long each job waited. Whatever it was, the station's records have to hold it.
func (p path) play(t *rapid.T, cfg Config) (waits []time.Duration, truth Truth) {
	waits = make([]time.Duration, len(p.arrivals))
	s := New("played", 1, cfg)
	begin := time.Now()
	for i, at := range p.arrivals {
		time.Sleep(at - time.Since(begin))
		go func() {
			v, err := s.Serve(background(), Job{Priority: p.priorities[i], Demand: p.services[i]})
			waits[i] = v.Wait
			if err != nil || v.Service != p.services[i] {
				t.Errorf("job %d: served %v, want %v: %v", i, v.Service, p.services[i], err)
			}
		}()
		synctest.Wait()
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	truth, _, _, _ = s.snapshot(true)
	return waits, truth
}

// reference serves the history event by event: whenever a server is free, it takes the
// job that comes first in the order.
func (p path) reference(servers int, order func(a, b int) int) []time.Duration {
	waits := make([]time.Duration, len(p.arrivals))
	var ends []time.Duration
	var waiting []int
	next := 0
	for next < len(p.arrivals) || len(waiting) > 0 {
		slices.Sort(ends)
		if next < len(p.arrivals) && (len(ends) == 0 || p.arrivals[next] < ends[0]) {
			now := p.arrivals[next]
			if len(ends) < servers {
				ends = append(ends, now+p.services[next])
			} else {
				waiting = append(waiting, next)
			}
			next++
			continue
		}
		now := ends[0]
		ends = ends[1:]
		if len(waiting) > 0 {
			i := slices.MinFunc(waiting, order)
			waiting = slices.DeleteFunc(waiting, func(j int) bool { return j == i })
			waits[i] = now - p.arrivals[i]
			ends = append(ends, now+p.services[i])
		}
	}
	return waits
}

func TestAStationKeepsToTheExactPath(t *testing.T) {
	for _, discipline := range []string{"fifo", "lifo", "priority"} {
		t.Run(discipline, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				p, servers := drawPath(rt), rapid.IntRange(1, 5).Draw(rt, "servers")
				order := map[string]func(a, b int) int{
					"fifo":     func(a, b int) int { return a - b },
					"lifo":     func(a, b int) int { return b - a },
					"priority": func(a, b int) int { return cmp.Or(p.priorities[a]-p.priorities[b], a-b) },
				}[discipline]
				want := p.reference(servers, order)
				synctest.Test(t, func(*testing.T) {
					got, truth := p.play(rt, Config{Servers: servers, Queue: Unbounded, Discipline: discipline, Mode: "sleep"})
					if diff := gocmp.Diff(want, got); diff != "" {
						rt.Errorf("-exact +played\n%s", diff)
					}
					if discipline != "fifo" {
						return
					}
					if diff := gocmp.Diff(KieferWolfowitz(servers, p.arrivals, p.services), got); diff != "" {
						rt.Errorf("-Kiefer-Wolfowitz +played\n%s", diff)
					}
					if diff := gocmp.Diff(truth.Draws.Waits(servers), got); diff != "" {
						rt.Errorf("-recomputed from the draws +played\n%s", diff)
					}
				})
			})
		})
	}
}

func TestLindleyIsKieferWolfowitzForOneServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPath(t)
		if diff := gocmp.Diff(lindley(p.arrivals, p.services), KieferWolfowitz(1, p.arrivals, p.services)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestThePathOfAHandfulOfJobs(t *testing.T) {
	arrivals := []time.Duration{0, 1, 2, 10, 11}
	services := []time.Duration{5, 5, 5, 1, 1}
	for servers, want := range map[int][]time.Duration{
		1: {0, 4, 8, 5, 5},
		2: {0, 0, 3, 0, 0},
		3: {0, 0, 0, 0, 0},
	} {
		if diff := gocmp.Diff(want, KieferWolfowitz(servers, arrivals, services)); diff != "" {
			t.Errorf("%d servers: %s", servers, diff)
		}
	}
}

// TestThePathHasTheMeansOfQueueingTheory holds the recursions against the closed forms
// of M/M/1, M/D/1 (Pollaczek and Khinchine) and M/M/c (Erlang C).
func TestThePathHasTheMeansOfQueueingTheory(t *testing.T) {
	const s = 10 * time.Millisecond
	for _, test := range []struct {
		name    string
		law     string
		servers int
		rho     float64
		want    float64 // mean wait over mean service
	}{
		{"M/M/1 at .5", "exponential", 1, 0.5, 1},
		{"M/D/1 at .5", "constant", 1, 0.5, 0.5},
		{"M/M/4 at .8", "exponential", 4, 0.8, 0.7455},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 7))
			draw := Law{Law: test.law, Mean: s}.drawer()
			gap := Law{Law: "exponential", Mean: time.Duration(float64(s) / test.rho / float64(test.servers))}.drawer()
			var arrivals, services []time.Duration
			var at time.Duration
			for range 400_000 {
				at += gap(r)
				arrivals, services = append(arrivals, at), append(services, draw(r))
			}
			var sum float64
			for _, w := range KieferWolfowitz(test.servers, arrivals, services) {
				sum += float64(w)
			}
			if got := sum / float64(len(arrivals)) / float64(s); got < test.want*0.97 || got > test.want*1.03 {
				t.Errorf("the mean wait is %.4f services, want %.4f", got, test.want)
			}
		})
	}
}

// lindley returns how long each job waits for a single server that serves in the order of
// arrival: W₁ = 0, Wₙ₊₁ = max(0, Wₙ + Sₙ − (Aₙ₊₁ − Aₙ)) (Lindley 1952). Arrivals ascend.
func lindley(arrivals, services []time.Duration) []time.Duration {
	waits := make([]time.Duration, len(arrivals))
	for n := 1; n < len(arrivals); n++ {
		waits[n] = max(0, waits[n-1]+services[n-1]-(arrivals[n]-arrivals[n-1]))
	}
	return waits
}
