package shedder

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"plimsoll/targets/middleware"
)

// visit is one request of a property test.
type visit struct {
	after, service  time.Duration // since the one before, and while it is served
	patience, leave time.Duration // deadline, and when the client leaves; 0: none, never
	priority        middleware.Priority
}

func visits() *rapid.Generator[visit] {
	span := func(most time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(0, int(most/ms)), func(n int) time.Duration { return time.Duration(n) * ms })
	}
	return rapid.Custom(func(t *rapid.T) visit {
		return visit{
			after: span(20*ms).Draw(t, "after"), service: span(60*ms).Draw(t, "service"),
			patience: span(200*ms).Draw(t, "patience"), leave: span(200*ms).Draw(t, "leave"),
			priority: middleware.Priority(rapid.IntRange(0, 2).Draw(t, "priority")),
		}
	})
}

func configs(t *testing.T) *rapid.Generator[Config] {
	t.Helper()
	return rapid.Custom(func(rt *rapid.T) Config {
		return settings(t, func(c *Config) {
			c.Limit = rapid.IntRange(1, 3).Draw(rt, "limit")
			c.Queue = rapid.IntRange(-1, 6).Draw(rt, "queue")
			c.Discipline = rapid.SampledFrom([]string{FIFO, LIFO, AdaptiveLIFO, CoDel}).Draw(rt, "discipline")
			c.LIFOAbove = rapid.IntRange(0, 3).Draw(rt, "above")
			c.Lanes.Enabled = rapid.Bool().Draw(rt, "lanes")
			c.Lanes.Mode = rapid.SampledFrom([]string{Strict, "weighted"}).Draw(rt, "mode")
			c.Deadline.Mode = rapid.SampledFrom([]string{"off", Expired, Predictive}).Draw(rt, "deadline")
		})
	})
}

// play sends the visits through the shedder, in virtual time. It returns the order in which
// they got a place, and how many were served at a time at most.
func play(s *Shedder, all []visit) (order []int, most int) {
	var (
		mu  sync.Mutex
		wg  sync.WaitGroup
		now int
	)
	for i, v := range all {
		time.Sleep(v.after)
		synctest.Wait() // requests of one moment still come one after the other
		wg.Go(func() {
			ctx, deadline := context.Background(), time.Time{}
			if v.leave > 0 {
				stay, leave := context.WithCancel(ctx)
				defer time.AfterFunc(v.leave, leave).Stop()
				ctx = stay
			}
			if v.patience > 0 {
				deadline = time.Now().Add(v.patience)
			}
			permit, err := s.Acquire(ctx, v.priority, deadline)
			if err != nil {
				return
			}
			mu.Lock()
			order = append(order, i)
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(v.service)
			mu.Lock()
			now--
			mu.Unlock()
			permit.Release(Success)
		})
	}
	wg.Wait()
	return order, most
}

func TestNobodyIsLostAndNeverTooManyAreServed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(visits(), 1, 60).Draw(rt, "visits")
		cfg := configs(t).Draw(rt, "config")
		changes := rapid.SliceOfN(configs(t), 0, 4).Draw(rt, "changes")
		limit := cfg.Limit
		for _, c := range changes {
			limit = max(limit, c.Limit)
		}
		var wrong string
		synctest.Test(t, func(*testing.T) {
			s := New(cfg)
			for i, c := range changes {
				time.AfterFunc(time.Duration(i+1)*100*ms, func() { s.Configure(c) })
			}
			_, most := play(s, all)
			st := s.Stats()
			sum := st.Admitted + st.Left
			for _, n := range st.Shed {
				sum += n
			}
			switch {
			case most > limit:
				wrong = fmt.Sprintf("%d are served at a time, where %d may be", most, limit)
			case sum != uint64(len(all)):
				wrong = fmt.Sprintf("%d came: %+v", len(all), st)
			case st.InFlight != 0 || st.QueueLength != 0:
				wrong = fmt.Sprintf("somebody is left: %+v", st)
			}
			time.Sleep(time.Second) // until the changes are through
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func TestWhoComesFirstIsServedFirst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(visits(), 1, 60).Draw(rt, "visits")
		cfg := configs(t).Draw(rt, "config")
		cfg.Limit, cfg.Lanes.Enabled = 1, false
		if cfg.Discipline == LIFO || cfg.Discipline == AdaptiveLIFO {
			cfg.Discipline = FIFO
		}
		var order []int
		synctest.Test(t, func(*testing.T) { order, _ = play(New(cfg), all) })
		if !slices.IsSorted(order) {
			rt.Fatalf("served in the order %v", order)
		}
	})
}

func TestStrictLanesServeNobodyBeforeTheirBetters(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		priorities := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 30).Draw(rt, "priorities")
		var got []int
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(New(settings(t, one, lanes(Strict))))
			c.normal(t, "a")
			for i, p := range priorities {
				c.come(t.Context(), fmt.Sprintf("%d %02d", p, i), middleware.Priority(p), time.Time{})
			}
			c.drain(t)
			if !slices.IsSorted(c.log[1:]) {
				got = priorities
			}
		})
		if got != nil {
			rt.Fatalf("priorities %v are not served in order", got)
		}
	})
}

func TestChangesUnderLoad(t *testing.T) {
	s := New(settings(t, fixed))
	var moves atomic.Int64
	s.OnLimit = func(_, _ int) { moves.Add(1) }
	h := s.Layer()(answer(200, 50*time.Microsecond))
	var asked atomic.Uint64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithCancel(context.Background())
				if (i+n)%5 == 0 {
					time.AfterFunc(100*time.Microsecond, cancel)
				}
				askWith(ctx, h, &middleware.Request{
					Priority: middleware.Priority(n % 3), Arrived: time.Now(), Deadline: time.Now().Add(time.Duration(n%7) * ms),
				})
				asked.Add(1)
				cancel()
			}
		})
	}
	modes := []string{"off", "aimd", "vegas", "gradient2", "envoy"}
	for i := range 100 {
		s.Configure(settings(t, func(c *Config) {
			c.Limit, c.Queue = i%12+1, i%30-1
			c.Discipline = []string{FIFO, LIFO, AdaptiveLIFO, CoDel}[i%4]
			c.Lanes.Enabled, c.Lanes.Mode = i%3 > 0, []string{Strict, "weighted"}[i%2]
			c.Deadline.Mode = []string{"off", Expired, Predictive}[i%3]
			c.Adaptive.Mode = modes[i/5%len(modes)]
		}))
		s.Stats()
		time.Sleep(200 * time.Microsecond)
	}
	close(stop)
	wg.Wait()
	st := s.Stats()
	sum := st.Admitted + st.Left
	for _, n := range st.Shed {
		sum += n
	}
	if sum != asked.Load() || st.InFlight != 0 || st.QueueLength != 0 {
		t.Errorf("%d asked: %+v", asked.Load(), st)
	}
	if moves.Load() == 0 {
		t.Error("nobody was told that the limit moved")
	}
}
