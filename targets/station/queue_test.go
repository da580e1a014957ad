package station

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAQueueIsInOrderWhateverLeavesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := queue{discipline: "priority"}
		var in []*job // the same jobs, in no order
		for _, priority := range rapid.SliceOfN(rapid.IntRange(0, 99), 0, 40).Draw(t, "priorities") {
			in = append(in, &job{priority: priority})
			q.push(in[len(in)-1])
		}
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0:
				q.reorder(rapid.SampledFrom([]string{"fifo", "lifo", "priority"}).Draw(t, "discipline"))
			case 1:
				first := q.pop()
				for _, j := range in {
					if j != first && q.before(j, first) {
						t.Fatalf("job %d of priority %d went before job %d of priority %d by %s",
							first.seq, first.priority, j.seq, j.priority, q.discipline)
					}
				}
				in = slices.DeleteFunc(in, func(j *job) bool { return j == first })
			case 2:
				if len(in) > 0 {
					i := rapid.IntRange(0, len(in)-1).Draw(t, "who")
					q.remove(in[i])
					in = slices.Delete(in, i, i+1)
				}
			default:
				j := &job{priority: rapid.IntRange(0, 9).Draw(t, "priority")}
				q.push(j)
				in = append(in, j)
			}
			if q.waiting() != len(in) {
				t.Fatalf("%d wait, want %d", q.waiting(), len(in))
			}
			for i, j := range q.jobs {
				if j.place != i || q.before(j, q.jobs[max(0, i-1)/2]) {
					t.Fatalf("job %d of priority %d is out of order at %d", j.seq, j.priority, i)
				}
			}
		}
	})
}

func TestServersThatAreTakenAwayTakeTheirDebtsAlong(t *testing.T) {
	s := New("shrunk", 1, constant(3, Unbounded))
	var jobs []*job
	for range 3 {
		jobs = append(jobs, &job{demand: ms})
		s.arrive(jobs[len(jobs)-1])
	}
	for _, j := range jobs {
		s.finish(j)
	}
	if s.Configure(constant(1, Unbounded)); len(s.idle) != 1 {
		t.Errorf("%d servers are at rest, want 1", len(s.idle))
	}
}
