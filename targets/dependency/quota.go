package dependency

import (
	"errors"
	"sync"
	"time"
)

// ErrBudget is returned when the calls to a dependency have used up its budget.
var ErrBudget = errors.New("dependency budget is used up")

// quota holds the calls to a budget of a rate and of a number at once.
type quota struct {
	epoch time.Time

	mu       sync.Mutex
	cfg      Budget
	inFlight int
	due      time.Duration // when the next call is due at the rate, since the epoch (GCRA)
	second   int64         // which second of the epoch it is
	calls    [2]int        // calls of the last second and of this one
}

func (q *quota) configure(cfg Budget) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cfg = cfg
}

// take starts a call, which ends with give, or returns ErrBudget and how long it takes
// until the rate allows one more.
func (q *quota) take() (wait time.Duration, err error) {
	now := time.Since(q.epoch)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.cfg.Concurrency > 0 && q.inFlight >= q.cfg.Concurrency {
		return 0, ErrBudget
	}
	if q.cfg.RPS > 0 {
		interval := time.Duration(float64(time.Second) / float64(q.cfg.RPS))
		due := max(q.due, now)
		if early := due - now - max(0, time.Second/10-interval); early > 0 {
			return early, ErrBudget
		}
		q.due = due + interval
	}
	q.inFlight++
	q.turn(now)
	q.calls[1]++
	return 0, nil
}

func (q *quota) give() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
}

// turn makes this second the last one when it is over.
func (q *quota) turn(now time.Duration) {
	switch second := int64(now / time.Second); second - q.second {
	case 0:
	case 1:
		q.second, q.calls = second, [2]int{q.calls[1], 0}
	default:
		q.second, q.calls = second, [2]int{}
	}
}

// used returns the larger of the shares of both limits that are used, the rate's over the
// last second.
func (q *quota) used() (share float64, inFlight int) {
	now := time.Since(q.epoch)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn(now)
	if q.cfg.Concurrency > 0 {
		share = float64(q.inFlight) / float64(q.cfg.Concurrency)
	}
	if q.cfg.RPS > 0 {
		before := 1 - float64(now%time.Second)/float64(time.Second)
		rate := float64(q.calls[0])*before + float64(q.calls[1])
		share = max(share, rate/float64(q.cfg.RPS))
	}
	return share, q.inFlight
}
