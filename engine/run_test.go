package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/engine/arrivals"
	"plimsoll/engine/flow"
)

// fakeTarget answers after serve(n) of virtual time, n being the number of the call.
type fakeTarget struct {
	serve func(n int64) time.Duration
	fail  func(n int64) error
	calls atomic.Int64
	most  atomic.Int64
	now   atomic.Int64
}

type fakeSession struct {
	t   *fakeTarget
	ctx context.Context
}

func (t *fakeTarget) Open(ctx context.Context) (Session, error) { return &fakeSession{t, ctx}, nil }

func (s *fakeSession) Do(_ *flow.Request, resp *flow.Response) error {
	resp.Reset()
	n := s.t.calls.Add(1) - 1
	s.t.most.Store(max(s.t.most.Load(), s.t.now.Add(1)))
	defer s.t.now.Add(-1)
	timer := time.NewTimer(s.t.serve(n))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
		return &Failure{ErrInterrupted, s.ctx.Err()}
	}
	if s.t.fail != nil {
		if err := s.t.fail(n); err != nil {
			return err
		}
	}
	resp.Status = 200
	return nil
}

func (s *fakeSession) Close() error { return nil }

func always(d time.Duration) func(int64) time.Duration {
	return func(int64) time.Duration { return d }
}

// call returns a prepared call without variables.
func call(t testing.TB, index int) *flow.Call {
	t.Helper()
	c := &flow.Call{Index: index, Name: "r", Method: "GET", URL: flow.Literal("http://target.test/"), HopIndex: index}
	if err := c.Prepare(); err != nil {
		t.Fatal(err)
	}
	return c
}

func oneCall(t testing.TB) []Weighted {
	return []Weighted{{&flow.Flow{Name: "f", Steps: []flow.Step{{Call: call(t, 0)}}}, 1}}
}

func newUser(id int) (*flow.User, error) { return flow.NewUser(&flow.World{Seed: 1}, id) }

func legend(model string, stages ...StageLegend) *Legend {
	return &Legend{
		Loads:    []LoadLegend{{Name: "l", Model: model, Stages: stages}},
		Requests: []RequestLegend{{Name: "r"}, {Name: "s"}},
	}
}

func openPlan(t testing.TB, target Protocol, rate float64, d time.Duration, most int) Plan {
	return Plan{
		Legend: legend("open", StageLegend{"only", 0, d, rate}),
		Loads: []Load{{
			Flows: oneCall(t), Protocol: target, NewUser: newUser,
			Open: &Open{Schedule: arrivals.Even([]arrivals.Stage{{For: d, From: rate, To: rate}}), MaxInFlight: most},
		}},
		Grace: 10 * time.Second,
	}
}

func closedPlan(t testing.TB, target Protocol, users int, d time.Duration) Plan {
	return Plan{
		Legend: legend("closed", StageLegend{Name: "only", To: d}),
		Loads: []Load{{
			Flows: oneCall(t), Protocol: target, NewUser: newUser,
			Closed: &Closed{Users: []UserStage{{users, users}}},
		}},
		Grace: 10 * time.Second,
	}
}

// virtual runs a plan in virtual time.
func virtual(t *testing.T, p Plan, ctx context.Context, observe func(*Snapshot)) (s *Snapshot, err error) { //nolint:revive // the plan is the subject
	t.Helper()
	return runWith(ctx, p, observe, machine{newTimerSleeper, noTime})
}

// noTime is the processor time of a machine on which computing takes none.
func noTime() time.Duration { return 0 }

func near(t *testing.T, what string, got, want, tolerance time.Duration) {
	t.Helper()
	if got < want-tolerance || got > want+tolerance {
		t.Errorf("%s is %v, want %v ± %v", what, got, want, tolerance)
	}
}

func all(Key) bool { return true }

func balance(t *testing.T, s *Snapshot) {
	t.Helper()
	for _, stages := range s.Tallies {
		for _, y := range stages {
			if y.Sent != y.Completed+y.Failed+y.Unfinished {
				t.Errorf("sent %d ≠ completed %d + failed %d + unfinished %d", y.Sent, y.Completed, y.Failed, y.Unfinished)
			}
			if y.Planned < y.Sent+y.Dropped {
				t.Errorf("planned %d < sent %d + dropped %d", y.Planned, y.Sent, y.Dropped)
			}
		}
	}
}

func TestOpenLoadSendsEveryArrivalWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(20 * time.Millisecond)}
		var intervals int
		s, err := virtual(t, openPlan(t, target, 100, 5*time.Second, 1000), t.Context(), func(i *Snapshot) {
			intervals++
			if got := i.Tallies[0][0].Planned; i.To-i.From == time.Second && (got < 99 || got > 101) {
				t.Errorf("interval %v–%v planned %d arrivals, want 100 ± 1", i.From, i.To, got)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		y := s.Tallies[0][0]
		if y.Planned != 500 || y.Sent != 500 || y.Completed != 500 || y.Dropped != 0 {
			t.Errorf("tally %+v, want 500 planned, sent and completed", y)
		}
		c := s.Select(all)
		near(t, "latency p50", c.Latency.Quantile(.5), 20*time.Millisecond, time.Millisecond)
		near(t, "latency max", c.Latency.Max(), 20*time.Millisecond, time.Millisecond)
		near(t, "mean in flight", y.Busy/5, 2*time.Second, 20*time.Millisecond)
		if intervals < 5 || intervals > 6 {
			t.Errorf("%d intervals, want 5 or 6", intervals)
		}
		balance(t, s)
	})
}

func TestLatencyCountsFromDueWhenTheTargetStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		target := &fakeTarget{serve: func(int64) time.Duration {
			if at := time.Since(began); at >= 4*time.Second && at < 5*time.Second {
				return 5*time.Second - at
			}
			return time.Millisecond
		}}
		s, err := virtual(t, openPlan(t, target, 1000, 10*time.Second, 10_000), t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		c := s.Select(all)
		near(t, "latency p50", c.Latency.Quantile(.5), time.Millisecond, time.Millisecond)
		near(t, "latency p95", c.Latency.Quantile(.95), 500*time.Millisecond, 5*time.Millisecond)
		near(t, "latency p99", c.Latency.Quantile(.99), 900*time.Millisecond, 5*time.Millisecond)
		near(t, "service p95", c.Service.Quantile(.95), 500*time.Millisecond, 5*time.Millisecond)
		near(t, "lag p99", c.Lag.Quantile(.99), 0, 2*time.Millisecond)
		balance(t, s)
	})
}

func TestWhatWaitsForAConnectionIsLateFromItsDueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One worker at most: 1 arrival in flight, 10 ms each, so the rest is dropped.
		target := &fakeTarget{serve: always(10 * time.Millisecond)}
		s, err := virtual(t, openPlan(t, target, 1000, time.Second, 1), t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		y := s.Tallies[0][0]
		if y.Planned != 1000 || y.Sent+y.Dropped != 1000 || y.Sent > 101 || y.Sent < 80 {
			t.Errorf("tally %+v, want about 100 sent and the rest of 1000 dropped", y)
		}
		if target.most.Load() != 1 {
			t.Errorf("%d in flight at once, want 1", target.most.Load())
		}
		balance(t, s)
	})
}

func TestWhatIsInFlightAfterTheGraceIsUnfinishedAtItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(time.Hour)}
		p := openPlan(t, target, 10, time.Second, 100)
		p.Grace = 2 * time.Second
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		y := s.Tallies[0][0]
		if y.Unfinished != 10 || y.Sent != 10 {
			t.Errorf("tally %+v, want 10 unfinished", y)
		}
		c := s.Select(func(k Key) bool { return k.Outcome == Unfinished })
		near(t, "oldest", c.Latency.Max(), 3*time.Second, 5*time.Millisecond)
		near(t, "youngest", c.Latency.Min(), 2100*time.Millisecond, 5*time.Millisecond)
		balance(t, s)
	})
}

