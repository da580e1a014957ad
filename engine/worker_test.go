package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/engine/flow"
)

// halfway is a target that begins to answer and does not end.
type halfway struct{}

type halfwaySession struct{ ctx context.Context }

func (halfway) Open(ctx context.Context) (Session, error) { return halfwaySession{ctx}, nil }

func (s halfwaySession) Do(_ *flow.Request, resp *flow.Response) error {
	resp.Reset()
	resp.Status = 200
	<-s.ctx.Done()
	return &Failure{ErrInterrupted, s.ctx.Err()}
}

func (halfwaySession) Close() error { return nil }

func TestAnAnswerThatIsNotCompleteHasNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := closedPlan(t, halfway{}, 3, time.Second)
		p.Grace = time.Second
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		c := s.Select(func(k Key) bool { return k.Outcome == Unfinished })
		if c.Count() != 3 || len(c.Codes) != 0 {
			t.Errorf("%d unfinished with the codes %v, want 3 with none", c.Count(), c.Codes)
		}
	})
}

func TestAStepAfterAPauseIsDueWhenThePauseShouldHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(10 * time.Millisecond)}
		p := openPlan(t, target, 1, time.Second, 10)
		f := p.Loads[0].Flows[0].Flow
		f.Steps = append(f.Steps, flow.Step{Think: &flow.Think{Min: time.Second, Max: time.Second}}, flow.Step{Call: call(t, 1)})
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		c := s.Select(func(k Key) bool { return k.Request == 1 })
		near(t, "latency after the pause", c.Latency.Max(), 10*time.Millisecond, time.Millisecond)
		near(t, "lag after the pause", c.Lag.Max(), 0, time.Millisecond)
	})
}

func TestIterationsAreDoneThoughSomeUsersFindNoData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &fakeTarget{serve: always(10 * time.Millisecond)}
		p := closedPlan(t, target, 40, time.Minute)
		p.Loads[0].Closed.Iterations = 100
		world := &flow.World{Seed: 1, Feeds: []*flow.Feed{rows(t, 30, flow.Unique)}}
		p.Loads[0].NewUser = func(id int) (*flow.User, error) { return flow.NewUser(world, id) }
		s, err := virtual(t, p, t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if y := s.Tallies[0][0]; y.Sent != 100 || y.Exhausted != 10 {
			t.Errorf("tally %+v, want 100 sent by the 30 users with data", y)
		}
	})
}

func TestAPauseThatTheMachineMadeTooLongIsLag(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct{ planned, ended, want time.Duration }{
		"an exact pause":                         {100 * ms, 100 * ms, 100 * ms},
		"a pause as exact as the system's timer": {100 * ms, 101 * ms, 101 * ms},
		"a pause during which the machine stood": {100 * ms, 600 * ms, 100 * ms},
		"a pause that was cut short":             {100 * ms, 50 * ms, 50 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			if got := dueAfterPause(c.planned, c.ended); got != c.want {
				t.Errorf("the next step is due at %v, want %v", got, c.want)
			}
		})
	}
}
