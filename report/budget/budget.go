// Package budget is the language of promises about a run, such as
//
//	p99(product)[peak] < 200ms over 10s after 5s abort
//
// Parse understands one, Bind holds its names against the run's, and a Watch judges it
// from interval snapshots, while the run goes on or when it is read back from disk. No
// data, or too little, is never a kept promise: it is inconclusive. The package does not
// decide what a broken budget means for the run, its exit code or its report.
package budget

import (
	"strconv"
	"strings"
	"time"
)

// Budget is one parsed promise. It is never changed after Parse made it.
type Budget struct {
	left    term
	op      string // < <= > >= ==
	right   limit
	measure measure       // what both sides are measured in
	over    time.Duration // 0: cumulative
	after   time.Duration
	action  string // "", "warn" or "abort"
}

// limit is the right side: factor × (ref or baseline) + plus, or plus alone.
type limit struct {
	factor   float64
	ref      *term
	baseline bool
	plus     quantity
}

func (v limit) constant() bool { return v.ref == nil && !v.baseline }

// String returns the budget in canonical form; Parse understands it as the same budget.
func (b *Budget) String() string {
	s := b.left.String() + " " + b.op + " " + b.right.String()
	if b.over > 0 {
		s += " over " + short(b.over)
	}
	if b.after > 0 {
		s += " after " + short(b.after)
	}
	if b.action != "" {
		s += " " + b.action
	}
	return s
}

// Metric returns the name of what the budget limits, without clock, selector and stage:
// "p99", "mean", "max", "errors", "rate", "goodput", "dropped" or "count".
func (b *Budget) Metric() string { return b.left.metric.name }

// level is how much the budget matters when it is broken.
func (b *Budget) level() Level {
	if b.action == "warn" {
		return Warn
	}
	return Fail
}

// grows reports whether the budget asks for a number that only grows: until the end of
// the run it would look broken.
func (b *Budget) grows() bool {
	return b.measure == count && b.over == 0 && b.right.ref == nil && b.op[0] != '<'
}

func (v limit) String() string {
	var s string
	switch {
	case v.constant():
		return v.plus.String()
	case v.baseline:
		s = "baseline"
		if v.factor != 1 {
			s += " * " + decimal(v.factor)
		}
	default:
		s = v.ref.String()
		if v.factor != 1 {
			s = decimal(v.factor) + " * " + s
		}
	}
	switch {
	case v.plus.number > 0:
		s += " + " + v.plus.String()
	case v.plus.number < 0:
		s += " - " + quantity{-v.plus.number, v.plus.unit}.String()
	}
	return s
}

func (t term) String() string {
	s := t.metric.String()
	var parts []string
	for _, name := range t.requests {
		parts = append(parts, quoted(name, ",()"))
	}
	for _, name := range t.loads {
		parts = append(parts, "load:"+quoted(name, ",()"))
	}
	for _, x := range t.labels {
		parts = append(parts, x.kind+":"+quoted(x.value, ",()"))
	}
	for _, o := range t.outcomes {
		parts = append(parts, "outcome:"+o.String())
	}
	if len(parts) > 0 {
		s += "(" + strings.Join(parts, ", ") + ")"
	}
	if t.stage == "" {
		if t.variant != "" {
			s += "[" + quoted(t.variant, "/[]") + "]"
		}
		return s
	}
	if t.variant != "" {
		return s + "[" + quoted(t.variant, "/[]") + "/" + quoted(t.stage, "/[]") + "]"
	}
	return s + "[" + quoted(t.stage, "/[]") + "]"
}

// quoted returns the name as it stands, or in quotes if bare it would read differently.
func quoted(name, special string) string {
	_, _, prefixed := cutPrefix(name)
	odd := func(r rune) bool {
		return !strconv.IsPrint(r) || r == '"' || r == '\uFFFD' || strings.ContainsRune(special, r)
	}
	if prefixed || name != strings.TrimSpace(name) || strings.ContainsFunc(name, odd) {
		return strconv.Quote(name)
	}
	return name
}

// short is d without the zero minutes and seconds that Duration.String puts at the end.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
