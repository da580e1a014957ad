package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"plimsoll/scenarios"
	"plimsoll/targets/fault"
	"plimsoll/targets/knob"
)

// TestATargetThatLivesOnIsPutBack leaves behind what a run may: knobs turned for good and
// for a while, a fault, another number of workers. A run that follows finds none of it.
func TestATargetThatLivesOnIsPutBack(t *testing.T) {
	target := scenarios.Target{Reference: "minimal", Set: map[string]string{"listen.net.rtt": "3ms"}}
	ref, err := startReference(t.Context(), target.Reference, target.Set)
	if err != nil {
		t.Fatal(err)
	}
	defer ref.stop()
	c := newControl(ref, "")
	for _, a := range []scenarios.Action{
		{Knobs: map[string]string{"listen.net.rtt": "7ms", "cluster.workers": "2"}},
		{Knobs: map[string]string{"runtime.gogc": "50"}, For: time.Hour},
		{Knobs: map[string]string{"listen.net.rtt": "9ms"}, For: time.Hour},
		{Fault: []byte(`{"target": "svc:x", "kind": "error", "value": "500", "for": "5m"}`)},
	} {
		if err := c.do(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.workers(t.Context()); n != 2 || err != nil {
		t.Errorf("after a change to two workers %d serve: %v", n, err)
	}
	target.Set["listen.net.rtt"] = "4ms"
	if err := c.putBack(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	var now struct{ Knobs []knob.Setting }
	var pending []knob.Pending
	var faults []fault.Active
	for address, answer := range map[string]any{"/knobs": &now, "/knobs/pending": &pending, "/faults": &faults} {
		if err := c.ask(t.Context(), address, answer); err != nil {
			t.Fatal(err)
		}
	}
	if len(pending) > 0 || len(faults) > 0 {
		t.Errorf("still to come: %+v; under way: %+v", pending, faults)
	}
	want, err := topologyOf(target)
	if err != nil {
		t.Fatal(err)
	}
	if is := knob.Settings(want); !slices.EqualFunc(now.Knobs, is, func(a, b knob.Setting) bool { return a.Path == b.Path && a.Value == b.Value }) {
		t.Error("knobs are not as the variant says")
	}
	if n, err := c.workers(t.Context()); n != 1 || err != nil {
		t.Errorf("%d workers serve: %v", n, err)
	}
}

func TestAKnobThatWaitsForNewWorkersIsAnError(t *testing.T) {
	ref, err := startReference(t.Context(), "minimal", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ref.stop()
	c := newControl(ref, "")
	err = c.turn(t.Context(), map[string]string{"listen.read_header_timeout": "9s"}, 0)
	if err == nil || !strings.Contains(err.Error(), "listen.read_header_timeout takes effect in new workers only") {
		t.Errorf("got %v", err)
	}
	if err := c.turn(t.Context(), map[string]string{"runtime.gogc": "50"}, 0); err != nil {
		t.Errorf("another knob afterwards: %v", err)
	}
	if err := c.turn(t.Context(), map[string]string{"listen.read_header_timeout": "5s"}, 0); err != nil {
		t.Errorf("back to what the workers began with: %v", err)
	}
}

func TestAStreamThatBreaksOffIsNoticed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "data: {\"kind\": \"breaker.open\"}\n\n")
	}))
	defer server.Close()
	c := &control{admin: server.URL}
	signals, err := c.signals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s := <-signals; s.Kind != "breaker.open" || s.Lost != nil {
		t.Errorf("first %+v", s)
	}
	if s := <-signals; s.Lost == nil {
		t.Errorf("then %+v", s)
	}
	if s, open := <-signals; open {
		t.Errorf("and then %+v", s)
	}
}
