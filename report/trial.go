package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/latency"
	"plimsoll/engine/search"
)

// Measured fills in what a snapshot of one load says of the trial. Load counts the arrivals
// and passes of the span in which the load ran: what was answered later says how long that
// took, but not how much the target does in a second.
func (t *LineTrial) Measured(s *engine.Snapshot, load engine.Tally, span time.Duration) {
	g := &group{}
	g.fill(s, func(engine.Key) bool { return true })
	f := g.figures(load, span)
	t.Seconds = span.Seconds()
	t.Offered, t.Achieved, t.InFlight = f.Offered, f.Achieved, f.InFlight
	t.Latency, t.Service = f.Latency, f.Service
	var all, good uint64
	for _, c := range s.Cells {
		all += c.Count()
		if c.Outcome == engine.OK {
			good += c.Count()
		}
	}
	sum := tallyOf(s, 0)
	if all += sum.Dropped; all > 0 {
		t.Errors = float64(all-good) / float64(all)
	}
}

// RateTimes are the times of all trials at one rate.
type RateTimes struct{ Latency, Service latency.Histogram }

// CurveOf returns latency against load: one point per rate with valid trials, rising. The
// quantiles are those of the times of all of them together; what was achieved and the
// errors are means over the trials, each of the same weight.
func CurveOf(trials []LineTrial, times map[float64]*RateTimes, verdict func(rate float64) search.Verdict) []CurvePoint {
	points := []CurvePoint{}
	for _, t := range trials {
		if t.Verdict == search.Invalid || t.Latency == nil {
			continue
		}
		i := slices.IndexFunc(points, func(p CurvePoint) bool { return p.Rate == t.Rate })
		if i < 0 {
			i = len(points)
			points = append(points, CurvePoint{Rate: t.Rate, Verdict: string(verdict(t.Rate))})
		}
		p := &points[i]
		n := float64(p.Trials)
		p.Achieved = (p.Achieved*n + t.Achieved) / (n + 1)
		p.Errors = (p.Errors*n + t.Errors) / (n + 1)
		p.Trials++
	}
	for i := range points {
		if at := times[points[i].Rate]; at != nil {
			points[i].Latency, points[i].Service = quantiles(&at.Latency), quantiles(&at.Service)
		}
	}
	slices.SortFunc(points, func(a, b CurvePoint) int { return cmp.Compare(a.Rate, b.Rate) })
	return points
}

// serviceShares is at how many evenly spaced shares a service time is kept, and the tail
// beyond.
const serviceShares = 100

// ServiceOf returns the distribution of the times in a histogram, nil if it is empty.
func ServiceOf(h *latency.Histogram) *Service {
	if h.Count() == 0 {
		return nil
	}
	s := &Service{Count: h.Count()}
	for i := range serviceShares {
		s.Shares = append(s.Shares, float64(i)/serviceShares)
	}
	s.Shares = append(s.Shares, .992, .995, .999, .9999, 1)
	at := make([]time.Duration, len(s.Shares))
	h.Quantiles(at, s.Shares...)
	for _, d := range at {
		s.Quantiles = append(s.Quantiles, float64(d)/float64(time.Millisecond))
	}
	var sum, squares float64
	for highest, n := range h.Buckets {
		x := float64(highest) / float64(time.Millisecond)
		sum += x * float64(n)
		squares += x * x * float64(n)
	}
	n := float64(h.Count())
	s.MeanMS = sum / n
	if s.MeanMS > 0 {
		s.SCV = math.Max(squares/n/(s.MeanMS*s.MeanMS)-1, 0)
	}
	return s
}
