package engine

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/engine/arrivals"
	"plimsoll/engine/flow"
)

// idleOpenLoad returns an open load that was not started, of one arrival per millisecond.
func idleOpenLoad(t *testing.T, target *fakeTarget, most int) *openLoad {
	p := openPlan(t, target, 1000, time.Minute, most)
	r := &run{plan: &p, epoch: time.Now(), soft: t.Context(), hard: t.Context(), machine: machine{newTimerSleeper, noTime}}
	r.rec = newRecorder(p.Legend)
	l := newOpenLoad(r, 0)
	t.Cleanup(l.due.stop)
	return l
}

func TestWorkersGrowWithPatience(t *testing.T) {
	const ms = time.Millisecond
	cases := map[string]struct {
		calls [][2]time.Duration // now, planned
		want  int
	}{
		"the first arrival gets a worker at once":                {[][2]time.Duration{{0, 0}}, 1},
		"the second waits for the first to become free":          {[][2]time.Duration{{0, 0}, {ms, ms}}, 1},
		"but not for long":                                       {[][2]time.Duration{{0, 0}, {ms, ms}, {ms + patience, ms + patience}}, 2},
		"a pacer that is late itself opens nothing":              {[][2]time.Duration{{0, 0}, {ms, ms}, {20 * ms, ms + patience}}, 1},
		"nor until it has been on time for as long as patience":  {[][2]time.Duration{{0, 0}, {ms, ms}, {20 * ms, 2 * ms}, {20*ms + patience/2, 20*ms + patience/2}}, 1},
		"and then it follows the target":                         {[][2]time.Duration{{0, 0}, {ms, ms}, {20 * ms, 2 * ms}, {20*ms + patience, 20*ms + patience}}, 2},
		"a backlog opens one at a time while there are only few": {[][2]time.Duration{{0, 0}, {50 * ms, 50 * ms}, {51 * ms, 51 * ms}, {51*ms + tick, 51*ms + tick}}, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := &fakeTarget{serve: always(time.Hour)}
				l := idleOpenLoad(t, target, 1000)
				for _, call := range c.calls {
					l.advance(call[0], call[1])
				}
				l.mu.Lock()
				got := l.workers
				l.mu.Unlock()
				if got != c.want {
					t.Errorf("%d workers, want %d", got, c.want)
				}
				l.end()
				l.wait() // for all answers, and those to what waited
			})
		})
	}
}

func TestTheQueueGivesBackWhatCameFirst(t *testing.T) {
	var q queue
	next, want := time.Duration(0), time.Duration(0)
	for round := range 1000 {
		for range round % 7 {
			q.push(next, next+1)
			next++
		}
		for range min(q.len(), round%5) {
			if since := q.since(); since != want+1 {
				t.Fatalf("waiting since %d, want %d", since, want+1)
			}
			if got := q.pop(); got != want {
				t.Fatalf("got %d, want %d", got, want)
			}
			want++
		}
	}
	if q.len() != int(next-want) || cap(q.items) > 4*q.len() {
		t.Errorf("%d left in %d places, want %d", q.len(), cap(q.items), next-want)
	}
}

// rows returns a source of n rows with the given pick.
func rows(t *testing.T, n int, pick flow.Pick) *flow.Feed {
	t.Helper()
	text := "name\n" + strings.Repeat("x\n", n)
	f, err := flow.OpenCSV("rows", strings.NewReader(text), int64(len(text)), pick)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestALoadEndsWhenItsDataIsUsedUp(t *testing.T) {
	cases := map[string]struct {
		plan func(*testing.T, Protocol) Plan
		pick flow.Pick
		sent uint64
	}{
		"an open load": {
			func(t *testing.T, p Protocol) Plan { return openPlan(t, p, 100, 10*time.Second, 100) }, flow.Once, 30,
		},
		"a closed load": {
			func(t *testing.T, p Protocol) Plan { return closedPlan(t, p, 4, 10*time.Second) }, flow.Once, 30,
		},
		"users without a row of their own leave the others alone": {
			func(t *testing.T, p Protocol) Plan { return closedPlan(t, p, 40, time.Second) }, flow.Unique, 30 * 100,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := &fakeTarget{serve: always(10 * time.Millisecond)}
				p := c.plan(t, target)
				world := &flow.World{Seed: 1, Feeds: []*flow.Feed{rows(t, 30, c.pick)}}
				p.Loads[0].NewUser = func(id int) (*flow.User, error) { return flow.NewUser(world, id) }
				s, err := virtual(t, p, t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				y := s.Tallies[0][0]
				if y.Sent < c.sent*97/100 || y.Sent > c.sent || y.Exhausted == 0 || y.Failed != 0 {
					t.Errorf("tally %+v, want %d sent, none failed", y, c.sent)
				}
				balance(t, s)
			})
		})
	}
}

func TestLoadsRunBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(10 * time.Millisecond)}
		p := openPlan(t, target, 100, 2*time.Second, 100)
		c := closedPlan(t, target, 3, time.Second)
		c.Legend.Loads[0].Name = "c"
		p.Legend.Loads = append(p.Legend.Loads, c.Legend.Loads[0])
		p.Loads = append(p.Loads, c.Loads[0])
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if open, closed := s.Tallies[0][0].Completed, s.Tallies[1][0].Completed; open != 200 || closed < 294 || closed > 303 {
			t.Errorf("%d arrivals and %d passes completed, want 200 and 300", open, closed)
		}
		balance(t, s)
	})
}

func TestAnArrivalCountsInTheStageItWasDueIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(600 * time.Millisecond)}
		p := openPlan(t, target, 10, 2*time.Second, 100)
		p.Legend = legend("open", StageLegend{"a", 0, time.Second, 10}, StageLegend{"b", time.Second, 2 * time.Second, 20})
		p.Loads[0].Open.Schedule = arrivals.Even([]arrivals.Stage{{For: time.Second, From: 10, To: 10}, {For: time.Second, From: 20, To: 20}})
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for stage, want := range []uint64{10, 20} {
			got := s.Select(func(k Key) bool { return k.Stage == stage }).Count()
			if y := s.Tallies[0][stage]; y.Planned != want || y.Completed != want || got != want {
				t.Errorf("stage %d: tally %+v and %d samples, want %d", stage, y, got, want)
			}
		}
	})
}

func TestAHiccupOfAFastTargetDoesNotEndInAFlood(t *testing.T) {
	workersAfter := func(answered bool) (n int) {
		synctest.Test(t, func(t *testing.T) {
			target := &fakeTarget{serve: always(time.Hour)}
			l := idleOpenLoad(t, target, 100_000)
			l.count.answered = answered
			now := time.Duration(0)
			for ; now < 20*time.Millisecond; now += tick {
				for range 50 { // 50 arrivals per tick, and no answer
					l.count.accept(now, now)
					l.waiting.push(now, now)
				}
				l.advance(now, now)
			}
			l.mu.Lock()
			n = l.workers
			l.mu.Unlock()
			l.end()
			l.wait()
		})
		return n
	}
	if n := workersAfter(true); n < 80 || n > 200 {
		t.Errorf("%d workers after 20 ms without an answer from a target that used to answer, want about 120", n)
	}
	if n := workersAfter(false); n < 5000 {
		t.Errorf("%d workers for a target of which nothing is known, want one for nearly every arrival", n)
	}
}

func TestASaturatedGeneratorOpensNoConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := idleOpenLoad(t, &fakeTarget{serve: always(time.Hour)}, 100_000)
		var used time.Duration
		l.r.machine.processorTime = func() time.Duration { return used }
		l.advance(0, 0)
		workers := func(busy float64, from time.Duration) int {
			for now := from; now < from+50*time.Millisecond; now += tick {
				used += time.Duration(busy * float64(tick) * float64(runtime.GOMAXPROCS(0)))
				l.advance(now, now)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.workers
		}
		if n := workers(0.95, usageSpan); n > 5 {
			t.Errorf("%d workers at 95 %% of the processor, want hardly any", n)
		}
		if n := workers(0.5, 60*time.Millisecond); n < 20 {
			t.Errorf("%d workers at 50 %% of the processor, want them to follow the target", n)
		}
		l.end()
		l.wait()
	})
}

func TestThePacerWakesOftenOnlyForAShortWhile(t *testing.T) {
	wakes := func(every, span time.Duration) (n int, latest time.Duration) {
		var r rhythm
		for now := 10 * time.Millisecond; now < span; n++ {
			next := max(now+every, r.earliest(now))
			latest = max(latest, next-now-every)
			now = next
		}
		return n, latest
	}
	if n, _ := wakes(10*time.Microsecond, time.Second); n > 10_100 {
		t.Errorf("%d wakes in a second, want at most 10,000 and a few", n)
	}
	if _, late := wakes(time.Millisecond, time.Second); late != 0 {
		t.Errorf("a wake every millisecond came %v late", late)
	}
	r := rhythm{}
	for i := range 10 { // ten arrivals 20 µs apart after a pause
		now := time.Second + time.Duration(i)*20*time.Microsecond
		if at := r.earliest(now); at != now {
			t.Errorf("wake %d of a cluster has to wait until %v", i, at-now)
		}
	}
}
