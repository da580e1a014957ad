package fault

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/targets/knob"
)

// Kind is one kind of fault.
type Kind struct {
	Name    string   `json:"name"`
	Targets []string `json:"targets"`         // what it fits: svc, route, dep, store, worker, listener, *
	Value   string   `json:"value,omitempty"` // what its value says; "": it has none
	About   string   `json:"about"`

	shape    shape
	optional bool // it does without a value
	grows    bool // a ramp grows the value; else the share of those it meets
	acts     acts
}

// acts says where a fault takes effect.
type acts int

const (
	onTraffic acts = iota // requests and calls
	onListener
	onProcess
)

// Kinds returns every kind of fault, in the order of where it strikes.
func Kinds() []Kind {
	requests := []string{"svc", "route", "worker", "*"}
	calls := []string{"dep", "store"}
	both := slices.Concat(requests, calls)
	process := []string{"worker", "*"}
	const everyDuration = "a duration, 5s"
	return []Kind{
		{Name: "latency", Targets: both, Value: "500ms; evenly between two, 300ms..700ms; or exponential with a mean, exp:500ms", shape: law, grows: true, About: "waits before the work is done"},
		{Name: "error", Targets: both, Value: "a status from 400 to 599", shape: status, About: "answers with the status in place of the work"},
		{Name: "reset", Targets: both, About: "the connection is reset (RST) in place of an answer"},
		{Name: "blackhole", Targets: both, About: "no answer ever comes; the connection is closed when the fault ends"},
		{Name: "stall", Targets: both, About: "everything freezes until the fault ends, and then goes on"},
		{Name: "abort", Targets: requests, About: "the connection is closed in place of an answer"},
		{Name: "panic", Targets: requests, About: "the handler panics"},
		{Name: "slow_body", Targets: requests, Value: "bytes per second, 10kB/s", shape: speed, About: "the body trickles out"},
		{Name: "truncate", Targets: requests, Value: "how much of the body arrives, 100B", shape: size, About: "the connection is closed within the body"},
		{Name: "corrupt", Targets: requests, Value: "how far apart the bytes are that are inverted, 100B", shape: size, About: "the body arrives with wrong bytes"},
		{Name: "pool_exhausted", Targets: []string{"dep"}, Value: "how long a caller waits in vain, 1s", shape: duration, optional: true, About: "there is no connection to be had"},
		{Name: "conn_refuse", Targets: []string{"dep", "store", "listener"}, About: "calls fail as refused; connections to the listener are reset as they come in", acts: onTraffic},
		{Name: "conn_limit", Targets: []string{"listener"}, Value: "how many connections may be open", shape: count, acts: onListener, About: "connections past the limit are reset as they come in"},
		{Name: "cpu", Targets: process, Value: "cores, 1.5", shape: cores, grows: true, acts: onProcess, About: "processors are kept busy"},
		{Name: "alloc", Targets: process, Value: "a size, 50MiB", shape: size, grows: true, acts: onProcess, About: "memory is held"},
		{Name: "leak", Targets: process, Value: "bytes per second, 1MiB/s", shape: speed, grows: true, acts: onProcess, About: "memory is held, more and more"},
		{Name: "gc_storm", Targets: process, Value: "how often, 20/s", shape: rate, grows: true, acts: onProcess, About: "the garbage collector runs again and again"},
		{Name: "lock", Targets: process, Value: "how long it is held each time, 50ms; nothing: for the whole fault", shape: duration, optional: true, acts: onProcess, About: "a lock that requests share is held"},
		{Name: "crash", Targets: process, Value: everyDuration + ", to wait before", shape: duration, optional: true, acts: onProcess, About: "the process ends, and again after it has come back"},
		{Name: "hang", Targets: process, acts: onProcess, About: "the process does nothing until the fault ends"},
		{Name: "cache_flush", Targets: process, Value: everyDuration + ", to do it again each time", shape: duration, optional: true, acts: onProcess, About: "caches are emptied"},
	}
}

// kindOf returns the kind of a fault once the target is known to fit it.
func kindOf(f Fault) (Kind, error) {
	var names, fitting []string
	group := groupOf(f.Target)
	for _, k := range Kinds() {
		fits := slices.Contains(k.Targets, group)
		if k.Name == f.Kind && fits {
			if group == "listener" {
				k.acts = onListener
			}
			return k, nil
		}
		if k.Name == f.Kind {
			return Kind{}, knob.Problem{
				Path: "kind", Msg: fmt.Sprintf("%s does not fit the target %q", f.Kind, f.Target),
				Hint: "it fits " + strings.Join(k.Targets, ", "),
			}
		}
		names = append(names, k.Name)
		if fits {
			fitting = append(fitting, k.Name)
		}
	}
	hint := knob.DidYouMean(f.Kind, names)
	if hint == "" || f.Kind == "" {
		hint = "this target takes " + strings.Join(fitting, ", ")
	}
	return Kind{}, knob.Problem{Path: "kind", Msg: fmt.Sprintf("unknown kind %q", clip(f.Kind)), Hint: hint}
}

// groupOf returns what comes before the colon of a target, "" if it is no target.
func groupOf(target string) string {
	if target == "*" || target == "listener" {
		return target
	}
	group, name, ok := strings.Cut(target, ":")
	if !ok || name == "" || !slices.Contains([]string{"svc", "route", "dep", "store", "worker"}, group) {
		return ""
	}
	return group
}

// clip keeps what is quoted in a message short.
func clip(s string) string {
	const longest = 80
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}
