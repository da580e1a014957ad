package cmd

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/search"
	"plimsoll/report"
	"plimsoll/scenarios"
)

// warmUp puts a small load on the target until its latency has settled, as MSER-5 and
// the trend test have it, or longest is over. It returns how long that took and whether it
// settled.
func (r *rig) warmUp(ctx context.Context, users int, longest time.Duration) (time.Duration, bool, error) {
	p, err := r.plan(scenarios.Substitute{Users: users, For: longest})
	if err != nil {
		return 0, false, err
	}
	defer p.Close() //nolint:errcheck // data files are only read
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var series []float64
	settled := false
	total, err := engine.Run(ctx, p.Plan, func(s *engine.Snapshot) {
		if all := s.Select(func(engine.Key) bool { return true }); all.Count() > 0 {
			series = append(series, float64(all.Latency.Mean()))
		}
		if n := len(series); n >= 20 && n%5 == 0 {
			cut, steady := search.Warmup(series)
			if settled = steady && math.Abs(search.Trend(groupMeans(series[cut:], 12))) < rising; settled {
				stop(errSettled)
			}
		}
	})
	if err != nil && !errors.Is(err, errSettled) {
		return 0, false, err
	}
	return total.To, settled, nil
}

// errSettled is the cause with which a warm-up ends that has done its work.
var errSettled = errors.New("the target has settled")

// sweeper measures throughput at several numbers of users.
type sweeper struct {
	rig    *rig
	most   int           // users
	each   time.Duration // measured length of a point
	within time.Duration
	apart  time.Duration // of a pass spent in the generator and on the way, not in the target
	show   func(report.SweepPoint)
	points []report.SweepPoint
}

// flat is how little throughput may grow, by twice the users, to be past its knee.
const flat = 0.05

// leastTop is how many users a sweep goes up to at least: with fewer there are not enough
// levels for a model.
const leastTop = 8

// run doubles the users until throughput has stopped growing, so that the sweep reaches
// beyond the knee, and then measures about ten levels, evenly spaced on a logarithmic
// scale, again and again in random order. A sweep that is stopped leaves nothing: its levels
// would not reach beyond the knee.
func (s *sweeper) run(ctx context.Context) ([]report.SweepPoint, error) {
	began := time.Now()
	var level, flats int
	var before float64
	for level = 1; level <= s.most; level *= 2 {
		p, err := s.point(ctx, level)
		if err != nil {
			return nil, err
		}
		if p.Throughput < before*(1+flat) {
			flats++
		}
		before = max(before, p.Throughput)
		if level >= leastTop && (flats >= 2 || time.Since(began) > s.within/2) {
			break
		}
	}
	top := min(level, s.most)
	round := 0
	for {
		levels := spaced(top)
		r := rand.New(rand.NewPCG(s.rig.seed, uint64(round))) //nolint:gosec // an order, not a secret
		r.Shuffle(len(levels), func(i, j int) { levels[i], levels[j] = levels[j], levels[i] })
		for _, n := range levels {
			if time.Since(began)+s.each > s.within {
				return s.points, nil
			}
			if _, err := s.point(ctx, n); err != nil {
				return nil, err
			}
		}
		if round++; round == 3 {
			return s.points, nil
		}
	}
}

// spaced returns about ten whole numbers from 1 to top, evenly spaced on a logarithmic
// scale.
func spaced(top int) (levels []int) {
	for i := range 10 {
		n := int(math.Round(math.Pow(float64(top), float64(i)/9)))
		if !slices.Contains(levels, n) {
			levels = append(levels, n)
		}
	}
	return levels
}

func (s *sweeper) point(ctx context.Context, users int) (report.SweepPoint, error) {
	warm := s.each / 4
	p, err := s.rig.plan(scenarios.Substitute{Users: users, For: warm + s.each})
	if err != nil {
		return report.SweepPoint{}, err
	}
	defer p.Close() //nolint:errcheck // data files are only read
	var passes, failed uint64
	var busy, from, to time.Duration
	_, err = engine.Run(ctx, p.Plan, func(i *engine.Snapshot) {
		if i.From < warm || i.To > warm+s.each+trialInterval/2 {
			return
		}
		if passes+failed == 0 {
			from = i.From
		}
		t := i.Tallies[0][0]
		passes, failed = passes+t.Completed, failed+t.Failed
		busy += t.Busy - t.Think
		to = i.To
	})
	if err != nil {
		return report.SweepPoint{}, err
	}
	out := report.SweepPoint{Users: users, Seconds: (to - from).Seconds()}
	if n := float64(passes + failed); n > 0 && out.Seconds > 0 {
		out.Throughput = n / out.Seconds
		out.Failed = float64(failed) / n
		waiting := busy.Seconds() / out.Seconds
		out.MeanMS = waiting / out.Throughput * 1000
		out.Concurrency = waiting - min(out.Throughput*s.apart.Seconds(), waiting/2)
		s.points = append(s.points, out)
	}
	s.show(out)
	return out, nil
}