func TestAnInterruptedRunSaysWhatNeverFellDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2500*time.Millisecond, func() { cancel(why) })
		target := &fakeTarget{serve: always(time.Millisecond)}
		s, err := virtual(t, openPlan(t, target, 100, 10*time.Second, 100), ctx, nil)
		if !errors.Is(err, why) {
			t.Fatalf("error %v, want the cause", err)
		}
		y := s.Tallies[0][0]
		if y.Planned != 1000 || y.Sent < 249 || y.Sent > 251 {
			t.Errorf("tally %+v, want 1000 planned and 250 sent", y)
		}
		balance(t, s)
	})
}

func TestFailuresAreCountedByKindAndStopThePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(time.Millisecond), fail: func(n int64) error {
			if n%4 == 0 {
				return &Failure{ErrReset, errors.New("cut")}
			}
			return nil
		}}
		p := closedPlan(t, target, 1, time.Minute)
		p.Loads[0].Closed.Iterations = 30
		p.Loads[0].Flows[0].Flow.Steps = append(p.Loads[0].Flows[0].Flow.Steps, flow.Step{Call: call(t, 1)})
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		// Calls 0, 4, 8 … fail: r fails (one call), then r s, r S(fail) and so on.
		failed := s.Select(func(k Key) bool { return k.Outcome == Error })
		if len(failed.Errors) != 1 || failed.Errors[0].Kind != ErrReset || failed.Errors[0].N == 0 {
			t.Errorf("errors %+v, want only resets", failed.Errors)
		}
		y := s.Tallies[0][0]
		if y.Sent != 30 || y.Failed != failed.Errors[0].N {
			t.Errorf("tally %+v, want 30 sent and %d failed", y, failed.Errors[0].N)
		}
		first := s.Select(func(k Key) bool { return k.Request == 0 })
		second := s.Select(func(k Key) bool { return k.Request == 1 })
		if first.Count() != 30 || second.Count() >= 30 {
			t.Errorf("%d first and %d second requests: a failed first one must stop the pass", first.Count(), second.Count())
		}
		balance(t, s)
	})
}

func TestClosedLoadKeepsItsUsersBusyThinkingAndPaced(t *testing.T) {
	cases := map[string]struct {
		shape func(*Plan)
		sent  uint64
	}{
		"users start again at once":              {func(*Plan) {}, 10 * 100},
		"think time is not load":                 {think(90 * time.Millisecond), 10 * 10},
		"pacing holds the time from start on":    {func(p *Plan) { p.Loads[0].Closed.Pacing = 50 * time.Millisecond }, 10 * 20},
		"iterations bound the passes of all":     {func(p *Plan) { p.Loads[0].Closed.Iterations = 77 }, 77},
		"a ramp from none to ten is half of ten": {func(p *Plan) { p.Loads[0].Closed.Users[0].From = 0 }, 5 * 100},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := &fakeTarget{serve: always(10 * time.Millisecond)}
				p := closedPlan(t, target, 10, time.Second)
				c.shape(&p)
				s, err := virtual(t, p, t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				y := s.Tallies[0][0]
				if d := int64(y.Sent) - int64(c.sent); d < -int64(c.sent/20) || d > int64(c.sent/20) {
					t.Errorf("%d passes, want %d ± 5 %%", y.Sent, c.sent)
				}
				if got := s.Select(all); got.Lag.Max() != 0 {
					t.Errorf("lag %v in a closed loop", got.Lag.Max())
				}
				busy := y.Busy - y.Think
				near(t, "users' time outside of think time", busy, s.Select(all).Service.Sum(), busy/50)
				balance(t, s)
			})
		})
	}
}

func think(d time.Duration) func(*Plan) {
	return func(p *Plan) {
		f := p.Loads[0].Flows[0].Flow
		f.Steps = append(f.Steps, flow.Step{Think: &flow.Think{Min: d, Max: d}})
	}
}

func TestUsersLeaveWhenTheStageHasFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(10 * time.Millisecond)}
		p := closedPlan(t, target, 0, 0)
		p.Legend = legend("closed", StageLegend{Name: "many", To: time.Second}, StageLegend{Name: "few", From: time.Second, To: 2 * time.Second})
		p.Loads[0].Closed.Users = []UserStage{{20, 20}, {2, 2}}
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		many, few := s.Tallies[0][0].Sent, s.Tallies[0][1].Sent
		if many < 1950 || many > 2020 || few < 195 || few > 225 {
			t.Errorf("%d passes with 20 users and %d with 2, want 2000 and 200", many, few)
		}
		balance(t, s)
	})
}

