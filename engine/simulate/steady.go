package simulate

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"plimsoll/engine/latency"
)

// Replicate plays the case n times, each time with random numbers of its own, as many at
// once as there are processors. The order of the outcomes does not depend on that.
func Replicate(ctx context.Context, c Case, n int) ([]*Outcome, error) {
	outcomes, errs := make([]*Outcome, n), make([]error, n)
	next := make(chan int)
	var players sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		players.Go(func() {
			for i := range next {
				again := c
				again.Seed = c.Seed + uint64(i)*0x9e3779b97f4a7c15 // Weyl: far apart for neighbouring seeds
				outcomes[i], errs[i] = Run(ctx, again)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	players.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// Interval is a figure with the interval that chance leaves open, 95 % by Student's t over
// replications. Of one replication there is none: it reaches from −∞ to +∞.
type Interval struct{ Value, Low, High float64 }

// Figures describe a span of a case over its replications. Times are in seconds.
type Figures struct {
	Seconds     float64 // of one replication
	Offered     float64 // first tries per second
	Attempts    float64 // tries per second
	Goodput     Interval
	Good        float64 // good asks over first tries of the span
	Failed      Failures
	Response    Response
	Utilisation Utilisation
	Waiting     float64 // tries in queues at the end, on average over replications
	Requests    uint64  // good asks, all replications
}

// Response is how long good asks took. A percentile is that of all replications together,
// its interval comes from their own percentiles.
type Response struct{ Mean, P50, P95, P99, P999 Interval }

// Utilisation is the share of time that servers were busy, 0 to 1, on average over all nodes,
// lost ones among them, and of the busiest node.
type Utilisation struct{ Mean, Worst float64 }

// Amplification returns tries per first try.
func (f *Figures) Amplification() float64 { return f.Attempts / f.Offered }

// Describe returns the figures of the time between two moments.
func Describe(c *Case, outcomes []*Outcome, from, to time.Duration) *Figures {
	f, all := &Figures{}, &Span{From: -1}
	var spans []*Span
	for _, o := range outcomes {
		s := o.Between(from, to)
		spans = append(spans, s)
		all.merge(s)
		f.Seconds += s.Seconds() / float64(len(outcomes))
		f.Waiting += float64(s.Waiting) / float64(len(outcomes))
	}
	seconds := f.Seconds * float64(len(outcomes))
	f.Offered, f.Attempts = float64(all.Arrivals)/seconds, float64(all.Attempts)/seconds
	f.Good = float64(all.Good) / math.Max(float64(all.Arrivals), 1)
	f.Failed, f.Requests = all.Failed, all.Good
	f.Goodput = across(spans, float64(all.Good)/seconds, func(s *Span) float64 { return float64(s.Good) / s.Seconds() })
	f.Response.Mean = across(spans, meanOf(&all.Response), func(s *Span) float64 { return meanOf(&s.Response) })
	for q, to := range map[float64]*Interval{.5: &f.Response.P50, .95: &f.Response.P95, .99: &f.Response.P99, .999: &f.Response.P999} {
		*to = percentile(spans, &all.Response, q)
	}
	for _, b := range all.Busy {
		u := b.Seconds() / seconds / float64(c.Cluster.Servers)
		f.Utilisation.Mean += u / float64(len(all.Busy))
		f.Utilisation.Worst = max(f.Utilisation.Worst, u)
	}
	return f
}

// Steady returns the figures of the steady state: without the warm-up, which MSER-5 finds in
// the mean response of the spans, averaged over replications. settled tells whether it found
// its end; otherwise the case is too short, or has no steady state.
func Steady(c *Case, outcomes []*Outcome) (f *Figures, warmup time.Duration, settled bool) {
	cut, settled := truncation(Series(outcomes, func(s *Span) float64 { return s.Response.Mean().Seconds() }))
	warmup = outcomes[0].Spans[cut].From
	return Describe(c, outcomes, warmup, c.Length), warmup, settled
}

// truncation returns how many values at the start of a series to leave out, by MSER-5: that
// cut in the first half which makes the standard error of the mean of the rest smallest, in
// batches of five (White, Cobb and Spratt 2000). ok is whether it lies clear of the half.
func truncation(series []float64) (cut int, ok bool) {
	const batch = 5
	n := len(series) / batch
	best, sum, squares := math.Inf(1), 0.0, 0.0
	for d := n - 1; d >= 0; d-- {
		x := mean(series[d*batch : (d+1)*batch])
		sum += x
		squares += x * x
		k := float64(n - d)
		if mser := (squares - sum*sum/k) / (k * k); d <= n/2 && mser <= best {
			best, cut = mser, d
		}
	}
	return cut * batch, n > 1 && cut < n/2
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// meanOf returns the exact mean, which the histogram's own rounds to a nanosecond.
func meanOf(h *latency.Histogram) float64 {
	return h.Sum().Seconds() / math.Max(float64(h.Count()), 1)
}

func percentile(spans []*Span, all *latency.Histogram, q float64) Interval {
	return across(spans, all.Quantile(q).Seconds(), func(s *Span) float64 { return s.Response.Quantile(q).Seconds() })
}

// across returns a value with its interval by Student's t from what it is in each span.
func across(spans []*Span, value float64, of func(*Span) float64) Interval {
	var x []float64
	for _, s := range spans {
		if v := of(s); !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	n := float64(len(x))
	if n < 2 {
		return Interval{value, math.Inf(-1), math.Inf(1)}
	}
	m, squares := mean(x), 0.0
	for _, v := range x {
		squares += (v - m) * (v - m)
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975)
	half := t * math.Sqrt(squares/(n-1)/n)
	return Interval{value, value - half, value + half}
}

// Series returns a figure of every span, on average over replications; all have the same
// spans.
func Series(outcomes []*Outcome, of func(*Span) float64) []float64 {
	var series []float64
	for _, o := range outcomes {
		series = slices.Grow(series, len(o.Spans))[:max(len(series), len(o.Spans))]
		for i, s := range o.Spans {
			series[i] += of(s) / float64(len(outcomes))
		}
	}
	return series
}
