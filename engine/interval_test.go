package engine

import (
	"testing"
	"time"
)

// A run that is killed leaves the sum of some of its intervals, so that has to make sense
// at every edge: nothing ended that was not sent, nothing sent that was not due.
func TestNoIntervalEndsMoreThanWasSent(t *testing.T) {
	p := openPlan(t, &fakeTarget{serve: always(0)}, 10_000, 300*time.Millisecond, 1000)
	p.Interval = time.Millisecond
	sum := NewSnapshot(p.Legend)
	_, err := Run(t.Context(), p, func(i *Snapshot) {
		sum.Merge(i)
		y := sum.Tallies[0][0]
		if ended := y.Completed + y.Failed + y.Unfinished; ended > y.Sent || y.Sent+y.Dropped > y.Planned {
			t.Errorf("by %v %d had ended of %d sent, with %d dropped, of %d due", i.To, ended, y.Sent, y.Dropped, y.Planned)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
