package knob_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/targets/knob"
)

// pair is a tree with a check between its leafs.
type pair struct {
	Low   int           `yaml:"low" default:"1" about:"lower"`
	High  int           `yaml:"high" default:"10" about:"higher"`
	Other time.Duration `yaml:"other" default:"5s" max:"1m" about:"a time"`
	Fixed string        `yaml:"fixed" default:"a" restart:"true" about:"takes new workers"`
	Names []string      `yaml:"names" about:"names"`
}

func (p pair) Check() error {
	if p.Low > p.High {
		return errors.New("low is more than high")
	}
	return nil
}

func (p pair) String() string { return fmt.Sprintf("%d %d %v %s", p.Low, p.High, p.Other, p.Fixed) }

// applied keeps what a store had applied; it fails as often as fail says.
type applied struct {
	mu   sync.Mutex
	log  []string
	fail int
}

func (a *applied) apply(_ context.Context, doc *pair, version int, changes []knob.Change) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail > 0 {
		a.fail--
		a.log = append(a.log, "failed")
		return errors.New("worker 2 is gone")
	}
	a.log = append(a.log, fmt.Sprintf("%d: %s (%d)", version, doc, len(changes)))
	return nil
}

func newStore(t *testing.T) (*knob.Store[pair], *applied) {
	t.Helper()
	doc := new(pair)
	knob.Defaults(doc)
	a := new(applied)
	s := knob.NewStore(doc, a.apply)
	t.Cleanup(s.Close)
	return s, a
}

func change(t *testing.T, s *knob.Store[pair], b knob.Batch) knob.Result {
	t.Helper()
	r, err := s.Change(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func expect(t *testing.T, s *knob.Store[pair], version int, want string) {
	t.Helper()
	synctest.Wait()
	if doc, v := s.Get(); v != version || doc.String() != want {
		t.Errorf("version %d: %s; want %d: %s", v, doc, version, want)
	}
}

func set(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

func TestABatchIsAppliedAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newStore(t)
		before, _ := s.Get()
		time.Sleep(3 * time.Second)
		got := change(t, s, knob.Batch{Set: set("low", 20.0, "high", json.Number("30"), "other", "250ms", "fixed", "b"), IfVersion: 1})
		want := knob.Result{Version: 2, Time: time.Now(), Elapsed: 3 * time.Second, RestartPending: []string{"fixed"}, Changes: []knob.Change{
			{Path: "low", From: "1", To: "20"},
			{Path: "high", From: "10", To: "30"},
			{Path: "other", From: "5s", To: "250ms"},
			{Path: "fixed", From: "a", To: "b", Restart: true},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		expect(t, s, 2, "20 30 250ms b")
		if before.String() != "1 10 5s a" {
			t.Errorf("a reader's document changed to %s", before)
		}
		if diff := cmp.Diff([]string{"2: 20 30 250ms b (4)"}, a.log); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if err := s.Restarted(t.Context()); err != nil {
			t.Error(err)
		}
		if got := change(t, s, knob.Batch{Set: set("low", "20")}); got.Version != 2 || got.RestartPending != nil || got.Changes != nil {
			t.Errorf("nothing changed, but %+v", got)
		}
	})
}

func TestAWrongBatchChangesNothing(t *testing.T) {
	for _, test := range []struct {
		name  string
		batch knob.Batch
		want  string
	}{
		{"all mistakes at once", knob.Batch{Set: set("low", 1.5, "hihg", 3, "other", 5.0)}, "hihg: no such setting\n  hint: did you mean \"high\"?\nlow: \"1.5\" is not a whole number of a size that fits\nother: \"5\" has no unit\n  hint: write 5s or 5ms"},
		{"a check", knob.Batch{Set: set("low", 11)}, "low is more than high"},
		{"no value", knob.Batch{Set: set("low", nil)}, "low: has no value"},
		{"an object", knob.Batch{Set: set("low", map[string]any{})}, "low: is one value, not a list and not an object\n  hint: write true, a number, or text such as \"5s\""},
		{"a list for a number", knob.Batch{Set: set("low", []any{1})}, "low: is one value, not a list and not an object\n  hint: write true, a number, or text such as \"5s\""},
		{"a list in a list", knob.Batch{Set: set("names", []any{[]any{}})}, "names: is one value, not a list and not an object\n  hint: write true, a number, or text such as \"5s\""},
		{"one leaf twice", knob.Batch{Set: set("low", 1, `["low"]`, 2)}, "low: stands here twice"},
		{"nothing to set", knob.Batch{}, "set: names no setting\n  hint: like {\"set\": {\"a.path\": \"5s\"}}"},
		{"a time below zero", knob.Batch{Set: set("low", 2), After: -1}, "a time that a batch waits is less than zero"},
		{"two times", knob.Batch{Set: set("low", 2), After: 1, At: time.Now()}, "a batch is due either at a time or after one, not both"},
		{"a mistake in what is scheduled", knob.Batch{Set: set("low", 11), After: time.Second}, "low is more than high"},
		{"another version", knob.Batch{Set: set("low", 2), IfVersion: 3}, "the settings have another version by now: 1, not 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, a := newStore(t)
				if _, err := s.Change(t.Context(), test.batch); err == nil || err.Error() != test.want {
					t.Errorf("got\n%v\nwant\n%s", err, test.want)
				} else if _, ok := errors.AsType[knob.Problems](err); !ok && !errors.Is(err, knob.ErrVersion) {
					t.Errorf("got a %T", err)
				}
				expect(t, s, 1, "1 10 5s a")
				if len(a.log) > 0 || len(s.Pending()) > 0 || len(s.Log()) > 0 {
					t.Errorf("left %v, %v, %v", a.log, s.Pending(), s.Log())
				}
			})
		})
	}
}

func TestListsComeAsJSONToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		change(t, s, knob.Batch{Set: set("names", []any{"a, b", 5.0, true})})
		doc, _ := s.Get()
		if !reflect.DeepEqual(doc.Names, []string{"a, b", "5", "true"}) {
			t.Errorf("got %q", doc.Names)
		}
	})
}

func TestAFailingApplyGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newStore(t)
		change(t, s, knob.Batch{Set: set("low", 2)})
		a.fail = 1
		_, err := s.Change(t.Context(), knob.Batch{Set: set("low", 3), RevertAfter: time.Second, Why: "try"})
		if err == nil || err.Error() != "apply version 3 of the settings: worker 2 is gone" {
			t.Errorf("got %v", err)
		}
		expect(t, s, 2, "2 10 5s a")
		if diff := cmp.Diff([]string{"2: 2 10 5s a (1)", "failed", "2: 2 10 5s a (1)"}, a.log); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		a.fail = 2
		_, err = s.Change(t.Context(), knob.Batch{Set: set("low", 3)})
		if err == nil || !strings.Contains(err.Error(), "go back to version 2 of the settings: worker 2 is gone") {
			t.Errorf("got %v", err)
		}
		if log := s.Log(); len(log) != 3 || log[1].Failure == "" || log[1].Version != 2 || log[1].Why != "try" || len(s.Pending()) > 0 {
			t.Errorf("log %+v, pending %v", log, s.Pending())
		}
	})
}

func TestGoingBackOutlivesTheOneWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doc := new(pair)
		knob.Defaults(doc)
		ctx, cancel := context.WithCancel(t.Context())
		var versions []int
		s := knob.NewStore(doc, func(ctx context.Context, _ *pair, version int, _ []knob.Change) error {
			cancel()
			if ctx.Err() == nil {
				versions = append(versions, version)
			}
			return ctx.Err()
		})
		defer s.Close()
		_, err := s.Change(ctx, knob.Batch{Set: set("low", 2)})
		if !errors.Is(err, context.Canceled) || !reflect.DeepEqual(versions, []int{1}) {
			t.Errorf("got %v, applied %v", err, versions)
		}
		expect(t, s, 1, "1 10 5s a")
	})
}

func TestWhatAStoreKeepsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t)
		for i := range 256 {
			b := knob.Batch{Set: set("low", 2), After: time.Hour}
			if i%2 > 0 {
				b = knob.Batch{Set: set("low", i%10), RevertAfter: time.Hour}
			}
			change(t, s, b)
		}
		if _, err := s.Change(t.Context(), knob.Batch{Set: set("low", 2), After: time.Hour}); !errors.Is(err, knob.ErrFull) {
			t.Errorf("got %v", err)
		}
		for i := range 1500 {
			change(t, s, knob.Batch{Set: set("other", fmt.Sprintf("%dms", i))})
		}
		log := s.Log()
		if len(log) != 1024 || log[1023].Changes[0].To != "1.499s" || log[0].Changes[0].To != "476ms" {
			t.Errorf("%d entries from %+v to %+v", len(log), log[0], log[len(log)-1])
		}
		_, version := s.Get()
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, after := s.Get(); len(s.Pending()) != 0 || after <= version {
			t.Errorf("pending %v", s.Pending())
		}
	})
}

func TestAClosedStoreChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newStore(t)
		change(t, s, knob.Batch{Set: set("low", 2), RevertAfter: time.Second})
		s.Close()
		s.Close()
		time.Sleep(time.Hour)
		expect(t, s, 2, "2 10 5s a")
		if _, err := s.Change(t.Context(), knob.Batch{Set: set("low", 3)}); !errors.Is(err, knob.ErrClosed) || len(a.log) != 1 {
			t.Errorf("got %v, applied %v", err, a.log)
		}
		if err := s.Cancel(t.Context(), 1); !errors.Is(err, knob.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAChangeWaitsForItsTurnNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doc := new(pair)
		knob.Defaults(doc)
		s := knob.NewStore(doc, func(context.Context, *pair, int, []knob.Change) error {
			time.Sleep(10 * time.Second)
			return nil
		})
		defer s.Close()
		go s.Change(t.Context(), knob.Batch{Set: set("low", 2)})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Change(ctx, knob.Batch{Set: set("low", 3)}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, version := s.Get(); version != 1 || len(s.Log())+len(s.Pending()) > 0 {
			t.Error("readers do not see the version before")
		}
		time.Sleep(9 * time.Second)
		expect(t, s, 2, "2 10 5s a")
	})
}

func TestReadersSeeWholeVersions(t *testing.T) {
	s, _ := newStore(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			last := 0
			for {
				doc, version := s.Get()
				if doc.High != doc.Low+9 || version < last {
					t.Errorf("version %d after %d: %s", version, last, doc)
					return
				}
				last = version
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for i := range 200 {
				s.Change(t.Context(), knob.Batch{Set: set("low", i, "high", i+9)})
				s.Change(t.Context(), knob.Batch{Set: set("low", i, "high", i+9), RevertAfter: time.Microsecond})
			}
		})
	}
	time.AfterFunc(100*time.Millisecond, func() { close(stop) })
	wg.Wait()
}

func BenchmarkGet(b *testing.B) {
	doc := new(pair)
	knob.Defaults(doc)
	s := knob.NewStore(doc, func(context.Context, *pair, int, []knob.Change) error { return nil })
	defer s.Close()
	for b.Loop() {
		s.Get()
	}
}
