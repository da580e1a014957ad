package resource

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// start is when readings begin.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a reading of one resource, so many seconds after the start.
func at(seconds float64, m Meter) Reading {
	m.Name = "it"
	return Reading{At: start.Add(time.Duration(seconds * 1e9)), Took: time.Millisecond, Meters: []Meter{m}}
}

// counter is a meter of four units that were busy for this long.
func counter(busy float64) Meter { return Meter{Units: 4, Busy: one(busy, 0)} }

func clock(busy, whole float64) Meter { return Meter{Units: 4, Busy: one(busy, whole)} }

func gauge(inUse float64) Meter { return Meter{Units: 10, InUse: inUse} }

func TestSpan(t *testing.T) {
	slow := func(r Reading) Reading { r.Took = 300 * time.Millisecond; return r }
	from := func(origin string, r Reading) Reading { r.Origin = origin; return r }
	tests := map[string]struct {
		readings []Reading
		want     float64
		note     string
	}{
		"a counter against our clock":           {[]Reading{at(0, counter(100)), at(2, counter(104))}, .5, ""},
		"a counter against its own clock":       {[]Reading{at(0, clock(100, 7)), at(2, clock(103.9, 14.8))}, .5, ""},
		"what is in use, on average":            {[]Reading{at(0, gauge(1)), at(1, gauge(3)), at(2, gauge(5))}, .3, ""},
		"a resource without use":                {[]Reading{at(0, counter(100)), at(2, counter(100))}, 0, ""},
		"a clock that ticks slowly":             {[]Reading{at(0, counter(100)), at(2, counter(108.2))}, 1, ""},
		"a counter that starts again":           {[]Reading{at(0, counter(100)), at(1, counter(2)), at(2, counter(104))}, 0, "went back"},
		"a counter of another origin":           {[]Reading{from("a", at(0, counter(1))), from("b", at(2, counter(5)))}, 0, "began anew"},
		"one reading":                           {[]Reading{at(0, counter(100))}, 0, "too short"},
		"two readings of the same moment":       {[]Reading{at(0, counter(1)), at(0, counter(2))}, 0, "too short"},
		"two looks at what is in use":           {[]Reading{at(0, gauge(1)), at(1, gauge(3))}, 0, "too short"},
		"more use than there is":                {[]Reading{at(0, counter(100)), at(2, counter(109))}, 0, "4.5 of its 4 units"},
		"more in use than there is":             {[]Reading{at(0, gauge(9)), at(1, gauge(12)), at(2, gauge(12))}, 0, "11 of its 10"},
		"units that change":                     {[]Reading{at(0, counter(1)), at(2, Meter{Units: 2, Busy: one(2, 0)})}, 0, "changed from 4 to 2"},
		"no units":                              {[]Reading{at(0, Meter{Busy: one(1, 0)}), at(2, Meter{Busy: one(2, 0)})}, 0, "0 units"},
		"readings that take too long":           {[]Reading{slow(at(0, counter(1))), slow(at(2, counter(5)))}, 0, "reading it took up to 300ms"},
		"slow readings with a clock":            {[]Reading{slow(at(0, clock(0, 1))), slow(at(2, clock(4, 9)))}, .5, ""},
		"a clock that stands still":             {[]Reading{at(0, clock(1, 8)), at(2, clock(1, 8))}, 0, "own clock 0 s"},
		"figures of another time":               {[]Reading{at(0, clock(1, 8)), at(2, clock(1, 12))}, 0, "own clock 1 s have passed, and not 2 s"},
		"a resource that is gone":               {[]Reading{at(0, counter(1)), {At: start.Add(time.Second)}}, 0, "not there all the time"},
		"a resource that is new":                {[]Reading{{At: start}, at(2, counter(1))}, 0, "not there at the beginning"},
		"a resource that was away for a moment": {[]Reading{at(0, counter(1)), {At: start.Add(time.Second)}, at(2, counter(2))}, 0, "not there all"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var s Span
			for _, r := range test.readings {
				s.Add(r)
			}
			uses, notes := s.Uses()
			if test.note != "" {
				if len(uses) > 0 || len(notes) != 1 || !strings.Contains(notes[0], test.note) {
					t.Fatalf("got %v, %q, want no number and a note with %q", uses, notes, test.note)
				}
				return
			}
			if len(uses) != 1 || len(notes) > 0 || math.Abs(uses[0].Utilisation-test.want) > 1e-9 {
				t.Fatalf("got %v, %q, want %v", uses, notes, test.want)
			}
		})
	}
}

