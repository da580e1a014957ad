package budget

import (
	"fmt"
	"time"

	"plimsoll/engine"
)

// Possible checks that a run as the legend plans it, seen in steps of interval, can have
// what the budget asks for: a window that fits into the stages it is about, and something
// left after the grace. The error is a *BindError.
func (b *Budget) Possible(l *engine.Legend, interval time.Duration) error {
	active, err := b.active(l)
	if err != nil || len(active) == 0 {
		return err
	}
	tolerance := b.over / 100
	if b.over > 0 && b.over+tolerance < interval {
		return &BindError{
			Msg:  fmt.Sprintf("a window of %s is shorter than the %s that a run is seen in", short(b.over), short(interval)),
			Hint: "write over " + short(interval),
		}
	}
	first := b.after.Truncate(interval)
	if first < b.after { // an interval that begins in the grace is left out
		first += interval
	}
	longest := time.Duration(0)
	for _, s := range active {
		longest = max(longest, s.to-max(s.from, first))
	}
	switch end := active[len(active)-1].to; {
	case longest == 0 && b.after > 0:
		return &BindError{Msg: fmt.Sprintf("after %s nothing is left: what it is about ends at %s", short(b.after), short(end))}
	case b.over > longest+tolerance:
		return &BindError{Msg: fmt.Sprintf("a window of %s does not fit into the %s that it is about", short(b.over), short(longest))}
	}
	return nil
}

// active returns when what the budget is about runs: the left side, and in a window both.
func (b *Budget) active(l *engine.Legend) (spans, error) {
	left, err := b.left.resolve(l)
	if err != nil {
		return nil, err
	}
	if b.over == 0 || b.right.ref == nil {
		return left.active, nil
	}
	right, err := b.right.ref.resolve(l)
	if err != nil {
		return nil, err
	}
	return left.active.and(right.active), nil
}