func TestFlowsAreChosenByWeightAndTheSameSeedChoosesTheSame(t *testing.T) {
	counts := func(seed uint64) (n [2]uint64) {
		synctest.Test(t, func(t *testing.T) {
			target := &fakeTarget{serve: always(time.Millisecond)}
			p := closedPlan(t, target, 4, time.Hour)
			p.Loads[0].Closed.Iterations = 4000
			p.Loads[0].Seed = seed
			p.Loads[0].Flows = []Weighted{
				{&flow.Flow{Name: "a", Steps: []flow.Step{{Call: call(t, 0)}}}, 3},
				{&flow.Flow{Name: "b", Steps: []flow.Step{{Call: call(t, 1)}}}, 1},
			}
			s, err := virtual(t, p, t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				n[i] = s.Select(func(k Key) bool { return k.Request == i }).Count()
			}
		})
		return n
	}
	n := counts(7)
	if n[0]+n[1] != 4000 || n[0] < 2880 || n[0] > 3120 {
		t.Errorf("weights 3 and 1 gave %v", n)
	}
}

func TestAnyOpenLoadBalances(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			slow := time.Duration(rng.IntN(200)) * time.Millisecond
			target := &fakeTarget{
				serve: func(n int64) time.Duration { return time.Duration(uint64(n)*2654435761%uint64(slow+1)) + 1 },
				fail: func(n int64) error {
					if n%11 == 0 {
						return &Failure{ErrTimeout, errors.New("late")}
					}
					return nil
				},
			}
			p := openPlan(t, target, float64(1+rng.IntN(2000)), time.Duration(1+rng.IntN(3000))*time.Millisecond, 1+rng.IntN(200))
			p.Grace = time.Duration(rng.IntN(100)) * time.Millisecond
			var parts uint64
			s, err := virtual(t, p, t.Context(), func(i *Snapshot) { parts += i.Select(all).Count() })
			if err != nil {
				t.Fatal(err)
			}
			balance(t, s)
			y := s.Tallies[0][0]
			if y.Planned != y.Sent+y.Dropped {
				t.Errorf("planned %d ≠ sent %d + dropped %d in a run that was not stopped", y.Planned, y.Sent, y.Dropped)
			}
			c := s.Select(all)
			if c.Count() != y.Sent || parts != c.Count() {
				t.Errorf("%d samples in the run, %d in its intervals, %d arrivals sent", c.Count(), parts, y.Sent)
			}
			if c.Service.Sum()+c.Lag.Sum() != c.Latency.Sum() {
				t.Errorf("service %v + lag %v ≠ latency %v", c.Service.Sum(), c.Lag.Sum(), c.Latency.Sum())
			}
			if most := int(target.most.Load()); most > p.Loads[0].Open.MaxInFlight {
				t.Errorf("%d in flight, more than allowed", most)
			}
		})
	}
}

func TestAFailureReadsAsKindAndCause(t *testing.T) {
	err := &Failure{ErrReset, errors.New("by peer")}
	if got := err.Error(); !strings.Contains(got, "reset") || !strings.Contains(got, "by peer") {
		t.Errorf("message %q", got)
	}
}

func TestTheStartOfTheRunIsToldBeforeAnythingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began, first time.Time
		target := &fakeTarget{serve: func(n int64) time.Duration {
			if n == 0 {
				first = time.Now()
			}
			return time.Second
		}}
		p := openPlan(t, target, 1, 3*time.Second, 10)
		p.Began = func(at time.Time) {
			if target.calls.Load() > 0 || !began.IsZero() {
				t.Error("it is told too late, or twice")
			}
			began = at
		}
		var due time.Duration
		for due = range p.Loads[0].Open.Schedule {
			break
		}
		s, err := runWith(t.Context(), p, nil, machine{newTimerSleeper, noTime})
		if err != nil || s == nil {
			t.Fatal(err)
		}
		near(t, "the first request", first.Sub(began), due, 2*time.Millisecond)
	})
}