func TestSpanOfParts(t *testing.T) {
	parts := func(seconds float64, busiest bool, busy map[string]Count) Reading {
		return at(seconds, Meter{Units: 2, Busy: busy, Busiest: busiest})
	}
	before := map[string]Count{"a": {Busy: 10}, "b": {Busy: 50}}
	after := map[string]Count{"a": {Busy: 11}, "b": {Busy: 52}}
	for name, test := range map[string]struct {
		busiest bool
		now     map[string]Count
		want    float64 // -1: no number
	}{
		"parts add up":                    {false, after, .75},
		"the busiest part counts":         {true, after, .5},
		"a part that is gone":             {false, map[string]Count{"b": {Busy: 52}}, -1},
		"a part that is new":              {false, map[string]Count{"a": {Busy: 11}, "b": {Busy: 52}, "c": {}}, -1},
		"one of several starts again":     {false, map[string]Count{"a": {Busy: 1}, "b": {Busy: 70}}, -1},
		"threads come and go":             {true, map[string]Count{"a": {Busy: 11}, "c": {Busy: 90}}, .25},
		"the busiest thread starts again": {true, map[string]Count{"a": {Busy: 11}, "b": {Busy: 3}}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			var s Span
			s.Add(parts(0, test.busiest, before))
			s.Add(parts(2, test.busiest, test.now))
			uses, notes := s.Uses()
			switch {
			case test.want < 0 && (len(uses) > 0 || len(notes) != 1):
				t.Errorf("got %v, %q, want no number and a note", uses, notes)
			case test.want >= 0 && (len(uses) != 1 || uses[0].Utilisation != test.want):
				t.Errorf("got %v, %q, want %v", uses, notes, test.want)
			}
		})
	}
}

func TestSpanWithAReadingThatFails(t *testing.T) {
	var s Span
	s.Add(at(0, counter(1)))
	s.Fail(errors.New("gone"))
	s.Add(at(2, counter(2)))
	if uses, notes := s.Uses(); len(uses) > 0 || len(notes) != 1 || notes[0] != "gone" {
		t.Errorf("got %v, %q", uses, notes)
	}
}

// TestSpanTellsTheTruthOrNothing lets a counter run that is started anew at some moment, and
// demands that what is said of it is right. A counter that has passed its old value again
// by the next reading can be told by its origin only.
func TestSpanTellsTheTruthOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Span
		total, shown, restarted := 0.0, rapid.Float64Range(0, 100).Draw(t, "before"), false
		n := rapid.IntRange(2, 20).Draw(t, "readings")
		for i := range n {
			if i > 0 {
				used := rapid.Float64Range(0, 4).Draw(t, "used")
				total += used
				shown += used
				if rapid.IntRange(0, 9).Draw(t, "restart") == 0 && shown-used > used+1e-6 {
					shown, restarted = used, true
				}
			}
			s.Add(at(float64(i), counter(shown)))
		}
		uses, notes := s.Uses()
		if restarted {
			if len(uses) > 0 || len(notes) == 0 {
				t.Fatalf("a restart was not noticed: %v", uses)
			}
			return
		}
		if want := total / 4 / float64(n-1); len(uses) != 1 || math.Abs(uses[0].Utilisation-want) > 1e-9 {
			t.Fatalf("got %v, %q, want %v", uses, notes, want)
		}
	})
}
