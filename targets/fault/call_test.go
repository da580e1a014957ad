package fault

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

// timed calls a dependency and returns how long faults held the call up.
func timed(r *Registry, ctx context.Context, target string) (time.Duration, error) { //nolint:revive // the registry is what is called
	begin := time.Now()
	err := r.Before(ctx, target)
	return time.Since(begin), err
}

func TestFaultsOnCalls(t *testing.T) {
	const limit = 10 * time.Second // of the caller
	for _, test := range []struct {
		name  string
		fault Fault
		took  time.Duration
		want  string
		is    error
	}{
		{"late", Fault{Kind: "latency", Value: "500ms"}, 500 * time.Millisecond, "", nil},
		{"late by far, but only as long as the fault lasts", Fault{Kind: "latency", Value: "1m", For: 2 * time.Second}, 2 * time.Second, "", nil},
		{"later than the caller waits", Fault{Kind: "latency", Value: "1m"}, limit, "context deadline exceeded", context.DeadlineExceeded},
		{"a status", Fault{Kind: "error", Value: "503"}, 0, "dep:db: error by fault f1: 503 Service Unavailable", nil},
		{"reset", Fault{Kind: "reset"}, 0, "dep:db: reset by fault f1: connection reset by peer", syscall.ECONNRESET},
		{"refused", Fault{Kind: "conn_refuse"}, 0, "dep:db: conn_refuse by fault f1: connection refused", syscall.ECONNREFUSED},
		{"a stall goes on when it is over", Fault{Kind: "stall", For: 3 * time.Second}, 3 * time.Second, "", nil},
		{"a stall longer than the caller waits", Fault{Kind: "stall"}, limit, "context deadline exceeded", context.DeadlineExceeded},
		{"no answer until the fault ends", Fault{Kind: "blackhole", For: 3 * time.Second}, 3 * time.Second, "dep:db: blackhole by fault f1: connection reset by peer", syscall.ECONNRESET},
		{"no answer for as long as the caller waits", Fault{Kind: "blackhole"}, limit, "context deadline exceeded", context.DeadlineExceeded},
		{"no connection at once", Fault{Kind: "pool_exhausted"}, 0, "dep:db: pool_exhausted by fault f1", nil},
		{"no connection in time", Fault{Kind: "pool_exhausted", Value: "1s"}, time.Second, "dep:db: pool_exhausted by fault f1", nil},
		{"another dependency", Fault{Target: "dep:other", Kind: "reset"}, 0, "", nil},
		{"another client", Fault{Kind: "reset", Match: Match{Client: "other"}}, 0, "", nil},
		{"this client", Fault{Kind: "reset", Match: Match{Client: "me"}}, 0, "dep:db: reset by fault f1: connection reset by peer", syscall.ECONNRESET},
		{"everything is about requests, not calls", Fault{Target: "*", Kind: "reset"}, 0, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := open(t, Options{})
				if test.fault.Target == "" {
					test.fault.Target = "dep:db"
				}
				add(t, r, test.fault)
				ctx, cancel := context.WithTimeout(middleware.With(t.Context(), &middleware.Request{Client: "me"}), limit)
				defer cancel()
				took, err := timed(r, ctx, "dep:db")
				if got := textOf(err); got != test.want || test.is != nil && !errors.Is(err, test.is) || took != test.took {
					t.Errorf("got %v after %v", err, took)
				}
			})
		})
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestFaultsOnOneCallAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Options{})
		add(t, r, Fault{Target: "dep:db", Kind: "latency", Value: "300ms"})
		add(t, r, Fault{Target: "dep:db", Kind: "error", Value: "500"})
		add(t, r, Fault{Target: "dep:db", Kind: "latency", Value: "1h"})
		if took, err := timed(r, t.Context(), "dep:db"); err == nil || took != 300*time.Millisecond {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

func TestARampGrowsTheValueOrTheShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Options{})
		add(t, r, Fault{Target: "dep:db", Kind: "latency", Value: "1s", Ramp: 10 * time.Second})
		add(t, r, Fault{Target: "dep:other", Kind: "error", Value: "503", Ramp: 10 * time.Second, Match: Match{Percent: 50}})
		began := time.Now()
		for _, ms := range []int{0, 250, 500, 1000, 1000} {
			want := time.Duration(ms) * time.Millisecond
			time.Sleep(time.Until(began.Add(10 * want)))
			if want == time.Second {
				time.Sleep(time.Second)
			}
			failed := 0
			for range 1000 {
				if r.Before(t.Context(), "dep:other") != nil {
					failed++
				}
			}
			if off := failed - int(want.Milliseconds()/2); off < -10 || off > 10 {
				t.Errorf("after %v %d of 1000 calls fail", time.Since(began), failed)
			}
			if took, _ := timed(r, t.Context(), "dep:db"); took != want {
				t.Errorf("after %v a call is late by %v", time.Since(began), took)
			}
		}
		if list := r.List(); list[1].Seen != 5000 || list[1].Hits < 1300 || list[1].Hits > 1450 || list[0].Hits != 5 {
			t.Errorf("counted %+v", list)
		}
	})
}

func TestAFaultThatIsPassedOnKeepsItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		master, worker := open(t, Options{Self: "master"}), open(t, Options{Self: "worker:1"})
		f := add(t, master, Fault{Target: "dep:db", Kind: "latency", Value: "1s", For: time.Minute, Ramp: 10 * time.Second})
		time.Sleep(5 * time.Second)
		add(t, worker, f)
		if took, _ := timed(worker, t.Context(), "dep:db"); took != 500*time.Millisecond {
			t.Errorf("late by %v", took)
		}
		time.Sleep(time.Until(f.Ends()))
		synctest.Wait()
		if len(worker.List()) != 0 {
			t.Errorf("left %+v", worker.List())
		}
	})
}

func BenchmarkBeforeWithoutFaults(b *testing.B) {
	r := New(Options{})
	defer r.Close()
	ctx := b.Context()
	for b.Loop() {
		r.Before(ctx, "dep:db")
	}
}

func BenchmarkBeforeWithAFaultElsewhere(b *testing.B) {
	r := New(Options{})
	defer r.Close()
	r.Add(Fault{Target: "dep:other", Kind: "reset", For: time.Minute})
	ctx := b.Context()
	for b.Loop() {
		r.Before(ctx, "dep:db")
	}
}
