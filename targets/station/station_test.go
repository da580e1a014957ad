package station

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

func background() context.Context { return context.Background() }

// constant is a station of so many servers that serve for 10 ms.
func constant(servers, queue int) Config {
	return Config{
		Servers: servers, Queue: queue, Discipline: "fifo", Mode: "sleep",
		Service: Law{Law: "constant", Mean: 10 * ms},
	}
}

func truth(t *testing.T, s *Station) Truth {
	t.Helper()
	got, err := s.Truth(true)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func conserved(t interface{ Errorf(string, ...any) }, c Counts) {
	in := c.Carried + c.Arrivals
	out := c.Completions + c.Rejected + c.Dropped + uint64(c.InService) + uint64(c.Waiting)
	if in != out {
		t.Errorf("%d came and %d are known of: %+v", in, out, c)
	}
}

func TestAFullQueueTurnsJobsAway(t *testing.T) {
	for _, test := range []struct {
		name     string
		queue    int
		rejected int
	}{
		{"no queue", 0, 3}, {"a queue of two", 2, 1}, {"any number", Unbounded, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New("full", 1, constant(1, test.queue))
				var wg sync.WaitGroup
				var mu sync.Mutex
				rejected := 0
				for range 4 {
					wg.Go(func() {
						if _, err := s.Serve(t.Context(), Job{}); errors.Is(err, ErrFull) {
							mu.Lock()
							rejected++
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				got := truth(t, s)
				if rejected != test.rejected || int(got.Rejected) != test.rejected {
					t.Errorf("%d turned away, counted %d, want %d", rejected, got.Rejected, test.rejected)
				}
				conserved(t, got.Counts)
			})
		})
	}
}

func TestACallerMayLeaveTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("left", 1, constant(1, Unbounded))
		go s.Serve(t.Context(), Job{})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 4*ms)
		defer cancel()
		v, err := s.Serve(ctx, Job{})
		if !errors.Is(err, context.DeadlineExceeded) || v.Wait != 4*ms || v.Service != 0 {
			t.Errorf("left after %+v with %v", v, err)
		}
		time.Sleep(time.Second)
		got := truth(t, s)
		if got.Dropped != 1 || got.Completions != 1 || got.QueueIntegral != 0.004 || got.Busy != 0.010 {
			t.Errorf("%+v %+v", got.Counts, got.Usage)
		}
		if diff := cmp.Diff([]time.Duration{10 * ms, -1}, got.Draws.Services); diff != "" {
			t.Error(diff)
		}
		conserved(t, got.Counts)
		if _, err := s.Serve(ctx, Job{}); err == nil || truth(t, s).Arrivals != 2 {
			t.Error("a caller that had left before came all the same")
		}
	})
}

func TestAServerStaysBusyWithWhatItsCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("abandoned", 1, constant(1, Unbounded))
		ctx, cancel := context.WithTimeout(t.Context(), 4*ms)
		defer cancel()
		v, err := s.Serve(ctx, Job{})
		if !errors.Is(err, context.DeadlineExceeded) || v.Service != 4*ms {
			t.Errorf("left after %+v with %v", v, err)
		}
		if got := s.Stats(); got.InService != 1 || got.Abandoned != 1 {
			t.Errorf("when it left: %+v", got)
		}
		if v, err := s.Serve(t.Context(), Job{}); err != nil || v.Wait != 6*ms {
			t.Errorf("the next one waited %v: %v", v.Wait, err)
		}
		got := truth(t, s)
		if got.Completions != 2 || got.Busy != 0.020 || got.Utilisation != 1 {
			t.Errorf("%+v %+v", got.Counts, got.Usage)
		}
		conserved(t, got.Counts)
	})
}

func TestAServerIsHeldUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := constant(1, Unbounded)
		cfg.Service = Law{Law: "held"}
		s := New("held", 1, cfg)
		release, wait, err := s.Acquire(t.Context(), 0)
		if err != nil || wait != 0 {
			t.Fatalf("waited %v: %v", wait, err)
		}
		go func() {
			time.Sleep(7 * ms)
			release()
			release() // nothing more happens
		}()
		other, wait, err := s.Acquire(t.Context(), 0)
		if err != nil || wait != 7*ms {
			t.Errorf("waited %v: %v", wait, err)
		}
		release() // not even to another one's server
		if got := s.Stats().InService; got != 1 {
			t.Errorf("%d in service", got)
		}
		time.Sleep(3 * ms)
		other()
		got := truth(t, s)
		want := Draws{Arrivals: []time.Duration{0, 0}, Services: []time.Duration{7 * ms, 3 * ms}}
		if diff := cmp.Diff(want, *got.Draws); diff != "" {
			t.Error(diff)
		}
		if got.Law.Law != "held" || got.Law.CV != nil || got.Completions != 2 {
			t.Errorf("%+v %+v", got.Law, got.Counts)
		}
		if none, _, err := New("full", 1, constant(1, 0)).Acquire(canceled(t), 0); err == nil || none != nil {
			t.Error("a caller that had left got a server")
		}
	})
}

func TestAPlaceIsKnownBeforeItIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("joined", 1, constant(1, 1))
		first, err := s.Join(0)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Join(0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Join(0); !errors.Is(err, ErrFull) {
			t.Errorf("the third: %v", err)
		}
		release, wait, err := first.Wait(t.Context())
		if err != nil || wait != 0 {
			t.Fatalf("the first waited %v: %v", wait, err)
		}
		time.AfterFunc(5*ms, release)
		release, wait, err = second.Wait(t.Context())
		if err != nil || wait != 5*ms {
			t.Fatalf("the second waited %v: %v", wait, err)
		}
		release()
		third, err := s.Join(0)
		if err != nil {
			t.Fatal(err)
		}
		if release, _, err = third.Wait(canceled(t)); err != nil { // it has its server already
			t.Fatal(err)
		}
		release()
		conserved(t, truth(t, s).Counts)
	})
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestAProbeLooksAndIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("probed", 1, constant(1, 1))
		if wait, err := s.Probe(t.Context()); wait != 0 || err != nil {
			t.Errorf("at rest it waited %v: %v", wait, err)
		}
		for range 2 {
			go s.Serve(t.Context(), Job{})
		}
		synctest.Wait()
		go s.Probe(canceled(t))
		ctx, cancel := context.WithTimeout(t.Context(), 2*ms)
		defer cancel()
		if wait, err := s.Probe(ctx); wait != 2*ms || err == nil {
			t.Errorf("it left after %v: %v", wait, err)
		}
		if got := s.Stats(); got.Waiting != 1 || got.Dropped != 0 {
			t.Errorf("%+v", got)
		}
		if wait, err := s.Probe(t.Context()); wait != 18*ms || err != nil {
			t.Errorf("behind two jobs it waited %v: %v", wait, err)
		}
		got := truth(t, s)
		if got.Arrivals != 2 || got.Completions != 2 || got.Wait.Count != 2 || got.QueueIntegral != 0.010 {
			t.Errorf("%+v %+v", got.Counts, got.Usage)
		}
	})
}

func TestServersAndQueueChangeUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("changed", 1, constant(1, Unbounded))
		visits := make([]Visit, 6)
		var wg sync.WaitGroup
		for i := range visits {
			wg.Go(func() { visits[i], _ = s.Serve(t.Context(), Job{}) })
			synctest.Wait()
		}
		time.Sleep(4 * ms)
		s.Configure(constant(3, Unbounded)) // two of the five that wait begin now
		synctest.Wait()
		if got := s.Stats(); got.InService != 3 || got.Waiting != 3 {
			t.Errorf("with three servers: %+v", got)
		}
		s.Configure(constant(1, 0)) // and those that wait stay
		if _, err := s.Serve(t.Context(), Job{}); !errors.Is(err, ErrFull) {
			t.Errorf("past the new queue: %v", err)
		}
		wg.Wait()
		var waits []time.Duration
		for _, v := range visits {
			waits = append(waits, v.Wait)
		}
		// the first server ends at 10 with two others busy, those end at 14: one is left
		if diff := cmp.Diff([]time.Duration{0, 4 * ms, 4 * ms, 14 * ms, 24 * ms, 34 * ms}, waits); diff != "" {
			t.Error(diff)
		}
		conserved(t, truth(t, s).Counts)
	})
}

func TestANewDisciplineOrdersThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := constant(1, Unbounded)
		s := New("reordered", 1, cfg)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var order []int
		for i, priority := range []int{0, 5, 1, 3, 2} {
			wg.Go(func() {
				s.Serve(t.Context(), Job{Priority: priority})
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait()
		}
		cfg.Discipline = "priority"
		s.Configure(cfg)
		time.Sleep(15 * ms)
		cfg.Discipline = "lifo"
		s.Configure(cfg)
		wg.Wait()
		if diff := cmp.Diff([]int{0, 2, 4, 3, 1}, order); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEpochCarriesOverWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("epochs", 1, constant(2, Unbounded))
		for range 5 {
			go s.Serve(t.Context(), Job{})
		}
		time.Sleep(14 * ms)
		synctest.Wait()
		s.Epoch("second")
		go s.Serve(t.Context(), Job{})
		time.Sleep(100 * ms)
		got := truth(t, s)
		want := Counts{Carried: 3, Arrivals: 1, Completions: 4}
		if diff := cmp.Diff(want, got.Counts); diff != "" {
			t.Error(diff)
		}
		draws := Draws{
			Arrivals: make([]time.Duration, 4), Services: []time.Duration{6 * ms, 6 * ms, 10 * ms, 10 * ms}, Carried: 3,
		}
		if diff := cmp.Diff(draws, *got.Draws); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]time.Duration{0, 0, 6 * ms, 6 * ms}, got.Draws.Waits(2)); diff != "" {
			t.Error(diff)
		}
		if got.Epoch != "second" || got.Elapsed != 0.1 || got.Capacity != 0.2 || got.Busy != 0.032 || got.Wait.Count != 2 {
			t.Errorf("%s, %v s: %+v, %d waits", got.Epoch, got.Elapsed, got.Usage, got.Wait.Count)
		}
	})
}

func TestJobsAreConserved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			s := New("conserved", 1, constant(1, 2))
			var wg sync.WaitGroup
			for range rapid.IntRange(1, 40).Draw(rt, "events") {
				switch rapid.IntRange(0, 9).Draw(rt, "event") {
				case 0:
					s.Epoch("next")
				case 1:
					cfg := constant(rapid.IntRange(1, 4).Draw(rt, "servers"), rapid.IntRange(-1, 4).Draw(rt, "queue"))
					cfg.Discipline = rapid.SampledFrom([]string{"fifo", "lifo", "priority"}).Draw(rt, "discipline")
					s.Configure(cfg)
				case 2:
					wg.Go(func() { s.Probe(t.Context()) })
				case 3:
					patience := time.Duration(rapid.IntRange(1, 30).Draw(rt, "patience")) * ms
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), patience)
						defer cancel()
						if release, _, err := s.Acquire(ctx, 1); err == nil {
							time.Sleep(patience)
							release()
						}
					})
				default:
					patience := time.Duration(rapid.IntRange(1, 50).Draw(rt, "patience")) * ms
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), patience)
						defer cancel()
						s.Serve(ctx, Job{Priority: int(patience)})
					})
				}
				time.Sleep(time.Duration(rapid.IntRange(0, 8).Draw(rt, "gap")) * ms)
				synctest.Wait()
				now, _, _, _ := s.snapshot(false)
				conserved(rt, now.Counts)
			}
			wg.Wait()
			time.Sleep(time.Second)
			synctest.Wait()
			got, _, _, _ := s.snapshot(false)
			conserved(rt, got.Counts)
			if got.InService != 0 || got.Waiting != 0 || len(s.queue.jobs) != 0 || s.queue.probes != 0 {
				rt.Errorf("left behind: %+v", got.Counts)
			}
		})
	})
}
