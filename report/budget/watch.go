package budget

import (
	"cmp"
	"fmt"
	"time"

	"plimsoll/engine"
)

// Watch judges budgets from the interval snapshots of one run. What a budget says about
// the whole run is kept as one sum; what it says about windows needs the intervals of one
// window. An interval that begins before a budget's grace is over is left out whole. It
// is not safe for concurrent use.
type Watch struct {
	budgets []*watched
	sums    map[string]*sum // what cumulative budgets share
	to      time.Duration   // how far the run was seen
	aborted *Result
	slos    []*burner
}

// watched is one budget and what has been seen of it.
type watched struct {
	budget      *Budget
	left, right *sum     // right is nil without a metric there
	base        *figure  // what a baseline has; nil without one
	windows     *windows // nil: cumulative
	brokenSince time.Duration
	latched     *Result // an abort budget that broke
}

// sum is what the run has seen of a selection after a grace.
type sum struct {
	selection *selection
	after     time.Duration
	part      part
}

// NewWatch returns a watch over budgets, and the error budgets of SLOs, in a run with the
// legend l. The error is a *BindError.
func NewWatch(l *engine.Legend, budgets []*Budget, slos ...*SLO) (*Watch, error) {
	w := &Watch{sums: map[string]*sum{}}
	for _, s := range slos {
		b, err := newBurner(l, s)
		if err != nil {
			return nil, err
		}
		w.slos = append(w.slos, b)
	}
	for _, b := range budgets {
		x := &watched{budget: b}
		var err error
		if x.left, err = w.sum(l, b, &b.left); err != nil {
			return nil, err
		}
		if b.right.ref != nil {
			if x.right, err = w.sum(l, b, b.right.ref); err != nil {
				return nil, err
			}
		}
		if b.over > 0 {
			x.windows = newWindows(b, x.left.selection, x.right)
		}
		w.budgets = append(w.budgets, x)
	}
	return w, nil
}

// sum returns the sum of the term's selection, the same one for the same selection.
func (w *Watch) sum(l *engine.Legend, b *Budget, t *term) (*sum, error) {
	sel, err := t.resolve(l)
	if err != nil {
		return nil, err
	}
	if b.over > 0 {
		return &sum{selection: sel}, nil
	}
	same := *t
	same.metric = metric{}
	key := fmt.Sprint(same.String(), t.metric.clock, b.after)
	if w.sums[key] == nil {
		w.sums[key] = &sum{selection: sel, after: b.after}
	}
	return w.sums[key], nil
}

// Observe takes the next interval of the run, in order. It neither keeps nor changes s.
func (w *Watch) Observe(s *engine.Snapshot) {
	w.to = max(w.to, s.To)
	for _, x := range w.sums {
		if s.From >= x.after {
			x.part.add(s, x.selection)
		}
	}
	for _, x := range w.budgets {
		if x.latched == nil {
			w.observe(x, s)
		}
	}
	for _, b := range w.slos {
		b.observe(s)
		if w.aborted == nil {
			w.aborted = b.aborted()
		}
	}
}

func (w *Watch) observe(x *watched, s *engine.Snapshot) {
	if x.windows != nil {
		x.windows.observe(s)
	}
	if x.budget.grows() {
		return
	}
	if w.judge(x).verdict != Broken {
		x.brokenSince = 0
		return
	}
	if x.brokenSince == 0 {
		x.brokenSince = w.to
	}
	if x.budget.action == "abort" {
		x.latched = new(w.result(x))
		x.latched.Aborted = true
		if w.aborted == nil {
			w.aborted = x.latched
		}
	}
}

// judge returns how the budget stands.
func (w *Watch) judge(x *watched) judgement {
	if x.windows != nil {
		return x.windows.judge()
	}
	j := x.budget.judge(&x.left.part, x.right.get(), x.base)
	if j.verdict != Inconclusive && !x.hasData() {
		j = judgement{verdict: Inconclusive, observed: j.observed, limit: j.limit, reason: "there were no requests"}
	}
	return j
}

// hasData reports whether both sides have something to be about: a rate of 0 in a run
// without a request is no observation.
func (x *watched) hasData() bool {
	ref := x.budget.right.ref
	return x.budget.left.seen(&x.left.part) > 0 && (ref == nil || ref.seen(&x.right.part) > 0)
}

func (s *sum) get() *part {
	if s == nil {
		return nil
	}
	return &s.part
}

// Broken returns the first budget, or gate, with abort that broke, nil if none did. Such a
// one stays broken, with the figures of that moment, whatever comes in afterwards.
func (w *Watch) Broken() *Result { return w.aborted }

// Results returns what became of each budget so far, in the order given to NewWatch, then
// of each gate of the SLOs.
func (w *Watch) Results() []Result {
	results := make([]Result, 0, len(w.budgets))
	for _, x := range w.budgets {
		results = append(results, w.result(x))
	}
	for _, b := range w.slos {
		results = append(results, b.results()...)
	}
	return results
}

// ErrorBudgets returns what became of the error budget of each SLO so far.
func (w *Watch) ErrorBudgets() (all []ErrorBudget) {
	for _, b := range w.slos {
		all = append(all, b.errorBudget())
	}
	return all
}

func (w *Watch) result(x *watched) Result {
	if x.latched != nil {
		return *x.latched
	}
	r := x.budget.result(w.judge(x))
	if r.Result == Broken {
		r.At = cmp.Or(x.brokenSince, w.to).Seconds()
	}
	return r
}
