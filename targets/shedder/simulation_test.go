package shedder

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
)

const ms = time.Millisecond

// settings returns the default configuration, enabled, and changed by each.
func settings(t testing.TB, changes ...func(*Config)) Config {
	t.Helper()
	var cfg Config
	knob.Defaults(&cfg)
	cfg.Enabled = true
	for _, change := range changes {
		change(&cfg)
	}
	if err := knob.Validate(&cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The service that is simulated: ten servers, exponential service of 20 ms on average,
// 500 requests a second at most; Poisson arrivals, whose clients wait half a second.
const (
	servers  = 10
	service  = 20 * ms
	patience = 500 * ms
	capacity = float64(servers) / 0.020
	warmUp   = 5 * time.Second
	measured = 6 * time.Second
)

// result is what the clients that came after the warm-up saw.
type result struct {
	arrived, good [middleware.Priorities]float64
	latencies     [middleware.Priorities][]time.Duration // of the requests answered in time
}

// goodput is how many requests a second were answered in time.
func (r *result) goodput() float64 {
	return (r.good[0] + r.good[1] + r.good[2]) / measured.Seconds()
}

func (r *result) success(p middleware.Priority) float64 { return r.good[p] / r.arrived[p] }

// p99 is that of the latency of the requests of some priorities answered in time.
func (r *result) p99(priorities ...middleware.Priority) time.Duration {
	var all []time.Duration
	for _, p := range priorities {
		all = append(all, r.latencies[p]...)
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(math.Ceil(0.99*float64(len(all))))-1]
}

// simulate sends rho times what the service can do through the shedder. The share of
// critical and of batch requests is given.
func simulate(t *testing.T, s *Shedder, rho, critical, batch float64) *result {
	t.Helper()
	var (
		r       result
		mu      sync.Mutex
		wg      sync.WaitGroup
		station = make(chan struct{}, servers)
		random  = rand.New(rand.NewPCG(1, 1))
		begin   = time.Now()
	)
	// Load goes on past the end of the measurement: nobody is to profit from its absence.
	for time.Since(begin) < warmUp+measured+2*patience {
		time.Sleep(time.Duration(random.ExpFloat64() / (rho * capacity) * float64(time.Second)))
		took := time.Duration(random.ExpFloat64() * float64(service))
		p := middleware.Normal
		switch u := random.Float64(); {
		case u < critical:
			p = middleware.Critical
		case u < critical+batch:
			p = middleware.Batch
		}
		wg.Go(func() {
			arrived := time.Now()
			permit, err := s.Acquire(context.Background(), p, arrived.Add(patience))
			if err == nil {
				station <- struct{}{}
				time.Sleep(took)
				<-station
				permit.Release(Success)
			}
			if at := arrived.Sub(begin); at < warmUp || at > warmUp+measured {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			r.arrived[p]++
			if latency := time.Since(arrived); err == nil && latency <= patience {
				r.good[p]++
				r.latencies[p] = append(r.latencies[p], latency)
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.InFlight != 0 || st.QueueLength != 0 {
		t.Errorf("at the end %d are in flight and %d wait", st.InFlight, st.QueueLength)
	}
	return &r
}

func fixed(c *Config) { c.Limit = servers }

func endless(c *Config) { c.Queue = -1 }

func discipline(d string) func(*Config) { return func(c *Config) { c.Discipline = d } }

func deadline(mode string) func(*Config) { return func(c *Config) { c.Deadline.Mode = mode } }

// adaptive lets an algorithm find the limit, and nobody wait for it.
func adaptive(mode string) func(*Config) {
	return func(c *Config) { c.Adaptive.Mode, c.Queue = mode, 0 }
}

// everySample lets an algorithm see every sample instead of one average a second.
func everySample(c *Config) { c.Adaptive.Window.Enabled = false }

// thorough has Envoy's controller measure minRTT over more requests: with times spread this
// much, the median of 50 is in one of five runs so short that half of the service lies idle.
func thorough(c *Config) { c.Adaptive.Envoy.MinRTT.RequestCount = 200 }

// impatient has AIMD take more than 100 ms for a loss, and start from a low limit.
func impatient(c *Config) { c.Adaptive.AIMD.Timeout, c.Adaptive.AIMD.Min = 100*ms, 3 }

func TestWhatComesOfOverload(t *testing.T) {
	type span struct{ low, high float64 } // goodput as a share of capacity
	for _, test := range []struct {
		name     string
		changes  []func(*Config)
		at       map[float64]span // by utilisation
		overload time.Duration    // p99 from 1.5 on at most
	}{
		{"an endless queue serves only what has expired", []func(*Config){fixed, endless}, map[float64]span{0.9: {0.85, 1}, 1.5: {0, 0.2}, 2: {0, 0.2}}, patience},
		{"a queue of 100 keeps the service useful", []func(*Config){fixed}, map[float64]span{0.9: {0.85, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 400 * ms},
		{"dropping the expired leaves those that expire in service", []func(*Config){fixed, endless, deadline(Expired)}, map[float64]span{0.9: {0.85, 1}, 1.5: {0, 0.4}, 2: {0, 0.4}}, patience},
		{"dropping those that would expire does not", []func(*Config){fixed, endless, deadline(Predictive)}, map[float64]span{0.9: {0.85, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, patience},
		{"the newest first, without the expired", []func(*Config){fixed, endless, discipline(LIFO), deadline(Expired)}, map[float64]span{0.9: {0.85, 1}, 1.5: {0.85, 1.05}, 2: {0.9, 1.05}}, 200 * ms},
		{"the newest first while many wait", []func(*Config){fixed, discipline(AdaptiveLIFO), deadline(Expired)}, map[float64]span{0.9: {0.85, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 250 * ms},
		{"controlled delay", []func(*Config){fixed, endless, discipline(CoDel)}, map[float64]span{0.9: {0.8, 0.95}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 220 * ms},
		{"AIMD", []func(*Config){adaptive("aimd")}, map[float64]span{0.9: {0.8, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 200 * ms},
		{"AIMD climbs to its upper bound if nothing counts as lost", []func(*Config){adaptive("aimd"), everySample}, map[float64]span{0.9: {0.8, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, patience},
		{"AIMD with a timeout of 100 ms", []func(*Config){adaptive("aimd"), everySample, impatient}, map[float64]span{0.9: {0.8, 1}, 1.5: {0.85, 1.05}, 2: {0.85, 1.05}}, 300 * ms},
		{"Vegas", []func(*Config){adaptive("vegas")}, map[float64]span{0.9: {0.8, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 200 * ms},
		{"Vegas takes spread for queueing if it sees every sample", []func(*Config){adaptive("vegas"), everySample}, map[float64]span{0.9: {0.4, 0.7}, 1.5: {0.4, 0.7}, 2: {0.4, 0.7}}, 200 * ms},
		{"Gradient2", []func(*Config){adaptive("gradient2")}, map[float64]span{0.9: {0.8, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 200 * ms},
		{"Envoy's gradient controller", []func(*Config){adaptive("envoy"), thorough}, map[float64]span{0.9: {0.75, 1}, 1.5: {0.9, 1.05}, 2: {0.9, 1.05}}, 200 * ms},
	} {
		t.Run(test.name, func(t *testing.T) {
			for rho, want := range test.at {
				synctest.Test(t, func(t *testing.T) {
					s := New(settings(t, test.changes...))
					r := simulate(t, s, rho, 0, 0)
					share := r.goodput() / capacity
					p99 := r.p99(middleware.Normal)
					t.Logf("rho %v: goodput %.0f/s, p99 %v, limit %d", rho, r.goodput(), p99.Round(ms), s.Stats().Limit)
					if share < want.low || share > want.high {
						t.Errorf("rho %v: goodput is %.2f of capacity, want %.2f to %.2f", rho, share, want.low, want.high)
					}
					if rho > 1 && p99 > test.overload {
						t.Errorf("rho %v: p99 %v, want %v at most", rho, p99, test.overload)
					}
				})
			}
		})
	}
}

func TestLanesKeepCriticalRequestsUnharmed(t *testing.T) {
	for _, mode := range []string{"off", Strict, "weighted"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(settings(t, fixed, func(c *Config) {
					c.Lanes.Enabled = mode != "off"
					if c.Lanes.Enabled {
						c.Lanes.Mode = mode
					}
				}))
				r := simulate(t, s, 2, 0.2, 0.2)
				critical, batch := r.success(middleware.Critical), r.success(middleware.Batch)
				p99 := r.p99(middleware.Critical)
				t.Logf("critical %.3f, p99 %v, normal %.3f, batch %.3f", critical, p99.Round(ms), r.success(middleware.Normal), batch)
				if mode == "off" {
					if critical > 0.6 {
						t.Errorf("without lanes %.2f of the critical requests succeed", critical)
					}
					return
				}
				if critical < 0.995 {
					t.Errorf("%.3f of the critical requests succeed", critical)
				}
				if p99 > 150*ms { // unloaded: 92 ms
					t.Errorf("critical requests have a p99 of %v", p99)
				}
				if mode == Strict && batch > 0.01 {
					t.Errorf("%.3f of the batch requests succeed although normal ones are refused", batch)
				}
				if mode == "weighted" && batch < 0.2 {
					t.Errorf("%.3f of the batch requests succeed, although they have a share", batch)
				}
				if r.goodput() < 0.9*capacity {
					t.Errorf("goodput %v/s", r.goodput())
				}
			})
		})
	}
}
