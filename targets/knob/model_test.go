package knob_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"plimsoll/targets/knob"
)

// numbers is a tree for sequences of changes.
type numbers struct {
	A int `yaml:"a" about:"a number"`
	B int `yaml:"b" about:"a number"`
	C int `yaml:"c" about:"a number"`
}

// written is one value that was given to one path.
type written struct {
	path     string
	value    int
	from, to time.Time // to is zero: for good
	order    int
}

// worth is what a path is worth at a time: what was written last of all that is not over.
func worth(history []written, path string, at time.Time) int {
	slices.SortStableFunc(history, func(a, b written) int {
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.order, b.order))
	})
	for _, w := range slices.Backward(history) {
		if w.path == path && !w.from.After(at) && (w.to.IsZero() || w.to.After(at)) {
			return w.value
		}
	}
	return 0
}

// action is one batch and the pause after it.
type action struct {
	values map[string]int
	batch  knob.Batch
	fail   bool
	pause  time.Duration
}

func drawAction(t *rapid.T) action {
	seconds := func(label string, least, most int) time.Duration {
		return max(time.Duration(rapid.IntRange(least, most).Draw(t, label))*time.Second, 0)
	}
	a := action{
		values: rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.IntRange(0, 3), 1, 3).Draw(t, "set"),
		batch:  knob.Batch{Set: map[string]any{}, After: seconds("after", -3, 5), RevertAfter: seconds("revert", -3, 8)},
		pause:  seconds("pause", 0, 4),
	}
	for path, value := range a.values {
		a.batch.Set[path] = strconv.Itoa(value)
	}
	a.fail = a.batch.After == 0 && rapid.IntRange(0, 9).Draw(t, "fail") == 0
	return a
}

// writes returns what the action writes if it is the order-th and happens now.
func (a action) writes(order int) []written {
	var all []written
	for path, value := range a.values {
		w := written{path: path, value: value, from: time.Now().Add(a.batch.After), order: order}
		if a.batch.RevertAfter > 0 {
			w.to = w.from.Add(a.batch.RevertAfter)
		}
		if a.batch.After > 0 {
			w.order -= 1000 // what was scheduled for a time goes before what is done at it
		}
		all = append(all, w)
	}
	return all
}

func TestAnySequenceOfBatchesIsWhatWasWrittenLastAndIsNotOver(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		actions := rapid.SliceOfN(rapid.Custom(drawAction), 1, 30).Draw(r, "actions")
		var failure string
		synctest.Test(t, func(*testing.T) { failure = play(actions) })
		if failure != "" {
			r.Fatal(failure)
		}
	})
}

// play does the actions and says what is not as it should be.
func play(actions []action) string {
	var fail atomic.Bool
	s := knob.NewStore(new(numbers), func(context.Context, *numbers, int, []knob.Change) error {
		if fail.Load() {
			return errors.New("no")
		}
		return nil
	})
	defer s.Close()
	var history []written
	wrong := func() string {
		synctest.Wait()
		doc, _ := s.Get()
		now := time.Now()
		if want := (numbers{worth(history, "a", now), worth(history, "b", now), worth(history, "c", now)}); *doc != want {
			return fmt.Sprintf("at %v got %+v, want %+v of %+v", now, *doc, want, history)
		}
		return ""
	}
	for order, a := range actions {
		fail.Store(a.fail)
		if _, err := s.Change(context.Background(), a.batch); err == nil {
			history = append(history, a.writes(order)...)
		} else if !a.fail {
			return err.Error()
		}
		fail.Store(false)
		time.Sleep(a.pause)
		if text := wrong(); text != "" {
			return text
		}
	}
	time.Sleep(time.Minute)
	if text := wrong(); text != "" {
		return text
	}
	if left := s.Pending(); len(left) > 0 {
		return fmt.Sprintf("pending %v", left)
	}
	return ""
}
