package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestALoadLastsUntilItsLastStageEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(300 * time.Millisecond)}
		p := openPlan(t, target, 1, 10*time.Second, 10)
		p.Grace = 0
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		// The last arrival is due at 9 s: a run that ended there would have offered 10
		// arrivals in 9 s, and cut the last one off.
		near(t, "the end", s.To, 10*time.Second, 10*time.Millisecond)
		if y := s.Tallies[0][0]; y.Completed != 10 {
			t.Errorf("tally %+v, want 10 completed", y)
		}
	})
}

func TestConnectionsGrowWhereTimersAreCoarse(t *testing.T) {
	target := &fakeTarget{serve: always(50 * time.Millisecond)}
	s, err := runWith(t.Context(), openPlan(t, target, 200, time.Second, 1000), nil, machine{newTimerSleeper, noTime})
	if err != nil {
		t.Fatal(err)
	}
	if lag := s.Select(all).Lag.Quantile(.9); lag > 100*time.Millisecond {
		t.Errorf("lag p90 %v with %d in flight at most, though this machine had nothing to do", lag, target.most.Load())
	}
}

func TestWhatWaitsIsSentInTheEndThoughNothingIsEverOnTime(t *testing.T) {
	l := idleOpenLoad(t, &fakeTarget{serve: always(0)}, 1000)
	grown := func(now time.Duration) int {
		l.credit, l.grown = 1, now
		l.calm = now
		l.grow(now)
		return l.workers
	}
	l.count.answered, l.workers = true, 1
	for range 3 {
		l.count.accept(0, 0)
		l.waiting.push(0, 0)
	}
	if n := grown(resolve - tick); n != 1 {
		t.Errorf("%d workers on a machine that is late, want 1", n)
	}
	if n := grown(resolve); n != 2 {
		t.Errorf("%d workers after %v of waiting, want another one", n, resolve)
	}
	l.end()
	l.wait()
}

func TestARunThatIsOverIsNotStoppedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := openPlan(t, &fakeTarget{serve: always(time.Millisecond)}, 100, 300*time.Millisecond, 10)
		s, err := virtual(t, p, ctx, func(*Snapshot) { cancel() }) // the one interval there is
		if err != nil {
			t.Errorf("a run of which every arrival was answered ends with %v", err)
		}
		if y := s.Tallies[0][0]; y.Completed != 30 {
			t.Errorf("tally %+v, want 30 completed", y)
		}
	})
}
