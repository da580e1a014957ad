package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// Users start no faster than this, so that ten thousand of them do not knock on the
// target's door in the same instant.
const (
	startBatch = 50
	startEvery = time.Millisecond
)

// closedLoad is a closed load at work: users who start again when they are done. Their
// number follows the stages; a user beyond it ends after the pass it is in.
type closedLoad struct {
	r       *run
	index   int
	plan    *Closed
	stages  []StageLegend
	started atomic.Int64 // passes, held against plan.Iterations
	wg      sync.WaitGroup

	mu    sync.Mutex // guards what follows
	users []presence // by user id
	alive int
	dry   int // users who left because there was no data for them
}

// presence is whether a user takes part.
type presence uint8

const (
	absent presence = iota
	alive
	dry // left for good
)

func newClosedLoad(r *run, index int) *closedLoad {
	return &closedLoad{r: r, index: index, plan: r.plan.Loads[index].Closed, stages: r.plan.Legend.Loads[index].Stages}
}

// generate keeps as many users alive as the stages say.
func (l *closedLoad) generate(r *run) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	end := l.stages[len(l.stages)-1].To
	for {
		select {
		case <-r.soft.Done():
			return
		case <-timer.C:
		}
		now := r.now()
		if now >= end || l.exhausted() {
			return
		}
		missing := l.admit(now)
		switch {
		case missing:
			timer.Reset(startEvery)
		default:
			timer.Reset(min(l.nextChange(now), end-now))
		}
	}
}

// exhausted tells whether no further pass may begin.
func (l *closedLoad) exhausted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dry > 0 && l.alive == 0 || l.plan.Iterations > 0 && l.started.Load() >= l.plan.Iterations
}

// nextChange returns how long the number of users stays as it is: short while it is
// ramping, and never so long that the end of the iterations would go unnoticed.
func (l *closedLoad) nextChange(now time.Duration) time.Duration {
	s := l.stageAt(now)
	if u := l.plan.Users[s]; u.From != u.To {
		return 5 * time.Millisecond
	}
	return min(l.stages[s].To-now, 50*time.Millisecond)
}

func (l *closedLoad) stageAt(now time.Duration) int {
	return l.r.plan.Legend.Loads[l.index].StageAt(now)
}

// wanted returns how many users there should be.
func (l *closedLoad) wanted(now time.Duration) int {
	i := l.stageAt(now)
	s, u := l.stages[i], l.plan.Users[i]
	if s.To <= s.From {
		return u.To
	}
	share := float64(min(now, s.To)-s.From) / float64(s.To-s.From)
	return u.From + int(share*float64(u.To-u.From)+0.5)
}

// admit starts users that are missing, a batch at most, and tells whether some still are.
func (l *closedLoad) admit(now time.Duration) (missing bool) {
	want := l.wanted(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.users) < want {
		l.users = append(l.users, absent)
	}
	batch := 0
	for id := range want {
		if l.users[id] != absent {
			continue
		}
		if batch++; batch > startBatch {
			return true
		}
		l.users[id] = alive
		l.alive++
		l.wg.Go(func() { l.live(id) })
	}
	return false
}

// live is a user's life: one pass after the other.
func (l *closedLoad) live(id int) {
	w := l.r.newWorker(l.index, id)
	defer w.close()
	left := absent
	defer func() { l.leave(id, left) }()
	mark := l.r.now()
	for {
		now := l.r.now()
		if !l.mayBegin(id, now) {
			return
		}
		stage := l.stageAt(now)
		res := w.begin(stage, -1, false)
		if res.exhausted {
			left = dry
			l.started.Add(-1) // for another user to do
			l.r.rec.tally(id, l.index, stage, &Tally{Exhausted: 1})
			return
		}
		if l.plan.Pacing > 0 && res.outcome != Unfinished {
			res.think += l.pace(w, now)
		}
		t := Tally{Planned: 1, Busy: l.r.now() - mark} // all of the user's time, so that time lost between passes shows
		mark += t.Busy
		t.end(res)
		l.r.rec.tally(id, l.index, stage, &t)
	}
}

// mayBegin tells whether the user may begin another pass, and claims it.
func (l *closedLoad) mayBegin(id int, now time.Duration) bool {
	if l.r.over[l.index].Err() != nil || now >= l.stages[len(l.stages)-1].To || id >= l.wanted(now) {
		return false
	}
	return l.plan.Iterations == 0 || l.started.Add(1) <= l.plan.Iterations
}

// pace waits until the user's next pass may begin and returns how long that took.
func (l *closedLoad) pace(w *worker, began time.Duration) time.Duration {
	now := l.r.now()
	if rest := began + l.plan.Pacing - now; rest > 0 {
		w.pause(rest, true)
	}
	return l.r.now() - now
}

// leave notes that a user is gone. An absent one comes back if the stage wants it.
func (l *closedLoad) leave(id int, as presence) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users[id] = as
	l.alive--
	if as == dry {
		l.dry++
	}
}

func (l *closedLoad) wait() { l.wg.Wait() }

// harvest counts who is alive; passes are in the recorder.
func (l *closedLoad) harvest(_ *run, s *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Health.InFlight += l.alive
}
