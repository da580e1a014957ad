package budget

import (
	"fmt"
	"math"
	"time"

	"plimsoll/engine"
)

// windows judges a budget over every window of its length that lies within the selected
// stages, sliding by the interval. A window is whole intervals: the fewest that make up
// its length, to within 1 %. What ends after the stages, in the grace period or as a late
// answer, counts in their last interval: it was due in them, and a window of stragglers
// alone would say nothing about the load.
type windows struct {
	budget       *Budget
	left, right  *selection // right is nil without a metric there
	active       spans      // when the stages of both sides run
	piece        int        // which of them the slots are in
	row          row        // the intervals of the newest window
	base         *figure    // what a baseline has; nil without one
	newest       *judgement // nil: the slots do not make a window yet
	before       findings   // of the windows before the newest one
	longest      time.Duration
	coarse       time.Duration // the longest interval, if it is longer than a window
	seenL, seenR bool          // whether the sides have anything to be about
}

// slot is one interval: when it was within the stages, and what both sides saw.
type slot struct {
	span
	left, right part
}

// row is intervals that follow each other, oldest first.
type row struct {
	slots, spare []*slot // spare are kept for their memory
	total        slot    // what all slots saw
}

// findings is what a number of windows came to.
type findings struct {
	judged, lacking int
	worst           judgement // of those that did not lack data
	lack            string    // of the first that did
}

// newWindows judges windows in which the stages of both sides run.
func newWindows(b *Budget, left *selection, right *sum) *windows {
	w := &windows{budget: b, left: left, active: left.active, piece: -1}
	if right != nil {
		w.right = right.selection
		w.active = w.active.and(w.right.active)
	}
	return w
}

func (w *windows) observe(s *engine.Snapshot) {
	if s.From < w.budget.after {
		return
	}
	piece, within := w.active.at(span{s.From, s.To})
	if piece < 0 {
		w.fold(s)
		return
	}
	if w.newest != nil {
		w.before.add(*w.newest)
	}
	if piece != w.piece {
		w.row.drop(len(w.row.slots))
		w.piece = piece
	}
	w.push(s, within)
	w.trim()
	w.rejudge()
}

// push adds an interval to the row.
func (w *windows) push(s *engine.Snapshot, within span) {
	x := w.row.push(within)
	x.left.add(s, w.left)
	if w.right != nil {
		x.right.add(s, w.right)
	}
	w.seen(x)
	if x.length() > w.budget.over+w.tolerance() {
		w.coarse = max(w.coarse, x.length())
	}
}

// fold counts what came in after the stages of a side in the last interval.
func (w *windows) fold(s *engine.Snapshot) {
	last := w.row.last()
	if last == nil {
		return
	}
	if w.left.active.within(span{s.From, s.To}) == 0 {
		last.left.add(s, w.left)
	}
	if w.right != nil && w.right.active.within(span{s.From, s.To}) == 0 {
		last.right.add(s, w.right)
	}
	w.seen(last)
	w.rejudge()
}

func (w *windows) seen(x *slot) {
	w.seenL = w.seenL || w.budget.left.seen(&x.left) > 0
	w.seenR = w.seenR || w.right == nil || w.budget.right.ref.seen(&x.right) > 0
}

func (w *windows) tolerance() time.Duration { return w.budget.over / 100 }

func (w *windows) complete(length time.Duration) bool { return length >= w.budget.over-w.tolerance() }

// trim drops the oldest intervals that the window does not need.
func (w *windows) trim() {
	r := &w.row
	for len(r.slots) > 1 && w.complete(r.length()-r.slots[0].length()) {
		r.drop(1)
	}
}

// rejudge judges the newest window, if the row makes one.
func (w *windows) rejudge() {
	w.newest = nil
	length := w.row.length()
	w.longest = max(w.longest, length)
	if !w.complete(length) {
		return
	}
	total := w.row.sum()
	j := w.budget.judge(&total.left, &total.right, w.base)
	j.window = span{w.row.slots[0].from, w.row.last().to}
	w.newest = &j
}

// push appends an empty slot.
func (r *row) push(within span) *slot {
	x := &slot{}
	if n := len(r.spare); n > 0 {
		x, r.spare = r.spare[n-1], r.spare[:n-1]
		x.left.reset()
		x.right.reset()
	}
	x.span = within
	r.slots = append(r.slots, x)
	return x
}

// drop removes the n oldest slots.
func (r *row) drop(n int) {
	r.spare = append(r.spare, r.slots[:n]...)
	r.slots = append(r.slots[:0], r.slots[n:]...)
}

func (r *row) last() *slot {
	if len(r.slots) == 0 {
		return nil
	}
	return r.slots[len(r.slots)-1]
}

func (r *row) length() (length time.Duration) {
	for _, x := range r.slots {
		length += x.length()
	}
	return length
}

// sum adds up what the slots saw; it holds until the next call.
func (r *row) sum() *slot {
	r.total.left.reset()
	r.total.right.reset()
	for _, x := range r.slots {
		r.total.left.merge(&x.left)
		r.total.right.merge(&x.right)
	}
	return &r.total
}

func (f *findings) add(j judgement) {
	f.judged++
	switch {
	case j.verdict == Inconclusive:
		if f.lacking == 0 {
			f.lack = j.reason
		}
		f.lacking++
	case f.judged-f.lacking == 1 || j.slack < f.worst.slack:
		f.worst = j
	}
}

// judge returns what all windows together say: the worst one counts.
func (w *windows) judge() judgement {
	f := w.before
	if w.newest != nil {
		f.add(*w.newest)
	}
	j := f.worst
	if f.judged == f.lacking {
		j = judgement{observed: math.NaN(), limit: w.budget.right.fixed()}
	}
	if j.verdict == Broken && w.seenL && w.seenR {
		return j
	}
	if j.reason = w.doubt(f); j.reason != "" {
		j.verdict = Inconclusive
	}
	return j
}

// doubt says why the windows cannot show that the budget was kept; empty if they do.
func (w *windows) doubt(f findings) string {
	switch {
	case f.judged == 0:
		return fmt.Sprintf("no window of %s was complete: the longest stretch was %v", short(w.budget.over), w.longest)
	case f.judged == f.lacking && f.judged == 1:
		return f.lack
	case f.lacking > 0:
		return fmt.Sprintf("%d of %d windows: %s", f.lacking, f.judged, f.lack)
	case !w.seenL || !w.seenR:
		return "there were no requests"
	case w.coarse > 0:
		return fmt.Sprintf("a window of %s is shorter than the interval of %v", short(w.budget.over), w.coarse)
	}
	return ""
}
