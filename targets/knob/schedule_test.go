package knob_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

func TestABatchWaitsUntilItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		r := change(t, s, knob.Batch{Set: set("low", 2), After: 10 * time.Second, RevertAfter: 5 * time.Second, Why: "test"})
		change(t, s, knob.Batch{Set: set("low", 3), At: time.Now().Add(12 * time.Second)})
		if r.Version != 1 || r.Pending != 1 || r.Changes != nil {
			t.Errorf("got %+v", r)
		}
		want := []knob.Pending{
			{ID: 1, Due: time.Now().Add(10 * time.Second), Set: map[string]string{"low": "2"}, RevertAfter: 5 * time.Second, Why: "test"},
			{ID: 2, Due: time.Now().Add(12 * time.Second), Set: map[string]string{"low": "3"}},
		}
		if diff := cmp.Diff(want, s.Pending()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		time.Sleep(10*time.Second - 1)
		expect(t, s, 1, "1 10 5s a")
		time.Sleep(time.Nanosecond)
		expect(t, s, 2, "2 10 5s a")
		if p := s.Pending(); len(p) != 2 || p[1].ID != 1 || !p[1].Applied {
			t.Errorf("pending %+v", p)
		}
		time.Sleep(2 * time.Second)
		expect(t, s, 3, "3 10 5s a")
		time.Sleep(time.Hour)
		expect(t, s, 3, "3 10 5s a") // what was set for good since is not taken back
		if got := change(t, s, knob.Batch{Set: set("low", 4), At: time.Now().Add(-time.Hour)}); got.Version != 4 || got.Pending != 0 {
			t.Errorf("a time that is past: %+v", got)
		}
	})
}

func TestValuesAreTakenBackInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		change(t, s, knob.Batch{Set: set("low", 2, "high", 20), RevertAfter: 10 * time.Second, Why: "long"})
		time.Sleep(time.Second)
		change(t, s, knob.Batch{Set: set("low", 3), RevertAfter: 2 * time.Second})
		expect(t, s, 3, "3 20 5s a")
		time.Sleep(2 * time.Second)
		expect(t, s, 4, "2 20 5s a")
		change(t, s, knob.Batch{Set: set("low", 4), RevertAfter: time.Minute})
		time.Sleep(7 * time.Second)
		expect(t, s, 6, "4 10 5s a") // the long one is over, but for what lies above it
		time.Sleep(time.Minute)
		expect(t, s, 7, "1 10 5s a") // and not 2, which nobody wants any more
		log := s.Log()
		if len(log) != 6 || log[4].Why != "taken back: long" || log[4].Elapsed != 10*time.Second {
			t.Errorf("log %+v", log)
		}
		if len(s.Pending()) > 0 {
			t.Errorf("pending %v", s.Pending())
		}
	})
}

func TestWhatIsSetForGoodStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		change(t, s, knob.Batch{Set: set("low", 2, "high", 20), RevertAfter: time.Second})
		change(t, s, knob.Batch{Set: set("low", 2)}) // changes nothing, and yet somebody wants it
		time.Sleep(time.Second)
		expect(t, s, 3, "2 10 5s a")
	})
}

func TestWhatCannotBeTakenBackStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newStore(t)
		change(t, s, knob.Batch{Set: set("high", 100), RevertAfter: time.Second})
		change(t, s, knob.Batch{Set: set("low", 50)})
		time.Sleep(time.Second)
		expect(t, s, 3, "50 100 5s a")
		if log := s.Log(); len(log) != 3 || log[2].Failure != "low is more than high" || len(a.log) != 2 {
			t.Errorf("log %+v", log)
		}
		change(t, s, knob.Batch{Set: set("low", 1), After: time.Second})
		change(t, s, knob.Batch{Set: set("high", 60)})
		change(t, s, knob.Batch{Set: set("high", 40, "low", 40)})
		time.Sleep(time.Second)
		expect(t, s, 6, "1 40 5s a")
		change(t, s, knob.Batch{Set: set("low", 30), After: time.Second})
		change(t, s, knob.Batch{Set: set("high", 20)})
		time.Sleep(time.Second)
		expect(t, s, 7, "1 20 5s a")
		if log := s.Log(); log[len(log)-1].Failure != "low is more than high" {
			t.Errorf("log %+v", log)
		}
	})
}

func TestWhatStaysIsNotTakenBackByWhatWasBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		change(t, s, knob.Batch{Set: set("high", 100), RevertAfter: 3 * time.Second})
		change(t, s, knob.Batch{Set: set("high", 200), RevertAfter: time.Second})
		change(t, s, knob.Batch{Set: set("low", 150)})
		time.Sleep(2 * time.Second) // 100 is refused: it is below low
		change(t, s, knob.Batch{Set: set("low", 1)})
		time.Sleep(time.Hour)
		expect(t, s, 5, "1 200 5s a")
	})
}

func TestCancelDropsWhatIsScheduled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		later := change(t, s, knob.Batch{Set: set("low", 2), After: time.Second}).Pending
		under := change(t, s, knob.Batch{Set: set("high", 20), RevertAfter: 2 * time.Second}).Pending
		kept := change(t, s, knob.Batch{Set: set("high", 30), RevertAfter: time.Second}).Pending
		over := change(t, s, knob.Batch{Set: set("high", 40), RevertAfter: time.Second}).Pending
		for _, id := range []int{later, kept} {
			if err := s.Cancel(t.Context(), id); err != nil {
				t.Error(err)
			}
			if err := s.Cancel(t.Context(), id); !errors.Is(err, knob.ErrNoBatch) {
				t.Errorf("the second time: %v", err)
			}
		}
		time.Sleep(time.Second)
		expect(t, s, 5, "1 30 5s a")
		time.Sleep(time.Hour)
		expect(t, s, 5, "1 30 5s a")
		if err := s.Cancel(t.Context(), over); err == nil || under == over {
			t.Errorf("what is over: %v", err)
		}
	})
}
