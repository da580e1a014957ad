package experiment_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/engine/experiment"
)

func TestRoundsGoOnUntilNothingIsOpen(t *testing.T) {
	tests := []struct {
		name    string
		most    int
		settled []bool
		want    []experiment.Turn
		rounds  int
	}{
		{"one round settles it", 3, []bool{true}, []experiment.Turn{{"off", 1, 1, false}, {"on", 2, 1, true}}, 1},
		{"a second round is needed", 3, []bool{false, true}, []experiment.Turn{{"off", 1, 1, false}, {"on", 2, 1, true}, {"off", 3, 2, false}, {"on", 4, 2, true}}, 2},
		{"there is a limit", 1, []bool{false}, []experiment.Turn{{"off", 1, 1, false}, {"on", 2, 1, true}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var turns []experiment.Turn
			answers := tt.settled
			rounds, err := experiment.Order{Round: []string{"off", "on"}, Most: tt.most}.Run(t.Context(),
				func(_ context.Context, turn experiment.Turn) error { turns = append(turns, turn); return nil },
				func() bool { a := answers[0]; answers = answers[1:]; return a })
			if err != nil || rounds != tt.rounds {
				t.Errorf("%d rounds, %v; want %d", rounds, err, tt.rounds)
			}
			if diff := cmp.Diff(tt.want, turns); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARunThatFailsEndsTheRounds(t *testing.T) {
	broken := errors.New("no target")
	runs := 0
	_, err := experiment.Order{Round: []string{"off", "on"}, Most: 2}.Run(t.Context(),
		func(context.Context, experiment.Turn) error { runs++; return broken }, func() bool { return false })
	if !errors.Is(err, broken) || runs != 1 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

func TestAnInterruptionEndsTheRoundsBetweenTwoRuns(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	runs := 0
	rounds, err := experiment.Order{Round: []string{"off", "on"}, Most: 2}.Run(ctx,
		func(context.Context, experiment.Turn) error { runs++; cancel(stop); return nil }, func() bool { return false })
	if !errors.Is(err, stop) || runs != 1 || rounds != 0 {
		t.Errorf("after %d runs, %d rounds: %v", runs, rounds, err)
	}
}

// entry is an entry without what a test does not fix.
type entry struct {
	At     time.Duration
	Text   string
	Signal bool
	Err    string
}

func play(ctx context.Context, events []experiment.Event, signals <-chan experiment.Signal) (got []entry) {
	for _, e := range experiment.Play(ctx, time.Now(), events, signals) {
		x := entry{At: e.At, Text: e.Text, Signal: e.Signal}
		if e.Err != nil {
			x.Err = e.Err.Error()
		}
		got = append(got, x)
	}
	return got
}

func TestEventsAreDoneWhenTheirTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("over"))
		defer cancel()
		slow := func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		fails := func(context.Context) error { return errors.New("no such knob") }
		none := func(context.Context) error { return nil }
		signals := make(chan experiment.Signal)
		go func() {
			time.Sleep(4 * time.Second)
			for range 2 {
				signals <- experiment.Signal{Kind: "breaker.open", Text: "pricing", Time: time.Now()}
			}
			close(signals)
		}()
		got := play(ctx, []experiment.Event{
			{Name: "late", At: 11 * time.Second, Do: none},
			{Name: "after slow", At: 2 * time.Second, Do: fails},
			{Name: "slow", At: time.Second, Do: slow},
			{Name: "then", At: 500 * time.Millisecond, When: "breaker.open", Do: none},
			{Name: "never", When: "breaker.closed", Do: none},
		}, signals)
		want := []entry{
			{time.Second, "slow", false, ""},
			{2 * time.Second, "after slow", false, "no such knob"},
			{4 * time.Second, "breaker.open pricing", true, ""},
			{4 * time.Second, "breaker.open pricing", true, ""},
			{4500 * time.Millisecond, "then", false, ""},
			{10 * time.Second, "late", false, "over"},
			{10 * time.Second, "never", false, "the target never said breaker.closed"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEventsOfOneTimeKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		slow := func(context.Context) error { time.Sleep(time.Second); return nil }
		fast := func(context.Context) error { return nil }
		signals := make(chan experiment.Signal, 1)
		signals <- experiment.Signal{Kind: "go", Time: time.Now()}
		close(signals)
		got := play(ctx, []experiment.Event{
			{Name: "first", At: 2 * time.Second, Do: slow},
			{Name: "second", At: 2 * time.Second, Do: fast},
			{Name: "meanwhile", At: 2500 * time.Millisecond, Do: fast},
			{Name: "after the signal", When: "go", At: 5 * time.Second, Do: slow},
			{Name: "and then", When: "go", At: 5 * time.Second, Do: fast},
		}, signals)
		want := []entry{
			{0, "go", true, ""},
			{2 * time.Second, "first", false, ""},
			{2500 * time.Millisecond, "meanwhile", false, ""},
			{3 * time.Second, "second", false, ""},
			{5 * time.Second, "after the signal", false, ""},
			{6 * time.Second, "and then", false, ""},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSignalsThatBreakOffFailWhatWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("over"))
		defer cancel()
		none := func(context.Context) error { return nil }
		signals := make(chan experiment.Signal)
		go func() {
			defer close(signals)
			time.Sleep(time.Second)
			signals <- experiment.Signal{Kind: "breaker.open", Time: time.Now()}
			time.Sleep(time.Second)
			signals <- experiment.Signal{Text: "the stream", Time: time.Now(), Lost: errors.New("broke off")}
		}()
		got := play(ctx, []experiment.Event{
			{Name: "heard", When: "breaker.open", At: 3 * time.Second, Do: none},
			{Name: "dated", At: 5 * time.Second, Do: none},
			{Name: "deaf", When: "breaker.closed", Do: none},
		}, signals)
		want := []entry{
			{time.Second, "breaker.open", true, ""},
			{2 * time.Second, "the stream", true, "broke off"},
			{2 * time.Second, "deaf", false, "it waits for breaker.closed: broke off"},
			{4 * time.Second, "heard", false, ""},
			{5 * time.Second, "dated", false, ""},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEventUnderWayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		done := false
		play(ctx, []experiment.Event{{Name: "slow", At: time.Second, Do: func(context.Context) error {
			time.Sleep(5 * time.Second)
			done = true
			return nil
		}}}, nil)
		if !done {
			t.Error("it was not done when the time line ended")
		}
	})
}
