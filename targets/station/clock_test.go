package station

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// How rough a machine may be before times on it mean little: a sleep of a millisecond
// that ends this much later. A trial within the tolerance counts wherever it was made.
const (
	trials    = 3
	roughMost = 5 * time.Millisecond
	roughP99  = time.Millisecond
)

// TestARealStationKeepsCloseToTheExactPath has real clocks, and so compares with the exact
// path of the very same arrivals and draws: what is left is the emulation's own error.
func TestARealStationKeepsCloseToTheExactPath(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, test := range []struct {
		name    string
		law     string
		mode    string
		servers int
		mean    time.Duration
		rho     float64
		most    float64 // how far from the exact path
	}{
		{"M/M/1 at .5 of 10ms, asleep", "exponential", "sleep", 1, 10 * ms, 0.5, 0.08},
		{"M/M/4 at .8 of 10ms, asleep", "exponential", "sleep", 4, 10 * ms, 0.8, 0.08},
		{"M/D/1 at .5 of 10ms, asleep", "constant", "sleep", 1, 10 * ms, 0.5, 0.08},
		{"M/D/1 at .5 of 1ms, with an exact end", "constant", "hybrid", 1, ms, 0.5, 0.25},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var calm bool
			for n := range trials {
				rest := watchSleep()
				s := New(test.name, uint64(n), Config{
					Servers: test.servers, Queue: Unbounded, Discipline: "fifo", Mode: test.mode,
					Service: Law{Law: test.law, Mean: test.mean},
				})
				gap := time.Duration(float64(test.mean) / test.rho / float64(test.servers))
				feed(t, s, uint64(n), gap, 900*ms)
				got := truth(t, s)
				p99, most := rest()
				exact := sojourn(*got.Draws, test.servers)
				off := got.Sojourn.Mean/exact - 1
				t.Logf("mean sojourn %.3f ms, on the exact path %.3f ms, %+.1f %%; sleeps up to %v late, p99 %v",
					got.Sojourn.Mean, exact, 100*off, most, p99)
				if math.Abs(off) <= test.most {
					return
				}
				calm = calm || p99 <= roughP99 && most <= roughMost
			}
			if calm {
				t.Errorf("further than %v %% from the exact path in each of %d trials", 100*test.most, trials)
			} else {
				t.Skipf("the machine is too rough to compare times: see the trials above")
			}
		})
	}
}

// feed has jobs arrive at random, on average a gap apart, for a while, and waits for them.
func feed(t *testing.T, s *Station, seed uint64, gap, while time.Duration) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 99))
	var wg sync.WaitGroup
	begin := time.Now()
	for at := time.Duration(0); at < while; at += time.Duration(r.ExpFloat64() * float64(gap)) {
		time.Sleep(at - time.Since(begin))
		wg.Go(func() {
			if _, err := s.Serve(t.Context(), Job{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// sojourn returns the mean sojourn on the exact path in milliseconds.
func sojourn(d Draws, servers int) float64 {
	var sum time.Duration
	for i, wait := range d.Waits(servers) {
		sum += wait + d.Services[i]
	}
	return sum.Seconds() * 1e3 / float64(len(d.Services))
}

// watchSleep sleeps a millisecond again and again until the function it returns is called,
// which tells how much longer they took.
func watchSleep() func() (p99, most time.Duration) {
	var late []time.Duration
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			asleep := time.Now()
			time.Sleep(ms)
			late = append(late, time.Since(asleep)-ms)
		}
	})
	return func() (p99, most time.Duration) {
		cancel()
		wg.Wait()
		slices.Sort(late)
		return late[len(late)*99/100], late[len(late)-1]
	}
}

func TestDebtIsCarriedAndBounded(t *testing.T) {
	for _, test := range []struct {
		name  string
		late  time.Duration
		queue bool
		want  time.Duration
	}{
		{"in full while jobs wait", 3 * ms, true, 3 * ms},
		{"but no more than the bound", time.Hour, true, mostDebt},
		{"the ordinary lateness of a timer over a rest", 300 * time.Microsecond, false, 300 * time.Microsecond},
		{"but no more of it", 3 * ms, false, mostIdleDebt},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New("debt", 1, constant(1, Unbounded))
			first, second := &job{demand: 10 * ms}, &job{demand: 10 * ms}
			if taken, err := s.arrive(first); !taken || err != nil {
				t.Fatal(taken, err)
			}
			if test.queue {
				s.arrive(second)
			}
			first.due = s.clock() - test.late
			s.finish(first)
			if !test.queue {
				s.arrive(second)
			}
			owed := second.begun + second.demand - second.due
			if owed < test.want || owed > test.want+ms && test.want < mostIdleDebt {
				t.Errorf("owed %v, want %v", owed, test.want)
			}
			if test.want >= mostIdleDebt && !test.queue && owed != test.want {
				t.Errorf("owed %v, want %v", owed, test.want)
			}
		})
	}
}

func TestAServiceIsNeverNegative(t *testing.T) {
	s := New("short", 1, constant(1, Unbounded))
	first, second := &job{demand: 10 * ms}, &job{demand: ms}
	s.arrive(first)
	s.arrive(second)
	first.due = s.clock() - 50*ms
	s.finish(first)
	if !s.pass(t.Context(), second) {
		t.Fatal("the service did not end")
	}
	s.finish(second)
	if got := second.ended - second.begun; got < 0 {
		t.Errorf("the service took %v", got)
	}
	if owed := s.idle[0]; owed != mostIdleDebt {
		t.Errorf("what was too much for one service is owed still: %v", owed)
	}
}
