package fault

import (
	"fmt"
	"math"
	"regexp"
	"runtime"
	"slices"
	"time"

	"plimsoll/targets/knob"
)

func (l Limits) orDefault() Limits {
	if l.For <= 0 {
		l.For = 10 * time.Minute
	}
	if l.Faults <= 0 {
		l.Faults = 64
	}
	if l.Memory <= 0 {
		l.Memory = 256 << 20
	}
	if l.Cores <= 0 {
		l.Cores = float64(runtime.GOMAXPROCS(0))
	}
	return l
}

var name = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`)

// Check tells what Add would find wrong with a fault, before there is a process that it
// could be added to: a knob.Problem that names the field. Targets are those it may be aimed
// at besides routes, which only a process knows.
func Check(f Fault, targets []string) error {
	if groupOf(f.Target) == "route" {
		targets = append(slices.Clip(targets), f.Target)
	}
	r := New(Options{Self: "nobody", Targets: func() []string { return slices.Clone(targets) }})
	_, err := r.compile(f)
	return err
}

// compile holds a fault against everything that is known of it.
func (r *Registry) compile(f Fault) (*live, error) {
	if !name.MatchString(f.ID) {
		return nil, knob.Problem{Path: "id", Msg: quoted(f.ID) + " is no id", Hint: "up to 64 letters, digits, _, . and -"}
	}
	if err := r.target(f.Target); err != nil {
		return nil, err
	}
	kind, err := kindOf(f)
	if err != nil {
		return nil, err
	}
	l := &live{Fault: f, kind: kind, done: make(chan struct{})}
	if f.Value != "" || kind.shape != none && !kind.optional {
		if l.value, err = parse(kind.shape, f.Value); err != nil {
			if f.Value == "" {
				err = knob.Problem{Msg: "is missing", Hint: kind.Value}
			}
			return nil, at("value", err)
		}
	}
	if err := r.bounded(l); err != nil {
		return nil, err
	}
	if err := l.matchable(); err != nil {
		return nil, err
	}
	return l, r.period(l)
}

// target tells whether there is such a target.
func (r *Registry) target(target string) error {
	if groupOf(target) == "" {
		return knob.Problem{
			Path: "target", Msg: quoted(target) + " is no target",
			Hint: "like svc:search, route:GET /v1/products/{id}, dep:db, store:redis, worker:2, listener or *",
		}
	}
	if r.options.Targets == nil {
		return nil
	}
	all := r.options.Targets()
	if slices.Contains(all, target) {
		return nil
	}
	alike := slices.DeleteFunc(all, func(t string) bool { return groupOf(t) != groupOf(target) })
	return knob.Problem{Path: "target", Msg: "there is no " + quoted(target), Hint: knob.DidYouMean(target, alike)}
}

// bounded refuses a value that could take the host down, and what nothing here makes real.
func (r *Registry) bounded(l *live) error {
	limits := r.options.Limits
	switch {
	case l.kind.acts == onProcess && r.mine(l.Target) && r.runner(l.Kind) == nil:
		return knob.Problem{Path: "kind", Msg: fmt.Sprintf("nothing in this process makes %s real", l.Kind)}
	case l.Kind == "alloc" && l.value.number > float64(limits.Memory):
		return knob.Problem{Path: "value", Msg: quoted(l.Value) + " is too much", Hint: fmt.Sprintf("at most %d bytes", limits.Memory)}
	case l.Kind == "cpu" && l.value.number > limits.Cores:
		return knob.Problem{Path: "value", Msg: quoted(l.Value) + " is too much", Hint: "at most " + plain(limits.Cores)}
	case l.Kind == "corrupt" && l.value.number < 1:
		return knob.Problem{Path: "value", Msg: quoted(l.Value) + " is too little", Hint: "at least 1B"}
	}
	return nil
}

// matchable refuses to match by what is not known where the fault strikes.
func (l *live) matchable() error {
	m := l.Match
	if m.Percent < 0 || m.Percent > 100 || math.IsNaN(m.Percent) {
		return knob.Problem{Path: "match.percent", Msg: plain(m.Percent) + " is out of range", Hint: "more than 0, up to 100"}
	}
	request := m.Method != "" || len(m.Header) > 0
	switch group := groupOf(l.Target); {
	case l.kind.acts == onProcess && !m.isZero():
		return knob.Problem{Path: "match", Msg: l.Kind + " is about a process, where nothing can be matched", Hint: "leave it out"}
	case l.kind.acts == onListener && (request || m.Client != ""):
		return knob.Problem{Path: "match", Msg: "of a connection that comes in nothing is known yet", Hint: "match by percent only"}
	case (group == "dep" || group == "store") && request:
		return knob.Problem{Path: "match", Msg: "calls have neither a method nor headers", Hint: "match by client or percent"}
	}
	return nil
}

// period holds the times of a fault against each other, and lets it begin.
func (r *Registry) period(l *live) error {
	now := time.Now()
	if l.Began.IsZero() {
		l.Began = now
	}
	longest := r.options.Limits.For
	switch {
	case l.For <= 0:
		return knob.Problem{Path: "for", Msg: "is missing", Hint: "how long the fault lasts, like 30s; at most " + longest.String()}
	case l.For > longest:
		return knob.Problem{Path: "for", Msg: l.For.String() + " is too long", Hint: "at most " + longest.String()}
	case l.Ramp < 0 || l.Ramp > l.For:
		return knob.Problem{Path: "ramp", Msg: l.Ramp.String() + " is out of range", Hint: "from 0s to the length of the fault, " + l.For.String()}
	case l.Began.After(now.Add(time.Second)):
		return knob.Problem{Path: "began", Msg: "is still to come", Hint: "leave it out: a fault begins when it is added"}
	case !l.Ends().After(now):
		return knob.Problem{Path: "began", Msg: "the fault is over already"}
	}
	return nil
}
