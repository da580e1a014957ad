// Package fault puts failures into the running target on purpose: answers that are late,
// wrong, cut short or never come, calls of dependencies that fail, and processes that
// burn, leak, hang and crash. Every fault is bounded and ends by itself, and what it took
// it gives back. The package decides neither who may inject a fault nor how it travels to
// the workers, and it ends no process itself.
package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"plimsoll/targets/knob"
)

// Fault is one failure: what it is, whom it meets and for how long. Its JSON has durations
// as text, {"target": "dep:db", "kind": "latency", "value": "500ms", "for": "30s"}.
type Fault struct {
	ID     string        // unique; "": one is made up
	Target string        // "svc:search", "route:GET /v1/products/{id}", "dep:db", "store:redis", "worker:2", "listener", "*"
	Kind   string        // one that Kinds lists
	Match  Match         // which requests, calls or connections it meets; zero: all
	Value  string        // as the kind needs it
	For    time.Duration // how long it lasts, at most Limits.For
	Ramp   time.Duration // how long it takes to grow from nothing, linearly; 0: it is there at once
	Seed   uint64        // which requests a percentage meets, and what laws draw
	Began  time.Time     // zero: when it is added; a fault that is passed on keeps its own
}

// Match narrows a fault down; all that is set has to hold.
type Match struct {
	Method  string            `json:"method,omitempty"`
	Header  map[string]string `json:"header,omitempty"`  // name to value
	Client  string            `json:"client,omitempty"`  // as middleware.Request has it
	Percent float64           `json:"percent,omitempty"` // of those that match, evenly; 0: all
}

// Level returns how far the fault has grown at a time, from 0 to 1.
func (f Fault) Level(at time.Time) float64 {
	if f.Ramp <= 0 {
		return 1
	}
	return min(max(at.Sub(f.Began).Seconds()/f.Ramp.Seconds(), 0), 1)
}

// Ends returns when the fault is over.
func (f Fault) Ends() time.Time { return f.Began.Add(f.For) }

// message is a fault as it travels.
type message struct {
	ID     string    `json:"id,omitempty"`
	Target string    `json:"target"`
	Kind   string    `json:"kind"`
	Match  *Match    `json:"match,omitempty"`
	Value  text      `json:"value,omitempty"`
	For    text      `json:"for"`
	Ramp   text      `json:"ramp,omitempty"`
	Seed   uint64    `json:"seed,omitempty"`
	Began  time.Time `json:"began,omitzero"`
}

// text is what JSON has as text or as a number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		*t = text(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// MarshalJSON writes durations as text.
func (f Fault) MarshalJSON() ([]byte, error) {
	m := message{
		ID: f.ID, Target: f.Target, Kind: f.Kind, Value: text(f.Value), For: text(f.For.String()),
		Seed: f.Seed, Began: f.Began,
	}
	if f.Ramp > 0 {
		m.Ramp = text(f.Ramp.String())
	}
	if !f.Match.isZero() {
		m.Match = &f.Match
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads a fault. A field that does not exist, or a time without a unit, is a
// knob.Problem that names the field.
func (f *Fault) UnmarshalJSON(b []byte) error {
	if err := known(b, "", "id", "target", "kind", "match", "value", "for", "ramp", "seed", "began"); err != nil {
		return err
	}
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		if p, ok := errors.AsType[knob.Problem](err); ok {
			return p
		}
		return knob.Problem{Msg: "is no fault: " + err.Error()}
	}
	*f = Fault{ID: m.ID, Target: m.Target, Kind: m.Kind, Value: string(m.Value), Seed: m.Seed, Began: m.Began}
	if m.Match != nil {
		f.Match = *m.Match
		if len(f.Match.Header) == 0 {
			f.Match.Header = nil
		}
	}
	for _, field := range []struct {
		name string
		text text
		into *time.Duration
	}{{"for", m.For, &f.For}, {"ramp", m.Ramp, &f.Ramp}} {
		if field.text == "" {
			continue
		}
		d, err := span(string(field.text))
		if err != nil {
			return at(field.name, err)
		}
		*field.into = d
	}
	return nil
}

// UnmarshalJSON reads a match. A field that does not exist is a knob.Problem.
func (m *Match) UnmarshalJSON(b []byte) error {
	if err := known(b, "match.", "method", "header", "client", "percent"); err != nil {
		return err
	}
	type plain Match
	return json.Unmarshal(b, (*plain)(m))
}

func (m Match) isZero() bool {
	return m.Method == "" && len(m.Header) == 0 && m.Client == "" && m.Percent == 0
}

// known refuses keys of a JSON object that have no meaning.
func known(b []byte, under string, names ...string) error {
	var object map[string]json.RawMessage
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return knob.Problem{Path: under, Msg: fmt.Sprintf("must be an object: %s", err)}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(names, key) {
			return knob.Problem{Path: under + key, Msg: "no such field", Hint: knob.DidYouMean(key, names)}
		}
	}
	return nil
}

// at says in which field a mistake is.
func at(field string, err error) error {
	p, ok := err.(knob.Problem) //nolint:errorlint // these come unwrapped
	if !ok {
		p.Msg = err.Error()
	}
	p.Path = field
	return p
}
