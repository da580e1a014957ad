package scenarios

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/flow"
)

// Event is something that is done to the target while the load runs.
type Event struct {
	At   time.Duration // from the start of the run, or after When
	When string        // kind of an event of the target's that it waits for; empty: none
	Action
}

// Action is something that is done to a target. Exactly one of Fault, Knobs, Method and
// Run is set. Those of a Plan have variables filled in.
type Action struct {
	Fault  json.RawMessage   // for the reference target's fault list
	Knobs  map[string]string // knobs of the reference target
	For    time.Duration     // after it the knobs are taken back; 0: they stay
	Method string            // an HTTP call, to URL with Header and Body
	URL    string            // whole, or a path below the reference target's /admin/v1, /debug/… or /metrics
	Header []Header
	Body   []byte
	JSON   bool     // Body is JSON
	Run    []string // a program and its arguments, run in the scenario's folder

	Spots map[string]Spot // where each knob, or field of the fault, was written; "" is the action itself
}

// String names the action on a time line.
func (a Action) String() string {
	switch {
	case a.Fault != nil:
		var f struct{ Target, Kind string }
		json.Unmarshal(a.Fault, &f) //nolint:errcheck // names that are missing stay empty
		return strings.TrimSpace("fault " + f.Kind + " " + f.Target)
	case a.Knobs != nil:
		var all []string
		for _, path := range slices.Sorted(maps.Keys(a.Knobs)) {
			all = append(all, path+"="+a.Knobs[path])
		}
		return "knob " + strings.Join(all, " ")
	case a.Method != "":
		return a.Method + " " + a.URL
	}
	return "run " + strings.Join(a.Run, " ")
}

func (d *decoder) events(n *yaml.Node) (events []Event) {
	d.items(n, func(item *yaml.Node) {
		e := Event{}
		own := fields{
			"at": func(n *yaml.Node) { e.At = d.duration(n, "at") },
			"when": func(n *yaml.Node) {
				d.object(n, "when", fields{"event": func(n *yaml.Node) { e.When = d.name(n, "the event") }})
				if e.When == "" {
					d.problem(n, "for instance  when: {event: breaker.open}", "when names no event")
				}
				d.ownTarget(n, true, "what another event starts")
			},
			"after": func(n *yaml.Node) { e.At = d.duration(n, "after") },
		}
		e.Action = d.action(item, "event", own)
		switch at, when, after := valueOf(item, "at"), valueOf(item, "when"), valueOf(item, "after"); {
		case at == nil && when == nil:
			d.problem(item, "add  at: 5s  or  when: {event: breaker.open}", "the event has no time")
		case at != nil && when != nil:
			d.problem(at, "write  after:  for a time after the other event", "an event has one time")
		case after != nil && when == nil:
			d.problem(after, "write  at: ", "after goes with when")
		}
		events = append(events, e)
	})
	return events
}

// checkEvents refuses events whose time never comes.
func (d *decoder) checkEvents(s *Scenario) {
	var end time.Duration
	for _, l := range s.loads {
		end = max(end, l.length())
	}
	n, i := valueOf(d.root, "events"), 0
	if n == nil || end == 0 {
		return
	}
	d.items(n, func(item *yaml.Node) {
		if at := valueOf(item, "at"); at != nil && i < len(s.Events) && s.Events[i].At >= end {
			d.problem(at, "", "the load is over after %s", end)
		}
		i++
	})
}

// actions decodes a list of actions.
func (d *decoder) actions(n *yaml.Node) (actions []Action) {
	d.items(n, func(item *yaml.Node) { actions = append(actions, d.action(item, "action", fields{})) })
	return actions
}

// action decodes one; own are the keys that it has besides.
func (d *decoder) action(n *yaml.Node, what string, own fields) (a Action) {
	known := maps.Clone(own)
	a.Spots = map[string]Spot{"": d.spot(n, 0)}
	known["fault"] = func(n *yaml.Node) { a.Fault = d.fault(n); d.spots(n, "", a.Spots) }
	known["knob"] = func(n *yaml.Node) { a.Knobs = d.knobs(n); d.spots(n, "", a.Spots) }
	known["for"] = func(n *yaml.Node) { a.For = d.span(n, "for") }
	known["run"] = func(n *yaml.Node) {
		d.items(n, func(n *yaml.Node) { a.Run = append(a.Run, d.mention(n, "an argument", flow.ParseTemplate)) })
	}
	known["headers"] = func(n *yaml.Node) { a.Header = d.headersOutside(n) }
	known["body"] = func(n *yaml.Node) { a.Body = []byte(d.mention(n, "the body", flow.ParseTemplate)) }
	known["json"] = func(n *yaml.Node) { a.Body, a.JSON = d.bodyOutside(n), true }
	for _, method := range []string{"get", "post", "put", "patch", "delete"} {
		known[method] = func(n *yaml.Node) { a.Method, a.URL = strings.ToUpper(method), d.call(n, method) }
	}
	if !d.object(n, what, known) {
		return a
	}
	var kinds int
	for _, set := range []bool{a.Fault != nil, a.Knobs != nil, a.Method != "", a.Run != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		d.problem(n, "fault, knob, run, or get, post, put, patch, delete", "the %s does nothing", what)
	case kinds > 1:
		d.problem(n, "make them several", "the %s does several things", what)
	case a.For > 0 && a.Knobs == nil:
		d.problem(valueOf(n, "for"), "a fault has its own  for:  within it", "for goes with knob")
	case a.Body != nil && a.Method == "":
		d.problem(n, "", "a body goes with post, put or patch")
	case a.Header != nil && a.Method == "":
		d.problem(valueOf(n, "headers"), "", "headers go with get, post, put, patch or delete")
	}
	return a
}

// call decodes where an HTTP call goes.
func (d *decoder) call(n *yaml.Node, what string) string {
	text := d.mention(n, what, flow.ParseURLTemplate)
	if text != "" {
		d.report(n, checkAddress(text))
	}
	d.ownTarget(n, isAbsolutePath(text), "a path")
	return text
}

// ownTarget refuses what only the reference target understands in a scenario without it.
func (d *decoder) ownTarget(n *yaml.Node, needed bool, what string) {
	target := valueOf(d.root, "target")
	if needed && (target == nil || target.Kind != yaml.MappingNode) {
		d.problem(n, "write a whole URL, or a command with  run:", "%s is for the reference target, which this scenario does not use", what)
	}
}

func (d *decoder) fault(n *yaml.Node) json.RawMessage {
	d.ownTarget(n, true, "a fault")
	if n.Kind != yaml.MappingNode {
		d.problem(n, "for instance  {target: dep:pricing, kind: latency, value: 500ms, for: 10s}", "a fault must be a mapping")
		return json.RawMessage("{}")
	}
	return d.jsonOf(n)
}

// jsonOf writes a part of the file as JSON.
func (d *decoder) jsonOf(n *yaml.Node) []byte {
	var v any
	err := n.Decode(&v)
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false) // people read it, too
	bad := out.Encode(v)
	if err != nil || bad != nil {
		d.problem(n, "", "this cannot be written as JSON")
		return []byte("null")
	}
	return bytes.TrimSpace(text.Bytes())
}

// knobs decodes paths with their values.
func (d *decoder) knobs(n *yaml.Node) map[string]string {
	d.ownTarget(n, true, "a knob")
	set := map[string]string{}
	d.pairs(n, "knob", func(key, value *yaml.Node) { set[key.Value], _ = d.text(value, "a knob") })
	return set
}
