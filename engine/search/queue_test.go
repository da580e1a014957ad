package search_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"plimsoll/engine/search"
)

// queue is an M/M/c queue in virtual time: c servers, exponential service of mean seconds,
// first come first served, Poisson arrivals.
type queue struct {
	c    int
	mean float64
	rng  *rand.Rand
}

// try returns trials of the promise that 1 % of the requests take longer than limit seconds
// at most.
func (q *queue) try(limit float64) func(search.Step) (search.Trial, time.Duration) {
	return func(s search.Step) (search.Trial, time.Duration) {
		e := search.Evidence{Promise: "p99 < limit", Allowed: .01}
		warm, end := s.Warm.Seconds(), (s.Warm + s.For).Seconds()
		spent := s.Length()
		free := make([]float64, q.c) // when each server is free again
		means := make([]float64, 12) // latency of each twelfth of the trial
		seen := make([]float64, 12)
		for t := q.gap(s); t < end; t += q.gap(s) {
			next := slices.Index(free, slices.Min(free))
			free[next] = max(free[next], t) + q.mean*q.rng.ExpFloat64()
			if t < warm {
				continue
			}
			at := int((t - warm) * 10)
			for len(e.Batches) <= at {
				e.Batches = append(e.Batches, search.Batch{})
			}
			part := int(12 * (t - warm) / (end - warm))
			seen[part]++
			means[part] += (free[next] - t - means[part]) / seen[part]
			b := &e.Batches[at]
			b.N++
			if free[next]-t > limit {
				b.Bad++
			}
			if len(e.Batches)%10 == 0 && b.N == 1 && e.Hopeless() {
				spent = time.Duration(t*float64(time.Second)) + 500*time.Millisecond
				break
			}
		}
		return search.Trial{Kind: s.Kind, Rate: s.Rate, Seconds: s.For.Seconds(), Rising: search.Trend(means) > 2.58, Evidence: []search.Evidence{e}}, spent
	}
}

func (q *queue) gap(s search.Step) float64 { return q.rng.ExpFloat64() / s.Rate }
