package budget

import (
	"errors"
	"fmt"

	"plimsoll/engine"
)

// Baseline gives the watch what an earlier run measured as a whole, for limits such as
// baseline * 1.10 + 5ms: the same metric of the same requests and stages, there. Windows are
// held against that one figure, too. It has to be called before the first Observe.
func (w *Watch) Baseline(run *engine.Snapshot) {
	for _, x := range w.budgets {
		if !x.budget.right.baseline {
			continue
		}
		base := x.budget.inBaseline(run)
		if x.base = &base; x.windows != nil {
			x.windows.base = &base
		}
	}
}

// inBaseline returns the figure that the baseline has for the budget's left side.
func (b *Budget) inBaseline(run *engine.Snapshot) figure {
	sel, err := b.left.resolve(run.Legend)
	if err != nil {
		if bound, ok := errors.AsType[*BindError](err); ok {
			return lacking("%s", bound.Msg)
		}
		return lacking("%v", err)
	}
	var p part
	p.add(run, sel)
	if b.left.seen(&p) == 0 {
		return lacking("there were no requests")
	}
	return b.left.figure(&p, b.measure)
}

// UsesBaseline reports whether the budget's limit is taken from a baseline.
func (b *Budget) UsesBaseline() bool { return b.right.baseline }

// above returns the limit that the baseline sets, or why there is none.
func (v limit) above(base *figure) (limit float64, lack string) {
	switch {
	case base == nil:
		return 0, "no baseline given"
	case base.lack != "":
		return 0, fmt.Sprintf("in the baseline, %s", base.lack)
	}
	return v.factor*base.value + v.plus.amount(), ""
}
